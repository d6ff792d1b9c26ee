package payments_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// each runs a test of the engine on both storage engines.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines(t, func(t *testing.T, fresh func(t testing.TB) string) {
		c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
		test(t, newWorld(t, dbtest.Open(t, db.Options{URL: fresh(t), Now: c.now}), c))
	})
}

// engines is dbtest.URLs; a short run, under the race detector, is on SQLite only: what races is ours,
// not the server's.
func engines(t *testing.T, suite func(t *testing.T, fresh func(t testing.TB) string)) {
	t.Helper()
	if testing.Short() {
		t.Run(db.SQLite, func(t *testing.T) { suite(t, dbtest.SQLiteURL) })
		return
	}
	dbtest.URLs(t, suite)
}

func TestPay_BothGateways(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, gateway := range payments.GatewayNames() {
			inv := w.invoice(1_500_000)
			a := w.start(inv, gateway)
			w.mustBack(a, "8841027365")
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			got, err := w.Invoice(t.Context(), w.scope, inv.ID)
			if err != nil {
				t.Fatal(err)
			}
			p := got.Payment
			if p == nil || p.AttemptID != a.ID || p.TrackingNumber != "8841027365" || p.CardMask != "603799******1234" || p.Amount != 1_500_000 || got.PaidAt.IsZero() {
				t.Errorf("payment = %+v", p)
			}
			want := []string{"invoice.created", "attempt.created", "attempt.redirected", "callback.received", "attempt.returned", "verify.asked", "verify.answered", "invoice.paid"}
			if types := w.types(inv); !slices.Equal(types, want) {
				t.Errorf("events = %v", types)
			}
		}
		if w.ins.verifies[0].WireAmount != 1_500_000 || w.card.starts[0].WireAmount != 1_500_000 {
			t.Errorf("wire amounts %+v %+v", w.ins.verifies, w.card.starts)
		}
	})
}

func TestCallback_FiveHundredAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		var all sync.WaitGroup
		gate := make(chan struct{})
		for range 500 {
			all.Go(func() {
				<-gate
				if err := w.back(a, "5551"); err != nil {
					t.Error(err)
				}
			})
		}
		close(gate)
		all.Wait()
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.ins.asked() != 1 || w.ins.most != 1 {
			t.Errorf("asked %d times, %d at once", w.ins.asked(), w.ins.most)
		}
		if types := w.types(inv); count(types, "invoice.paid") != 1 || len(types) > 30 {
			t.Errorf("events = %v", types)
		}
	})
}

func TestCallback_OtherReferenceDuringVerifyWaitsItsTurn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.card.hold["111"] = make(chan struct{})
		w.card.say("111", refusal("", true, true))
		first := make(chan error)
		go func() { first <- w.back(a, "111") }()
		w.until(func() bool { return w.card.asked() == 1 })
		w.mustBack(a, "222")
		if w.card.asked() != 1 {
			t.Fatalf("asked %d times while one was under way", w.card.asked())
		}
		close(w.card.hold["111"])
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.attempt(a).TrackingNumber != "222" || w.card.most != 1 {
			t.Errorf("paid by %s, %d at once", w.attempt(a).TrackingNumber, w.card.most)
		}
	})
}

func TestCallback_TwoAttemptsFirstPays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.hold["111"] = make(chan struct{})
		first := make(chan error)
		go func() { first <- w.back(card, "111") }()
		w.until(func() bool { return w.card.asked() == 1 })
		w.mustBack(ins, "2222")
		w.want(inv, checkout.InvoiceProcessing, ins, checkout.AttemptReturned)
		close(w.card.hold["111"])
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(inv, checkout.InvoicePaid, card, checkout.AttemptPaid)
		w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptUnclaimed)
		if w.ins.asked() != 0 {
			t.Error("the second payment was verified: its payer would not get it back")
		}
		w.mustBack(ins, "3333") // only kept as an event
		w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptUnclaimed)
	})
}

func TestCallback_TwoAttemptsFirstFailsSecondPays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.say("111", silence())
		w.mustBack(card, "111")
		w.mustBack(ins, "2222")
		w.want(inv, checkout.InvoiceProcessing, ins, checkout.AttemptReturned)
		w.card.say("111", refusal("", true, true))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, card, checkout.AttemptFailed)
		w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptPaid)
		asked := w.card.asked()
		w.pass(10 * time.Minute)
		if w.card.asked() != asked {
			t.Error("a refused reference was asked again for a paid invoice")
		}
	})
}

func TestCancel_WhileOutAndWhileVerifying(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", silence())
		b := w.start(inv, "ghesta")
		w.mustBack(b, "2222")
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, nil); !errors.Is(err, checkout.Conflict) {
			t.Errorf("cancel while verifying: %v", err)
		}
		w.ins.say("2222", refusal("4", false, false))
		w.pass(20 * time.Second)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		asked := w.ins.asked()
		w.mustBack(a, "3333")
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		if w.ins.asked() != asked {
			t.Error("verified after cancel")
		}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, nil); !errors.Is(err, checkout.Conflict) {
			t.Errorf("cancel twice: %v", err)
		}
	})
}

func TestExpiry_WhileOutStillPays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Minute) })
		a := w.start(inv, "gardeshpay")
		w.pass(40 * time.Minute)
		w.want(inv, checkout.InvoiceExpired, a, checkout.AttemptAbandoned)
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); !errors.Is(err, checkout.Conflict) {
			t.Errorf("start when expired: %v", err)
		}
		w.mustBack(a, "111")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := count(w.types(inv), "invoice.expired"); n != 1 {
			t.Errorf("%d invoice.expired events", n)
		}
	})
}

func TestExpiry_RefusedFallsBackToExpired(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Minute) })
		a := w.start(inv, "ghesta")
		w.pass(2 * time.Minute)
		w.ins.say("2222", refusal("4", false, false))
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoiceExpired, a, checkout.AttemptFailed)
		if n := count(w.types(inv), "invoice.expired"); n != 1 {
			t.Errorf("%d invoice.expired events", n)
		}
	})
}

// TestVerify_Schedule holds the times of the asks against CONTRACT §6.4.
func TestVerify_Schedule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", silence())
		begin := w.clock.now()
		var at []int
		w.ins.onVerify = func(gateways.VerifyRequest) { at = append(at, int(w.clock.now().Sub(begin)/time.Second)) }
		w.mustBack(a, "2222")
		w.pass(16 * time.Minute)
		want := []int{0, 0, 5, 20, 50}
		for s := 110; s < 900; s += 60 {
			want = append(want, s)
		}
		if want = append(want, 900); !slices.Equal(at, want) {
			t.Errorf("asked at %v, want %v", at, want)
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if f := w.attempt(a).Failure; f == nil || f.Code != checkout.CodeUnknownOutcome {
			t.Errorf("failure = %+v", f)
		}
	})
}

func TestVerify_OutageOfNineMinutesLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", silence())
		w.mustBack(a, "2222")
		w.pass(9 * time.Minute)
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.ins.say("2222", paid("2222"))
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

func TestVerify_LateAfterAnOutageOfOurOwnAsksTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.draining = true // the process dies right after the callback is stored
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		if w.ins.asked() != 0 {
			t.Fatal("asked while draining")
		}
		w.ins.say("2222", silence())
		w.clock.add(2 * time.Hour)
		w.work()
		if w.ins.asked() != 2 { // once, and once more at its deadline, however late
			t.Errorf("asked %d times", w.ins.asked())
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
	})
}

func TestAlreadyVerified(t *testing.T) {
	for name, c := range map[string]struct {
		answers []gateways.Answer
		want    checkout.AttemptStatus
	}{
		"first word":              {[]gateways.Answer{already()}, checkout.AttemptNeedsReview},
		"after a lost answer":     {[]gateways.Answer{silence(), already()}, checkout.AttemptPaid},
		"after a refusal, heard":  {[]gateways.Answer{refusal("12", true, false), already()}, checkout.AttemptNeedsReview},
		"after a 401":             {[]gateways.Answer{{Sent: true, Status: 401}, already()}, checkout.AttemptNeedsReview},
		"after one never sent":    {[]gateways.Answer{{Body: "no connection"}, already()}, checkout.AttemptNeedsReview},
		"after 5xx, then refused": {[]gateways.Answer{silence(), refusal("12", true, false), already()}, checkout.AttemptPaid},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				w.ins.say("2222", c.answers...)
				w.mustBack(a, "2222")
				w.pass(time.Minute)
				if got := w.attempt(a).Status; got != c.want {
					t.Errorf("attempt is %s, want %s: %v", got, c.want, w.types(inv))
				}
			})
		})
	}
}

// TestAlreadyVerified_AfterOurOwnDeath: the call was on its way when we died; what the gateway says
// to the next one proves that ours arrived.
func TestAlreadyVerified_AfterOurOwnDeath(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		hung := make(chan struct{})
		defer close(hung)
		w.ins.hold["2222"] = hung
		go func() { _ = w.back(a, "2222") }()
		w.until(func() bool { return w.ins.asked() == 1 })
		w.ins.mu.Lock()
		delete(w.ins.hold, "2222") // only the dead one's call hangs
		w.ins.mu.Unlock()
		w.Engine = w.engine()
		w.ins.say("2222", already())
		w.clock.add(payments.Lease + time.Second)
		w.runDue()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

func TestReference_UsedElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		paidInv, other := w.invoice(1_500_000), w.invoice(1_500_000)
		a, b := w.start(paidInv, "ghesta"), w.start(other, "ghesta")
		w.mustBack(a, "7777")
		w.mustBack(b, "007777")
		w.want(paidInv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.want(other, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		if w.ins.asked() != 1 {
			t.Errorf("asked %d times", w.ins.asked())
		}
		if f := w.attempt(b).Failure; f == nil || f.Code != checkout.CodeReferenceUsed {
			t.Errorf("failure = %+v", f)
		}
	})
}

func TestReference_BothAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.invoice(1_500_000), w.invoice(1_500_000)
		a, b := w.start(one, "ghesta"), w.start(two, "ghesta")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { _ = w.back(a, "7777") })
			all.Go(func() { _ = w.back(b, "7777") })
		}
		all.Wait()
		w.pass(5 * time.Second) // the one that came second waits for the first one's answer
		got := []string{string(w.status(one)), string(w.status(two))}
		slices.Sort(got)
		if !slices.Equal(got, []string{"paid", "review"}) || w.ins.asked() != 1 {
			t.Errorf("invoices %v after %d asks", got, w.ins.asked())
		}
	})
}

func TestReference_YieldsAfterHardRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		answer gateways.Answer
		named  string
		want   checkout.AttemptStatus
	}{
		"hard, named":         {refusal("44", false, true), "clientrefid", checkout.AttemptPaid},
		"hard, named by code": {refusal("44", false, true), "code", checkout.AttemptPaid},
		"hard, unnamed":       {refusal("44", false, true), "", checkout.AttemptNeedsReview},
		"soft, named":         {refusal("12", true, false), "clientrefid", checkout.AttemptNeedsReview},
		"soft, named by code": {refusal("12", true, false), "code", checkout.AttemptNeedsReview},
		"plain, named":        {refusal("4", false, false), "clientrefid", checkout.AttemptNeedsReview},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				mine, theirs := w.invoice(1_500_000), w.invoice(1_500_000)
				a, b := w.start(theirs, "ghesta"), w.start(mine, "ghesta")
				w.ins.say("7777", c.answer)
				w.mustBack(a, "7777") // a stranger guesses a reference before its owner returns
				w.ins.say("7777", paid("7777"))
				values := url.Values{"refid": {"7777"}}
				if c.named != "" {
					values.Set(c.named, map[string]string{"clientrefid": b.OurNumber, "code": b.GatewayToken}[c.named])
				}
				if err := w.claim(b, values); err != nil {
					t.Fatal(err)
				}
				w.work()
				if got := w.attempt(b).Status; got != c.want {
					t.Errorf("owner's attempt is %s, want %s", got, c.want)
				}
				w.pass(10 * time.Minute) // the stranger's is never asked again after it yielded
				if got := w.attempt(b).Status; got != c.want {
					t.Errorf("owner's attempt became %s", got)
				}
			})
		})
	}
}

func TestReference_NoMoreThanFive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		for _, ref := range []string{"2001", "2002", "2003", "2004", "2005", "2006", "2007", "2008"} {
			w.ins.say(ref, refusal("44", false, true))
			w.mustBack(a, ref)
			w.work()
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if w.ins.asked() != payments.MaxReferences {
			t.Errorf("asked %d times", w.ins.asked())
		}
	})
}

func TestReference_BogusFirstThenGenuine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.card.say("bogus", refusal("", true, true))
		w.mustBack(a, "bogus")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.mustBack(a, "genuine")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

func TestReask_AtHalfAMinuteTwoAndEight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.card.say("111", refusal("", true, true))
		begin := w.clock.now()
		var at []int
		w.card.onVerify = func(gateways.VerifyRequest) { at = append(at, int(w.clock.now().Sub(begin)/time.Second)) }
		w.mustBack(a, "111")
		w.pass(12 * time.Minute)
		if !slices.Equal(at, []int{0, 30, 120, 480}) {
			t.Errorf("asked at %v", at)
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
	})
}

// TestReask_RefusedThenPaid is the one payment in ten thousand that is first reported as failed.
func TestReask_RefusedThenPaid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", refusal("48", true, false), paid("2222"))
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.pass(31 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

func TestReask_WaitsForALaterAttempt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", refusal("48", true, false))
		w.mustBack(a, "2222")
		w.clock.add(time.Second)
		b := w.start(inv, "gardeshpay")
		w.pass(10 * time.Minute)
		if w.ins.asked() != 1 {
			t.Fatalf("asked %d times while a later attempt was out", w.ins.asked())
		}
		w.mustBack(b, "") // canceled there
		w.want(inv, checkout.InvoiceOpen, b, checkout.AttemptCanceled)
		w.pass(20 * time.Minute)
		if w.ins.asked() != 2 {
			t.Errorf("asked %d times, want once more", w.ins.asked())
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
	})
}

func TestReask_UnheardIsUnknownLikeAnyOther(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", refusal("48", true, false), silence())
		w.mustBack(a, "2222")
		w.pass(time.Minute)
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta"}); !errors.Is(err, checkout.Conflict) {
			t.Errorf("start during a re-ask: %v", err)
		}
		w.pass(15 * time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
	})
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		answer  gateways.Answer
		invoice checkout.InvoiceStatus
		attempt checkout.AttemptStatus
	}{
		"canceled":        {gateways.Answer{Outcome: gateways.Canceled, Code: "1", Sent: true}, checkout.InvoiceOpen, checkout.AttemptCanceled},
		"refused":         {refusal("4", false, false), checkout.InvoiceOpen, checkout.AttemptFailed},
		"amount mismatch": {gateways.Answer{Outcome: gateways.Review, Code: checkout.CodeAmountMismatch, Sent: true}, checkout.InvoiceReview, checkout.AttemptNeedsReview},
		"47":              {gateways.Answer{Outcome: gateways.Review, Code: "47", Sent: true}, checkout.InvoiceReview, checkout.AttemptNeedsReview},
		"unknown":         {gateways.Answer{Sent: true, Status: 429}, checkout.InvoiceProcessing, checkout.AttemptVerifying},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				w.ins.say("2222", c.answer)
				w.mustBack(a, "2222")
				w.want(inv, c.invoice, a, c.attempt)
			})
		})
	}
}

func TestCallback_SignsOfCancellation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, sign := range []string{"", "1", "1000", "-5", "0", "000"} {
			inv := w.invoice(1_500_000)
			a := w.start(inv, "ghesta")
			w.mustBack(a, sign)
			w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptCanceled)
			w.mustBack(a, "30"+inv.Number) // a genuine one afterwards still pays
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			w.mustBack(a, sign) // and a cancellation after that changes nothing
			w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		}
	})
}

func TestCallback_Contradiction(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		for _, c := range []struct {
			a      checkout.Attempt
			values url.Values
		}{
			{card, url.Values{"trackingNumber": {"111"}, "invoiceNumber": {ins.OurNumber}}},
			{ins, url.Values{"refid": {"2222"}, "clientrefid": {card.OurNumber}}},
			{ins, url.Values{"refid": {"2222"}, "code": {"other"}}},
		} {
			if err := w.claim(c.a, c.values); err != nil {
				t.Fatal(err)
			}
			w.want(inv, checkout.InvoiceOpen, c.a, checkout.AttemptRedirected)
		}
		if n := w.card.asked() + w.ins.asked(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		if n := count(w.types(inv), "callback.mismatch"); n != 3 {
			t.Errorf("%d mismatches on record", n)
		}
		w.mustBack(ins, "2222") // the genuine one still pays
		w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptPaid)
	})
}

func TestCallback_UnknownAndForeignTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		for _, token := range []string{"", "x", a.CallbackToken[1:] + "A", strings.ToUpper(a.CallbackToken), inv.Token} {
			_, err := w.Callback(t.Context(), payments.CallbackInput{Gateway: "ghesta", Token: token, Values: url.Values{"refid": {"2222"}}})
			if !errors.Is(err, checkout.NotFound) {
				t.Errorf("token %q: %v", token, err)
			}
		}
		if _, err := w.Callback(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: url.Values{"trackingNumber": {"2222"}}}); !errors.Is(err, checkout.NotFound) {
			t.Errorf("another gateway's address: %v", err)
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptRedirected)
		if n := w.strays(); n != 0 { // they are not ours: anybody could fill the books
			t.Errorf("%d callbacks under tokens that we never made are kept", n)
		}
	})
}

func TestUpdate_RepricedIsNeverVerified(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		more := money.Rial(2_000_000)
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &more}, checkout.Actor{}); !errors.Is(err, checkout.Conflict) {
			t.Fatalf("edit while out: %v", err)
		}
		w.pass(31 * time.Minute)
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &more}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptUnclaimed)
		if w.ins.asked() != 0 {
			t.Error("verified an amount that is no longer asked")
		}
	})
}

func TestStart_Refusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		low := w.invoice(999_999)
		if _, err := w.Start(t.Context(), payments.StartInput{Token: low.Token, Gateway: "ghesta"}); !errors.Is(err, checkout.Invalid) {
			t.Errorf("below the gateway's minimum: %v", err)
		}
		bare := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{} })
		_, err := w.Start(t.Context(), payments.StartInput{Token: bare.Token, Gateway: "ghesta", PayerMobile: "12"})
		if e, ok := errors.AsType[*checkout.Error](err); !ok || len(e.Fields) != 2 {
			t.Errorf("no payer: %v", err)
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: bare.Token, Gateway: "paypal"}); !errors.Is(err, checkout.Invalid) {
			t.Errorf("unknown gateway: %v", err)
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: "nope", Gateway: "ghesta"}); !errors.Is(err, checkout.NotFound) {
			t.Errorf("unknown link: %v", err)
		}
		if len(w.ins.starts) != 0 || len(w.attempts(bare)) != 0 {
			t.Error("a refused start reached the gateway or the books")
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: bare.Token, Gateway: "ghesta", PayerName: "Sara", PayerMobile: "+98 ۹۱۲ ۱۲۳ ۴۵۶۷"}); err != nil {
			t.Error(err)
		}
		if got := w.ins.starts[0].Mobile; got != "09121234567" {
			t.Errorf("mobile on the wire is %q", got)
		}
	})
}

func TestStart_GatewayTroubleKeepsTheAttempt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.card.startErr = &gateways.StartError{Trouble: true, Message: "time-out"}
		for range 8 {
			if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); err == nil {
				t.Fatal("sent on without a token")
			}
		}
		all := w.attempts(inv)
		if len(all) == 0 || all[0].Status != checkout.AttemptFailed || all[0].Failure.Stage != checkout.StageCreate {
			t.Errorf("attempts = %+v", all)
		}
		p, err := w.Page(t.Context(), inv.Token)
		if err != nil || p.Methods[0].Why != "trouble" {
			t.Errorf("methods = %+v, %v", p.Methods, err)
		}
		if n := len(w.card.starts); n != 5 {
			t.Errorf("the gateway was called %d times with its circuit open", n)
		}
	})
}

func TestStart_InvoicePaidWhileTheGatewayWasAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.card.onStart = func() { w.mustBack(a, "2222") }
		w.clock.add(time.Second)
		_, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
		if !errors.Is(err, checkout.Conflict) {
			t.Errorf("sent on to pay twice: %v", err)
		}
		all := w.attempts(inv)
		w.want(inv, checkout.InvoicePaid, all[1], checkout.AttemptAbandoned)
	})
}

func TestStart_NoMoreThanThirty(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		for range payments.MaxAttempts {
			w.start(inv, "gardeshpay")
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); !errors.Is(err, checkout.TooMany) {
			t.Errorf("attempt 31: %v", err)
		}
		seen := map[string]bool{}
		for _, r := range w.card.starts {
			if seen[r.OurNumber] {
				t.Errorf("number %s used twice", r.OurNumber)
			}
			seen[r.OurNumber] = true
		}
	})
}

func TestResolve(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, outcome := range []string{"paid", "failed"} {
			inv := w.invoice(1_500_000)
			a := w.start(inv, "ghesta")
			ref := "9" + inv.Number
			w.ins.say(ref, already())
			w.mustBack(a, ref)
			w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: outcome}, checkout.Actor{}, nil); !errors.Is(err, checkout.Invalid) {
				t.Errorf("without a note: %v", err)
			}
			r := payments.Resolution{Outcome: outcome, Note: "asked PayPing by telephone", RefNumber: "740218839451"}
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, r, checkout.Actor{Kind: "key", ID: "key_1"}, nil); err != nil {
				t.Fatal(err)
			}
			if outcome == "paid" {
				w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				if got, _ := w.Invoice(t.Context(), w.scope, inv.ID); !got.Payment.Manual || got.Payment.RefNumber != r.RefNumber {
					t.Errorf("payment = %+v", got.Payment)
				}
			} else {
				w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
				w.mustBack(a, "8"+inv.Number) // a person has spoken: kept, never asked
				w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
			}
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, r, checkout.Actor{}, nil); !errors.Is(err, checkout.Conflict) {
				t.Errorf("twice: %v", err)
			}
		}
	})
}

func TestCreate_IdempotentHundredAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		once := func(hash string) *payments.Once {
			return &payments.Once{Key: "k1", Hash: hash, Render: func(result any) (int, []byte, error) {
				return 201, []byte(result.(checkout.Invoice).ID), nil
			}}
		}
		in := payments.NewInvoice{Amount: 1_500_000}
		var mu sync.Mutex
		ids := map[string]bool{}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				inv, replay, err := w.CreateInvoice(t.Context(), w.scope, in, checkout.Actor{}, once("h1"))
				if err != nil {
					t.Error(err)
					return
				}
				id := inv.ID
				if replay != nil {
					id = string(replay.Body)
				}
				mu.Lock()
				ids[id] = true
				mu.Unlock()
			})
		}
		all.Wait()
		if len(ids) != 1 {
			t.Errorf("%d invoices", len(ids))
		}
		if _, _, err := w.CreateInvoice(t.Context(), w.scope, in, checkout.Actor{}, once("h2")); !errors.Is(err, checkout.Invalid) {
			t.Errorf("other body: %v", err)
		}
		other := w.scope
		other.Live = false
		if _, replay, err := w.CreateInvoice(t.Context(), other, in, checkout.Actor{}, once("h2")); err != nil || replay != nil {
			t.Errorf("other mode: %v %v", replay, err)
		}
	})
}

// TestScope: nothing of another merchant or mode is ever seen.
func TestScope(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		for _, sc := range []payments.Scope{{MerchantID: w.scope.MerchantID}, {MerchantID: "mer_other", Live: true}} {
			ctx := context.Background()
			_, e1 := w.Invoice(ctx, sc, inv.ID)
			_, _, e2 := w.CancelInvoice(ctx, sc, inv.ID, checkout.Actor{}, nil)
			_, e3 := w.UpdateInvoice(ctx, sc, inv.ID, payments.InvoiceChange{}, checkout.Actor{})
			_, e4 := w.InvoiceAttempts(ctx, sc, inv.ID)
			_, _, e5 := w.InvoiceEvents(ctx, sc, inv.ID, "", 10)
			_, _, e6 := w.ResolveAttempt(ctx, sc, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, checkout.Actor{}, nil)
			for i, err := range []error{e1, e2, e3, e4, e5, e6} {
				if !errors.Is(err, checkout.NotFound) {
					t.Errorf("%+v call %d: %v", sc, i+1, err)
				}
			}
		}
	})
}

// TestReask_UnheardAndTheInvoiceIsPaid: a call that nobody heard, then a refusal that may be taken
// back, then another attempt pays. Nothing is asked any more; but the first call may have captured, or
// may still reach the gateway, so the attempt is not left as a plain failure.
func TestReask_UnheardAndTheInvoiceIsPaid(t *testing.T) {
	for name, c := range map[string]struct {
		first []gateways.Answer
		want  checkout.AttemptStatus
	}{
		"unheard, then refused": {[]gateways.Answer{silence(), refusal("2008", true, true)}, checkout.AttemptUnclaimed},
		"refused":               {[]gateways.Answer{refusal("2008", true, true)}, checkout.AttemptFailed},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				first, second := w.start(inv, "gardeshpay"), w.start(inv, "gardeshpay")
				w.card.say("111", c.first...)
				w.mustBack(first, "111")
				w.work()
				w.mustBack(second, "222")
				w.work()
				w.want(inv, checkout.InvoicePaid, second, checkout.AttemptPaid)
				asked := w.card.asked()
				w.pass(10 * time.Minute)
				w.want(inv, checkout.InvoicePaid, first, c.want)
				if w.card.asked() != asked {
					t.Error("asked about after the invoice was paid")
				}
				if got := w.attempt(first); c.want == checkout.AttemptUnclaimed && (got.UnclaimedWhy != "paid" || got.TrackingNumber != "111") {
					t.Errorf("unclaimed as %q with %q", got.UnclaimedWhy, got.TrackingNumber)
				}
			})
		})
	}
}
