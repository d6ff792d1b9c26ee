package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The third waits while two are at work, and no longer than its caller does.
func TestPasswords_TwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords()
		for range 2 {
			if err := p.sit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.Hash(ctx, "password"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a third was hashed beside two: %v", err)
		}
		p.rise()
		if err := p.sit(t.Context()); err != nil {
			t.Fatalf("a free seat was not given: %v", err)
		}
	})
}
