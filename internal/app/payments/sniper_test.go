package payments_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// window sets how long an attempt's references are asked about, so that a test of its end is short.
func (w *world) window(gateway, length string) {
	w.Helper()
	if err := w.SetAccount(w.Context(), w.scope, gateway, map[string]string{"verify_window": length}, checkout.Actor{}); err != nil {
		w.Fatal(err)
	}
}

// snipe has a stranger claim a reference that is not his, be refused, and be asked about again: that
// call is out until a word comes. The caller waits for done.
func (w *world) snipe(ref string) (stranger checkout.Attempt, word chan gateways.Answer, done *sync.WaitGroup) {
	w.Helper()
	stranger = w.start(w.invoice(1_500_000), "gardeshpay")
	w.card.say(ref, refusal("", true, true))
	w.mustBack(stranger, ref)
	w.spawned.Wait()
	w.clock.add(31 * time.Second)
	say := words(1)
	w.script(w.card, say...)
	asked := w.card.asked()
	done = &sync.WaitGroup{}
	done.Go(w.runDue)
	w.until(func() bool { return w.card.asked() == asked+1 })
	return stranger, say[0], done
}

// TestReference_OwnerWaitsWhileAStrangersCallIsOut: a stranger who guesses references and keeps being
// asked about them must not turn their owner away just because he comes at that moment.
func TestReference_OwnerWaitsWhileAStrangersCallIsOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stranger, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		if w.card.asked() != 2 {
			t.Errorf("asked %d times while the stranger's call was out", w.card.asked())
		}
		word <- refusal("", true, true)
		done.Wait()
		w.card.say("8001", paid("R8001"))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.pass(20 * time.Minute)
		if got := w.attempt(stranger).Status; got != checkout.AttemptFailed || w.card.asked() != 3 {
			t.Errorf("the stranger is %s, asked %d times", got, w.card.asked())
		}
	})
}

// TestReference_OwnerWaitsOverASetBack: the owner waits for a stranger's answer when the process dies, and
// the clock of the next one is an hour behind. He is looked after at the start, not in nine minutes.
func TestReference_OwnerWaitsOverASetBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		word <- refusal("", true, true)
		done.Wait()
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			return tx.ScheduleJob(checkout.Job{Kind: payments.JobVerify, Key: a.ID + "/8001", RunAt: tx.Now().Add(time.Hour)})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.card.say("8001", paid("R8001"))
		if err := w.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReference_OwnerWaitingIsTurnedAwayWhenTheStrangersIsMet: silence about the stranger's reference may be the money.
// It stays his, and the owner's claim is a person's.
func TestReference_OwnerWaitingIsTurnedAwayWhenTheStrangersIsMet(t *testing.T) {
	for name, answer := range map[string]gateways.Answer{"paid": paid("R8001"), "silence": silence()} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.window("gardeshpay", "2m")
				_, word, done := w.snipe("8001")
				inv := w.invoice(1_500_000)
				a := w.start(inv, "gardeshpay")
				w.mustBack(a, "8001")
				word <- answer
				done.Wait()
				w.pass(5 * time.Second) // no need to wait for the end of the window: it will never yield
				w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
				w.pass(3 * time.Minute)
				w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
				if got := w.attempt(a).Failure; got == nil || got.Code != checkout.CodeReferenceUsed {
					t.Errorf("failure = %+v", got)
				}
				for _, r := range w.card.verifies {
					if r.OurNumber == a.OurNumber {
						t.Error("the owner's claim was asked about beside the stranger's")
					}
				}
			})
		})
	}
}

// TestReference_OwnerWaitsNoLongerThanHisWindow: the stranger's call never ends.
func TestReference_OwnerWaitsNoLongerThanHisWindow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.window("gardeshpay", "1m")
		_, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		// Not by pass: it waits for nobody's calls, but the stranger's job is due all the time.
		for range 29 {
			w.clock.add(2 * time.Second)
			w.runDue()
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		for range 3 {
			w.clock.add(2 * time.Second)
			w.runDue()
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if got := w.attempt(a).Failure; got == nil || got.Code != checkout.CodeReferenceUsed {
			t.Errorf("failure = %+v", got)
		}
		if w.card.most != 1 {
			t.Errorf("%d at once", w.card.most)
		}
		word <- refusal("", true, true)
		done.Wait()
	})
}

// TestReference_OwnerWaitsForTheSeatAndThenForTheStranger: the owner's invoice is busy with another attempt when he
// comes; when that one fails, the stranger's call is still out.
func TestReference_OwnerWaitsForTheSeatAndThenForTheStranger(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		ins, a := w.start(inv, "ghesta"), w.start(inv, "gardeshpay")
		_, word, done := w.snipe("8001")
		say := words(1)
		w.script(w.ins, say...)
		done.Go(func() {
			if err := w.back(ins, "5001"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 })
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptReturned)
		say[0] <- refusal("26", false, true)
		w.until(func() bool { return w.attempt(ins).Status == checkout.AttemptFailed })
		w.runDue()
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		word <- refusal("", true, true)
		done.Wait()
		w.card.say("8001", paid("R8001"))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReference_OwnerWaitsOnAfterHisOtherReferenceFailed: while the stranger's call is out the same attempt
// brings a second reference, which is refused. It waits for the first again, and its events say so.
func TestReference_OwnerWaitsOnAfterHisOtherReferenceFailed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		w.card.say("8002", refusal("", false, true))
		w.mustBack(a, "8002")
		w.spawned.Wait()
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		err := w.db.View(t.Context(), func(tx *db.Tx) error {
			list, err := tx.EventsOfInvoice(inv.ID, 0, 1)
			if err == nil && (len(list) != 1 || list[0].Type != checkout.EventAttemptReturned) {
				t.Errorf("the last event is %+v", list)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		word <- refusal("", true, true)
		done.Wait()
		w.card.say("8001", paid("R8001"))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// canceled is an invoice that was canceled while so many customers were out with it.
func (w *world) canceled(gateway string, attempts int) (list []checkout.Attempt) {
	w.Helper()
	inv := w.invoice(1_000_000)
	for range attempts {
		list = append(list, w.start(inv, gateway))
	}
	if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
		w.Fatal(err)
	}
	return list
}

// TestReference_NeverAskedYieldsWhereTheAnswerNamesTheInvoice: a reference that a canceled invoice
// brought is not asked about on purpose. GardeshPay's answer names the invoice, so the owner may ask
// without capturing another's money. PayPing's names nothing: there it is money on its way back.
func TestReference_NeverAskedYieldsWhereTheAnswerNamesTheInvoice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mustBack(w.canceled("gardeshpay", 1)[0], "8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)

		w.mustBack(w.canceled("ghesta", 1)[0], "9001")
		inv = w.invoice(1_500_000)
		a = w.start(inv, "ghesta")
		w.mustBack(a, "9001")
		w.pass(20 * time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if w.ins.asked() != 0 {
			t.Errorf("asked %d times about money on its way back", w.ins.asked())
		}
	})
}

// TestReference_NeverAskedYieldsOnlyToWhoNamesItself: a claim that names no attempt is no proof.
func TestReference_NeverAskedYieldsOnlyToWhoNamesItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mustBack(w.canceled("gardeshpay", 1)[0], "8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		if err := w.claim(a, map[string][]string{"trackingNumber": {"8001"}}); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if w.card.asked() != 0 {
			t.Errorf("asked %d times", w.card.asked())
		}
	})
}

// held counts the references from first on that the attempts hold.
func (w *world) held(attempts []checkout.Attempt) (bound, stored int) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		bound, stored = 0, 0
		for _, a := range attempts {
			refs, err := tx.ReferencesOfAttempt(a.ID)
			if err != nil {
				return err
			}
			for _, r := range refs {
				stored++
				if r.Bound {
					bound++
				}
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return bound, stored
}

// TestReference_OneInvoiceHoldsAFew: otherwise one invoice, canceled at leisure, could take away the
// references of strangers that are yet to come.
func TestReference_OneInvoiceHoldsAFew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		evil := w.canceled("ghesta", 12)
		for i, x := range evil {
			w.mustBack(x, fmt.Sprint(9000+i))
			w.mustBack(x, fmt.Sprint(9500+i)) // a further one of an attempt that is closed holds nothing
		}
		if bound, stored := w.held(evil); bound != 5 || stored != 24 {
			t.Errorf("%d of %d references are held, want 5 of 24", bound, stored)
		}
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.mustBack(a, "9011")
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReference_OneInvoiceHoldsAFewOfThoseThatWaited: those that came while another was being
// verified, and are not asked about because that one paid.
func TestReference_OneInvoiceHoldsAFewOfThoseThatWaited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_000_000)
		var evil []checkout.Attempt
		for range 12 {
			evil = append(evil, w.start(inv, "ghesta"))
		}
		say := words(1)
		w.script(w.ins, say...)
		var all sync.WaitGroup
		all.Go(func() {
			if err := w.back(evil[0], "8000"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 })
		for i := range 36 { // three of each attempt, of the one in question as well
			w.mustBack(evil[i/3], fmt.Sprint(9000+i))
		}
		say[0] <- paid("R8000")
		all.Wait()
		w.work()
		w.want(inv, checkout.InvoicePaid, evil[0], checkout.AttemptPaid)
		if bound, stored := w.held(evil); bound > 6 || stored != 37 { // and the one that paid
			t.Errorf("%d of %d references are held, all but one of which nobody asked about", bound, stored)
		}
	})
}
