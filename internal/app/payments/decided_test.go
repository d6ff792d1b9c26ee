package payments_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// TestResolve_TheBanksNumber: at GardeshPay the number that a person gives is the bank's. It stands on
// the receipt beside the tracking number, which stays what it was and this attempt's for ever; it finds
// the invoice, and takes nothing away from an attempt whose reference happens to read the same.
func TestResolve_TheBanksNumber(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, given := range []string{"", "740218839451"} {
			inv := w.invoice(1_500_000)
			a := w.start(inv, "gardeshpay")
			ref := "80" + inv.Number
			w.card.say(ref, gateways.Answer{Outcome: gateways.Review, Code: "amount_mismatch", Sent: true, Status: 200})
			w.mustBack(a, ref)
			w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			_, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "paid", Note: "n", RefNumber: given}, clerk, nil)
			if err != nil {
				t.Fatalf("given %q: %v", given, err)
			}
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			got, err := w.Invoice(t.Context(), w.scope, inv.ID)
			if err != nil || got.Payment == nil || got.Payment.TrackingNumber != ref || got.Payment.RefNumber != given || !got.Payment.Manual {
				t.Errorf("given %q: the receipt says %+v, %v", given, got.Payment, err)
			}
			if now := w.attempt(a); now.TrackingNumber != ref || now.RefNumber != given || !now.Resolved || now.Note != "n" || now.Failure != nil {
				t.Errorf("given %q: %+v", given, now)
			}
			if given == "" {
				continue
			}
			list, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Query: given, Limit: 9})
			if err != nil || len(list) != 1 || list[0].ID != inv.ID {
				t.Errorf("by %s: %d invoices, %v", given, len(list), err)
			}
			other := w.invoice(1_500_000)
			b := w.start(other, "gardeshpay")
			w.mustBack(b, given)
			w.want(other, checkout.InvoicePaid, b, checkout.AttemptPaid)
		}
	})
}

// TestResolve_Refid: at PayPing the number is the refid, however it is spelt. Without one the attempt's own
// stays; one that came too late to be asked about is bound when a person says that it was the one.
func TestResolve_Refid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		resolve := func(a checkout.Attempt, ref string) (checkout.Attempt, error) {
			got, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "paid", Note: "n", RefNumber: ref}, clerk, nil)
			return got, err
		}
		for i, c := range []struct{ given, want, told string }{
			{"", "9100", ""}, {" 0007777 ", "0007777", `"ref_number":"0007777"`}, {"8102", "8102", `"ref_number":"8102"`}, {strings.Repeat("7", 64), strings.Repeat("7", 64), "777"},
		} {
			ref := fmt.Sprint(9100 + i)
			inv, a := w.inReviewBy(ref)
			w.mustBack(a, fmt.Sprint(8100+i)) // too late: it is kept, and nobody's
			if got, err := resolve(a, strings.Repeat("7", 65)); wrong(err) != "ref_number=bad_reference" || got.ID != "" {
				t.Errorf("65 digits: %+v, %v", got, err)
			}
			got, err := resolve(a, c.given)
			if err != nil || got.ID != a.ID || got.Status != checkout.AttemptPaid || got.TrackingNumber != c.want || got.RefNumber != c.want {
				t.Errorf("given %q: %+v, %v", c.given, got, err)
			}
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			for _, e := range w.events(inv) {
				if e.Type == checkout.EventAttemptResolved && (!strings.Contains(e.Data, c.told) || c.told == "" && strings.Contains(e.Data, "ref_number")) {
					t.Errorf("given %q: %s", c.given, e.Data)
				}
			}
			other := w.invoice(1_500_000)
			b := w.start(other, "ghesta")
			w.mustBack(b, strings.TrimLeft(c.want, "0"))
			w.want(other, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
			if got := w.attempt(b).Failure; got == nil || got.Code != checkout.CodeReferenceUsed {
				t.Errorf("given %q, and another may have it: %+v", c.given, got)
			}
		}
	})
}

// TestRefund_OfTheMost: what can be paid can be given back, and its event speaks of no attempt.
func TestRefund_OfTheMost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.set("gardeshpay", map[string]string{"max_amount": fmt.Sprint(int64(money.MaxInvoice))})
		inv := w.invoice(int64(money.MaxInvoice))
		w.mustBack(w.start(inv, "gardeshpay"), "8001")
		if _, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: money.MaxInvoice}, clerk, nil); err != nil {
			t.Fatal(err)
		}
		if e := w.last(inv); e.Type != checkout.EventInvoiceRefunded || e.AttemptID != "" || e.GatewayID != "" {
			t.Errorf("%+v", e)
		}
		if _, _, err := w.InvoiceRefunds(t.Context(), w.scope, "inv_none", "", 9); keyOf(err) != "error.not_found" {
			t.Errorf("of none: %v", err)
		}
	})
}

// TestReference_FreedWhileItsOwnerWaits: a stranger's invoice held the reference and let it go, since
// it holds a few only. Its owner, who had waited for the stranger's answer, is asked about then.
func TestReference_FreedWhileItsOwnerWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, mine := w.invoice(1_500_000), w.invoice(1_500_000)
		var strange []checkout.Attempt
		for range payments.MaxReferences + 2 {
			strange = append(strange, w.start(inv, "ghesta"))
		}
		say := words(1)
		w.script(w.ins, say...)
		var all sync.WaitGroup
		all.Go(func() { w.mustBack(strange[0], "8000") })
		w.until(func() bool { return w.ins.asked() == 1 })
		for i, a := range strange[1:] {
			w.clock.add(time.Millisecond)
			w.mustBack(a, fmt.Sprint(9001+i))
		}
		a := w.start(mine, "ghesta")
		w.mustBack(a, "9006")
		w.want(mine, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		say[0] <- paid("8000")
		all.Wait()
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, strange[6], checkout.AttemptUnclaimed)
		w.clock.add(2 * time.Second)
		w.work()
		w.want(mine, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if r := w.references(a); len(r) != 1 || !r[0].Bound {
			t.Errorf("his reference is %+v", r)
		}
	})
}

// TestLease_IsRenewedWhileACallIsOut: whoever asks, the return itself or a stored job, and also when he
// is told to end meanwhile: his answer is still to be written, and nobody may ask beside him.
func TestLease_IsRenewedWhileACallIsOut(t *testing.T) {
	t.Parallel() // it waits two seconds
	each(t, func(t *testing.T, w *world) {
		first, second := w.invoice(1_500_000), w.invoice(1_500_000)
		a, b := w.start(first, "ghesta"), w.start(second, "gardeshpay")
		w.draining = true // b's is left to a job
		w.mustBack(b, "9001")
		w.draining = false
		run := w.due()
		answer := make(chan struct{})
		w.ins.hold["8001"] = answer
		w.card.onVerify = func(gateways.VerifyRequest) { <-answer }
		var all sync.WaitGroup
		all.Go(func() { w.mustBack(a, "8001") })
		all.Go(func() {
			if err := run(); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 && w.card.asked() == 1 })
		was := []time.Time{w.job(a, "8001").LeaseUntil, w.job(b, "9001").LeaseUntil}
		for i, until := range was {
			if got := until.Sub(w.clock.now()); got != payments.Lease {
				t.Errorf("lease %d is for %v", i, got)
			}
		}
		w.clock.add(3 * time.Second)
		w.until(func() bool {
			return w.job(a, "8001").LeaseUntil.After(was[0]) && w.job(b, "9001").LeaseUntil.After(was[1])
		})
		close(answer)
		all.Wait()
		w.spawned.Wait()
		w.want(first, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.want(second, checkout.InvoicePaid, b, checkout.AttemptPaid)
	})
}

// TestRunVerify_EndedWhileACallIsOut: the worker is told to end. The call goes on, and so does its lease.
func TestRunVerify_EndedWhileACallIsOut(t *testing.T) {
	t.Parallel() // it waits two seconds
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.draining = true
		w.mustBack(a, "9001")
		job := w.dueJob()
		answer := make(chan struct{})
		w.card.onVerify = func(gateways.VerifyRequest) { <-answer }
		ctx, end := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.RunVerify(ctx, job) }()
		w.until(func() bool { return w.card.asked() == 1 })
		end()
		was := w.job(a, "9001").LeaseUntil
		w.clock.add(3 * time.Second)
		w.until(func() bool { return w.job(a, "9001").LeaseUntil.After(was) })
		close(answer)
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReference_UnheardCallKeepsIt: one of its calls was never heard, the next was refused for good. The
// unheard one may have captured, so the reference does not yield, whoever names himself.
func TestReference_UnheardCallKeepsIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, other := w.invoice(1_500_000), w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		second <- refusal("26", false, true)
		w.until(func() bool { return w.attempt(a).Status == checkout.AttemptFailed })
		b := w.start(other, "ghesta")
		w.mustBack(b, "8001")
		w.want(other, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		if r := w.references(a); len(r) != 1 || !r[0].Met || !r[0].Bound || r[0].Unheard != 1 {
			t.Errorf("the first one's reference is %+v", r)
		}
		first <- silence()
		done.Wait()
	})
}

// TestSeat_OneOfTwoThatWait: the seat is handed to the first of those who wait, and the others wait on.
func TestSeat_OneOfTwoThatWait(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		first, second, third := w.start(inv, "gardeshpay"), w.start(inv, "ghesta"), w.start(inv, "gardeshpay")
		say := words(1)
		w.script(w.card, say...)
		var all sync.WaitGroup
		all.Go(func() { w.mustBack(first, "8001") })
		w.until(func() bool { return w.card.asked() == 1 })
		for i, a := range []checkout.Attempt{second, third} {
			w.clock.add(time.Millisecond)
			w.mustBack(a, fmt.Sprint(9001+i))
		}
		say[0] <- refusal("", false, true)
		all.Wait()
		w.spawned.Wait()
		w.want(inv, checkout.InvoiceProcessing, first, checkout.AttemptFailed)
		w.want(inv, checkout.InvoiceProcessing, second, checkout.AttemptVerifying)
		w.want(inv, checkout.InvoiceProcessing, third, checkout.AttemptReturned)
		w.work()
		w.want(inv, checkout.InvoicePaid, second, checkout.AttemptPaid)
		w.want(inv, checkout.InvoicePaid, third, checkout.AttemptUnclaimed)
	})
}

// TestSeat_AnotherReferenceOfAReview: while an attempt's first reference goes to a person its second one
// waited. That one is not asked about, and the attempt stays with the person.
func TestSeat_AnotherReferenceOfAReview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		say := words(1)
		w.script(w.ins, say...)
		var all sync.WaitGroup
		all.Go(func() { w.mustBack(a, "8001") })
		w.until(func() bool { return w.ins.asked() == 1 })
		w.mustBack(a, "8002")
		say[0] <- already()
		all.Wait()
		w.pass(20 * time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if n := count(w.types(inv), checkout.EventAttemptUnclaimed); n != 0 || w.attempt(a).TrackingNumber != "8001" || w.ins.asked() != 1 {
			t.Errorf("unclaimed %d times, %s, asked %d times", n, w.attempt(a).TrackingNumber, w.ins.asked())
		}
	})
}

// TestSeat_WhatWaitedAndMayNotBeAsked: when the seat is free, a reference that is another's goes to a
// person, and nobody is told to ask about it; of an attempt that waits with two, and is not verified on
// purpose, it is told once, and by the first.
func TestSeat_WhatWaitedAndMayNotBeAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "7777")
		for _, pays := range []bool{false, true} {
			inv := w.invoice(1_500_000)
			card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
			ref := "80" + inv.Number
			w.card.say(ref, silence())
			w.mustBack(card, ref)
			waits := []string{"7777"}
			if pays {
				waits = []string{"91" + inv.Number, "92" + inv.Number}
			}
			for _, r := range waits {
				w.clock.add(time.Millisecond)
				w.mustBack(ins, r)
			}
			w.spawned.Wait()
			w.want(inv, checkout.InvoiceProcessing, ins, checkout.AttemptReturned)
			if w.card.say(ref, refusal("", false, true)); pays {
				w.card.say(ref, paid("R"))
			}
			w.clock.add(6 * time.Second)
			if err := w.due()(); err != nil {
				t.Fatal(err)
			}
			if !pays {
				w.want(inv, checkout.InvoiceReview, ins, checkout.AttemptNeedsReview)
			} else {
				w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptUnclaimed)
				if n := count(w.types(inv), checkout.EventAttemptUnclaimed); n != 1 || w.attempt(ins).TrackingNumber != waits[0] {
					t.Errorf("told %d times, by %s", n, w.attempt(ins).TrackingNumber)
				}
			}
			for _, r := range waits {
				err := w.db.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Job(payments.JobVerify, ins.ID+"/"+r); return err })
				if !errors.Is(err, checkout.NotFound) {
					t.Errorf("pays %v: a job is left about %s: %v", pays, r, err)
				}
			}
		}
	})
}
