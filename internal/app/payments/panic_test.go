package payments_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// panics makes the next n calls of verify panic, all when n is negative.
func (v *vendor) panics(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.onVerify = func(gateways.VerifyRequest) {
		v.mu.Lock()
		boom := n != 0
		if n > 0 {
			n--
		}
		v.mu.Unlock()
		if boom {
			panic("boom")
		}
	}
}

// idle says that nobody holds the job of an attempt's reference and that nobody renews a lease.
func (w *world) idle(a checkout.Attempt, ref string) {
	w.Helper()
	w.spawned.Wait()
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		j, err := tx.Job(payments.JobVerify, a.ID+"/"+ref)
		if err == nil && !j.LeaseUntil.IsZero() {
			w.Errorf("the job is still leased: %+v", j)
		}
		return err
	})
	if err != nil {
		w.Error(err)
	}
	stacks := make([]byte, 1<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), "keepLease") {
		w.Errorf("a lease is still renewed:\n%s", stacks)
	}
}

// TestVerify_PanicIsUnheard: the adapter may have died behind the call. The money may be taken, so a
// code 15 afterwards is the answer to our own call.
func TestVerify_PanicIsUnheard(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.panics(1)
		w.ins.say("8001", already())
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.ins.asked() != 2 {
			t.Errorf("asked %d times, want again at once", w.ins.asked())
		}
		said := 0
		for _, e := range w.events(inv) {
			if e.Type == checkout.EventVerifyAnswered && strings.Contains(e.Data, `"body":"our own error"`) {
				said++
			}
		}
		if said != 1 {
			t.Errorf("on record %d times", said)
		}
	})
}

// TestVerify_PanicIsAskedAgainBySchedule: one that panics whenever it is asked is silent, neither
// forgotten nor for ever under somebody's lease, and a person gets it when its window closes.
func TestVerify_PanicIsAskedAgainBySchedule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		silent, loud := w.invoice(1_500_000), w.invoice(1_500_000)
		s, a := w.start(silent, "gardeshpay"), w.start(loud, "ghesta")
		w.card.say("8001", silence())
		w.mustBack(s, "8001")
		w.ins.panics(-1)
		w.mustBack(a, "8001")
		w.idle(a, "8001")
		w.want(loud, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.pass(5 * time.Second)
		w.idle(a, "8001")
		if w.ins.asked() != 3 || w.ins.asked() != w.card.asked() {
			t.Errorf("after 5 s: asked %d times in panic, %d times in silence, want 3", w.ins.asked(), w.card.asked())
		}
		w.pass(20 * time.Minute)
		w.want(loud, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if got := w.attempt(a).Failure; got == nil || got.Code != checkout.CodeUnknownOutcome {
			t.Errorf("failure = %+v", got)
		}
		if w.ins.asked() != w.card.asked() {
			t.Errorf("asked %d times in panic, %d times in silence", w.ins.asked(), w.card.asked())
		}
	})
}

// TestVerify_PanicMayHaveCaptured: a call that we panicked in may have been made, and may have captured: a 15
// afterwards is ours, and a hard no afterwards gives the reference to nobody else.
func TestVerify_PanicMayHaveCaptured(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, other := w.invoice(1_500_000), w.invoice(1_500_000)
		a, b := w.start(inv, "ghesta"), w.start(other, "ghesta")
		w.ins.panics(1)
		w.ins.say("8001", already())
		w.mustBack(a, "8001")
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.ins.panics(1)
		w.ins.say("8002", refusal("26", false, true), paid("R8002"))
		w.mustBack(b, "8002")
		w.spawned.Wait()
		w.want(other, checkout.InvoiceOpen, b, checkout.AttemptFailed)
		third := w.invoice(1_500_000)
		c := w.start(third, "ghesta")
		w.mustBack(c, "8002")
		w.spawned.Wait()
		w.want(third, checkout.InvoiceReview, c, checkout.AttemptNeedsReview)
	})
}

// TestVerify_PanicInAJobMovesOn: the worker's calls as well as the customer's.
func TestVerify_PanicInAJobMovesOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.draining = true
		w.mustBack(a, "8001")
		w.draining = false
		w.card.panics(3)
		w.work()
		w.idle(a, "8001")
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.card.asked() != 4 || w.card.most != 1 {
			t.Errorf("asked %d times, %d at once", w.card.asked(), w.card.most)
		}
	})
}
