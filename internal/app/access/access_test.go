package access_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// room is the room on a real database, with a clock that moves when told.
type room struct {
	*access.Access
	db      *db.DB
	now     time.Time
	spawned sync.WaitGroup
	writes  int
}

func open(t *testing.T, url string) *room {
	t.Helper()
	r := &room{now: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)}
	clock := func() time.Time { return r.now }
	r.db = dbtest.Open(t, db.Options{URL: url, Now: clock})
	r.Access = access.New(access.Options{
		DB: r.db, Passwords: auth.NewPasswords(), Box: newBox(t), Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Now: clock,
		Spawn: func(fn func(context.Context)) bool {
			r.writes++
			r.spawned.Go(func() { fn(context.Background()) })
			return true
		},
	})
	t.Cleanup(r.spawned.Wait)
	return r
}

func newBox(t *testing.T) *seal.Box {
	t.Helper()
	box, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func each(t *testing.T, test func(t *testing.T, r *room)) {
	t.Helper()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) { test(t, open(t, fresh(t))) })
}

func (r *room) merchant(t *testing.T, slug string) checkout.Merchant {
	t.Helper()
	m, err := r.CreateMerchant(t.Context(), access.NewMerchant{Name: "فروشگاه", Slug: slug})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		m := r.merchant(t, "pottery")
		for _, live := range []bool{true, false} {
			key, secret, err := r.CreateKey(t.Context(), "pottery", "shop", live)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Authenticate(t.Context(), secret)
			if err != nil || got.ID != key.ID || got.MerchantID != m.ID || got.Live != live || fmt.Sprint(got.Scopes) != "[read write]" {
				t.Errorf("live %t: %+v, %v", live, got, err)
			}
			other := map[bool]string{true: "sk_test_", false: "sk_live_"}[live] + secret[len("sk_live_"):]
			for _, wrong := range []string{"", other, secret + "0", secret[:len(secret)-1], strings.ToLower(secret) + "x", auth.HashAPIKey(secret), "sk_live_" + strings.Repeat("0", 43)} {
				if _, err := r.Authenticate(t.Context(), wrong); !errors.Is(err, checkout.Unauthed) {
					t.Errorf("%q: %v", wrong, err)
				}
			}
		}
		if _, _, err := r.CreateKey(t.Context(), "nobody", "shop", true); !errors.Is(err, checkout.NotFound) {
			t.Errorf("unknown merchant: %v", err)
		}
		for name, code := range map[string]string{"": "required", " \u202e ": "required", strings.Repeat("x", 101): "too_long", "6274 1299 9999 9991": "card_number"} {
			_, _, err := r.CreateKey(t.Context(), "pottery", name, true)
			if !strings.Contains(fmt.Sprint(err), "name="+code) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func TestKeys_RevokedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		m := r.merchant(t, "pottery")
		key, secret, err := r.CreateKey(t.Context(), "pottery", "shop", true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		r.spawned.Wait()
		if err := r.db.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.RevokeAPIKey(m.ID, key.ID); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Authenticate(t.Context(), secret); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("after it was revoked: %v", err)
		}
	})
}

// TestKeys_LastUse: one write a minute, however many calls.
func TestKeys_LastUse(t *testing.T) {
	r := open(t, dbtest.SQLiteURL(t))
	r.merchant(t, "pottery")
	_, secret, err := r.CreateKey(t.Context(), "pottery", "shop", true)
	if err != nil {
		t.Fatal(err)
	}
	use := func(times int) time.Time {
		var key checkout.APIKey
		for range times {
			if key, err = r.Authenticate(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		r.spawned.Wait()
		return key.LastUsedAt
	}
	if used := use(1); !used.IsZero() {
		t.Errorf("before the first use: %v", used)
	}
	if used := use(50); !used.Equal(r.now) || r.writes != 1 {
		t.Errorf("used %v, %d writes", used, r.writes)
	}
	r.now = r.now.Add(59 * time.Second)
	use(50)
	if r.writes != 1 {
		t.Errorf("within the minute: %d writes", r.writes)
	}
	r.now = r.now.Add(time.Second)
	use(50)
	if used := use(1); !used.Equal(r.now) || r.writes != 2 {
		t.Errorf("a minute later: used %v, %d writes", used, r.writes)
	}
}

func TestCreateMerchant(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		m, err := r.CreateMerchant(t.Context(), access.NewMerchant{
			Name: " سفال \u202e نگار ", Slug: "sofal-negar", Website: "https://sofal.example.ir", Phone: "021-12345678", Email: "a@example.com", Locale: "en",
		})
		if err != nil || m.Name != "سفال نگار" || !strings.HasPrefix(m.ID, "mer_") || m.Locale != "en" {
			t.Fatalf("%+v, %v", m, err)
		}
		err = r.db.View(t.Context(), func(tx *db.Tx) error {
			got, err := tx.MerchantBySlug("sofal-negar")
			if err == nil && *got != m {
				t.Errorf("stored %+v, returned %+v", *got, m)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, tt := range []struct {
			in   access.NewMerchant
			want string
		}{
			{access.NewMerchant{Name: "x", Slug: "sofal-negar"}, "slug=taken"},
			{access.NewMerchant{Slug: "a1"}, "name=required"},
			{access.NewMerchant{Name: strings.Repeat("x", 101), Slug: "a1"}, "name=too_long"},
			{access.NewMerchant{Name: "x", Slug: "a1", Website: "javascript:alert(1)"}, "website=not_url"},
			{access.NewMerchant{Name: "x", Slug: "a1", Website: "//evil.example"}, "website=not_url"},
			{access.NewMerchant{Name: "x", Slug: "a1", Email: "nobody"}, "email=bad_email"},
			{access.NewMerchant{Name: "x", Slug: "a1", Locale: "de"}, "locale=unknown_locale"},
			{access.NewMerchant{Name: "x", Slug: "a1", Phone: strings.Repeat("1", 101)}, "phone=too_long"},
			{access.NewMerchant{Name: "x", Slug: "a1", Address: strings.Repeat("x", 301)}, "address=too_long"},
		} {
			if _, err := r.CreateMerchant(t.Context(), tt.in); !errors.Is(err, checkout.Invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v, want %s", tt.in, err, tt.want)
			}
		}
	})
}

func TestIsSlug(t *testing.T) {
	for slug, want := range map[string]bool{
		"ab": true, "a1": true, "1a": true, "sofal-negar-2": true, strings.Repeat("a", 40): true,
		"": false, "a": false, "A1": false, "-ab": false, "ab-": false, "a--b": false, "a_b": false, "a.b": false, "a/b": false,
		"سفال": false, "12": false, "1-2": false, "a b": false, "ab\n": false, strings.Repeat("a", 41): false, "..": false,
	} {
		if got := access.IsSlug(slug); got != want {
			t.Errorf("%q: %t", slug, got)
		}
	}
}

func TestCreateUser(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		m := r.merchant(t, "pottery")
		in := access.NewUser{Email: " Owner@Example.com ", Password: "correct horse", Merchant: "pottery", Role: access.RoleOwner}
		u, err := r.CreateUser(t.Context(), in)
		if err != nil || u.Email != "owner@example.com" || !strings.HasPrefix(u.ID, "usr_") || u.Operator {
			t.Fatalf("%+v, %v", u, err)
		}
		err = r.db.View(t.Context(), func(tx *db.Tx) error {
			got, err := tx.UserByEmail("owner@example.com")
			if err != nil {
				return err
			}
			if !strings.HasPrefix(got.PasswordHash, "$argon2id$") || strings.Contains(got.PasswordHash, "horse") {
				t.Errorf("stored as %s", got.PasswordHash)
			}
			roles, err := tx.Memberships(u.ID)
			if fmt.Sprint(roles) != fmt.Sprint([]checkout.Membership{{UserID: u.ID, MerchantID: m.ID, Role: "owner"}}) {
				t.Errorf("roles: %v", roles)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, tt := range []struct {
			change func(*access.NewUser)
			want   string
		}{
			{func(n *access.NewUser) { n.Email = "OWNER@example.com" }, "email=taken"},
			{func(n *access.NewUser) { n.Email = "owner" }, "email=bad_email"},
			{func(n *access.NewUser) { n.Password = "123456789" }, "password=short_password"},
			{func(n *access.NewUser) { n.Password = strings.Repeat("x", 1025) }, "password=too_long"},
			{func(n *access.NewUser) { n.Role = "king" }, "role=unknown_role"},
			{func(n *access.NewUser) { n.Role = "" }, "role=unknown_role"},
			{func(n *access.NewUser) { n.Merchant = "" }, "merchant=required"},
			{func(n *access.NewUser) { n.Merchant = "nobody" }, "error.no_merchant"},
		} {
			n := in
			n.Email = "new@example.com"
			tt.change(&n)
			if _, err := r.CreateUser(t.Context(), n); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v, want %s", n, err, tt.want)
			}
		}
		// A login for a merchant that is not there is not half made.
		if _, err := r.CreateUser(t.Context(), access.NewUser{Email: "new@example.com", Password: "correct horse", Operator: true}); err != nil {
			t.Errorf("an operator without a merchant: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := access.NewLimits(2, 4, func() time.Time { return now })
	take := func(key string) (n int) {
		for {
			wait, ok := l.Take(key)
			if !ok {
				if wait <= 0 || wait > time.Second {
					t.Errorf("wait %v", wait)
				}
				return n
			}
			n++
		}
	}
	if n := take("a"); n != 4 {
		t.Errorf("at once: %d", n)
	}
	if n := take("b"); n != 4 {
		t.Errorf("another key: %d", n)
	}
	now = now.Add(time.Second)
	if n := take("a"); n != 2 {
		t.Errorf("a second later: %d", n)
	}
	now = now.Add(time.Hour)
	if n := take("a"); n != 4 {
		t.Errorf("an hour later: %d", n)
	}
}
