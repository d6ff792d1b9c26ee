package payments_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// Whoever is asked under a rule is thought of again when it says so, and not before.
func TestRemind_FirstLook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		inv := w.invoice(1_500_000, mailedAtOnce)
		if got, want := w.next(inv), w.clock.now().Add(48*time.Hour); !got.Equal(want) {
			t.Errorf("looked at at %s, want %s", got, want)
		}
	})
}

// A reminder that has not left by the end of its invoice would ask for what can no longer be paid.
func TestRemind_NotBeyondTheEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(func(r *checkout.Rules) { r.RemindBefore, r.RemindMost = 2, 1 })
		inv := w.invoice(1_500_000, mailedAtOnce)
		w.clock.add(inv.ExpiresAt.Sub(w.clock.now()) - 2*time.Hour)
		w.remind()
		if l := w.reminders(inv, 1)[0]; !l.Until.Equal(inv.ExpiresAt) {
			t.Errorf("tried until %s, the invoice ends at %s", l.Until, inv.ExpiresAt)
		}
	})
}

// A customer whose address was taken away is not reminded, and the invoice is looked at once more at its end.
func TestRemind_WithoutAnAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		inv := w.invoice(1_500_000, mailedAtOnce)
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Customer: &checkout.Customer{Name: "Sara"}}, clerk); err != nil {
			t.Fatal(err)
		}
		w.noon(2)
		w.remind()
		w.reminders(inv, 0)
		if got := w.next(inv); !got.Equal(inv.ExpiresAt) {
			t.Errorf("looked at again at %s", got)
		}
	})
}
