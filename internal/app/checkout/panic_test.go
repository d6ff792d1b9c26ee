package checkout_test

import (
	"fmt"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
)

type elsewhere struct{ value any }

func (e elsewhere) Error() string { return fmt.Sprint(e.value) }

func (e elsewhere) Panicked() (any, []byte) { return e.value, []byte("the stack") }

// A panic's own value may be anything: a log holds Go's words, or a type.
func TestPanicked_NamesAndDoesNotQuote(t *testing.T) {
	caught := func(fn func()) (value any) {
		defer func() { value = recover() }()
		fn()
		return nil
	}
	var none []int
	index := caught(func() { _ = none[len(none)] }) //nolint:gosec // it is to panic
	for what, c := range map[string]struct {
		value any
		want  string
	}{
		"text":         {"canary", "a value of type string"},
		"error":        {fmt.Errorf("canary %d", 1), "a value of type *fmt.wrapError"},
		"nil":          {nil, "a value of type <nil>"},
		"runtime":      {index, "runtime error: index out of range [0] with length 0"},
		"wrapped":      {fmt.Errorf("canary: %w", index.(error)), "runtime error: index out of range [0] with length 0"},
		"elsewhere":    {elsewhere{index}, "runtime error: index out of range [0] with length 0\nthe stack"},
		"text of that": {elsewhere{"canary"}, "a value of type string\nthe stack"},
	} {
		got := checkout.Panicked(c.value)
		if what == "error" {
			if strings.Contains(got, "canary") {
				t.Errorf("%s: %q", what, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
