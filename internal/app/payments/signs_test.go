package payments_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// TestCallback_SignOfCancellation: it ends an attempt whose customer is out, wherever he is; on any
// other it is an event. Nobody is asked, and a genuine return afterwards still pays where it may.
func TestCallback_SignOfCancellation(t *testing.T) {
	returns := func(answers ...string) func(w *world, inv checkout.Invoice) checkout.Attempt {
		return func(w *world, inv checkout.Invoice) checkout.Attempt {
			a := w.start(inv, "ghesta")
			switch answers[0] {
			case "silence":
				w.ins.say("8001", silence())
			case "refused":
				w.ins.say("8001", refusal("26", false, true))
			case "review":
				w.ins.say("8001", already())
			}
			w.mustBack(a, "8001")
			w.spawned.Wait()
			return a
		}
	}
	out := func(w *world, inv checkout.Invoice) checkout.Attempt { return w.start(inv, "ghesta") }
	for name, c := range map[string]struct {
		before func(w *world, inv checkout.Invoice) checkout.Attempt
		ends   bool
	}{
		"redirected": {out, true},
		"abandoned": {func(w *world, inv checkout.Invoice) checkout.Attempt {
			a := out(w, inv)
			w.pass(31 * time.Minute)
			return a
		}, true},
		"canceled": {func(w *world, inv checkout.Invoice) checkout.Attempt {
			a := out(w, inv)
			w.mustBack(a, "")
			return a
		}, false},
		"verifying": {returns("silence"), false}, "failed": {returns("refused"), false}, "needs_review": {returns("review"), false}, "paid": {returns("paid"), false},
		"unclaimed": {func(w *world, inv checkout.Invoice) checkout.Attempt {
			a := out(w, inv)
			if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				w.Fatal(err)
			}
			w.mustBack(a, "8001")
			return a
		}, false},
		"returned": {func(w *world, inv checkout.Invoice) checkout.Attempt {
			a := out(w, inv)
			w.card.say("9001", silence())
			w.mustBack(w.start(inv, "gardeshpay"), "9001")
			w.mustBack(a, "8001")
			w.spawned.Wait()
			return a
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := c.before(w, inv)
				was, state, asked, events := w.attempt(a), w.status(inv), w.ins.asked(), len(w.types(inv))
				if string(was.Status) != name {
					t.Fatalf("attempt is %s", was.Status)
				}
				w.clock.add(time.Second)
				w.mustBack(a, "")
				now, e := w.attempt(a), w.last(inv)
				want, kind, data := was.Status, checkout.EventCallbackReceived, `{"canceled":true}`
				if c.ends {
					want, kind, data = checkout.AttemptCanceled, checkout.EventAttemptCanceled, `{"source":"callback"}`
				}
				if now.Status != want || w.status(inv) != state || w.ins.asked() != asked {
					t.Errorf("became %s, the invoice %s, asked %d more times", now.Status, w.status(inv), w.ins.asked()-asked)
				}
				if len(w.types(inv)) != events+1 || e.Type != kind || e.Data != data || e.AttemptID != a.ID {
					t.Errorf("%d events more, the last %s %s", len(w.types(inv))-events, e.Type, e.Data)
				}
				if c.ends && !now.ReturnedAt.Equal(w.clock.now()) || !c.ends && !now.ReturnedAt.Equal(was.ReturnedAt) {
					t.Errorf("returned at %v, before at %v", now.ReturnedAt, was.ReturnedAt)
				}
				if c.ends {
					w.mustBack(a, "8001")
					w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				}
			})
		})
	}
}

// TestCallback_BeforeTheTokenIsStored: the customer, or whoever has the address, is back before the
// gateway's answer is in the books. A sign of cancellation ends the attempt, and the customer is not
// sent on; a genuine return pays, whichever code it names.
func TestCallback_BeforeTheTokenIsStored(t *testing.T) {
	for name, c := range map[string]struct {
		ref     string
		attempt checkout.AttemptStatus
		invoice checkout.InvoiceStatus
	}{
		"canceled": {"", checkout.AttemptCanceled, checkout.InvoiceOpen}, "paid": {"8001", checkout.AttemptPaid, checkout.InvoicePaid},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				w.ins.onStart = func() {
					a := w.attempts(inv)[0]
					if a.Status != checkout.AttemptCreated || a.GatewayToken != "" {
						t.Errorf("attempt is %s with %q", a.Status, a.GatewayToken)
					}
					a.GatewayToken = "tok1"
					w.mustBack(a, c.ref)
					w.spawned.Wait()
				}
				_, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta"})
				if !errors.Is(err, checkout.Conflict) {
					t.Errorf("sent on: %v", err)
				}
				w.want(inv, c.invoice, w.attempts(inv)[0], c.attempt)
			})
		})
	}
}

// TestStray_IsKeptWithItsFields: what a person needs to find the payer, under a name of its own; what
// cannot be read, or says nothing, is not kept.
func TestStray_IsKeptWithItsFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, values := range []url.Values{{"trackingNumber": {"8001"}, "invoiceNumber": {"77"}}, {"trackingNumber": {"no reference"}}, nil} {
			in := payments.CallbackInput{Gateway: "gardeshpay", Token: testBox().Token("callback/gardeshpay", [16]byte{byte(i)}), Values: values}
			if home, err := w.Callback(t.Context(), in); home != "" || !errors.Is(err, checkout.NotFound) {
				t.Errorf("%v: %q, %v", values, home, err)
			}
		}
		var list []db.Stray
		if err := w.db.View(context.Background(), func(tx *db.Tx) (err error) { list, err = tx.Strays(9); return err }); err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || !strings.HasPrefix(list[0].ID, "str_") || list[0].Gateway != "gardeshpay" || !strings.Contains(list[0].Fields, "8001") || !strings.Contains(list[0].Fields, "77") {
			t.Errorf("kept %+v", list)
		}
	})
}
