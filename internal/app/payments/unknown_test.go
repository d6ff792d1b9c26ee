package payments_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// unsure is a store whose first commit, once armed, leaves us not knowing: done or not, it is said to
// be lost. Meanwhile runs before we hear that.
type unsure struct {
	*db.DB
	mu        sync.Mutex
	armed     bool
	done      bool
	meanwhile func()
}

func (u *unsure) Update(ctx context.Context, fn func(*db.Tx) error) error {
	u.mu.Lock()
	now := u.armed
	u.armed = false
	u.mu.Unlock()
	if !now {
		return u.DB.Update(ctx, fn)
	}
	lost := errors.New("never mind")
	err := u.DB.Update(ctx, func(tx *db.Tx) error {
		if err := fn(tx); err != nil || u.done {
			return err
		}
		return lost
	})
	if err != nil && !errors.Is(err, lost) {
		return err
	}
	if u.meanwhile != nil {
		u.meanwhile()
	}
	return db.ErrOutcomeUnknown
}

// TestStore_OutcomeOfTheClaimUnknown: the commit that stores a claim was lost on the way. Whether it is
// in the books or not, the claim is asked about once, and a 15 is not taken for the answer to a call
// that we never made.
func TestStore_OutcomeOfTheClaimUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		done   bool
		answer gateways.Answer
		want   checkout.AttemptStatus
	}{
		"it is in the books":                    {true, paid("R8001"), checkout.AttemptPaid},
		"it is not":                             {false, paid("R8001"), checkout.AttemptPaid},
		"it is in the books, verified before":   {true, already(), checkout.AttemptNeedsReview},
		"it is not, and it was verified before": {false, already(), checkout.AttemptNeedsReview},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				store := &unsure{DB: w.db, done: c.done}
				w.Engine = w.rewired(func(o *payments.Options) { o.DB = store })
				w.ins.say("8001", c.answer)
				store.armed = true
				w.mustBack(a, "8001")
				w.work()
				if got := w.attempt(a); got.Status != c.want || w.ins.asked() != 1 {
					t.Errorf("attempt is %s, asked %d times: %v", got.Status, w.ins.asked(), w.types(inv))
				}
				if r := w.references(a); len(r) != 1 || r[0].Asks != 1 || r[0].Open || r[0].Unheard != 0 {
					t.Errorf("references %+v", r)
				}
			})
		})
	}
}

// TestStore_AnotherProcessAskedMeanwhile: while we did not know whether our claim was stored, another
// process found it and asked. Its call is not taken back for ours.
func TestStore_AnotherProcessAskedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		other, hung := w.engine(), make(chan struct{})
		w.ins.hold["8001"] = hung
		var all sync.WaitGroup
		store := &unsure{DB: w.db, done: true, armed: true, meanwhile: func() {
			jobs := w.outlive()
			all.Go(func() { w.run(other, jobs) })
			w.until(func() bool { return w.ins.asked() == 1 })
		}}
		w.Engine = w.rewired(func(o *payments.Options) { o.DB = store })
		w.mustBack(a, "8001")
		w.spawned.Wait()
		if r := w.references(a); len(r) != 1 || !r[0].Open || r[0].Asks != 2 || r[0].Status != checkout.ReferenceAsking {
			t.Errorf("the other's call is out, and the books say %+v", r)
		}
		close(hung)
		all.Wait()
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.ins.asked() != 1 {
			t.Errorf("asked %d times", w.ins.asked())
		}
	})
}

// TestLease_LateSuccessWhileAnotherHasTheSeat: a success that is heard when its attempt was given up
// and another is being verified takes nothing from that one. It leaves its event, with all that a
// person needs to find the money.
func TestLease_LateSuccessWhileAnotherHasTheSeat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		second <- refusal("26", false, true)
		w.until(func() bool { return w.attempt(a).Status == checkout.AttemptFailed })
		b := w.start(inv, "gardeshpay")
		w.card.say("9001", silence())
		w.mustBack(b, "9001")
		w.want(inv, checkout.InvoiceProcessing, b, checkout.AttemptVerifying)
		first <- paid("R8001")
		done.Wait()
		w.want(inv, checkout.InvoiceProcessing, b, checkout.AttemptVerifying)
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptFailed)
		e := w.last(inv)
		for _, has := range []string{`"late":true`, `"outcome":"paid"`, `"tracking_number":"8001"`, `"ref_number":"R8001"`} {
			if e.Type != checkout.EventVerifyAnswered || e.AttemptID != a.ID || !strings.Contains(e.Data, has) {
				t.Errorf("%s is not in the last event, %s %s", has, e.Type, e.Data)
			}
		}
		w.card.say("9001", paid("R9001"))
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, b, checkout.AttemptPaid)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptFailed)
	})
}

// TestLease_LateSuccessNamesWhatPaid: the attempt went on with another reference meanwhile. What is
// heard late is about the first, and that is what the receipt and the books name.
func TestLease_LateSuccessNamesWhatPaid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		first, second, done := w.overtake(a, "8001", w.card)
		second <- refusal("26", false, true)
		w.until(func() bool { return w.attempt(a).Status == checkout.AttemptFailed })
		w.card.say("8002", refusal("26", false, true))
		w.mustBack(a, "8002")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		if got := w.attempt(a); got.TrackingNumber != "8002" {
			t.Fatalf("failed with %s", got.TrackingNumber)
		}
		first <- paid("R8001")
		done.Wait()
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		got, err := w.Invoice(t.Context(), w.scope, inv.ID)
		if err != nil || got.Payment == nil || got.Payment.TrackingNumber != "8001" || got.Payment.RefNumber != "R8001" || w.attempt(a).TrackingNumber != "8001" {
			t.Errorf("paid by %+v, %v; the attempt by %s", got.Payment, err, w.attempt(a).TrackingNumber)
		}
	})
}

// TestLease_LateWordIsOnRecord: what an overtaken call hears changes nothing, and stands in the timeline
// with the number of its ask.
func TestLease_LateWordIsOnRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		first <- refusal("4", false, false)
		w.until(func() bool { return w.last(inv).Type == checkout.EventVerifyAnswered })
		if e := w.last(inv); e.Data != `{"ask":1,"late":true,"outcome":"refused"}` || e.AttemptID != a.ID {
			t.Errorf("event %s", e.Data)
		}
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		second <- paid("R8001")
		done.Wait()
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestRunVerify_JobOfAnother: a job that another process took meanwhile is left alone: its call would
// be a second one at the same moment.
func TestRunVerify_JobOfAnother(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.draining = true
		w.mustBack(a, "8001")
		w.draining = false
		old, current := w.outlive(), w.outlive()
		w.run(w.Engine, old)
		if w.card.asked() != 0 {
			t.Fatalf("asked %d times under a lease that is another's", w.card.asked())
		}
		if r := w.references(a); r[0].Open || r[0].Asks != 0 {
			t.Errorf("a call is on record that was not made: %+v", r[0])
		}
		w.run(w.engine(), current)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.card.asked() != 1 {
			t.Errorf("asked %d times", w.card.asked())
		}
	})
}

// TestResolve_OnlyTheOneInReview: a person decides about the attempt that is in question, and about no
// other of its invoice.
func TestResolve_OnlyTheOneInReview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.say("8001", refusal("4", false, true))
		w.mustBack(a, "8001")
		w.ins.say("9001", gateways.Answer{Outcome: gateways.Review, Code: "46", Sent: true, Status: 400})
		w.mustBack(b, "9001")
		w.want(inv, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		for _, outcome := range []string{"paid", "failed"} {
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: outcome, Note: "n"}, checkout.Actor{}, nil); !errors.Is(err, checkout.Conflict) {
				t.Errorf("%s: %v", outcome, err)
			}
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptFailed)
		w.want(inv, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
	})
}

// TestResolve_ReferenceOfAnother: no receipt carries what another attempt owns. At PayPing the number a
// person gives is the refid, and is bound for ever; at GardeshPay it is the bank's, beside ours.
func TestResolve_ReferenceOfAnother(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		resolve := func(a checkout.Attempt, ref string) error {
			_, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "paid", Note: "n", RefNumber: ref}, checkout.Actor{}, nil)
			return err
		}
		used := func(err error) bool {
			f := fieldsOf(err)
			return errors.Is(err, checkout.Invalid) && len(f) == 1 && f[0] == checkout.FieldError{Field: "ref_number", Code: checkout.CodeReferenceUsed}
		}
		for _, gateway := range payments.GatewayNames() {
			owner, inv := w.invoice(1_500_000), w.invoice(1_500_000)
			w.mustBack(w.start(owner, gateway), "8001")
			a := w.start(inv, gateway)
			w.mustBack(a, "8001")
			w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			if err := resolve(a, ""); !used(err) {
				t.Errorf("%s, under another's reference: %v", gateway, err)
			}
			if err := resolve(a, "8001"); used(err) != (gateway == "ghesta") {
				t.Errorf("%s, given another's reference: %v", gateway, err)
			}
			if gateway == "ghesta" {
				if err := resolve(a, "8777"); err != nil {
					t.Fatal(err)
				}
			}
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			want := map[string][2]string{"gardeshpay": {"8001", "8001"}, "ghesta": {"8777", "8777"}}[gateway]
			if got := w.attempt(a); got.TrackingNumber != want[0] || got.RefNumber != want[1] || !got.Resolved {
				t.Errorf("%s: %s %s", gateway, got.TrackingNumber, got.RefNumber)
			}
		}
		late := w.invoice(1_500_000)
		b := w.start(late, "ghesta")
		w.mustBack(b, "8777")
		w.want(late, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		if got := w.attempt(b).Failure; got == nil || got.Code != checkout.CodeReferenceUsed {
			t.Errorf("a refid that a person gave away: %+v", got)
		}
	})
}
