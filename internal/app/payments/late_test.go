package payments_test

import (
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/gateways"
)

// TestLateSuccess_WhoWasFaster: two processes asked about one reference, the second heard its word and
// ended the attempt, and then something happened. The first one's success comes at last. It pays where
// nobody decided otherwise meanwhile; otherwise it leaves an event that says where the money is, and
// nothing moves.
func TestLateSuccess_WhoWasFaster(t *testing.T) {
	hard := refusal("26", false, true)
	review := gateways.Answer{Outcome: gateways.Review, Code: "46", Sent: true, Status: 400}
	for name, c := range map[string]struct {
		second    gateways.Answer
		ended     checkout.AttemptStatus
		meanwhile func(w *world, inv checkout.Invoice, a checkout.Attempt)
		invoice   checkout.InvoiceStatus
		attempt   checkout.AttemptStatus
		late      bool // "late" is all that is made of it
	}{
		"a no for now": {second: refusal("12", true, false), ended: checkout.AttemptFailed, invoice: checkout.InvoicePaid, attempt: checkout.AttemptPaid},
		"canceled at the gateway": {
			second: gateways.Answer{Outcome: gateways.Canceled, Code: "1", Sent: true, Status: 400}, ended: checkout.AttemptCanceled,
			invoice: checkout.InvoicePaid, attempt: checkout.AttemptPaid,
		},
		"expired": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, _ checkout.Invoice, _ checkout.Attempt) { w.clock.add(8 * 24 * time.Hour) },
			invoice:   checkout.InvoicePaid, attempt: checkout.AttemptPaid,
		},
		"canceled by the shop": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, inv checkout.Invoice, _ checkout.Attempt) {
				if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
					w.Fatal(err)
				}
			},
			invoice: checkout.InvoiceCanceled, attempt: checkout.AttemptFailed, late: true,
		},
		"another amount": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, inv checkout.Invoice, _ checkout.Attempt) {
				more := money.Rial(2_000_000)
				if _, err := w.UpdateInvoice(w.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &more}, clerk); err != nil {
					w.Fatal(err)
				}
			},
			invoice: checkout.InvoiceOpen, attempt: checkout.AttemptFailed, late: true,
		},
		"a person said no": {
			second: review, ended: checkout.AttemptNeedsReview,
			meanwhile: func(w *world, _ checkout.Invoice, a checkout.Attempt) {
				if _, _, err := w.ResolveAttempt(w.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, nil); err != nil {
					w.Fatal(err)
				}
			},
			invoice: checkout.InvoiceOpen, attempt: checkout.AttemptFailed, late: true,
		},
		"in review for another reference": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, _ checkout.Invoice, a checkout.Attempt) {
				w.ins.say("8002", review)
				w.mustBack(a, "8002")
			},
			invoice: checkout.InvoiceReview, attempt: checkout.AttemptNeedsReview, late: true,
		},
		"in review for another attempt": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, inv checkout.Invoice, _ checkout.Attempt) {
				w.card.say("9001", review)
				w.mustBack(w.start(inv, "gardeshpay"), "9001")
			},
			invoice: checkout.InvoiceReview, attempt: checkout.AttemptFailed, late: true,
		},
		"given back, and then asking its amount again": {
			second: refusal("12", true, false), ended: checkout.AttemptFailed,
			meanwhile: func(w *world, inv checkout.Invoice, a checkout.Attempt) {
				more, less := money.Rial(2_000_000), money.Rial(1_500_000)
				if _, err := w.UpdateInvoice(w.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &more}, clerk); err != nil {
					w.Fatal(err)
				}
				w.run(w.engine(), w.outlive()) // the re-ask
				w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptUnclaimed)
				if _, err := w.UpdateInvoice(w.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &less}, clerk); err != nil {
					w.Fatal(err)
				}
			},
			invoice: checkout.InvoiceOpen, attempt: checkout.AttemptUnclaimed, late: true,
		},
		"paid by another reference": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, _ checkout.Invoice, a checkout.Attempt) { w.mustBack(a, "8002") },
			invoice:   checkout.InvoicePaid, attempt: checkout.AttemptPaid, late: true,
		},
		"paid by another attempt": {
			second: hard, ended: checkout.AttemptFailed,
			meanwhile: func(w *world, inv checkout.Invoice, _ checkout.Attempt) {
				w.mustBack(w.start(inv, "gardeshpay"), "9001")
			},
			invoice: checkout.InvoicePaid, attempt: checkout.AttemptFailed, late: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				first, second, done := w.overtake(a, "8001", w.ins)
				second <- c.second
				w.until(func() bool { return w.attempt(a).Status == c.ended })
				if c.meanwhile != nil {
					w.ins.mu.Lock()
					w.ins.onVerify = nil
					w.ins.mu.Unlock()
					c.meanwhile(w, inv, a)
				}
				before, asked := w.attempt(a), w.ins.asked()
				first <- paid("R8001")
				done.Wait()
				w.spawned.Wait()
				w.want(inv, c.invoice, a, c.attempt)
				now, types := w.attempt(a), w.types(inv)
				if c.late {
					e := w.last(inv)
					if e.Type != checkout.EventVerifyAnswered || e.AttemptID != a.ID || !strings.Contains(e.Data, `"late":true`) || !strings.Contains(e.Data, `"tracking_number":"8001"`) {
						t.Errorf("the last event is %s %s", e.Type, e.Data)
					}
					if now.TrackingNumber != before.TrackingNumber || now.RefNumber != before.RefNumber || !now.VerifiedAt.Equal(before.VerifiedAt) {
						t.Errorf("%+v became %+v", before, now)
					}
				} else if now.TrackingNumber != "8001" || now.RefNumber != "8001" || now.Failure != nil || count(types, checkout.EventInvoicePaid) != 1 {
					t.Errorf("paid by %s %s: %v", now.TrackingNumber, now.RefNumber, types)
				}
				w.pass(20 * time.Minute) // and nobody asks again
				if got := w.types(inv); len(got) != len(types) || w.ins.asked() != asked {
					t.Errorf("asked %d more times: %v", w.ins.asked()-asked, got[len(types):])
				}
			})
		})
	}
}
