package payments_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/gatewaystest"
	"dargah/internal/gateways/ghesta"
)

// inReview is an attempt that a person must decide about.
func (w *world) inReview() (checkout.Invoice, checkout.Attempt) {
	w.Helper()
	return w.inReviewBy("9001")
}

func (w *world) inReviewBy(ref string) (checkout.Invoice, checkout.Attempt) {
	w.Helper()
	inv := w.invoice(1_500_000)
	a := w.start(inv, "ghesta")
	w.ins.say(ref, already())
	w.mustBack(a, ref)
	w.work()
	w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
	return inv, a
}

// events are the invoice's events as they are exported, newest first.
func (w *world) events(inv checkout.Invoice) []checkout.Event {
	w.Helper()
	list, _, err := w.InvoiceEvents(w.Context(), w.scope, inv.ID, "", 100)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

// TestResolve_CardNumbersAreRefused: a person copies from a bank's page. What he writes stays, and a
// card number must not.
func TestResolve_CardNumbersAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReview()
		for field, wrong := range map[string]payments.Resolution{
			"note":       {Outcome: "paid", Note: "card 6037-9912-3456-7893, Sara"},
			"ref_number": {Outcome: "paid", Note: "seen at the bank", RefNumber: "6037991234567893"},
		} {
			for name, r := range map[string]payments.Resolution{
				"latin":   wrong,
				"persian": {Outcome: wrong.Outcome, Note: persian(wrong.Note), RefNumber: persian(wrong.RefNumber)},
			} {
				_, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, r, checkout.Actor{}, nil)
				var e *checkout.Error
				if !errors.As(err, &e) || e.Kind != checkout.Invalid || !slices.Contains(e.Fields, checkout.FieldError{Field: field, Code: "card_number"}) {
					t.Errorf("%s, %s: %v", field, name, err)
				}
			}
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if got := w.attempt(a); got.Note != "" || got.RefNumber != "" {
			t.Errorf("kept: %q, %q", got.Note, got.RefNumber)
		}
	})
}

func persian(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '۰'
		}
		return r
	}, s)
}

// TestResolve_TheNoteStaysOutOfTheEvents: it may name people, and events are for ever. The event
// proves the note by its hash; the attempt keeps it, where it can be removed.
func TestResolve_TheNoteStaysOutOfTheEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, outcome := range []string{"paid", "failed"} {
			inv, a := w.inReview()
			r := payments.Resolution{Outcome: outcome, Note: "Sara Ahmadi called from 09351112233", RefNumber: "77123456"}
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, r, checkout.Actor{Kind: "user", ID: "usr_1"}, nil); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(r.Note))
			proved := false
			for _, e := range w.events(inv) {
				if strings.Contains(e.Data, "Ahmadi") || strings.Contains(e.Data, "0935") {
					t.Errorf("%s holds the note: %s", e.Type, e.Data)
				}
				if e.Type != checkout.EventAttemptResolved {
					continue
				}
				var data map[string]any
				if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
					t.Fatal(err)
				}
				proved = data["note_sha256"] == hex.EncodeToString(sum[:]) && data["outcome"] == outcome && data["ref_number"] == r.RefNumber && data["note"] == nil
			}
			if !proved {
				t.Errorf("no event proves the note: %+v", w.events(inv))
			}
			if got := w.attempt(a); got.Note != r.Note || got.RefNumber != r.RefNumber || !got.Resolved {
				t.Errorf("the attempt keeps %+v", got)
			}
		}
	})
}

// TestResolve_FailedAfterTheExpiryReopensNothing: the invoice falls back to expired, and its history
// must not say that it can be paid again.
func TestResolve_FailedAfterTheExpiryReopensNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, a := w.inReview()
		w.clock.add(8 * 24 * time.Hour)
		late := payments.Resolution{Outcome: "failed", Note: "no such payment"}
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, late, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.want(inv, checkout.InvoiceExpired, a, checkout.AttemptFailed)
		if types := w.types(inv); count(types, "invoice.reopened") != 0 || count(types, "attempt.resolved") != 1 {
			t.Errorf("events = %v", types)
		}
		inv, a = w.inReview()
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, late, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		if types := w.types(inv); count(types, "invoice.reopened") != 1 {
			t.Errorf("in time: events = %v", types)
		}
	})
}

// TestSetAccount_TwoAtOnceKeepBoth: two people save different settings of one account; neither is
// told of an error, so neither's may be gone. The first row of an account is made by both.
func TestSetAccount_TwoAtOnceKeepBoth(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.engine().Options
		o.TestSettings = map[string]gateways.Settings{"ghesta": {"token": "t"}}
		w.Engine = payments.New(o)
		for i := range 10 {
			for _, sc := range []payments.Scope{w.scope, {MerchantID: w.scope.MerchantID}} {
				low, high := fmt.Sprint(1000+i), fmt.Sprint(9_000_000+i)
				var all sync.WaitGroup
				for _, values := range []map[string]string{{"min_amount": low}, {"max_amount": high}} {
					all.Go(func() {
						if err := w.SetAccount(context.Background(), sc, "ghesta", values, checkout.Actor{}); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				var row *checkout.GatewayAccount
				err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
					row, err = tx.GatewayAccount(sc.MerchantID, sc.Live, "ghesta")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if row.Settings["min_amount"] != low || row.Settings["max_amount"] != high {
					t.Fatalf("live %t: saved %s and %s, kept %v", sc.Live, low, high, row.Settings)
				}
			}
		}
	})
}

// TestReference_OneHostHoweverWritten: the same gateway with and without its scheme's own port is one
// gateway. Were it two, one payment would be captured for two invoices.
func TestReference_OneHostHoweverWritten(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		addresses := map[string][]string{
			"ghesta":     {"https://pay.example.ir/v1/verify", "https://pay.example.ir:443/v1/verify", "https://PAY.Example.ir:443/v2/verify"},
			"gardeshpay": {"http://127.0.0.1/verify", "http://127.0.0.1:80/verify"},
		}
		for gateway, list := range addresses {
			v := map[string]*vendor{"gardeshpay": w.card, "ghesta": w.ins}[gateway]
			for i, address := range list {
				if err := w.SetAccount(t.Context(), w.scope, gateway, map[string]string{"verify_url": address}, checkout.Actor{}); err != nil {
					t.Fatal(err)
				}
				inv := w.invoice(1_500_000)
				a := w.start(inv, gateway)
				w.mustBack(a, "8001")
				w.work()
				if i == 0 {
					w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
					continue
				}
				w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			}
			if v.asked() != 1 {
				t.Errorf("%s: asked %d times", gateway, v.asked())
			}
		}
		// Another port is another gateway.
		if err := w.SetAccount(t.Context(), w.scope, "ghesta", map[string]string{"verify_url": "https://pay.example.ir:8443/v1/verify"}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// echo is a gateway whose verify is the real adapter's before a vendor who repeats what it was told.
type echo struct {
	*vendor
	adapter func(*gateways.Client) gateways.Gateway
	status  int
	body    []byte
}

// Verify is the adapter's.
func (e echo) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	return e.adapter((&gatewaystest.Vendor{Status: e.status, Body: e.body}).Client()).Verify(ctx, s, r)
}

// TestVerify_WhatAnAnswerRepeatsStaysOutOfTheRecord: a vendor's error page may hold our callback with
// its token, the gateway's token or the payer. Events are exported and kept for ever.
func TestVerify_WhatAnAnswerRepeatsStaysOutOfTheRecord(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		shape  string // %s is all that may be repeated
	}{
		"page":           {500, "<html>Error while paying: %s</html>"},
		"message":        {400, `{"success":false,"code":29,"message":"no: %s"}`},
		"map":            {400, `{"29":"no: %s"}`},
		"undocumented":   {200, `{"success":true,"data":{"detail":"%s"}}`},
		"escaped":        {502, `{"detail":"%s"}`},
		"name of member": {502, `{"%s":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				for _, gateway := range payments.GatewayNames() {
					w.repeats(gateway, answer.status, answer.shape, name == "escaped")
				}
			})
		})
	}
}

// repeats has a gateway answer with all that may be repeated, and looks for it in what is kept.
func (w *world) repeats(gateway string, status int, shape string, escaped bool) {
	w.Helper()
	v, adapter := w.card, func(c *gateways.Client) gateways.Gateway { return gardeshpay.New(c) }
	if gateway == "ghesta" {
		v, adapter = w.ins, func(c *gateways.Client) gateways.Gateway { return ghesta.New(c) }
	}
	inv := w.invoice(1_500_000, func(n *payments.NewInvoice) {
		n.Customer = checkout.Customer{Name: "سارا Ahmadi", Mobile: "09351112233"}
	})
	a := w.start(inv, gateway)
	secrets := []string{a.CallbackToken, "سارا Ahmadi", "09351112233"}
	address := "https://pay.example/cb/" + gateway + "/" + a.CallbackToken
	if gateway == "ghesta" {
		secrets = append(secrets, a.GatewayToken)
	}
	if slices.Contains(secrets, "") {
		w.Fatalf("nothing to hide: %q", secrets)
	}
	text := address + " " + strings.Join(secrets, ", ") + "."
	if escaped {
		text = strings.ReplaceAll(text, "/", `\/`)
		text = strings.ReplaceAll(text, "سارا", `\u0633\u0627\u0631\u0627`)
		text = strings.ReplaceAll(text, "0935", `\u0030935`)
	}
	body := strings.Replace(shape, "%s", text, 1)
	o := w.engine().Options
	o.Live = map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": w.ins}
	o.Live[gateway] = echo{v, adapter, status, []byte(body)}
	w.Engine = payments.New(o)
	w.mustBack(a, "8001")
	w.spawned.Wait()
	got := w.attempt(a)
	kept := []string{fmt.Sprintf("failure %+v", got.Failure)}
	answered := false
	for _, e := range w.events(inv) {
		kept = append(kept, e.Type+" "+e.Data)
		answered = answered || e.Type == checkout.EventVerifyAnswered
	}
	if !answered {
		w.Errorf("%s: no answer was recorded: %q", gateway, kept)
	}
	for _, text := range kept {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				w.Errorf("%s: %q stands in %s", gateway, secret, text)
			}
		}
	}
}
