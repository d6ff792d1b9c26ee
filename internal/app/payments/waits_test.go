package payments_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// TestReference_OwnerWaitsForTheStrangerAndThenForTheSeat: a stranger's call about the reference is out when
// the owner comes; when it ends, the owner's invoice is busy with another attempt.
func TestReference_OwnerWaitsForTheStrangerAndThenForTheSeat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		stranger, word, done := w.snipe("8001")
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		ins, say := w.start(inv, "ghesta"), words(1)
		w.script(w.ins, say...)
		done.Go(func() {
			if err := w.back(ins, "5001"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 })
		word <- refusal("", true, true)
		asked := w.card.asked()
		w.until(func() bool { return w.attempt(stranger).Status == checkout.AttemptFailed })
		w.clock.add(3 * time.Second)
		w.runDue()
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptReturned)
		if w.card.asked() != asked {
			t.Errorf("asked beside the call of another attempt")
		}
		say[0] <- refusal("26", false, true)
		done.Wait()
		w.card.say("8001", paid("R8001"))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestDrain_ClaimUnderWayIsStored: the process is told to end when a claim has come and is not stored yet.
func TestDrain_ClaimUnderWayIsStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		engine := w.rewired(func(o *payments.Options) {
			o.Spawn = func(fn func(context.Context)) bool {
				ended, end := context.WithCancel(context.Background())
				end()
				w.spawned.Go(func() { fn(ended) })
				return true
			}
		})
		home, err := engine.Callback(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: url.Values{"trackingNumber": {"8001"}}})
		if err != nil || home != inv.Token {
			t.Fatalf("home %q, %v", home, err)
		}
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReask_UnclaimedMeanwhileIsLeftAlone: between a refusal and its re-ask the invoice had another price, at
// which the attempt came back once more.
func TestReask_UnclaimedMeanwhileIsLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		price := func(amount money.Rial) {
			if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &amount}, clerk); err != nil {
				t.Fatal(err)
			}
		}
		a := w.start(inv, "gardeshpay")
		w.card.say("8001", refusal("", true, false))
		w.mustBack(a, "8001")
		w.spawned.Wait()
		price(2_000_000)
		w.mustBack(a, "8002")
		price(1_500_000)
		w.pass(10 * time.Minute)
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptUnclaimed)
		if w.card.asked() != 1 {
			t.Errorf("asked %d times", w.card.asked())
		}
	})
}

// TestOutbox_RefundSaysHowMuch: each message tells what had been given back by then.
func TestOutbox_RefundSaysHowMuch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.mustBack(w.start(inv, "gardeshpay"), "8001")
		w.spawned.Wait()
		e := w.endpoint("whe_1", checkout.EventInvoiceRefunded)
		for _, amount := range []money.Rial{1_000, 20_000} {
			if _, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: amount}, clerk, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.told(e); len(got) != 2 || got[0].Data.Refunded != 1_000 || got[1].Data.Refunded != 21_000 {
			t.Errorf("told %+v", got)
		}
	})
}
