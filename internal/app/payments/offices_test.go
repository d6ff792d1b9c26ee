package payments_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// What a command, which is another process, changes of a merchant or an account counts from its
// commit on: a remembered account is never older than the invoice that is read with it.
func TestOffices_ChangedByAnotherProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, other := w.invoice(1_500_000), w.engine()
		see := func() (string, bool) {
			t.Helper()
			p, err := w.Page(t.Context(), inv.Token)
			if err != nil {
				t.Fatal(err)
			}
			return p.Merchant.Name, p.Methods[0].Available
		}
		set := func(values map[string]string) {
			t.Helper()
			if err := other.SetAccount(t.Context(), w.scope, "gardeshpay", values, checkout.Actor{}); err != nil {
				t.Fatal(err)
			}
		}
		if name, on := see(); name != "Pottery" || !on {
			t.Fatalf("at first %q, %v", name, on)
		}
		for _, on := range []bool{false, true, false} {
			set(map[string]string{"enabled": map[bool]string{true: "true", false: "false"}[on]})
			if _, got := see(); got != on {
				t.Fatalf("enabled=%v, and the page says %v", on, got)
			}
			_, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
			if (err == nil) != on {
				t.Fatalf("enabled=%v: started with %v", on, err)
			}
		}
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			m, err := tx.Merchant(w.scope.MerchantID)
			if err != nil {
				return err
			}
			m.Name = "Kiln"
			return tx.UpdateMerchant(m)
		})
		if err != nil {
			t.Fatal(err)
		}
		if name, _ := see(); name != "Kiln" {
			t.Errorf("the merchant is still called %q", name)
		}
	})
}

// What is read of a shop is remembered: a page that is looked at again, and a payment that begins on it, read
// neither the shop nor its accounts.
func TestOffices_ReadOnce(t *testing.T) {
	engines(t, func(t *testing.T, fresh func(t testing.TB) string) {
		var read []string
		c, addr := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}, fresh(t)
		w := newWorld(t, dbtest.Open(t, db.Options{URL: addr, Now: c.now}), c)
		inv := w.invoice(1_500_000)
		w.Engine = w.rewired(func(o *payments.Options) {
			o.DB = dbtest.Open(t, db.Options{URL: addr, Now: c.now, Watch: func(query string) error {
				for _, what := range []string{"gateway_accounts", "merchants"} {
					if strings.Contains(query, " FROM "+what+" WHERE ") {
						read = append(read, what)
					}
				}
				return nil
			}})
		})
		for _, want := range []string{"[merchants gateway_accounts gateway_accounts]", "[]"} {
			read = nil
			p, err := w.Page(t.Context(), inv.Token)
			if err != nil || len(p.Methods) != 2 || !p.Methods[0].Available || !p.Methods[1].Available {
				t.Errorf("%+v, %v", p.Methods, err)
			}
			if got := fmt.Sprint(read); got != want {
				t.Errorf("read %s, want %s", got, want)
			}
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); err != nil || len(read) != 0 {
			t.Errorf("begun: %v, read %v", err, read)
		}
	})
}

// What is remembered has an end: a house of more shops than that begins anew, and reads more.
func TestOffices_HaveAnEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for filled, want := range map[int]int{9_999: 10_000, 10_000: 1} {
			inv := w.invoice(1_500_000)
			w.Remember(filled)
			if _, err := w.Page(t.Context(), inv.Token); err != nil {
				t.Fatal(err)
			}
			if got := w.Remembered(); got != want {
				t.Errorf("of %d, and one more, %d are remembered", filled, got)
			}
		}
	})
}

// A picture is served as it was given, as long as the shop has it; of another name there is none.
func TestLogo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		give := func(name checkout.LogoName, png string) {
			t.Helper()
			if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.SetLogo(w.scope.MerchantID, name, []byte(png)) }); err != nil {
				t.Fatal(err)
			}
		}
		first, second := checkout.NameLogo("aa", 44, 44), checkout.NameLogo("bb", 44, 44)
		give(first, "the first")
		if png, err := w.Logo(t.Context(), first); err != nil || string(png) != "the first" {
			t.Errorf("%q, %v", png, err)
		}
		give(second, "the second")
		if png, err := w.Logo(t.Context(), first); !errors.Is(err, checkout.NotFound) || png != nil {
			t.Errorf("the one before: %q, %v", png, err)
		}
		if png, err := w.Logo(t.Context(), second); err != nil || string(png) != "the second" {
			t.Errorf("%q, %v", png, err)
		}
	})
}
