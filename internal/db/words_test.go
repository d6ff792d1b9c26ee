package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var (
	_ scs.CtxStore         = (*db.Sessions)(nil)
	_ scs.IterableCtxStore = (*db.Sessions)(nil)
)

func shop(tx *db.Tx, slug string) (*checkout.Merchant, error) {
	m := &checkout.Merchant{
		ID: "mer_" + slug, Slug: slug, Name: "سفالگری " + slug, Website: "https://" + slug + ".example", Phone: "02112345678",
		Address: "تهران", Email: slug + "@example.com", Accent: "#0a7e8c", Locale: "fa", CreatedAt: tx.Now(),
	}
	return m, tx.InsertMerchant(m)
}

// refused expects an Update to fail with a kind, and to leave a transaction that could have gone on.
func refused(t testing.TB, d *db.DB, kind checkout.Kind, fn func(tx *db.Tx) error) {
	t.Helper()
	err := d.Update(context.Background(), func(tx *db.Tx) error {
		err := fn(tx)
		if _, next := tx.Int(`SELECT COUNT(*) FROM settings`); next != nil {
			t.Errorf("the transaction was spoilt: %v", next)
		}
		return err
	})
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %s", err, kind)
	}
}

func TestMerchants(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		var m *checkout.Merchant
		update(t, d, func(tx *db.Tx) (err error) {
			m, err = shop(tx, "pottery")
			return err
		})
		refused(t, d, checkout.Conflict, func(tx *db.Tx) error {
			twin := *m
			twin.ID = "mer_twin"
			return tx.InsertMerchant(&twin)
		})
		m.Name, m.Locale = "Pottery", "en"
		update(t, d, func(tx *db.Tx) error { return tx.UpdateMerchant(m) })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { return tx.UpdateMerchant(&checkout.Merchant{ID: "mer_none", Locale: "fa"}) })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.Merchant("mer_none"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.MerchantBySlug("none"); return err })
		view(t, d, func(tx *db.Tx) error {
			byID, err := tx.Merchant(m.ID)
			if err != nil {
				return err
			}
			bySlug, err := tx.MerchantBySlug("pottery")
			if err != nil {
				return err
			}
			all, err := tx.Merchants()
			if *byID != *m || *bySlug != *m || len(all) != 1 || all[0] != *m {
				t.Errorf("got %+v, %+v, %+v, want %+v", byID, bySlug, all, m)
			}
			return err
		})
	})
}

// Concurrent creations in two modes: each series has no gap and no number twice.
func TestNextInvoiceNumber(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		update(t, d, func(tx *db.Tx) error { _, err := shop(tx, "s"); return err })
		var mu sync.Mutex
		numbers := map[bool][]int64{}
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				live, fail := i%2 == 0, i%5 == 0
				var n int64
				err := d.Update(context.Background(), func(tx *db.Tx) (err error) {
					if n, err = tx.NextInvoiceNumber("mer_s", live); err == nil && fail {
						err = errBoom
					}
					return err
				})
				if (err != nil) != fail {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					numbers[live] = append(numbers[live], n)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for live, got := range numbers {
			slices.Sort(got)
			for i, n := range got {
				if n != int64(1001+i) {
					t.Fatalf("live %v: %v", live, got)
				}
			}
		}
		if len(numbers[true]) != 16 || len(numbers[false]) != 16 {
			t.Fatalf("%v", numbers)
		}
	})
}

func TestUsers(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		u := checkout.User{ID: "usr_1", Email: "a@example.com", PasswordHash: "h", Operator: true}
		update(t, d, func(tx *db.Tx) error {
			if _, err := shop(tx, "s"); err != nil {
				return err
			}
			if n, err := tx.CountOperators(); err != nil || n != 0 {
				t.Errorf("%d operators, %v", n, err)
			}
			u.CreatedAt = tx.Now()
			return errors.Join(tx.InsertUser(&u), tx.InsertUser(&checkout.User{ID: "usr_2", Email: "b@example.com", CreatedAt: tx.Now()}),
				tx.InsertMembership(checkout.Membership{UserID: "usr_1", MerchantID: "mer_s", Role: "owner"}), tx.SetPassword("usr_1", "h2"))
		})
		u.PasswordHash = "h2"
		refused(t, d, checkout.Conflict, func(tx *db.Tx) error { return tx.InsertUser(&checkout.User{ID: "usr_3", Email: "a@example.com"}) })
		refused(t, d, checkout.Conflict, func(tx *db.Tx) error {
			return tx.InsertMembership(checkout.Membership{UserID: "usr_1", MerchantID: "mer_s", Role: "viewer"})
		})
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.UserByEmail("c@example.com"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.User("usr_9"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { return tx.SetPassword("usr_9", "h") })
		view(t, d, func(tx *db.Tx) error {
			a, err := tx.UserByEmail("a@example.com")
			if err != nil {
				return err
			}
			b, err := tx.User("usr_2")
			if err != nil {
				return err
			}
			if *a != u || b.Operator {
				t.Errorf("got %+v and %+v", a, b)
			}
			n, err := tx.CountOperators()
			if n != 1 || err != nil {
				t.Errorf("%d operators, %v", n, err)
			}
			roles, err := tx.Memberships("usr_1")
			if len(roles) != 1 || roles[0].Role != "owner" {
				t.Errorf("roles %+v", roles)
			}
			return err
		})
	})
}

func TestAPIKeys(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		update(t, d, func(tx *db.Tx) error {
			for _, slug := range []string{"s", "other"} {
				if _, err := shop(tx, slug); err != nil {
					return err
				}
			}
			for i, live := range []bool{true, true, false} {
				k := checkout.APIKey{ID: fmt.Sprintf("key_%d", i), MerchantID: "mer_s", Live: live, Name: "n", Scopes: []string{"read", "write"}, CreatedAt: tx.Now().Add(time.Duration(i))}
				if err := tx.InsertAPIKey(&k, fmt.Sprintf("hash%d", i)); err != nil {
					return err
				}
			}
			return tx.TouchAPIKey("key_1")
		})
		refused(t, d, checkout.Conflict, func(tx *db.Tx) error {
			return tx.InsertAPIKey(&checkout.APIKey{ID: "key_9", MerchantID: "mer_s"}, "hash0")
		})
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.APIKeyByHash("none"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.RevokeAPIKey("mer_other", "key_0"); return err })
		update(t, d, func(tx *db.Tx) error { _, err := tx.RevokeAPIKey("mer_s", "key_0"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.RevokeAPIKey("mer_s", "key_0"); return err })
		view(t, d, func(tx *db.Tx) error {
			k, err := tx.APIKeyByHash("hash0")
			if err != nil {
				return err
			}
			if k.RevokedAt.IsZero() || !k.LastUsedAt.IsZero() || !k.Live || !slices.Equal(k.Scopes, []string{"read", "write"}) {
				t.Errorf("got %+v", k)
			}
			live, err := tx.APIKeys("mer_s", true)
			if err != nil {
				return err
			}
			if len(live) != 2 || live[0].ID != "key_1" || live[0].LastUsedAt.IsZero() {
				t.Errorf("live keys %+v", live)
			}
			others, err := tx.APIKeys("mer_other", true)
			if len(others) != 0 {
				t.Errorf("another merchant sees %+v", others)
			}
			return err
		})
	})
}

func TestGatewayAccounts(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		a := checkout.GatewayAccount{ID: "gwa_1", MerchantID: "mer_s", Live: true, Gateway: "ghesta", Settings: map[string]string{"amount_unit": "toman"}, Sealed: map[string]string{"token": "s1"}}
		update(t, d, func(tx *db.Tx) error {
			if _, err := shop(tx, "s"); err != nil {
				return err
			}
			a.UpdatedAt = tx.Now()
			return tx.SaveGatewayAccount(&a)
		})
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.GatewayAccount("mer_s", false, "ghesta"); return err })
		a.Sealed = map[string]string{"token": "s2"}
		update(t, d, func(tx *db.Tx) error { return tx.SaveGatewayAccount(&a) })
		view(t, d, func(tx *db.Tx) error {
			got, err := tx.GatewayAccount("mer_s", true, "ghesta")
			if err != nil {
				return err
			}
			if got.ID != "gwa_1" || !maps.Equal(got.Sealed, a.Sealed) || !maps.Equal(got.Settings, a.Settings) || !got.UpdatedAt.Equal(a.UpdatedAt) {
				t.Errorf("got %+v", got)
			}
			live, err := tx.GatewayAccounts("mer_s", true)
			if err != nil {
				return err
			}
			test, err := tx.GatewayAccounts("mer_s", false)
			if err != nil {
				return err
			}
			all, err := tx.AllGatewayAccounts()
			if len(live) != 1 || len(test) != 0 || len(all) != 1 || !all[0].Live {
				t.Errorf("%d live, %d test, all %+v", len(live), len(test), all)
			}
			return err
		})
	})
}

func TestIdempotency(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(db.Options) *db.DB) {
		c := newClock()
		d := open(db.Options{Now: c.now})
		putKey := func(hash string, live, want bool) {
			t.Helper()
			update(t, d, func(tx *db.Tx) error {
				first, err := tx.PutIdempotency(db.Idempotency{MerchantID: "m", Live: live, Key: "k", RequestHash: hash, Status: 201, Answer: hash})
				if first != want {
					t.Errorf("put %s said %v", hash, first)
				}
				return err
			})
		}
		putKey("a", true, true)
		putKey("b", true, false)
		putKey("c", false, true)
		view(t, d, func(tx *db.Tx) error {
			i, err := tx.Idempotency("m", true, "k")
			if err == nil && (i.RequestHash != "a" || i.Answer != "a" || i.Status != 201) {
				t.Errorf("got %+v", i)
			}
			return err
		})
		c.step(24 * 3600 * 1000)
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.Idempotency("m", true, "k"); return err })
		putKey("d", true, true) // not pruned yet, and over all the same
		update(t, d, func(tx *db.Tx) error {
			n, err := tx.PruneIdempotency()
			if n != 1 {
				t.Errorf("%d pruned", n)
			}
			return err
		})
	})
}

func TestSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(db.Options) *db.DB) {
		c := newClock()
		d := open(db.Options{Now: c.now})
		s := d.Sessions()
		data := []byte{0, 1, 0xff, 0}
		for _, token := range []string{"t1", "t2"} {
			if err := s.Commit(token, []byte("first"), c.now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit("t1", data, c.now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		find := func(token string) ([]byte, bool) {
			t.Helper()
			got, found, err := s.Find(token)
			if err != nil {
				t.Fatal(err)
			}
			return got, found
		}
		if got, found := find("t1"); !found || !bytes.Equal(got, data) {
			t.Fatalf("got %v, %v", got, found)
		}
		if _, found := find("none"); found {
			t.Fatal("found none")
		}
		if all, err := s.All(); err != nil || len(all) != 2 {
			t.Fatalf("all: %v, %v", all, err)
		}
		c.step(60_000)
		if _, found := find("t2"); found {
			t.Fatal("an expired session was found")
		}
		update(t, d, func(tx *db.Tx) error {
			n, err := tx.PruneSessions()
			if n != 1 {
				t.Errorf("%d pruned", n)
			}
			return err
		})
		for range 2 {
			if err := s.Delete("t1"); err != nil {
				t.Fatal(err)
			}
		}
		if _, found := find("t1"); found {
			t.Fatal("a deleted session was found")
		}
	})
}

func TestSimulatorJournal(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := d.Update(context.Background(), func(tx *db.Tx) error { return tx.AppendSimulatorEntry([]byte(`{"n":1}`)) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		update(t, d, func(tx *db.Tx) error { return tx.AppendSimulatorEntry([]byte(`last`)) })
		view(t, d, func(tx *db.Tx) error {
			entries, err := tx.SimulatorEntries(0)
			if len(entries) != 21 || string(entries[20]) != "last" {
				t.Errorf("%d entries", len(entries))
			}
			return err
		})
	})
}

func TestStraysAndSettings(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		update(t, d, func(tx *db.Tx) error {
			for i, fields := range []string{"a", "a", "b"} {
				if err := tx.InsertStray(fmt.Sprintf("str_%d", i), "ghesta", "hash", fields); err != nil {
					return err
				}
			}
			return errors.Join(tx.SetSetting("x", "1"), tx.SetSetting("x", "2"))
		})
		view(t, d, func(tx *db.Tx) error {
			strays, err := tx.Strays(10)
			if err != nil {
				return err
			}
			if len(strays) != 2 || strays[0].Fields != "b" {
				t.Errorf("strays %+v", strays)
			}
			x, err := tx.Setting("x")
			if x != "2" {
				t.Errorf("setting %q", x)
			}
			return err
		})
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.Setting("none"); return err })
		update(t, d, func(tx *db.Tx) error {
			y, err := tx.SettingOr("y", "fallback")
			if err != nil || y != "fallback" {
				t.Errorf("got %q, %v", y, err)
			}
			for _, want := range []bool{true, false} {
				if first, err := tx.ClaimSetting("y", "mine"); err != nil || first != want {
					t.Errorf("claim said %v, %v", first, err)
				}
			}
			for _, want := range []bool{true, false} {
				if there, err := tx.DeleteSetting("y"); err != nil || there != want {
					t.Errorf("delete said %v, %v", there, err)
				}
			}
			return nil
		})
	})
}

// A merchant's picture is the one that was given last, whoever gave it meanwhile, and nobody else's. What
// it is called stands with the merchant, and changes what is known of them.
func TestLogos(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		var m, other *checkout.Merchant
		update(t, d, func(tx *db.Tx) (err error) {
			if m, err = shop(tx, "pottery"); err != nil {
				return err
			}
			other, err = shop(tx, "weaver")
			return err
		})
		give := func(id string, name checkout.LogoName, png string) {
			t.Helper()
			update(t, d, func(tx *db.Tx) error { return tx.SetLogo(id, name, []byte(png)) })
		}
		holds := func(id string, name checkout.LogoName, png string) {
			t.Helper()
			view(t, d, func(tx *db.Tx) error {
				m, err := tx.Merchant(id)
				if err != nil || m.Logo != name {
					t.Errorf("%s has %q, not %q: %v", id, m.Logo, name, err)
				}
				of, got, err := tx.LogoOf(id)
				if name == "" {
					if !errors.Is(err, checkout.NotFound) {
						t.Errorf("%s still has %q: %v", id, of, err)
					}
					return nil
				}
				at, atErr := tx.Logo(name)
				if err != nil || atErr != nil || of != name || string(got) != png || string(at) != png {
					t.Errorf("%s: %q %q %q %v %v", id, of, got, at, err, atErr)
				}
				return nil
			})
		}
		revision := m.Revision
		give(m.ID, "a-1x1", "\x89PNG\x00\xff")
		holds(m.ID, "a-1x1", "\x89PNG\x00\xff")
		view(t, d, func(tx *db.Tx) error {
			now, err := tx.Merchant(m.ID)
			if err == nil && now.Revision == revision {
				t.Error("a new picture is no news")
			}
			return err
		})
		give(m.ID, "a-1x1", "\x89PNG\x00\xff") // twice
		holds(m.ID, "a-1x1", "\x89PNG\x00\xff")
		give(other.ID, "a-1x1", "\x89PNG\x00\xff") // two shops with the same picture
		give(m.ID, "b-1x1", "second")
		holds(m.ID, "b-1x1", "second")
		holds(other.ID, "a-1x1", "\x89PNG\x00\xff")

		// Words and picture are changed by two people at once: both changes stand.
		var both sync.WaitGroup
		for _, change := range []func(tx *db.Tx) error{
			func(tx *db.Tx) error { w := *m; w.Name = "New name"; return tx.UpdateMerchant(&w) },
			func(tx *db.Tx) error { return tx.SetLogo(m.ID, "c-1x1", []byte("third")) },
		} {
			both.Go(func() {
				if err := d.Update(t.Context(), change); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		holds(m.ID, "c-1x1", "third")
		view(t, d, func(tx *db.Tx) error {
			now, err := tx.Merchant(m.ID)
			if err == nil && now.Name != "New name" {
				t.Errorf("the name is %q", now.Name)
			}
			return err
		})

		give(m.ID, "", "")
		give(m.ID, "", "") // twice
		holds(m.ID, "", "")
		holds(other.ID, "a-1x1", "\x89PNG\x00\xff")
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { _, err := tx.Logo("c-1x1"); return err })
		refused(t, d, checkout.NotFound, func(tx *db.Tx) error { return tx.SetLogo("mer_none", "x-1x1", []byte("x")) })
	})
}
