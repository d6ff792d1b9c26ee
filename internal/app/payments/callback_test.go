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
	"dargah/internal/gateways"
)

// last is the invoice's newest event.
func (w *world) last(inv checkout.Invoice) checkout.Event {
	w.Helper()
	list, _, err := w.InvoiceEvents(w.Context(), w.scope, inv.ID, "", 1)
	if err != nil || len(list) != 1 {
		w.Fatal(len(list), err)
	}
	return list[0]
}

func (w *world) references(a checkout.Attempt) []checkout.Reference {
	w.Helper()
	var refs []checkout.Reference
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) { refs, err = tx.ReferencesOfAttempt(a.ID); return err })
	if err != nil {
		w.Fatal(err)
	}
	return refs
}

// TestCallback_SameReferenceAgain: the same word again, however it is spelt and whatever came of it, is
// one event more and nothing else.
func TestCallback_SameReferenceAgain(t *testing.T) {
	for name, answer := range map[string]gateways.Answer{
		"unheard": silence(), "refused": refusal("3", true, true), "paid": paid("R1"),
		"in review": {Outcome: gateways.Review, Code: "amount_mismatch", Sent: true, Status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "gardeshpay")
				w.card.say("8001", answer)
				w.mustBack(a, "8001")
				w.spawned.Wait()
				was, state, asked := w.attempt(a), w.status(inv), w.card.asked()
				for i, again := range []string{"8001", "0008001"} {
					before := len(w.types(inv))
					w.mustBack(a, again)
					w.spawned.Wait()
					e := w.last(inv)
					if n := len(w.types(inv)); n != before+1 || e.Type != checkout.EventCallbackReceived || !strings.Contains(e.Data, `"repeat":true`) || !strings.Contains(e.Data, `"tracking_number":"`+again+`"`) {
						t.Errorf("repeat %d left %d events, the last %s %s", i+1, n-before, e.Type, e.Data)
					}
				}
				is := w.attempt(a)
				if is.Status != was.Status || is.TrackingNumber != was.TrackingNumber || w.status(inv) != state || w.card.asked() != asked || len(w.references(a)) != 1 {
					t.Errorf("%s became %s, invoice %s, asked %d more times, %d references", was.Status, is.Status, w.status(inv), w.card.asked()-asked, len(w.references(a)))
				}
			})
		})
	}
}

// TestCallback_Malformed: what cannot be understood is told to the books and to the browser, which
// learns its way back; nothing else changes. An attempt that is not here has no way back.
func TestCallback_Malformed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		bad := url.Values{"trackingNumber": {"no reference"}}
		for i := range 12 {
			home, err := w.Callback(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: bad, RequestID: "req-7"})
			var wrong *gateways.CallbackError
			if home != inv.Token || !errors.As(err, &wrong) || wrong.Field != "trackingnumber" {
				t.Fatalf("home %q, %v", home, err)
			}
			if e := w.last(inv); i == 0 && (e.Type != checkout.EventCallbackRejected || e.Data != `{"problem":"trackingnumber: not a reference"}` || e.RequestID != "req-7" || e.AttemptID != a.ID) {
				t.Errorf("event %+v", e)
			}
		}
		if n := count(w.types(inv), checkout.EventCallbackRejected); n != 10 {
			t.Errorf("%d rejections on record", n)
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptRedirected)
		stray := testBox().Token("callback/gardeshpay", [16]byte{9})
		if home, err := w.Callback(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: stray, Values: bad}); home != "" || !errors.Is(err, checkout.NotFound) {
			t.Errorf("of an attempt that is not here: home %q, %v", home, err)
		}
		if n := w.strays(); n != 0 {
			t.Errorf("%d callbacks that could not be read are kept for an attempt that is not here", n)
		}
		home, err := w.CallbackHome(t.Context(), "gardeshpay", stray)
		if e, ok := errors.AsType[*checkout.Error](err); home != "" || !ok || e.Key != "error.not_found" || !errors.Is(err, checkout.NotFound) {
			t.Errorf("its way back is %q, %v", home, err)
		}
		if home, err := w.CallbackHome(t.Context(), "gardeshpay", a.CallbackToken); err != nil || home != inv.Token {
			t.Errorf("the way back is %q, %v", home, err)
		}
		w.CallbackReject(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: w.start(inv, "gardeshpay").CallbackToken}, "too large")
		if e := w.last(inv); e.Type != checkout.EventCallbackRejected || e.Data != `{"problem":"too large"}` {
			t.Errorf("event %+v", e)
		}
	})
}

// away is a store that takes nothing, and perhaps says nothing either.
type away struct {
	*db.DB
	reads bool
}

var errAway = &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.New("the store is away")}

func (away) Update(context.Context, func(*db.Tx) error) error { return errAway }

func (a away) View(ctx context.Context, fn func(*db.Tx) error) error {
	if !a.reads {
		return errAway
	}
	return a.DB.View(ctx, fn)
}

// TestCallback_NotStoredIsSaid: a claim that is not in the books is not told as taken; the browser
// learns its way back if that can be read.
func TestCallback_NotStoredIsSaid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.draining = true // nobody tries again for it beside the request
		for reads, want := range map[bool]string{true: inv.Token, false: ""} {
			engine := w.rewired(func(o *payments.Options) { o.DB = away{w.db, reads} })
			home, err := engine.Callback(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: url.Values{"trackingNumber": {"8001"}}})
			if !errors.Is(err, checkout.Unavailable) || home != want {
				t.Errorf("reads %t: home %q, %v", reads, home, err)
			}
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptRedirected)
		w.draining = false
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestCallback_ContradictionIsNamed: the timeline says which field speaks of another payment.
func TestCallback_ContradictionIsNamed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		for _, c := range []struct {
			a      checkout.Attempt
			values url.Values
			field  string
		}{
			{card, url.Values{"trackingNumber": {"1111"}, "invoiceNumber": {ins.OurNumber}}, "invoiceNumber"},
			{card, url.Values{"invoiceNumber": {ins.OurNumber}}, "invoiceNumber"},
			{ins, url.Values{"refid": {"2222"}, "clientrefid": {card.OurNumber}}, "clientrefid"},
			{ins, url.Values{"refid": {"2222"}, "code": {"other"}}, "code"},
		} {
			if err := w.claim(c.a, c.values); err != nil {
				t.Fatal(err)
			}
			if e := w.last(inv); e.Type != checkout.EventCallbackMismatch || !strings.Contains(e.Data, `"field":"`+c.field+`"`) || e.AttemptID != c.a.ID {
				t.Errorf("%v: %s %s", c.values, e.Type, e.Data)
			}
			w.want(inv, checkout.InvoiceOpen, c.a, checkout.AttemptRedirected)
		}
		// On the failure path of PayPing code and clientrefid are its own: a sign of cancellation is one.
		if err := w.claim(ins, url.Values{"refid": {"1"}, "code": {"other"}, "clientrefid": {"other"}}); err != nil {
			t.Fatal(err)
		}
		w.want(inv, checkout.InvoiceOpen, ins, checkout.AttemptCanceled)
		if at := w.attempt(ins).ReturnedAt; !at.Equal(w.clock.now()) {
			t.Errorf("came back at %v", at)
		}
		was := w.clock.now()
		w.clock.add(time.Minute)
		w.mustBack(ins, "2222")
		if at := w.attempt(ins).ReturnedAt; !at.Equal(was) {
			t.Errorf("came back at %v, for the first time at %v", at, was)
		}
	})
}

// TestCallback_LateIsOnlyKept: on an attempt that is settled, a further reference is an event and
// nothing else: it is not asked about, and it is not held back from an attempt to which it belongs.
func TestCallback_LateIsOnlyKept(t *testing.T) {
	settled := map[string]func(w *world, inv checkout.Invoice, a checkout.Attempt){
		"paid": func(w *world, _ checkout.Invoice, a checkout.Attempt) { w.mustBack(a, "8001") },
		"needs_review": func(w *world, _ checkout.Invoice, a checkout.Attempt) {
			w.ins.say("8001", gateways.Answer{Outcome: gateways.Review, Code: "amount_mismatch", Sent: true, Status: 200})
			w.mustBack(a, "8001")
		},
		"unclaimed": func(w *world, inv checkout.Invoice, a checkout.Attempt) {
			if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
				w.Fatal(err)
			}
			w.mustBack(a, "8001")
		},
		"failed": func(w *world, inv checkout.Invoice, a checkout.Attempt) { // by a person
			w.ins.say("8001", gateways.Answer{Outcome: gateways.Review, Code: "amount_mismatch", Sent: true, Status: 200})
			w.mustBack(a, "8001")
			if _, _, err := w.ResolveAttempt(w.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, checkout.Actor{}, nil); err != nil {
				w.Fatal(err)
			}
		},
	}
	for status, settle := range settled {
		t.Run(status, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv, other := w.invoice(1_500_000), w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				settle(w, inv, a)
				w.spawned.Wait()
				was, state, asked, events := w.attempt(a), w.status(inv), w.ins.asked(), len(w.types(inv))
				if string(was.Status) != status {
					t.Fatalf("attempt is %s", was.Status)
				}
				w.mustBack(a, "8002")
				w.spawned.Wait()
				is := w.attempt(a)
				if is.Status != was.Status || is.TrackingNumber != was.TrackingNumber || w.status(inv) != state || w.ins.asked() != asked {
					t.Errorf("%s %s became %s %s, the invoice %s, asked %d more times", was.Status, was.TrackingNumber, is.Status, is.TrackingNumber, w.status(inv), w.ins.asked()-asked)
				}
				if e := w.last(inv); len(w.types(inv)) != events+1 || e.Type != checkout.EventCallbackReceived || e.Data != `{"late":true,"tracking_number":"8002"}` {
					t.Errorf("%d events more, the last %s %s", len(w.types(inv))-events, e.Type, e.Data)
				}
				b := w.start(other, "ghesta")
				w.mustBack(b, "8002")
				w.want(other, checkout.InvoicePaid, b, checkout.AttemptPaid)
			})
		})
	}
}

// TestCallback_ReturnedOnce: an attempt comes back once, however many references it brings.
func TestCallback_ReturnedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.say("8001", silence())
		w.mustBack(a, "8001")
		w.mustBack(a, "8002") // while the first is asked
		w.mustBack(b, "8003") // waits
		w.mustBack(b, "8004") // waits too
		if n := count(w.types(inv), checkout.EventAttemptReturned); n != 2 {
			t.Errorf("two attempts came back %d times: %v", n, w.types(inv))
		}
		w.want(inv, checkout.InvoiceProcessing, b, checkout.AttemptReturned)
		if got := w.attempt(b); got.TrackingNumber != "8003" {
			t.Errorf("waits with %s", got.TrackingNumber)
		}
	})
}

// TestCallback_TooManyAreOnlyCounted: beyond the one that is too many, further references of an attempt
// whose first is still asked leave their event and no row, and not more than a few events.
func TestCallback_TooManyAreOnlyCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.card.say("8001", silence())
		for i := range payments.MaxReferences + 1 {
			w.mustBack(a, "800"+string(rune('1'+i)))
		}
		if n := len(w.references(a)); n != payments.MaxReferences+1 {
			t.Fatalf("%d references", n)
		}
		before := count(w.types(inv), checkout.EventCallbackReceived)
		w.mustBack(a, "8101")
		if e := w.last(inv); e.Type != checkout.EventCallbackReceived || e.Data != `{"too_many":true}` {
			t.Errorf("event %s %s", e.Type, e.Data)
		}
		for i := range 20 {
			w.mustBack(a, "82"+string(rune('a'+i)))
		}
		if n := count(w.types(inv), checkout.EventCallbackReceived); n <= before || n > 10 {
			t.Errorf("%d callbacks on record, %d before", n, before)
		}
		if n := len(w.references(a)); n != payments.MaxReferences+1 || w.card.asked() > 2 {
			t.Errorf("%d references, asked %d times", n, w.card.asked())
		}
	})
}
