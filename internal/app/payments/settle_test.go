package payments_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// flaky is a store whose next changes fail, so many of them.
type flaky struct {
	*db.DB
	with  error
	left  atomic.Int64
	tries atomic.Int64
}

func (f *flaky) Update(ctx context.Context, fn func(*db.Tx) error) error {
	if f.left.Add(-1) >= 0 {
		f.tries.Add(1)
		return f.with
	}
	return f.DB.Update(ctx, fn)
}

// trouble is a world in which an answer of the gateway cannot be written down, so many times; run asks.
func trouble(t *testing.T, w *world, with error, times int64) (*flaky, checkout.Invoice, checkout.Attempt, func(context.Context) error) {
	t.Helper()
	f := &flaky{DB: w.db, with: with}
	o := w.engine().Options
	o.DB = f
	w.Engine = payments.New(o)
	w.Hurry()
	inv := w.invoice(1_500_000)
	a := w.start(inv, "gardeshpay")
	w.draining = true
	w.mustBack(a, "8001")
	w.draining = false
	job := w.dueJob()
	w.card.onVerify = func(gateways.VerifyRequest) {
		w.card.onVerify = nil
		f.left.Store(times)
	}
	return f, inv, a, func(ctx context.Context) error { return w.RunVerify(ctx, job) }
}

// TestSettle_StoreAway: a payment that was heard of while the store was away, or did not say whether it
// has it, is written down when it is back, and is not asked about again.
func TestSettle_StoreAway(t *testing.T) {
	for _, with := range []error{errAway, db.ErrOutcomeUnknown} {
		each(t, func(t *testing.T, w *world) {
			_, inv, a, run := trouble(t, w, with, payments.SettleTries+2)
			if err := run(t.Context()); err != nil {
				t.Errorf("%v: %v", with, err)
			}
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			if n := w.card.asked(); n != 1 {
				t.Errorf("%v: asked %d times", with, n)
			}
		})
	}
}

// TestSettle_OurOwnError: what no waiting mends is tried a few times, is said, and leaves the job, which
// asks again.
func TestSettle_OurOwnError(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bug := errors.New("a bug")
		f, inv, a, run := trouble(t, w, bug, 1000)
		if err := run(t.Context()); !errors.Is(err, bug) {
			t.Errorf("the worker is told %v", err)
		}
		if n := f.tries.Load(); n != payments.SettleTries {
			t.Errorf("tried %d times", n)
		}
		f.left.Store(0)
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.clock.add(payments.Lease * 2)
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := w.card.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestSettle_EndsWithTheProcess: who waits for the store does not keep a process that is to end.
func TestSettle_EndsWithTheProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f, inv, a, run := trouble(t, w, errAway, 1<<40)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		w.until(func() bool { return f.tries.Load() > payments.SettleTries })
		end()
		if err := <-done; !errors.Is(err, checkout.Unavailable) {
			t.Errorf("it ended with %v", err)
		}
		f.left.Store(0)
		w.clock.add(payments.Lease * 2)
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReference_UnsentCallDoesNotKeepIt: a call that never left can have captured nothing. Refused for
// good by the next one, the reference yields to an attempt that is named with it.
func TestReference_UnsentCallDoesNotKeepIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, other := w.invoice(1_500_000), w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", gateways.Answer{Outcome: gateways.Unknown, Body: "not sent"}, refusal("26", false, true))
		w.mustBack(a, "8001")
		w.spawned.Wait()
		if r := w.references(a); len(r) != 1 || r[0].Met || r[0].Unheard != 0 || r[0].Silences != 1 {
			t.Errorf("after a call that never left: %+v", r)
		}
		for range 20 {
			if w.attempt(a).Status == checkout.AttemptFailed {
				break
			}
			w.clock.add(payments.Lease)
			w.work()
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.ins.say("8001", paid("R8001"))
		b := w.start(other, "ghesta")
		w.mustBack(b, "8001")
		w.work()
		w.want(other, checkout.InvoicePaid, b, checkout.AttemptPaid)
	})
}

// TestRecord_PeopleOnly: what a person does stands in the log of deeds, once; what a program, a customer
// or a gateway does stands in the invoice's events alone.
func TestRecord_PeopleOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		deeds := func() (kinds []string) {
			err := w.db.View(t.Context(), func(tx *db.Tx) error {
				list, err := tx.Deeds(db.DeedQuery{MerchantID: w.scope.MerchantID, Area: checkout.AreaInvoice, Limit: 100})
				for _, d := range list {
					kinds = append(kinds, d.Kind+" "+d.By.String()+" "+d.Object)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return kinds
		}
		paid := w.invoice(1_500_000)
		w.mustBack(w.start(paid, "gardeshpay"), "8001")
		byProgram := w.invoice(1_500_000)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, byProgram.ID, checkout.Actor{Kind: "key", ID: "key_1"}, nil); err != nil {
			t.Fatal(err)
		}
		if list := deeds(); len(list) != 0 {
			t.Errorf("nobody did %v", list)
		}
		byPerson := w.invoice(1_500_000)
		someone := checkout.Actor{Kind: "user", ID: "usr_1"}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, byPerson.ID, someone, nil); err != nil {
			t.Fatal(err)
		}
		if list := deeds(); len(list) != 1 || list[0] != "invoice.canceled "+someone.String()+" "+byPerson.ID {
			t.Errorf("the log: %v", list)
		}
	})
}

// TestSeat_AnothersReferenceWaitsToo: a reference that another attempt holds is kept also where the seat is
// taken, and is decided on when that is free.
func TestSeat_AnothersReferenceWaitsToo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8001")
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.say("9001", silence(), silence(), refusal("26", false, true))
		w.mustBack(a, "9001")
		w.spawned.Wait()
		w.mustBack(b, "8001")
		w.want(inv, checkout.InvoiceProcessing, b, checkout.AttemptReturned)
		if r := w.references(b); len(r) != 1 || r[0].Bound || r[0].Status != checkout.ReferenceWaiting {
			t.Errorf("while the seat is taken: %+v", r)
		}
		w.pass(time.Minute)
		w.want(inv, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		if f := w.attempt(b).Failure; f == nil || f.Code != checkout.CodeReferenceUsed {
			t.Errorf("when it is free: %+v", f)
		}
	})
}

// TestRunVerify_JobThatNamesNothing: a job whose key names no reference is an error, and asks nobody.
func TestRunVerify_JobThatNamesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.start(w.invoice(1_500_000), "ghesta")
		for _, key := range []string{"", "nothing", a.ID, a.ID + "/", a.ID + "/8001", "att_none/8001"} {
			if err := w.RunVerify(t.Context(), checkout.Job{Kind: payments.JobVerify, Key: key, Fence: 1}); err == nil {
				t.Errorf("%q is no error", key)
			}
		}
		if n := w.ins.asked(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}
