package payments_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

var asker = checkout.Actor{Kind: "user", ID: "usr_7", RequestID: "req_7"}

// keyOf is the key of a refusal's sentence, "" when nothing was refused.
func keyOf(err error) string {
	var e *checkout.Error
	if errors.As(err, &e) {
		return e.Key
	}
	return ""
}

// A person who asks hears today's word of the gateway: a no moves nothing, a success pays, once.
func TestAskAgain_WhatAwaitsAPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReview()
		asked := w.ins.asked()
		for i, answer := range []gateways.Answer{
			{Outcome: gateways.Refused, Code: "44", Hard: true, Sent: true, Status: 400, RequestID: "pp-1"}, silence(), already(),
		} {
			w.ins.say("9001", answer)
			if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); err != nil {
				t.Fatal(err)
			}
			w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			told := w.events(inv)
			answered, ask := told[0], told[1]
			if ask.Type != checkout.EventVerifyAsked || ask.Actor != "user:usr_7" || ask.RequestID != "req_7" || ask.AttemptID != a.ID {
				t.Errorf("%d: asked %+v", i, ask)
			}
			if answered.Type != checkout.EventVerifyAnswered || answered.Actor != "system" || answered.RequestID != "req_7" || answered.GatewayID != answer.RequestID || !strings.Contains(answered.Data, answer.Outcome.String()) {
				t.Errorf("%d: answered %+v", i, answered)
			}
			if r := w.references(a)[0]; r.Open || r.Asks != asked+i+1 {
				t.Errorf("%d: the reference is %+v", i, r)
			}
		}
		if r := w.references(a)[0]; r.Unheard != 1 || r.Silences != 1 {
			t.Errorf("one was not heard: %+v", r)
		}
		w.ins.say("9001", paid("5512"))
		if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); err != nil {
			t.Fatal(err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if got := w.attempt(a); got.RefNumber != "9001" || got.CardMask == "" || got.Resolved || w.references(a)[0].Open || count(w.types(inv), checkout.EventInvoicePaid) != 1 {
			t.Errorf("%+v; %v", got, w.types(inv))
		}
		if r := w.ins.verifies[len(w.ins.verifies)-1]; r.Reference != "9001" || r.WireAmount != 1_500_000 || r.OurNumber != a.OurNumber {
			t.Errorf("asked about %+v", r)
		}
		before := w.story()
		if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); keyOf(err) != "error.nothing_to_ask" || w.story() != before || w.ins.asked() != asked+4 {
			t.Errorf("about what is paid: %v", err)
		}
	})
}

// One that is being verified is asked by its own job, now: the person makes no second call.
func TestAskAgain_WhatIsBeingVerified(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", silence())
		w.mustBack(a, "8001")
		w.work()
		before, asked := w.types(inv), w.ins.asked()
		if w.runDue(); w.ins.asked() != asked {
			t.Fatal("the next ask is due already")
		}
		if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); err != nil {
			t.Fatal(err)
		}
		if len(w.types(inv)) != len(before) || w.ins.asked() != asked {
			t.Errorf("asked by hand: %v", w.types(inv))
		}
		w.ins.say("8001", paid("R1"))
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// Where there is nothing to ask about, nothing is asked, and each says why.
func TestAskAgain_Nothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, review := w.inReview()
		_, decided := w.inReviewBy("9002")
		if _, _, err := w.ResolveAttempt(ctx, w.scope, decided.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, nil); err != nil {
			t.Fatal(err)
		}
		out := w.start(w.invoice(1_500_000), "ghesta")
		failed := w.start(w.invoice(1_500_000), "ghesta")
		w.ins.say("8003", refusal("44", false, true))
		w.mustBack(failed, "8003")
		used := w.start(w.invoice(1_500_000), "ghesta") // another attempt owns what it came with
		w.mustBack(used, "9001")
		w.work()
		if got := w.attempt(used); got.Status != checkout.AttemptNeedsReview || got.Failure == nil || got.Failure.Code != checkout.CodeReferenceUsed {
			t.Fatalf("%+v", got)
		}
		both := w.invoice(1_500_000) // what awaits a person is its second attempt
		earlier, later := w.start(both, "ghesta"), w.start(both, "ghesta")
		w.ins.say("8004", refusal("4", false, false))
		w.mustBack(earlier, "8004")
		w.work()
		w.ins.say("9003", already())
		w.mustBack(later, "9003")
		w.work()
		w.want(both, checkout.InvoiceReview, earlier, checkout.AttemptFailed)
		before, asked := w.story(), w.ins.asked()
		for name, c := range map[string]struct {
			sc   payments.Scope
			id   string
			want string
		}{
			"no such attempt":         {w.scope, "att_none", "error.not_found"},
			"another shop's":          {payments.Scope{MerchantID: "mer_other", Live: true}, review.ID, "error.not_found"},
			"the other mode's":        {payments.Scope{MerchantID: w.scope.MerchantID}, review.ID, "error.not_found"},
			"still at the gateway":    {w.scope, out.ID, "error.nothing_to_ask"},
			"refused":                 {w.scope, failed.ID, "error.nothing_to_ask"},
			"decided":                 {w.scope, decided.ID, "error.nothing_to_ask"},
			"another's reference":     {w.scope, used.ID, "error.nothing_to_ask"},
			"refused before another":  {w.scope, earlier.ID, "error.nothing_to_ask"},
			"no such, another shop's": {payments.Scope{}, "att_none", "error.not_found"},
		} {
			err := w.AskAgain(ctx, c.sc, c.id, asker)
			if keyOf(err) != c.want || c.want == "error.nothing_to_ask" && checkout.KindOf(err) != checkout.Conflict {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.story() != before || w.ins.asked() != asked {
			t.Errorf("something came of it: asked %d times", w.ins.asked()-asked)
		}
	})
}

// A gateway that writes its reference with zeros in front is asked about it as it came.
func TestAskAgain_AsItCame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReviewBy("009001")
		w.ins.say("009001", paid("5512"))
		if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); err != nil {
			t.Fatal(err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if got := w.attempt(a); got.TrackingNumber != "009001" {
			t.Errorf("%+v", got)
		}
	})
}

// Two who press at once are one call; who presses and leaves is told nothing, and the books are; what a
// person decided while it was out stands.
func TestAskAgain_Meanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReview()
		asked := w.ins.asked()
		held := func() chan struct{} {
			wait := make(chan struct{})
			w.ins.mu.Lock()
			w.ins.hold["9001"] = wait
			w.ins.mu.Unlock()
			return wait
		}
		wait, first := held(), make(chan error)
		go func() { first <- w.AskAgain(context.Background(), w.scope, a.ID, asker) }()
		w.until(func() bool { return w.ins.asked() == asked+1 })
		if err := w.AskAgain(t.Context(), w.scope, a.ID, asker); keyOf(err) != "error.asking" || checkout.KindOf(err) != checkout.Conflict {
			t.Errorf("pressed twice: %v", err)
		}
		if err := w.AskAgain(t.Context(), w.scope, "att_none", asker); keyOf(err) != "error.not_found" {
			t.Errorf("about another one meanwhile: %v", err)
		}
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "failed", Note: "n"}, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.ins.say("9001", paid("5512"))
		close(wait)
		if err := <-first; err != nil || w.ins.asked() != asked+1 {
			t.Fatal(err, w.ins.asked())
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		if e := w.last(inv); e.Type != checkout.EventVerifyAnswered || !strings.Contains(e.Data, `"late":true`) || w.references(a)[0].Open {
			t.Errorf("the last event is %s %s", e.Type, e.Data)
		}
		inv, a = w.inReviewBy("9002")
		ctx, leave := context.WithCancel(t.Context())
		w.ins.onVerify = func(gateways.VerifyRequest) { leave() }
		w.ins.say("9002", paid("5513"))
		if err := w.AskAgain(ctx, w.scope, a.ID, asker); err != nil {
			t.Errorf("who left: %v", err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// Two processes ask at once, and both hear that it is paid: it is paid once.
func TestAskAgain_TwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReview()
		asked, wait := w.ins.asked(), make(chan struct{})
		w.ins.hold["9001"] = wait
		w.ins.say("9001", paid("5512"))
		said := make(chan error)
		for _, e := range []*payments.Engine{w.Engine, w.engine()} {
			go func() { said <- e.AskAgain(context.Background(), w.scope, a.ID, asker) }()
		}
		w.until(func() bool { return w.ins.asked() == asked+2 })
		close(wait)
		if err := errors.Join(<-said, <-said); err != nil {
			t.Error(err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if types := w.types(inv); count(types, checkout.EventInvoicePaid) != 1 {
			t.Errorf("%v", types)
		}
	})
}

// Closing an unclaimed attempt takes it out of attention, and moves neither money nor state.
// However many close it at once, one did, with his note, and the others hear that it is done.
func TestCloseUnclaimed_ManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, a := range w.canceled("gardeshpay", 5) {
			w.mustBack(a, fmt.Sprint("880", i))
			var all sync.WaitGroup
			var closed, told atomic.Int64
			ready := make(chan struct{})
			for j := range 6 {
				all.Go(func() {
					<-ready
					switch err := w.CloseUnclaimed(t.Context(), w.scope, a.ID, fmt.Sprint("n", j), clerk); {
					case err == nil:
						closed.Add(1)
					case keyOf(err) == "error.not_unclaimed":
						told.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			close(ready)
			all.Wait()
			if n := count(w.types(checkout.Invoice{ID: a.InvoiceID}), checkout.EventAttemptResolved); closed.Load() != 1 || told.Load() != 5 || n != i+1 {
				t.Errorf("attempt %d was closed %d times, and %d events say so of %d attempts", i, closed.Load(), n, i+1)
			}
		}
	})
}

func TestCloseUnclaimed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, inv := t.Context(), w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		out := w.start(inv, "gardeshpay")
		if _, _, err := w.CancelInvoice(ctx, w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.mustBack(a, "8801")
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		before := w.story()
		for name, c := range map[string]struct {
			sc             payments.Scope
			id, note, want string
			fields         string
		}{
			"without a word":   {w.scope, a.ID, " \u200c ", "error.invalid", "note=required"},
			"too many words":   {w.scope, a.ID, strings.Repeat("x", 501), "error.invalid", "note=too_long"},
			"a card":           {w.scope, a.ID, "6037-9912-3456-7893", "error.invalid", "note=card_number"},
			"no such":          {w.scope, "att_none", "n", "error.not_found", ""},
			"another shop's":   {payments.Scope{MerchantID: "mer_other", Live: true}, a.ID, "n", "error.not_found", ""},
			"the other mode's": {payments.Scope{MerchantID: w.scope.MerchantID}, a.ID, "n", "error.not_found", ""},
			"not unclaimed":    {w.scope, out.ID, "n", "error.not_unclaimed", ""},
		} {
			err := w.CloseUnclaimed(ctx, c.sc, c.id, c.note, asker)
			if keyOf(err) != c.want || c.fields != "" && wrongFields(err) != c.fields || c.want == "error.not_unclaimed" && checkout.KindOf(err) != checkout.Conflict {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := w.story(); after != before {
			t.Errorf("a refusal left something:\n%s\nwant\n%s", after, before)
		}
		w.clock.add(time.Hour)
		const note = "Sara called, the bank gave it back"
		if err := w.CloseUnclaimed(ctx, w.scope, a.ID, " "+note+" ", asker); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(note))
		got, e := w.attempt(a), w.last(inv)
		if got.Note != note || !got.ClosedAt.Equal(w.clock.now()) || got.Resolved || got.VerifiedAt != a.VerifiedAt {
			t.Errorf("closed: %+v", got)
		}
		if e.Type != checkout.EventAttemptResolved || e.AttemptID != a.ID || e.GatewayID != "" || e.Actor != "user:usr_7" || !strings.Contains(e.Data, `"outcome":"closed"`) ||
			!strings.Contains(e.Data, hex.EncodeToString(sum[:])) || strings.Contains(e.Data, "Sara") {
			t.Errorf("its event: %+v", e)
		}
		w.want(inv, checkout.InvoiceCanceled, a, checkout.AttemptUnclaimed)
		before = w.story()
		if err := w.CloseUnclaimed(ctx, w.scope, a.ID, note, asker); keyOf(err) != "error.not_unclaimed" || w.story() != before {
			t.Errorf("twice: %v", err)
		}
	})
}

// A note stands at its invoice with who wrote it and when, and the log knows of it without its words.
func TestAddNote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, inv, user := checkout.WithActor(t.Context(), asker), w.invoice(1_500_000), w.user()
		add := func(sc payments.Scope, id, body string) error { return w.AddNote(ctx, sc, id, user, body) }
		for name, c := range map[string]struct{ got, want string }{
			"nothing":          {wrongFields(add(w.scope, inv.ID, "\t")), "note=required"},
			"too much":         {wrongFields(add(w.scope, inv.ID, strings.Repeat("x", 501))), "note=too_long"},
			"a card":           {wrongFields(add(w.scope, inv.ID, "card 6037991234567893")), "note=card_number"},
			"no such":          {keyOf(add(w.scope, "inv_none", "n")), "error.not_found"},
			"another shop's":   {keyOf(add(payments.Scope{MerchantID: "mer_other", Live: true}, inv.ID, "n")), "error.not_found"},
			"the other mode's": {keyOf(add(payments.Scope{MerchantID: w.scope.MerchantID}, inv.ID, "n")), "error.not_found"},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s", name, c.got)
			}
		}
		if err := add(w.scope, inv.ID, " Negar will come on Sunday "); err != nil {
			t.Fatal(err)
		}
		err := w.db.View(t.Context(), func(tx *db.Tx) error {
			notes, err := tx.NotesOfInvoice(inv.ID)
			if err != nil {
				return err
			}
			if len(notes) != 1 || notes[0].Body != "Negar will come on Sunday" || notes[0].UserID != user || !notes[0].CreatedAt.Equal(w.clock.now()) || !strings.HasPrefix(notes[0].ID, checkout.PrefixNote) {
				t.Errorf("notes %+v", notes)
			}
			deeds, err := tx.Deeds(db.DeedQuery{MerchantID: w.scope.MerchantID, Area: checkout.AreaInvoice, Actor: "user:usr_7", Limit: 9})
			if len(deeds) != 1 || deeds[0].Kind != "invoice.noted" || deeds[0].Object != inv.ID || deeds[0].Name != inv.Number || !deeds[0].Live || deeds[0].Details != "" {
				t.Errorf("deeds %+v", deeds)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := add(w.scope, inv.ID, "She came"); err != nil {
			t.Errorf("a second note: %v", err)
		}
	})
}
