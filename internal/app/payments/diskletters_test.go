package payments_test

import (
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/gateways"
)

// forgetful takes another engine: what this one remembers of shops and accounts is read again.
func (w *world) forgetful() { w.Engine = payments.New(w.Options) }

// tellings are deeds of which customer and shop are told by letter and by call, with what reads about them.
func tellings() map[string]deed {
	m := map[string]deed{}
	invoice := func(w *world) checkout.Invoice {
		w.Helper()
		w.shopHasMail()
		w.endpoint("whe_1")
		return w.invoice(1_500_000, mailed)
	}
	m["tell: please pay"] = func(w *world) (func() error, func()) {
		return just(func() error {
			in := payments.NewInvoice{Amount: 1_500_000}
			mailedAtOnce(&in)
			_, _, err := w.CreateInvoice(w.Context(), w.scope, in, clerk, once)
			return err
		})
	}
	m["tell: please pay, again"] = func(w *world) (func() error, func()) {
		inv := invoice(w)
		return just(func() error { _, _, err := w.SendInvoice(w.Context(), w.scope, inv.ID, clerk, once); return err })
	}
	for name, answer := range map[string]gateways.Answer{"paid": paid("R8001"), "already": already()} {
		m["tell: "+name] = func(w *world) (func() error, func()) {
			w.ins.say("8001", answer)
			a := w.start(invoice(w), "ghesta")
			w.forgetful()
			return comes(w, a, "8001")
		}
	}
	m["tell: unclaimed"] = func(w *world) (func() error, func()) {
		inv := invoice(w)
		a := w.start(inv, "gardeshpay")
		if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			w.Fatal(err)
		}
		w.forgetful()
		return comes(w, a, "8001")
	}
	m["tell: not paid"] = func(w *world) (func() error, func()) {
		a := w.start(invoice(w), "ghesta")
		w.ins.say("8001", already())
		w.mustBack(a, "8001")
		return just(func() error {
			_, _, err := w.ResolveAttempt(w.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, once)
			return err
		})
	}
	m["tell: refunded"] = func(w *world) (func() error, func()) {
		inv := invoice(w)
		w.mustBack(w.start(inv, "ghesta"), "8001")
		return just(func() error {
			_, _, err := w.RefundInvoice(w.Context(), w.scope, inv.ID, payments.Refunding{Amount: 1000}, clerk, once)
			return err
		})
	}
	m["tell: who reads"] = func(w *world) (func() error, func()) {
		inv := invoice(w)
		w.mustBack(w.start(inv, "ghesta"), "8001")
		w.linkKey("lnk_live", true)
		w.forgetful()
		return just(func() error {
			_, _, e1 := w.InvoiceRefunds(w.Context(), w.scope, inv.ID, "", 9)
			_, e2 := w.Page(w.Context(), inv.Token)
			_, e3 := w.LinkPage(w.Context(), signed())
			return errors.Join(e1, e2, e3)
		})
	}
	return m
}

// waits are jobs of who waits for a stranger's answer about his reference.
func waits() map[string]deed {
	m := map[string]deed{}
	m["ask about what waited for a stranger"] = func(w *world) (func() error, func()) {
		_, word, done := w.snipe("8001")
		w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), "8001")
		word <- refusal("", false, true)
		done.Wait()
		w.card.say("8001", paid("R8001"))
		w.clock.add(2 * time.Second)
		w.forgetful()
		return just(w.due())
	}
	m["ask about what waits for a stranger still"] = func(w *world) (func() error, func()) {
		_, word, done := w.snipe("8001")
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		w.mustBack(a, "8001")
		w.clock.add(2 * time.Second)
		return w.due(), func() { word <- refusal("", true, true); done.Wait() }
	}
	m["another reference is refused while one waits for a stranger"] = func(w *world) (func() error, func()) {
		_, word, done := w.snipe("8001")
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		w.mustBack(a, "8001")
		w.card.say("8002", refusal("", false, true))
		act, _ := comes(w, a, "8002")
		return act, func() { word <- refusal("", true, true); done.Wait() }
	}
	m["hand the seat to who waits for a stranger"] = func(w *world) (func() error, func()) {
		_, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "ghesta"), w.start(inv, "gardeshpay")
		w.ins.say("7001", silence())
		w.mustBack(a, "7001")
		w.spawned.Wait()
		w.mustBack(b, "8001")
		w.ins.say("7001", refusal("26", false, true))
		w.clock.add(6 * time.Second)
		return w.due(), func() { word <- refusal("", true, true); done.Wait() }
	}
	return m
}
