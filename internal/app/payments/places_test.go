package payments_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// lastPlace sells the one place of a page by a gateway.
func (w *world) lastPlace(gateway string) (checkout.PayPage, checkout.Invoice) {
	w.Helper()
	p := w.page(func(in *payments.PageWords) { in.Stock = 1 })
	token, err := w.press(payments.PagePress{Nonce: nonce(1)}, gateway)
	if err != nil {
		w.Fatal(err)
	}
	return p, w.behind(token)
}

// looked sweeps, and says how many places are taken, and how many wait to be looked at now.
func (w *world) looked(p checkout.PayPage) (taken int64, due int) {
	w.Helper()
	if err := w.Sweep(w.Context()); err != nil {
		w.Fatal(err)
	}
	return w.places(p)
}

// places is looked without a sweep.
func (w *world) places(p checkout.PayPage) (taken int64, due int) {
	w.Helper()
	r, err := w.PayPageReport(w.Context(), w.scope, p.ID, "", 9)
	if err != nil {
		w.Fatal(err)
	}
	err = w.db.View(w.Context(), func(tx *db.Tx) error {
		ids, err := tx.DuePlaces(9)
		due = len(ids)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return r.Page.Taken, due
}

// A place that cannot be given back yet is looked at again in a minute, and not with every sweep before.
func TestPlaces_LookedAtAgain(t *testing.T) {
	for name, until := range map[string]func(w *world, inv checkout.Invoice){
		"somebody is out": func(w *world, _ checkout.Invoice) {
			w.clock.add(25 * time.Minute)
			if _, err := w.press(payments.PagePress{Nonce: nonce(1)}, "ghesta"); err != nil {
				w.Fatal(err)
			}
		},
		"it is being verified": func(w *world, inv checkout.Invoice) {
			w.clock.add(29 * time.Minute)
			w.ins.say("9001", silence())
			w.mustBack(w.attempts(inv)[0], "9001")
			w.spawned.Wait()
		},
		"a person decides": func(w *world, inv checkout.Invoice) {
			w.ins.say("9001", already())
			w.mustBack(w.attempts(inv)[0], "9001")
			w.work()
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				p, inv := w.lastPlace("ghesta")
				begun := w.clock.now()
				until(w, inv)
				w.clock.at = begun.Add(30 * time.Minute)
				before := w.status(inv)
				if taken, due := w.places(p); taken != 1 || due != 1 {
					t.Errorf("when its time is over: %d taken, %d due", taken, due)
				}
				if taken, due := w.looked(p); taken != 1 || due != 0 {
					t.Errorf("looked at: %d taken, %d due", taken, due)
				}
				w.clock.add(time.Minute - time.Millisecond)
				if _, due := w.places(p); due != 0 {
					t.Error("due before a minute has passed")
				}
				w.clock.add(time.Millisecond)
				if _, due := w.places(p); due != 1 {
					t.Error("not due after a minute")
				}
				if after := w.status(inv); after != before && after != checkout.InvoiceExpired {
					t.Errorf("its invoice was %s and is %s", before, after)
				}
			})
		})
	}
}

// An invoice that got more time from its merchant keeps its place until then, and can be paid.
func TestPlaces_MoreTime(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, inv := w.lastPlace("gardeshpay")
		until := w.clock.now().Add(2 * time.Hour)
		w.card.say("9001", refusal("", false, true))
		w.mustBack(w.attempts(inv)[0], "9001")
		w.work()
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{ExpiresAt: &until}, clerk); err != nil {
			t.Fatal(err)
		}
		w.clock.add(31 * time.Minute)
		if taken, due := w.looked(p); taken != 1 || due != 0 || w.status(inv) != checkout.InvoiceOpen {
			t.Errorf("%d taken, %d due, %s", taken, due, w.status(inv))
		}
		if m := w.method(inv, "gardeshpay"); !m.Available {
			t.Errorf("%+v", m)
		}
		w.clock.at = until.Add(-time.Millisecond)
		if taken, due := w.looked(p); taken != 1 || due != 0 {
			t.Errorf("just before its time is over: %d taken, %d due", taken, due)
		}
		w.clock.at = until
		if taken, due := w.looked(p); taken != 0 || due != 0 || w.status(inv) != checkout.InvoiceCanceled {
			t.Errorf("over: %d taken, %d due, %s", taken, due, w.status(inv))
		}
	})
}

// A place that was paid for is kept for good, and nobody looks at it again.
func TestPlaces_Paid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, inv := w.lastPlace("gardeshpay")
		w.mustBack(w.attempts(inv)[0], "8801")
		w.work()
		w.clock.add(31 * time.Minute)
		if taken, due := w.looked(p); taken != 1 || due != 0 || w.status(inv) != checkout.InvoicePaid {
			t.Errorf("%d taken, %d due, %s", taken, due, w.status(inv))
		}
	})
}

// What its merchant canceled is canceled once: its place is free when its time is over, and nobody is told
// a second time.
func TestPlaces_Canceled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, inv := w.lastPlace("gardeshpay")
		at := w.clock.now()
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.clock.add(31 * time.Minute)
		if taken, due := w.looked(p); taken != 0 || due != 0 {
			t.Errorf("%d taken, %d due", taken, due)
		}
		if got := w.behind(inv.Token); !got.CanceledAt.Equal(at) || count(w.types(inv), checkout.EventInvoiceCanceled) != 1 {
			t.Errorf("canceled at %s: %v", got.CanceledAt, w.types(inv))
		}
	})
}
