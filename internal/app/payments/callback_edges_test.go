package payments_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// TestCallback_WhoIsNotOurs: to an address that nobody made, or of an attempt that is not here, there is no
// way back; of the one nothing is kept, and of the other everything, though the browser has left.
func TestCallback_WhoIsNotOurs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stray := testBox().Token("callback/ghesta", [16]byte{7})
		values := url.Values{"refid": {"8001"}}
		left, leave := context.WithCancel(t.Context())
		leave()
		for name, c := range map[string]struct {
			gateway, token string
			kept           int
		}{"nobody made it": {"ghesta", "x", 0}, "no gateway of ours": {"bitpay", stray, 0}, "not here": {"ghesta", stray, 1}} {
			before := w.strays()
			home, err := w.Callback(left, payments.CallbackInput{Gateway: c.gateway, Token: c.token, Values: values})
			if home != "" || keyOf(err) != "error.not_found" || w.strays() != before+c.kept {
				t.Errorf("%s: home %q, %v, %d are kept", name, home, err, w.strays()-before)
			}
			if home, err := w.CallbackHome(t.Context(), c.gateway, c.token); home != "" || keyOf(err) != "error.not_found" || checkout.KindOf(err) != checkout.NotFound {
				t.Errorf("%s: home %q, %v", name, home, err)
			}
			w.CallbackReject(t.Context(), payments.CallbackInput{Gateway: c.gateway, Token: c.token}, "too large")
			if w.strays() != before+c.kept {
				t.Errorf("%s: a question is kept", name)
			}
		}
	})
}

// TestCallback_LiveAdapterReadsBothModes: both modes have their attempts at one address, and what comes
// there is read as the real gateway's.
func TestCallback_LiveAdapterReadsBothModes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.Engine = w.rewired(func(o *payments.Options) { o.Test = nil })
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		stray := testBox().Token("callback/ghesta", [16]byte{7})
		if _, err := w.Callback(t.Context(), payments.CallbackInput{Gateway: "ghesta", Token: stray, Values: url.Values{"refid": {"8002"}}}); err == nil || w.strays() != 1 {
			t.Errorf("%d are kept, %v", w.strays(), err)
		}
	})
}

// TestCallback_NamesNothing: an attempt to which its gateway gave no token is not named by a callback that
// brings none either.
func TestCallback_NamesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.card.startErr = errors.New("reset") // the token that it gave was lost
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); err == nil {
			t.Fatal("started")
		}
		a := w.attempts(inv)[0]
		for ref, named := range map[string]bool{"8001": false, "8002": true} {
			values := url.Values{"trackingNumber": {ref}}
			if named {
				values.Set("invoiceNumber", a.OurNumber)
			}
			w.card.say(ref, refusal("3", false, true))
			if err := w.claim(a, values); err != nil {
				t.Fatal(err)
			}
			w.work()
			for _, r := range w.references(a) {
				if r.Raw == ref && r.Named != named {
					t.Errorf("%s is named: %t", ref, r.Named)
				}
			}
		}
		if n := len(w.references(a)); n != 2 {
			t.Errorf("%d references", n)
		}
	})
}

// TestDrain_ClaimIsStored: a process that ends stores what comes, though the browser has left, and leads it
// home; the events say which request brought it.
func TestDrain_ClaimIsStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.draining = true
		left, leave := context.WithCancel(t.Context())
		leave()
		in := payments.CallbackInput{Gateway: "ghesta", Token: a.CallbackToken, Values: url.Values{"refid": {"8001"}, "code": {a.GatewayToken}, "clientrefid": {a.OurNumber}}, RequestID: "req_5"}
		for i, types := range []string{checkout.EventVerifyAnswered, checkout.EventCallbackReceived} { // the second time it is known
			home, err := w.Callback(left, in)
			if err != nil || home != inv.Token {
				t.Errorf("home %q, %v", home, err)
			}
			if e := w.last(inv); e.Type != types {
				t.Errorf("%d: %s %s", i, e.Type, e.Data)
			}
		}
		for _, e := range w.events(inv) {
			if e.Type == checkout.EventCallbackReceived && (e.RequestID != "req_5" || e.Actor != "gateway") {
				t.Errorf("%+v", e)
			}
		}
		w.draining = false
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestCallback_ProcessEndsBeforeItIsStored: the store is away, and so is soon the process: nobody is told
// that the claim is stored. When it is not known whether a sign of cancellation was, it is stored again.
func TestCallback_ProcessEndsBeforeItIsStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		ends, end := context.WithCancel(t.Context())
		f := &flaky{DB: w.db, with: errAway}
		w.Engine = w.rewired(func(o *payments.Options) {
			o.DB = f
			o.Spawn = func(fn func(context.Context)) bool { w.spawned.Go(func() { fn(ends) }); return true }
		})
		f.left.Store(1 << 30)
		told := make(chan error)
		go func() { told <- w.back(a, "8001") }()
		w.until(func() bool { return f.tries.Load() > 0 })
		end()
		if err := <-told; !errors.Is(err, checkout.Unavailable) {
			t.Errorf("told %v", err)
		}
		f.left.Store(0)
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptRedirected)
		f.with = db.ErrOutcomeUnknown
		w.Engine = w.rewired(func(o *payments.Options) { o.DB = f })
		f.left.Store(1)
		if err := w.back(a, ""); err != nil {
			t.Error(err)
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptCanceled)
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// mute is a store that commits its first change and does not say so.
type mute struct {
	*db.DB
	first sync.Once
	then  func()
}

func (m *mute) Update(ctx context.Context, fn func(*db.Tx) error) error {
	err := m.DB.Update(ctx, fn)
	m.first.Do(func() {
		m.then()
		err = db.ErrOutcomeUnknown
	})
	return err
}

// TestCallback_ProcessEndsAsItIsStored: it is not known whether a claim with its intended call is stored when
// the process is told to end. The call is not made, and the books say so: a 15 to the first call that is made
// is somebody else's capture.
func TestCallback_ProcessEndsAsItIsStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		ends, end := context.WithCancel(t.Context())
		first := w.Engine
		w.Engine = w.rewired(func(o *payments.Options) {
			o.DB = &mute{DB: w.db, then: end}
			o.Spawn = func(fn func(context.Context)) bool { w.spawned.Go(func() { fn(ends) }); return true }
		})
		if err := w.back(a, "8001"); !errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("told %v", err)
		}
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.Engine = first
		w.ins.say("8001", already())
		w.pass(time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if w.ins.asked() != 1 {
			t.Errorf("asked %d times", w.ins.asked())
		}
	})
}
