package payments_test

import (
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
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
