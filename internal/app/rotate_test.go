package app_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to look into the file as another program would

	"dargah/internal/app"
	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/seal"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// vault is a database with one of everything that is sealed.
type vault struct {
	*testing.T
	url  string
	user string
	link string
}

func (v *vault) office(keys ...string) *app.Office {
	v.Helper()
	cfg, err := app.Load(env("CHECKOUT_DATABASE_URL", v.url, "CHECKOUT_SECRET_KEY", strings.Join(keys, ","), "CHECKOUT_BASE_URL", "https://pay.example.ir"))
	if err != nil {
		v.Fatal(err)
	}
	o, err := app.OpenOffice(v.Context(), cfg)
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() { _ = o.Close() })
	return o
}

func (v *vault) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

func newVault(t *testing.T, url, key string) *vault {
	v := &vault{T: t, url: url}
	o := v.office(key)
	_, err := o.CreateMerchant(t.Context(), app.NewMerchant{Name: "Pottery", Slug: "pottery"})
	v.must(err)
	_, err = o.SetGateway(t.Context(), "pottery", "ghesta", true, map[string]string{"token": "canary"})
	v.must(err)
	_, err = o.SetGateway(t.Context(), "pottery", "gardeshpay", true, map[string]string{"provider_token": "canary"})
	v.must(err)
	k, err := o.CreateLinkKey(t.Context(), "pottery", "links", true)
	v.must(err)
	v.link = k.ID
	u, err := o.CreateUser(t.Context(), app.NewUser{Email: "a@example.ir", Password: "a long enough password", Operator: true})
	v.must(err)
	v.user = u.ID
	box, err := seal.New(key)
	v.must(err)
	d := v.open()
	people := v.people(d, box)
	_, err = people.OfferedFactor(t.Context(), u.ID)
	v.must(err)
	hooks := webhooks.New(webhooks.Options{DB: d, Box: box, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	var merchant string
	v.must(d.View(t.Context(), func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug("pottery")
		merchant = m.ID
		return err
	}))
	_, _, err = hooks.Create(t.Context(), webhooks.Scope{MerchantID: merchant, Live: true}, webhooks.NewEndpoint{URL: "https://shop.example.com/hook"}, &webhooks.Once{
		Key: "once", Hash: "h", Render: func(any) (int, []byte, error) { return 201, []byte(`{"secret":"canary"}`), nil },
	})
	v.must(err)
	v.must(d.Update(t.Context(), func(tx *db.Tx) error {
		if err := tx.PutCertificate(&db.Certificate{Name: "a/b.key", Sealed: box.Seal([]byte("canary"), "certificates/a/b.key"), Size: 6}); err != nil {
			return err
		}
		_, err := tx.EnqueueLetter(&checkout.Letter{
			Kind: checkout.LetterPasswordReset, Key: "reset/1", Recipient: "a@example.ir", Locale: "fa", Live: true,
			Sealed: box.Seal([]byte("https://pay.example.ir/admin/reset/canary"), checkout.SealedLetter("reset/1")),
		})
		return err
	}))
	return v
}

func (v *vault) open() *db.DB {
	v.Helper()
	d, err := db.Open(v.Context(), db.Options{URL: v.url})
	v.must(err)
	v.Cleanup(func() { _ = d.Close() })
	return d
}

func (v *vault) people(d *db.DB, box *seal.Box) *access.Access {
	return access.New(access.Options{DB: d, Box: box, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Now: time.Now})
}

// under counts the values of the whole database that a key sealed.
func (v *vault) under(id string) (n int) {
	v.Helper()
	driver, source := "sqlite", strings.TrimPrefix(v.url, "sqlite:")
	if source == v.url {
		driver, source = "pgx", v.url
	}
	d, err := sql.Open(driver, source)
	v.must(err)
	defer func() { _ = d.Close() }()
	for _, at := range []string{
		"settings.value", "gateway_accounts.sealed", "users.totp_sealed", "link_keys.sealed", "webhook_endpoints.secrets", "idempotency_keys.answer", "letters.sealed", "certificates.sealed",
	} {
		table, column, _ := strings.Cut(at, ".")
		var found int
		v.must(d.QueryRowContext(v.Context(), fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE %s LIKE '%%%s.%%'`, table, column, id)).Scan(&found))
		n += found
	}
	return n
}

func TestRotateKey(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		older, newer := seal.NewKey(), seal.NewKey()
		names, err := seal.New(newer, older)
		if err != nil {
			t.Fatal(err)
		}
		v := newVault(t, fresh(t), older)
		everything := v.under(names.IDs()[1])
		if everything != 9 {
			t.Fatalf("%d values are sealed, expected one of each kind", everything)
		}
		// What cannot be opened stops it; what was done before stays done.
		d := v.open()
		var factor string
		v.must(d.Update(t.Context(), func(tx *db.Tx) error {
			u, err := tx.User(v.user)
			if err != nil {
				return err
			}
			factor = u.TOTPSealed
			return tx.OfferTOTP(v.user, factor[:len(factor)-4])
		}))
		if _, err := v.office(newer, older).RotateKey(t.Context()); !errors.Is(err, seal.ErrBroken) {
			t.Fatalf("a broken factor: %v", err)
		}
		var wrong *app.ConfigError
		if _, err := v.office(newer).RotateKey(t.Context()); !errors.As(err, &wrong) {
			t.Errorf("with the new key alone, before all is done: %v", err)
		}
		v.must(d.Update(t.Context(), func(tx *db.Tx) error { return tx.OfferTOTP(v.user, factor) }))
		done, err := v.office(newer, older).RotateKey(t.Context())
		if err != nil || done.Accounts != 0 || done.Factors != 1 || done.LinkKeys != 1 || done.Webhooks != 1 || done.Answers != 1 || done.Letters != 1 || done.Files != 1 {
			t.Fatalf("the rest: %+v: %v", done, err)
		}
		if left, now := v.under(names.IDs()[1]), v.under(names.IDs()[0]); left != 0 || now != everything {
			t.Errorf("%d under the old key, %d under the new one", left, now)
		}
		// Twice, and with the new key alone.
		done, err = v.office(newer).RotateKey(t.Context())
		if err != nil || done.Factors+done.Accounts+done.LinkKeys+done.Webhooks+done.Answers+done.Letters != 0 || len(done.Older) != 0 {
			t.Errorf("again: %+v: %v", done, err)
		}
		box, err := seal.New(newer)
		v.must(err)
		if secret, err := v.people(d, box).OfferedFactor(t.Context(), v.user); err != nil || secret == "" {
			t.Errorf("the factor: %v", err)
		}
		if _, err := v.office(older).RotateKey(t.Context()); !errors.As(err, &wrong) {
			t.Errorf("with the old key alone: %v", err)
		}
	})
}

// Somebody seals under the old key while everything is sealed again: nothing is left behind, and
// nothing that changed meanwhile is undone.
func TestRotateKey_Meanwhile(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		older, newer := seal.NewKey(), seal.NewKey()
		v := newVault(t, fresh(t), older)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		o := v.office(older, newer) // a server that has not begun to seal with the new key
		saved := make(chan error, 1)
		last := ""
		go func() {
			var err error
			for i := range 20 {
				last = fmt.Sprint("token", i)
				_, failed := o.SetGateway(ctx, "pottery", "ghesta", true, map[string]string{"token": last})
				err = errors.Join(err, failed)
			}
			saved <- err
		}()
		rotating := v.office(newer, older)
		for range 3 {
			_, err := rotating.RotateKey(ctx)
			v.must(err)
		}
		v.must(<-saved)
		_, err := rotating.RotateKey(ctx)
		v.must(err)
		box, err := seal.New(newer)
		v.must(err)
		v.must(v.open().View(ctx, func(tx *db.Tx) error {
			all, err := tx.AllGatewayAccounts()
			for _, a := range all {
				if a.Gateway != "ghesta" {
					continue
				}
				plain, wrong := box.Open(a.Sealed["token"], "gateway_accounts/"+a.ID+"/token")
				if wrong != nil || string(plain) != last {
					t.Errorf("the token is %q: %v", plain, wrong)
				}
			}
			return err
		}))
	})
}
