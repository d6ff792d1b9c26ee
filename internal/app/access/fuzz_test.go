package access_test

import (
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/access"
)

var slugShape = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// FuzzSlug: a slug stands in addresses as it is, and is no number.
func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"meybod", "a", "a-b", "-a", "a--b", "123", "1a", "../x", "a/b", "A", "۱a", "a\n", strings.Repeat("a", 41), ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := slugShape.MatchString(s) && len(s) >= 2 && len(s) <= 40 && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz")
		if access.IsSlug(s) != want {
			t.Fatalf("%q is a slug: %t", s, !want)
		}
	})
}
