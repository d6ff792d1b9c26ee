package payments_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// Whose customer is still at the gateway is not forgotten, though it was canceled long ago: money may come
// back. Nor is what was found to be over and, when its turn comes, is not.
func TestForget_NotYet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		open, sold := w.invoice(1_500_000), w.invoice(1_500_000)
		w.mustBack(w.start(sold, "gardeshpay"), "8001")
		w.work()
		out := w.canceled("ghesta", 1)[0]
		for range 2 {
			w.clock.add(2 * 24 * time.Hour) // nobody has swept
			if err := w.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, inv := range []checkout.Invoice{open, sold, {ID: out.InvoiceID}} {
			before := w.everything(inv)
			if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return w.ForgetOne(tx, inv.ID) }); err != nil {
				t.Error(err)
			}
			if got, err := w.Invoice(t.Context(), w.scope, inv.ID); err != nil || got.Customer.Name == "" || w.everything(inv) != before {
				t.Errorf("%s: %+v, %v", got.Status, got.Customer, err)
			}
		}
	})
}

// Nothing stands in the place of what was removed; the event is the invoice's own, and lines keep what is
// counted of them.
func TestForget_NothingInItsPlace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) {
			mailed(in)
			in.Description, in.Reference, in.Metadata = "Lessons of Sara", "sara-7", map[string]string{"child": "Kian"}
			in.Items = []checkout.Item{{Title: "Piano", Quantity: 2, UnitAmount: 700_000}, {Title: "Notes", Quantity: 1, UnitAmount: 100_000}}
		})
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.clock.add(2 * 24 * time.Hour)
		if err := w.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := w.Invoice(t.Context(), w.scope, inv.ID)
		items := []checkout.Item{{Quantity: 2, UnitAmount: 700_000}, {Quantity: 1, UnitAmount: 100_000}}
		if err != nil || got.Customer != (checkout.Customer{}) || got.Description != "" || got.Reference != "" || len(got.Metadata) != 0 || fmt.Sprint(got.Items) != fmt.Sprint(items) {
			t.Errorf("left: %+v, %v", got, err)
		}
		if e := w.last(inv); e.AttemptID != "" || e.GatewayID != "" || e.Actor != "system" {
			t.Errorf("%+v", e)
		}
	})
}

// What cannot be forgotten stands in the log, with its invoice, is tried again the next time and holds
// nobody up.
func TestForget_FailureIsLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		var over []checkout.Invoice
		for range 3 {
			w.clock.add(time.Second)
			inv := w.invoice(1_500_000)
			if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				t.Fatal(err)
			}
			over = append(over, inv)
		}
		w.clock.add(2 * 24 * time.Hour)
		store := &flaky{DB: w.db, with: errDisk}
		var said []string
		w.Engine = w.rewired(func(o *payments.Options) {
			o.DB, o.Log = store, slog.New(errorLog{func(err error) { said = append(said, err.Error()) }})
		})
		store.left.Store(1)
		for i, left := range []int{1, 0} {
			if err := w.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			for k, inv := range over {
				if got, err := w.Invoice(t.Context(), w.scope, inv.ID); err != nil || (got.Customer.Name != "") != (k < left) {
					t.Errorf("sweep %d, invoice %d: %+v, %v", i, k, got.Customer, err)
				}
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], over[0].ID) || !strings.Contains(said[0], errDisk.Error()) {
			t.Errorf("the log says %q", said)
		}
	})
}
