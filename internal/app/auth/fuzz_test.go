package auth_test

import (
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/auth"
)

var keyShape = regexp.MustCompile(`^sk_(live|test)_[0-9A-Za-z]{43}$`)

// FuzzAPIKeyMode: what is looked up as a key has a key's shape and the mode that it says, and no two
// texts have one hash.
func FuzzAPIKeyMode(f *testing.F) {
	live, _ := auth.NewAPIKey(true)
	test, _ := auth.NewAPIKey(false)
	for _, seed := range []string{live, test, "", "sk_live_", live + "x", live[1:], strings.ToUpper(live), "sk_live_" + strings.Repeat("۱", 43), "sk_prod_" + strings.Repeat("0", 43), live + "\n", "sk_test_" + test} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		isLive, ok := auth.APIKeyMode(s)
		if ok != keyShape.MatchString(s) || (ok && isLive != strings.HasPrefix(s, "sk_live_")) || (!ok && isLive) {
			t.Fatalf("%q: live %t, a key %t", s, isLive, ok)
		}
		if hash := auth.HashAPIKey(s); len(hash) != 64 || auth.SameHash(hash, auth.HashAPIKey(s+"0")) || !auth.SameHash(hash, auth.HashAPIKey(s)) {
			t.Fatalf("%q has the hash %s", s, hash)
		}
	})
}
