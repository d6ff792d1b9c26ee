package payments_test

import (
	"fmt"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// TestUpdate_WhenItIsLookedAt: whoever is to be reminded is looked at as the rules say, whatever else is
// edited, and at once when the expiry moved, which the rules count from.
func TestUpdate_WhenItIsLookedAt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(func(r *checkout.Rules) { r.RemindBefore, r.RemindMost = 24, 1 })
		inv := w.invoice(1_500_000, mailedAtOnce)
		w.remind()
		planned := w.next(inv)
		w.clock.add(time.Hour)
		for _, c := range []struct {
			name   string
			change payments.InvoiceChange
			want   time.Time
		}{
			{"description", payments.InvoiceChange{Description: pointer("d")}, planned},
			{"amount and metadata", payments.InvoiceChange{Amount: pointer(inv.Amount + 1), Metadata: &map[string]string{"k": "v"}}, planned},
			{"expiry", payments.InvoiceChange{ExpiresAt: pointer(inv.ExpiresAt.Add(time.Hour))}, w.clock.now()},
		} {
			if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, c.change, clerk); err != nil {
				t.Fatal(err)
			}
			if at := w.next(inv); !at.Equal(c.want) {
				t.Errorf("%s: looked at again at %s, want %s", c.name, at, c.want)
			}
		}
	})
}

// TestCancel_WhatIsAnswered is the invoice as it is stored, canceled now; one that has expired can be
// canceled too, so that what comes back late for it is not verified.
func TestCancel_WhatIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		open, expired := w.invoice(1_500_000), w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Minute) })
		a := w.start(expired, "ghesta")
		w.pass(40 * time.Minute)
		w.want(expired, checkout.InvoiceExpired, a, checkout.AttemptAbandoned)
		for _, inv := range []checkout.Invoice{open, expired} {
			was := w.status(inv)
			answered, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil)
			if err != nil {
				t.Fatalf("%s: %v", was, err)
			}
			got, err := w.Invoice(t.Context(), w.scope, inv.ID)
			if err != nil || got.Status != checkout.InvoiceCanceled || !got.CanceledAt.Equal(w.clock.now()) || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", answered) {
				t.Errorf("%s: stored %+v\nanswered %+v: %v", was, got, answered, err)
			}
		}
		w.mustBack(a, "8001")
		w.work()
		w.want(expired, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		if n := w.ins.asked(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}
