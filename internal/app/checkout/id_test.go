package checkout_test

import (
	"crypto/rand"
	"regexp"
	"slices"
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

func TestIDs_DistinctAndInOrder(t *testing.T) {
	at := time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)
	var ids []string
	seen := map[string]bool{}
	for i := range 10_000 {
		id := checkout.NewID(checkout.PrefixInvoice, at.Add(time.Duration(i)*time.Millisecond), rand.Reader)
		token, number := checkout.NewToken(rand.Reader), checkout.NewNumber(rand.Reader)
		if seen[id] || seen[token] || seen[number] {
			t.Fatal("made twice")
		}
		seen[id], seen[token], seen[number] = true, true, true
		if ids = append(ids, id); len(token) != 22 {
			t.Fatalf("token %q", token)
		}
		if !regexp.MustCompile(`^1[0-9]{19}$`).MatchString(number) || !regexp.MustCompile(`^inv_[0-9a-hjkmnp-tv-z]{25}$`).MatchString(id) {
			t.Fatalf("id %q number %q", id, number)
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by time")
	}
}
