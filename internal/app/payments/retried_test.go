package payments_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// retried is a store that undoes one change for another's sake, and runs it again: what PostgreSQL does on
// its own whenever it likes. What happens between the two tries decides.
type retried struct {
	*db.DB
	armed   atomic.Bool
	between func()
}

var errUndone = errors.New("undone")

func (r *retried) Update(ctx context.Context, fn func(*db.Tx) error) error {
	if r.armed.CompareAndSwap(true, false) {
		err := r.DB.Update(ctx, func(tx *db.Tx) error { return errors.Join(fn(tx), errUndone) })
		if !errors.Is(err, errUndone) {
			return err
		}
		r.between()
	}
	return r.DB.Update(ctx, fn)
}

// again has the world's engine work on such a store.
func (w *world) again(between func()) *retried {
	r := &retried{DB: w.db, between: between}
	w.Engine = w.rewired(func(o *payments.Options) { o.DB = r })
	return r
}

// TestRetried_Return: the seat was free in the try that was undone, and the invoice is canceled in the one
// that counts. Nobody is asked.
func TestRetried_Return(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		other := w.engine()
		r := w.again(func() {
			if _, _, err := other.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				t.Error(err)
			}
		})
		r.armed.Store(true)
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		if n := w.ins.asked(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestRetried_Token: a customer is sent on by a token that is stored in the second try.
func TestRetried_Token(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.again(func() {})
		w.card.onStart = func() { r.armed.Store(true) }
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		if r.armed.Load() || a.Status != checkout.AttemptRedirected || a.GatewayToken == "" {
			t.Errorf("sent on by %+v", a)
		}
		if types := w.types(inv); count(types, "attempt.redirected") != 1 {
			t.Errorf("events = %v", types)
		}
	})
}

// TestRetried_Job: so is what a stored job found.
func TestRetried_Job(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", refusal("12", true, false), paid("R8001"))
		w.mustBack(a, "8001")
		w.work()
		w.clock.add(payments.LastReask)
		job := w.dueJob()
		other := w.engine()
		r := w.again(func() {
			if _, _, err := other.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				t.Error(err)
			}
		})
		r.armed.Store(true)
		if err := w.RunVerify(t.Context(), job); err != nil {
			t.Error(err)
		}
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptFailed)
		if n := w.ins.asked(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestRetried_Answer: a silence was to be asked about again in the try that was undone; in the one that counts
// another process has taken the call for dead and asks. Then that one asks, and nobody beside it.
func TestRetried_Answer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		say := words(2)
		w.script(w.ins, say...)
		other := w.engine()
		var done sync.WaitGroup
		r := w.again(func() {
			jobs := w.outlive()
			done.Go(func() { w.run(other, jobs) })
			w.until(func() bool { return w.ins.asked() == 2 })
		})
		done.Go(func() { w.mustBack(a, "8001") })
		w.until(func() bool { return w.ins.asked() == 1 })
		r.armed.Store(true)
		say[0] <- silence()
		w.until(func() bool { return count(w.types(inv), "verify.answered") == 1 })
		w.spawned.Wait()
		if n := w.ins.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		say[1] <- paid("R8001")
		done.Wait()
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := w.ins.asked(); n != 2 {
			t.Errorf("asked %d times in all", n)
		}
	})
}

// TestRetried_Rules: those whom a try looked at that was undone are looked at in the one that counts.
func TestRetried_Rules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, mailedAtOnce)
		r := w.again(func() {})
		if err := w.SetRules(t.Context(), w.scope.MerchantID, everyTwoDays); err != nil {
			t.Fatal(err)
		}
		r.armed.Store(true)
		if err := w.RunRules(t.Context(), checkout.Job{Kind: payments.JobRules, Key: w.scope.MerchantID}); err != nil || r.armed.Load() {
			t.Fatal(err)
		}
		if got := w.next(inv); !got.Equal(w.clock.now()) {
			t.Errorf("the new rule is thought of in %s", got.Sub(w.clock.now()))
		}
	})
}

// TestRetried_Reseal: what another process has sealed again meanwhile is not counted as ours.
func TestRetried_Reseal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, box, _ := w.rotation()
		other := w.rewired(func(o *payments.Options) { o.Box = box })
		r := &retried{DB: w.db, between: func() {
			if n, err := other.Reseal(t.Context()); err != nil || n != 1 {
				t.Errorf("the other one: %d accounts, %v", n, err)
			}
		}}
		r.armed.Store(true)
		if n, err := w.rewired(func(o *payments.Options) { o.DB, o.Box = r, box }).Reseal(t.Context()); err != nil || n != 0 || r.armed.Load() {
			t.Errorf("%d accounts, %v", n, err)
		}
	})
}

// twice is a store that reads everything twice: a snapshot that PostgreSQL takes back is read anew.
type twice struct{ *db.DB }

func (s twice) View(ctx context.Context, fn func(*db.Tx) error) error {
	if err := s.DB.View(ctx, fn); err != nil {
		return err
	}
	return s.DB.View(ctx, fn)
}

// TestRetried_Reads: nothing is shown twice for it.
func TestRetried_Reads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		page := w.page()
		token, err := w.press(payments.PagePress{Nonce: nonce(1)}, "ghesta")
		if err != nil {
			t.Fatal(err)
		}
		w.mustBack(w.attempts(w.behind(token))[0], "8001")
		for name, read := range map[string]func(e *payments.Engine) (any, error){
			"accounts": func(e *payments.Engine) (any, error) { return e.Accounts(t.Context(), w.scope) },
			"servers":  func(e *payments.Engine) (any, error) { return e.LiveServers(t.Context()) },
			"report":   func(e *payments.Engine) (any, error) { return e.PayPageReport(t.Context(), w.scope, page.ID, "", 9) },
			"receipt":  func(e *payments.Engine) (any, error) { return e.Page(t.Context(), token) },
			"totals": func(e *payments.Engine) (any, error) {
				return e.InvoiceTotals(t.Context(), w.scope, payments.InvoiceFilter{})
			},
		} {
			want, e1 := read(w.Engine)
			got, e2 := read(w.rewired(func(o *payments.Options) { o.DB = twice{w.db} }))
			if err := errors.Join(e1, e2); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v, %v", name, got, want, err)
			}
		}
	})
}
