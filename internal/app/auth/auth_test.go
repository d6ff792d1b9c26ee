package auth_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"dargah/internal/app/auth"

	"github.com/alexedwards/argon2id"
)

func TestPasswords(t *testing.T) {
	p, ctx := auth.NewPasswords(), t.Context()
	hash, err := p.Hash(ctx, "رمز عبور ۱۲۳")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=1$") || strings.Contains(hash, "رمز") {
		t.Errorf("hash %q is not Argon2id at the cost of the house", hash)
	}
	again, err := p.Hash(ctx, "رمز عبور ۱۲۳")
	if err != nil || again == hash {
		t.Errorf("two hashes of one password are equal, or %v", err)
	}
	for password, want := range map[string]bool{"رمز عبور ۱۲۳": true, "رمز عبور ۱۲۴": false, "": false, strings.Repeat("x", 2000): false} {
		ok, weak, err := p.Verify(ctx, password, hash)
		if ok != want || weak || err != nil {
			t.Errorf("Verify(%.20q) = %t, %t, %v", password, ok, weak, err)
		}
	}
}

func TestHash_Length(t *testing.T) {
	p := auth.NewPasswords()
	for _, password := range []string{"", strings.Repeat("x", 1025)} {
		if _, err := p.Hash(t.Context(), password); !errors.Is(err, auth.ErrPasswordLength) {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

func TestVerify_UnknownUser(t *testing.T) {
	p := auth.NewPasswords()
	for _, password := range []string{"", "guess"} {
		ok, weak, err := p.Verify(t.Context(), password, "")
		if ok || weak || err != nil {
			t.Errorf("%q: %t, %t, %v", password, ok, weak, err)
		}
	}
}

func TestVerify_WeakHash(t *testing.T) {
	p := auth.NewPasswords()
	old, err := argon2id.CreateHash("password", &argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 2, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if ok, weak, err := p.Verify(t.Context(), "password", old); !ok || !weak || err != nil {
		t.Errorf("right: %t, %t, %v", ok, weak, err)
	}
	if ok, weak, err := p.Verify(t.Context(), "passwort", old); ok || weak || err != nil {
		t.Errorf("wrong: %t, %t, %v", ok, weak, err)
	}
}

// A row that was damaged or forged must neither end the program nor let anybody in.
func TestVerify_DamagedHash(t *testing.T) {
	p := auth.NewPasswords()
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	for name, hash := range map[string]string{
		"text":         "password",
		"bcrypt":       "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":      "$argon2i$v=19$m=1024,t=1,p=1$" + salt + "$" + key,
		"no passes":    "$argon2id$v=19$m=1024,t=0,p=1$" + salt + "$" + key,
		"no lanes":     "$argon2id$v=19$m=1024,t=1,p=0$" + salt + "$" + key,
		"all memory":   "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"for ever":     "$argon2id$v=19$m=1024,t=4294967295,p=1$" + salt + "$" + key,
		"no key":       "$argon2id$v=19$m=1024,t=1,p=1$" + salt + "$",
		"no salt":      "$argon2id$v=19$m=1024,t=1,p=1$$" + key,
		"old version":  "$argon2id$v=16$m=1024,t=1,p=1$" + salt + "$" + key,
		"cut":          "$argon2id$v=19$m=1024,t=1,p=1$" + salt,
		"spoiled salt": "$argon2id$v=19$m=1024,t=1,p=1$!!$" + key,
	} {
		if ok, _, err := p.Verify(t.Context(), "password", hash); ok || !errors.Is(err, auth.ErrHash) {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
}

func TestPasswords_GiveUpWithTheCaller(t *testing.T) {
	p := auth.NewPasswords()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "password"); !errors.Is(err, context.Canceled) {
		t.Errorf("hash: %v", err)
	}
	if _, _, err := p.Verify(ctx, "password", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("verify: %v", err)
	}
}

// Six at once all get their turn: a seat that is not given back would hang here, which
// the bubble reports as a deadlock.
func TestPasswords_SeatsAreGivenBack(t *testing.T) {
	weak, err := argon2id.CreateHash("password", &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := auth.NewPasswords()
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if ok, _, err := p.Verify(t.Context(), "password", weak); !ok || err != nil {
					t.Errorf("%t, %v", ok, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestNewAPIKey(t *testing.T) {
	shape := regexp.MustCompile(`^sk_(live|test)_[0-9A-Za-z]{43}$`)
	seen := map[string]bool{}
	for i := range 200 {
		live := i%2 == 0
		secret, hash := auth.NewAPIKey(live)
		if !shape.MatchString(secret) || strings.HasPrefix(secret, "sk_live_") != live {
			t.Fatalf("live %t: %q", live, secret)
		}
		if isLive, ok := auth.APIKeyMode(secret); !ok || isLive != live {
			t.Fatalf("%q read as live %t, ok %t", secret, isLive, ok)
		}
		if !auth.SameHash(hash, auth.HashAPIKey(secret)) {
			t.Fatalf("%q: hash %q is not that of the secret", secret, hash)
		}
		if seen[secret] {
			t.Fatalf("%q came twice", secret)
		}
		seen[secret] = true
	}
}

// The hash is stored, so it must be the same in every version: FIPS 180-2, appendix B.1.
func TestHashAPIKey_Known(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	got := auth.HashAPIKey("abc")
	if !auth.SameHash(got, want) || auth.SameHash(got, want[:63]+"e") || auth.SameHash(got, want[:63]) || auth.SameHash(got, "") {
		t.Errorf("hash of abc is %q, want %q and nothing else", got, want)
	}
}

func TestAPIKeyMode_Refuses(t *testing.T) {
	secret, _ := auth.NewAPIKey(true)
	for _, s := range []string{
		"", "sk_live_", secret[:len(secret)-1], secret + "0", " " + secret, secret[:50] + "-",
		strings.ToUpper(secret), "pk" + secret[2:], secret[8:], secret[:20] + "\n" + secret[21:], "sk_test_" + secret,
	} {
		if live, ok := auth.APIKeyMode(s); ok || live {
			t.Errorf("%q read as live %t, ok %t", s, live, ok)
		}
	}
}
