package payments_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// TestReask_TheRefusalIsForgotten: whoever is asked about again is no longer shown as refused, and whoever
// pays after all has failed at nothing.
func TestReask_TheRefusalIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", refusal("12", true, false), silence(), silence(), silence(), paid("R8001"))
		w.mustBack(a, "8001")
		w.work()
		if f := w.attempt(a).Failure; f == nil || f.Code != "12" || f.Stage != checkout.StageVerify {
			t.Errorf("refused: %+v", f)
		}
		w.clock.add(31 * time.Second)
		w.work()
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		if f := w.attempt(a).Failure; f != nil {
			t.Errorf("asked about again: %+v", f)
		}
		w.pass(time.Minute)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if f := w.attempt(a).Failure; f != nil {
			t.Errorf("paid: %+v", f)
		}
	})
}

// TestReask_AnEarlierAttemptHoldsNothingUp: only a later attempt that is out may bring money of itself; who
// left an earlier tab open at the bank does not keep a refusal from being asked about again.
func TestReask_AnEarlierAttemptHoldsNothingUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		tab := w.start(inv, "gardeshpay")
		a := w.start(inv, "ghesta")
		w.ins.say("8001", refusal("12", true, false), paid("R8001"))
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.clock.add(31 * time.Second)
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.want(inv, checkout.InvoicePaid, tab, checkout.AttemptRedirected)
	})
}

// TestReask_NotAfterAPersonsWord: a refusal that would be asked about again waits, its attempt comes with
// another reference, and a person says that it failed. Neither is asked about any more.
func TestReask_NotAfterAPersonsWord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", refusal("12", true, false), paid("R8001"))
		w.mustBack(a, "8001")
		w.work()
		w.ins.say("8002", already())
		w.mustBack(a, "8002")
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, nil); err != nil {
			t.Fatal(err)
		}
		asked := w.ins.asked()
		w.pass(20 * time.Minute)
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		if w.ins.asked() != asked {
			t.Errorf("asked %d more times", w.ins.asked()-asked)
		}
	})
}

// TestReask_MoneyMayBeThere: a call about a reference was not heard before it was refused, and what would be
// asked about again may not be asked any more: the shop gave the invoice up. That the money may be there is
// told, also where another reference of the attempt was canceled meanwhile; but not after a person's word,
// and not of one whose every call was heard.
func TestReask_MoneyMayBeThere(t *testing.T) {
	canceled := gateways.Answer{Outcome: gateways.Canceled, Code: "1", Sent: true, Status: 400}
	for name, c := range map[string]struct {
		first []gateways.Answer
		other *gateways.Answer
		word  bool
		want  checkout.AttemptStatus
	}{
		"failed":                       {[]gateways.Answer{silence(), refusal("12", true, false)}, nil, false, checkout.AttemptUnclaimed},
		"heard":                        {[]gateways.Answer{refusal("12", true, false)}, nil, false, checkout.AttemptFailed},
		"another reference is out":     {[]gateways.Answer{silence(), refusal("12", true, false)}, &canceled, false, checkout.AttemptUnclaimed},
		"another, and all were heard":  {[]gateways.Answer{refusal("12", true, false)}, &canceled, false, checkout.AttemptCanceled},
		"a person said that it failed": {[]gateways.Answer{silence(), refusal("12", true, false)}, new(already()), true, checkout.AttemptFailed},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				w.ins.say("8001", c.first...)
				w.mustBack(a, "8001")
				w.work()
				if c.other != nil {
					w.ins.say("8002", *c.other)
					w.mustBack(a, "8002")
					w.work()
				}
				if c.word {
					if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, nil); err != nil {
						t.Fatal(err)
					}
				}
				if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
					t.Fatal(err)
				}
				asked := w.ins.asked()
				w.pass(20 * time.Minute)
				w.want(inv, checkout.InvoiceCanceled, a, c.want)
				told := 0
				if c.want == checkout.AttemptUnclaimed {
					told = 1
				}
				if n := count(w.types(inv), checkout.EventAttemptUnclaimed); n != told || told == 1 && w.attempt(a).TrackingNumber != "8001" {
					t.Errorf("told %d times, of %s", n, w.attempt(a).TrackingNumber)
				}
				if w.ins.asked() != asked {
					t.Errorf("asked %d more times", w.ins.asked()-asked)
				}
			})
		})
	}
}

// TestReask_SilenceBeginsAnew: how often nothing was heard before a refusal says nothing about the re-ask:
// its own silence is asked about again at once.
func TestReask_SilenceBeginsAnew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", silence(), silence(), silence(), refusal("12", true, false), silence(), paid("R8001"))
		w.mustBack(a, "8001")
		w.pass(25 * time.Second)
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.clock.add(30 * time.Second)
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestReask_BesideItsOwnOtherReference: an attempt that waits with another reference, which a stranger's
// call is out about, is no later attempt than itself: its refusal is asked about again.
func TestReask_BesideItsOwnOtherReference(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		_, word, done := w.snipe("8002")
		w.card.say("8001", refusal("", true, false), paid("R8001"))
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.mustBack(a, "8002")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		w.clock.add(30 * time.Second)
		w.runDue()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if got := w.attempt(a).TrackingNumber; got != "8001" {
			t.Errorf("paid by %s", got)
		}
		word <- refusal("", true, true)
		done.Wait()
	})
}

// TestReask_InOneMillisecond: of two attempts that began in one moment the one with the greater id is the
// later one, in every look alike: one of them waits, and not both for each other.
func TestReask_InOneMillisecond(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, refused := range []int{0, 1} { // the earlier, the later
			inv := w.invoice(1_500_000)
			for range 2 {
				if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); err != nil {
					t.Fatal(err)
				}
			}
			all := w.attempts(inv)
			if !all[0].CreatedAt.Equal(all[1].CreatedAt) || all[0].ID >= all[1].ID {
				t.Fatalf("%s %s, %s %s", all[0].CreatedAt, all[0].ID, all[1].CreatedAt, all[1].ID)
			}
			ref := fmt.Sprint(8001 + i)
			w.card.say(ref, refusal("12", true, true), paid("R"))
			w.mustBack(all[refused], ref)
			w.work()
			w.clock.add(31 * time.Second)
			w.work()
			want := map[int]checkout.AttemptStatus{0: checkout.AttemptFailed, 1: checkout.AttemptPaid}[refused]
			if got := w.attempt(all[refused]).Status; got != want {
				t.Errorf("attempt %d is %s, want %s", refused, got, want)
			}
		}
	})
}

// TestReference_OwnerWaitsAndHisInvoiceIsCanceled: the owner waits for the answer to a stranger's call when
// the shop cancels his invoice. He is not verified, on purpose, and stands as unclaimed: his money returns.
func TestReference_OwnerWaitsAndHisInvoiceIsCanceled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, word, done := w.snipe("8001")
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptReturned)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		word <- refusal("", true, true)
		done.Wait()
		asked := w.card.asked()
		w.pass(time.Minute)
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		if got := w.attempt(a); got.UnclaimedWhy != "canceled" {
			t.Errorf("unclaimed because %q", got.UnclaimedWhy)
		}
		for _, r := range w.card.verifies[asked:] {
			if r.OurNumber == a.OurNumber {
				t.Error("verified after the cancel")
			}
		}
	})
}

// TestReview_SaysWhatTheGatewaySaid: the words of an answer that sends an attempt to a person stand with it.
func TestReview_SaysWhatTheGatewaySaid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		answer := already()
		answer.Code, answer.Message = "15", "verified before"
		w.ins.say("9001", answer)
		e := w.endpoint("whe_1")
		w.mustBack(a, "9001")
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if f := w.attempt(a).Failure; f == nil || f.Message != "verified before" {
			t.Errorf("%+v", f)
		}
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "paid", Note: "n"}, clerk, nil); err != nil {
			t.Fatal(err)
		}
		var body string
		err := w.db.View(t.Context(), func(tx *db.Tx) error {
			list, err := tx.Deliveries(db.DeliveryQuery{EndpointID: e.ID, Limit: 100})
			for _, d := range list {
				m, err := tx.Message(d.EventID)
				if err != nil {
					return err
				}
				if d.Type == checkout.EventInvoicePaid {
					body = m.Body
				}
			}
			return err
		})
		if err != nil || !strings.Contains(body, `"ref_number":"9001"`) || !strings.Contains(body, `"paid_at":"2026-10-01T14:30:00.001Z"`) || !strings.Contains(body, `"tracking_number":"9001"`) {
			t.Errorf("the shop's program hears %s, %v", body, err)
		}
	})
}
