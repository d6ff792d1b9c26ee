package payments_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// seated watches every call of verify: it may be made only from the seat.
func (w *world) seated(v *vendor, inv checkout.Invoice, a checkout.Attempt) {
	v.onVerify = func(gateways.VerifyRequest) {
		if i, s := w.status(inv), w.attempt(a).Status; i != checkout.InvoiceProcessing || s != checkout.AttemptVerifying {
			w.Errorf("call %d is made while the invoice is %s and the attempt %s", v.asked(), i, s)
		}
	}
}

// TestReask_DueThisVeryMoment: the worker was away, so that the re-ask of 30 s is refused at the hour
// of the next one. An ask at once would go out without the seat, beside another attempt's.
func TestReask_DueThisVeryMoment(t *testing.T) {
	for _, away := range []time.Duration{2 * time.Minute, 8 * time.Minute, time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "gardeshpay")
				w.seated(w.card, inv, a)
				w.card.say("8001", refusal("", true, true), refusal("", true, true), paid("R8001"))
				w.mustBack(a, "8001")
				w.spawned.Wait()
				w.clock.add(away)
				w.work()
				w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
				if w.card.asked() != 2 {
					t.Errorf("asked %d times", w.card.asked())
				}
				w.pass(10 * time.Minute)
				w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				if w.card.asked() != 3 {
					t.Errorf("asked %d times", w.card.asked())
				}
			})
		})
	}
}

// TestReask_LooksSeldomWhileSomebodyIsOut: a customer who stays at the bank for half an hour after a
// refusal must not cost two commits every few seconds; when he is back, the re-ask comes within a minute.
func TestReask_LooksSeldomWhileSomebodyIsOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		first := w.start(inv, "gardeshpay")
		w.card.say("1001", refusal("12", true, true), paid("R1"))
		w.mustBack(first, "1001")
		w.work()
		later := w.start(inv, "ghesta")
		looks := 0
		for end := w.clock.now().Add(25 * time.Minute); ; looks++ {
			var next time.Time
			err := w.db.View(t.Context(), func(tx *db.Tx) (err error) { next, err = tx.NextJobAt([]string{payments.JobVerify}); return err })
			if err != nil {
				t.Fatal(err)
			}
			if next.IsZero() || next.After(end) {
				w.clock.add(end.Sub(w.clock.now()))
				break
			}
			w.clock.add(next.Sub(w.clock.now()))
			w.work()
		}
		if looks < 20 || looks > 60 {
			t.Errorf("the job looked %d times in 25 minutes", looks)
		}
		if n := w.card.asked(); n != 1 {
			t.Fatalf("asked %d times while somebody was out", n)
		}
		w.mustBack(later, "1") // PayPing's sign of a cancellation
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, first, checkout.AttemptPaid)
	})
}

// TestReask_AfterAnotherReferenceWasCanceled: the gateway may take back its refusal of the first
// reference, whatever became of the second one.
func TestReask_AfterAnotherReferenceWasCanceled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.seated(w.ins, inv, a)
		w.ins.say("8001", refusal("12", true, false), paid("R8001"))
		w.ins.say("8002", gateways.Answer{Outcome: gateways.Canceled, Code: "1", Sent: true, Status: 400})
		w.mustBack(a, "8001")
		w.work()
		w.mustBack(a, "8002")
		w.work()
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptCanceled)
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if got := w.attempt(a); got.TrackingNumber != "8001" || w.ins.asked() != 3 {
			t.Errorf("paid by %s, asked %d times", got.TrackingNumber, w.ins.asked())
		}
	})
}

// TestDrain_ClaimIsNotUnheard: a process that drains stores the claim and asks nobody. A code 15 to
// the first call that is made is then somebody else's capture, and no proof.
func TestDrain_ClaimIsNotUnheard(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.draining = true
		w.mustBack(a, "8001")
		w.mustBack(a, "8001")
		w.draining = false
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		if n := w.unheard(a, "8001"); n != 0 || w.ins.asked() != 0 {
			t.Errorf("unheard = %d, asked %d times", n, w.ins.asked())
		}
		w.Engine = w.engine() // the next process
		w.ins.say("8001", already())
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if got := w.attempt(a).Failure; got == nil || got.Code != checkout.CodeAlreadyVerified || w.ins.asked() != 1 {
			t.Errorf("failure = %+v, asked %d times", got, w.ins.asked())
		}
	})
}

// TestDrain_ClaimIsAskedByTheNextProcess: at once, and as often as any other.
func TestDrain_ClaimIsAskedByTheNextProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.draining = true
		w.mustBack(a, "8001")
		w.draining = false
		w.Engine = w.engine()
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.card.asked() != 1 {
			t.Errorf("asked %d times", w.card.asked())
		}
	})
}

// TestStore_BusyLosesNoClaim: another program holds the database, for longer than the store waits and
// than the browser does. The claim is in nobody's hands but ours: it is stored when the database is
// free again, though the customer was told that it is not stored yet and never comes back.
func TestStore_BusyLosesNoClaim(t *testing.T) {
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	url := dbtest.SQLiteURL(t)
	w := newWorld(t, dbtest.Open(t, db.Options{URL: url, Now: c.now}), c)
	other := dbtest.Open(t, db.Options{URL: url, Now: c.now})
	inv := w.invoice(1_500_000)
	a := w.start(inv, "gardeshpay")
	held, free := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	var all sync.WaitGroup
	all.Go(func() {
		if err := other.Update(context.Background(), func(*db.Tx) error { close(held); <-free; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	err := w.back(a, "8001")
	if e, ok := errors.AsType[*checkout.Error](err); !ok || e.Kind != checkout.Unavailable || e.Key != "error.unavailable" {
		t.Errorf("the customer was told %v", err)
	}
	// The store itself has given up at least once.
	if err := w.db.Update(t.Context(), func(*db.Tx) error { return nil }); !errors.Is(err, checkout.Unavailable) {
		t.Errorf("a store that another holds: %v", err)
	}
	release()
	all.Wait()
	w.spawned.Wait()
	w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	if w.card.asked() != 1 {
		t.Errorf("asked %d times", w.card.asked())
	}
}

// TestStore_BusyForAMomentIsNotTold: the claim waits its turn, and so does the customer.
func TestStore_BusyForAMomentIsNotTold(t *testing.T) {
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	w := newWorld(t, dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t), Now: c.now}), c)
	inv := w.invoice(1_500_000)
	a := w.start(inv, "ghesta")
	held, free := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := w.db.Update(context.Background(), func(*db.Tx) error { close(held); <-free; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	all.Go(func() { w.mustBack(a, "8001") })
	time.Sleep(50 * time.Millisecond) // so that the claim does wait; it need not for the test to hold
	close(free)
	all.Wait()
	w.spawned.Wait()
	w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
}

// TestOnce_CancelTwiceInFlight: a merchant's client gave up waiting and asks again while the first
// call is at work. It must hear the first one's answer, not that the invoice cannot be canceled.
func TestOnce_CancelTwiceInFlight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		inside, free := make(chan struct{}), make(chan struct{})
		first := sync.OnceFunc(func() { close(inside); <-free })
		once := func(hash string) *payments.Once {
			return &payments.Once{Key: "k1", Hash: hash, Render: func(any) (int, []byte, error) {
				first()
				return 200, []byte("canceled"), nil
			}}
		}
		cancel := func(hash string) (*payments.Replay, error) {
			_, replay, err := w.CancelInvoice(context.Background(), w.scope, inv.ID, checkout.Actor{}, once(hash))
			return replay, err
		}
		var all sync.WaitGroup
		all.Go(func() {
			if replay, err := cancel("h"); err != nil || replay != nil {
				t.Errorf("first: %+v, %v", replay, err)
			}
		})
		<-inside
		for range 4 {
			all.Go(func() {
				replay, err := cancel("h")
				if err != nil || replay == nil || replay.Status != 200 || string(replay.Body) != "canceled" {
					t.Errorf("again: %+v, %v", replay, err)
				}
			})
		}
		all.Go(func() {
			if replay, err := cancel("another"); !errors.Is(err, checkout.Invalid) || replay != nil {
				t.Errorf("another call with the same key: %+v, %v", replay, err)
			}
		})
		time.Sleep(100 * time.Millisecond) // so that they do wait; they need not for the test to hold
		close(free)
		all.Wait()
		if types := w.types(inv); count(types, "invoice.canceled") != 1 {
			t.Errorf("events = %v", types)
		}
	})
}

// TestCallback_DifferentReferencesLeaveEventsAfterManyRepeats: each may be a second payment that a
// person must find, however often the browser brought the first one again.
func TestCallback_DifferentReferencesLeaveEventsAfterManyRepeats(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		w.work()
		for range 15 {
			w.mustBack(a, "8001")
		}
		for i := 2; i <= 20; i++ {
			before := count(w.types(inv), "callback.received")
			for range 3 {
				w.mustBack(a, fmt.Sprint(8000+i))
			}
			if got := count(w.types(inv), "callback.received"); got != before+1 {
				t.Fatalf("reference %d: %d events more, want its one", i, got-before)
			}
		}
		for i := range 40 {
			w.mustBack(a, fmt.Sprint(9000+i))
		}
		if got := count(w.types(inv), "callback.received"); got > 45 {
			t.Errorf("%d events: whoever knows the address fills the history", got)
		}
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.card.asked() != 1 {
			t.Errorf("asked %d times", w.card.asked())
		}
	})
}

func (w *world) strays() int {
	w.Helper()
	n := 0
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		list, err := tx.Strays(1000)
		n = len(list)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// TestStray_OneTokenLeavesAFew: a token that is truly ours and not here is kept for a person, who
// must not drown in what one holder of one such token sends.
func TestStray_OneTokenLeavesAFew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stray := func(gateway string, who byte, ref int) {
			values := url.Values{"trackingNumber": {fmt.Sprint(ref)}}
			if gateway == "ghesta" {
				values = url.Values{"refid": {fmt.Sprint(ref)}, "code": {"c"}, "clientrefid": {"n"}, "cardnumber": {""}, "cardhashpan": {""}}
			}
			in := payments.CallbackInput{Gateway: gateway, Token: testBox().Token("callback/"+gateway, [16]byte{who}), Values: values}
			if _, err := w.Callback(t.Context(), in); !errors.Is(err, checkout.NotFound) {
				t.Fatalf("a token that is not here: %v", err)
			}
		}
		for range 20 {
			stray("gardeshpay", 7, 8001)
		}
		if n := w.strays(); n != 1 {
			t.Errorf("the same callback again and again is kept %d times", n)
		}
		for i := range 60 {
			stray("gardeshpay", 7, 9000+i)
		}
		if n := w.strays(); n != 10 {
			t.Errorf("%d strays of one token", n)
		}
		stray("gardeshpay", 8, 8001) // another's is kept all the same
		stray("ghesta", 7, 80010)
		if n := w.strays(); n != 12 {
			t.Errorf("%d strays, want two more of other tokens", n)
		}
	})
}

// breaks is a store whose connection breaks at the first commit, which is lost; meanwhile somebody
// else has his way.
type breaks struct {
	payments.Store
	once      sync.Once
	meanwhile func()
}

func (b *breaks) Update(ctx context.Context, fn func(*db.Tx) error) (err error) {
	lost := false
	b.once.Do(func() {
		lost = true
		undone := errors.New("undone")
		if err = b.Store.Update(ctx, func(tx *db.Tx) error { return errors.Join(fn(tx), undone) }); errors.Is(err, undone) {
			err = db.ErrOutcomeUnknown
		}
		b.meanwhile()
	})
	if lost {
		return err
	}
	return b.Store.Update(ctx, fn)
}

// TestCallback_WithdrawsOnlyItsOwnIntent: the same return comes to two processes. The first does not know
// whether its claim was stored (it was not), the second stored it and its call is out. What the first
// takes back must not be the second's intent: another call would go out beside it, and its lost answer
// would be nobody's.
func TestCallback_WithdrawsOnlyItsOwnIntent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		hold := make(chan struct{})
		w.ins.hold["8001"] = hold
		other := w.engine()
		broken := &breaks{Store: w.db, meanwhile: func() {
			first := w.Engine
			w.Engine = other
			go func() { _ = w.back(a, "8001") }()
			w.until(func() bool { return w.ins.asked() == 1 })
			w.Engine = first
		}}
		o := w.engine().Options
		o.DB = broken
		w.Engine = payments.New(o)
		w.mustBack(a, "8001")
		worked := make(chan struct{})
		go func() { w.runDue(); close(worked) }()
		w.until(func() bool { return w.ins.asked() == 2 || isClosed(worked) })
		if w.ins.asked() != 1 {
			t.Errorf("%d calls at once", w.ins.asked())
		}
		var r *checkout.Reference
		err := w.db.View(t.Context(), func(tx *db.Tx) (err error) { r, err = tx.Reference(a.ID, "8001"); return err })
		if err != nil || !r.Open || r.Asks != 1 {
			t.Errorf("the call that is out stands as %+v (%v)", r, err)
		}
		close(hold)
		<-worked
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
