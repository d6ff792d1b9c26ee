package payments_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// shopHasMail gives the merchant an address.
func (w *world) shopHasMail() {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *db.Tx) error {
		m, err := tx.Merchant(w.scope.MerchantID)
		if err != nil {
			return err
		}
		m.Email, m.Locale, m.Phone = "shop@example.com", "en", "035 3235 4120"
		return tx.UpdateMerchant(m)
	})
	if err != nil {
		w.Fatal(err)
	}
}

func mailed(in *payments.NewInvoice) {
	in.Customer.Email, in.Description, in.Reference = "sara@example.com", "سرویس چای‌خوری", "MP-1217"
	in.Locale = "fa"
}

func mailedAtOnce(in *payments.NewInvoice) { mailed(in); in.SendEmail = true }

// letters are the invoice's letters, oldest first, as kind:recipient:status.
func (w *world) letters(inv checkout.Invoice) (all []checkout.Letter, told []string) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		all, err = tx.Letters(db.LetterQuery{MerchantID: w.scope.MerchantID, Live: w.scope.Live, InvoiceID: inv.ID, Limit: 100})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.Reverse(all)
	for _, l := range all {
		told = append(told, fmt.Sprintf("%s:%s:%s", l.Kind, l.Recipient, l.Status))
	}
	slices.Sort(told)
	return all, told
}

func (w *world) wantLetters(inv checkout.Invoice, want ...string) []checkout.Letter {
	w.Helper()
	all, told := w.letters(inv)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		w.Errorf("letters %v, want %v", told, want)
	}
	return all
}

func TestLetters_Paid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		inv := w.invoice(1_500_000, mailedAtOnce)
		if types := w.types(inv); !slices.Equal(types, []string{"invoice.created", "invoice.sent"}) {
			t.Errorf("events %v", types)
		}
		asked := w.wantLetters(inv, "request:sara@example.com:queued")[0]
		if f := asked.Facts; f.Amount != 1_500_000 || f.Number != inv.Number || f.Customer != "Sara" || f.Reference != "MP-1217" || !f.At.Equal(w.clock.now()) || !f.ExpiresAt.Equal(inv.ExpiresAt) || asked.Locale != "fa" || !asked.Until.Equal(inv.ExpiresAt) {
			t.Errorf("the request says %+v", asked)
		}
		w.clock.add(time.Second)
		a := w.start(inv, "gardeshpay")
		w.wantLetters(inv, "request:sara@example.com:queued")
		w.mustBack(a, "8841027365")
		w.mustBack(a, "8841027365") // twice: one letter each
		w.work()
		all := w.wantLetters(inv, "request:sara@example.com:queued", "receipt:sara@example.com:queued", "paid:shop@example.com:queued")
		for _, l := range all {
			if l.Kind == checkout.LetterRequest {
				continue
			}
			f := l.Facts
			if f.Amount != 1_500_000 || f.TrackingNumber != "8841027365" || f.RefNumber != "R8841027365" || f.CardMask != "603799******1234" || f.Gateway != "gardeshpay" || f.Shop.Phone != "035 3235 4120" || f.At.IsZero() {
				t.Errorf("%s says %+v", l.Kind, f)
			}
			if l.Locale != map[checkout.LetterKind]string{"receipt": "fa", "paid": "en"}[l.Kind] {
				t.Errorf("%s is in %s", l.Kind, l.Locale)
			}
		}
		// No address and no token of the link stands in an event.
		list, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if strings.Contains(e.Data, "sara@") || strings.Contains(e.Data, inv.Token) {
				t.Errorf("%s holds %s", e.Type, e.Data)
			}
		}
		for _, l := range all {
			if text := fmt.Sprint(l); strings.Contains(text, inv.Token) {
				t.Errorf("a letter in the outbox holds the link's token: %s", text)
			}
		}
	})
}

// Where only one of the two has an address, that one is written to.
func TestLetters_ToOneOfTheTwo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, mailed)
		w.mustBack(w.start(inv, "ghesta"), "5551")
		w.wantLetters(inv, "receipt:sara@example.com:queued")
		w.shopHasMail()
		inv = w.invoice(1_500_000)
		w.mustBack(w.start(inv, "ghesta"), "5552")
		w.wantLetters(inv, "paid:shop@example.com:queued")
	})
}

// What is not known is told as not known, and what a person decides is told as decided.
func TestLetters_ReviewAndResolve(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		for _, outcome := range []string{"paid", "failed"} {
			inv := w.invoice(1_500_000, mailed)
			a := w.start(inv, "ghesta")
			ref := "9" + inv.Number
			w.ins.say(ref, already())
			w.mustBack(a, ref)
			all := w.wantLetters(inv, "unconfirmed:sara@example.com:queued", "attention:shop@example.com:queued")
			for _, l := range all {
				if f := l.Facts; f.Why != checkout.CodeAlreadyVerified || f.What != "review" || f.TrackingNumber != ref || f.Gateway != "ghesta" {
					t.Errorf("%s says %+v", l.Kind, f)
				}
			}
			r := payments.Resolution{Outcome: outcome, Note: "asked PayPing by telephone"}
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, r, checkout.Actor{}, nil); err != nil {
				t.Fatal(err)
			}
			want := []string{"unconfirmed:sara@example.com:queued", "attention:shop@example.com:queued"}
			if outcome == "paid" {
				want = append(want, "receipt:sara@example.com:queued", "paid:shop@example.com:queued")
			} else {
				want = append(want, "unpaid:sara@example.com:queued")
			}
			all = w.wantLetters(inv, want...)
			for _, l := range all {
				if l.Facts.Manual != (l.Kind == checkout.LetterReceipt || l.Kind == checkout.LetterPaid) {
					t.Errorf("%s says that a person recorded it: %t", l.Kind, l.Facts.Manual)
				}
			}
		}
	})
}

// A payment that was not taken on purpose: its payer hears where the money is; the merchant hears
// only where nobody promises that it returns.
func TestLetters_Unclaimed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		for gateway, want := range map[string][]string{
			"gardeshpay": {"returning:sara@example.com:queued", "attention:shop@example.com:queued"},
			"ghesta":     {"returning:sara@example.com:queued"},
		} {
			inv := w.invoice(1_500_000, mailed)
			a := w.start(inv, gateway)
			if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
				t.Fatal(err)
			}
			w.wantLetters(inv)
			w.mustBack(a, "7"+inv.Number)
			w.mustBack(a, "7"+inv.Number)
			for _, l := range w.wantLetters(inv, want...) {
				if l.Facts.Why != "canceled" || l.Facts.Gateway != gateway || l.Facts.What != "unclaimed" {
					t.Errorf("%s says %+v", l.Kind, l.Facts)
				}
			}
		}
	})
}

// Neither a customer who does not come back nor a refusal is told by letter: the one may be paying
// yet, the other has read it.
func TestLetters_NoneOfFailures(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		inv := w.invoice(1_500_000, mailed)
		w.start(inv, "gardeshpay")
		w.pass(31 * time.Minute)
		a := w.start(inv, "ghesta")
		w.ins.say("11111", refusal("7", false, true))
		w.mustBack(a, "11111")
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		w.wantLetters(inv)
	})
}

// A refund is told to who gets it, each with its own amount; the shop gave it and knows.
func TestLetters_Refunded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		inv := w.invoice(1_500_000, mailed)
		w.mustBack(w.start(inv, "ghesta"), "5551")
		for _, amount := range []money.Rial{100_000, 250_000} {
			w.clock.add(time.Second)
			if _, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: amount, Reason: "برگشت"}, checkout.Actor{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		all := w.wantLetters(inv, "receipt:sara@example.com:queued", "paid:shop@example.com:queued", "refunded:sara@example.com:queued", "refunded:sara@example.com:queued")
		if all[2].Facts.Amount != 100_000 || all[3].Facts.Amount != 250_000 {
			t.Errorf("the refunds' letters say %+v and %+v", all[2].Facts, all[3].Facts)
		}
	})
}

func TestSendInvoice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := checkout.Actor{Kind: "key", ID: "key_1"}
		send := func(inv checkout.Invoice) error {
			_, _, err := w.SendInvoice(t.Context(), w.scope, inv.ID, by, nil)
			return err
		}
		none := w.invoice(1_500_000)
		if err := send(none); !errors.Is(err, checkout.Invalid) {
			t.Errorf("without an address: %v", err)
		}
		if _, _, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 1_500_000, SendEmail: true}, by, nil); !errors.Is(err, checkout.Invalid) {
			t.Errorf("created to be sent without an address: %v", err)
		}
		inv := w.invoice(1_500_000, mailed)
		if err := errors.Join(send(inv), send(inv)); err != nil {
			t.Fatal(err)
		}
		l := w.wantLetters(inv, "request:sara@example.com:queued")[0]
		if types := w.types(inv); !slices.Equal(types, []string{"invoice.created", "invoice.sent"}) {
			t.Errorf("events %v", types)
		}
		l.Status, l.EndedAt = checkout.LetterSent, w.clock.now()
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.SaveLetter(&l); return err }); err != nil {
			t.Fatal(err)
		}
		if err := send(inv); err != nil {
			t.Fatal(err)
		}
		w.wantLetters(inv, "request:sara@example.com:queued", "request:sara@example.com:sent")
		other := payments.Scope{MerchantID: w.scope.MerchantID, Live: false}
		if _, _, err := w.SendInvoice(t.Context(), other, inv.ID, by, nil); !errors.Is(err, checkout.NotFound) {
			t.Errorf("of the other mode: %v", err)
		}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, by, nil); err != nil {
			t.Fatal(err)
		}
		if err := send(inv); !errors.Is(err, checkout.Conflict) {
			t.Errorf("canceled: %v", err)
		}
	})
}

// The twenty-first request of a day to one mailbox is not written; who asks for it hears so, and an
// invoice is made all the same.
func TestSendInvoice_Limit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range checkout.AskingToOne {
			w.wantLetters(w.invoice(1_500_000, mailedAtOnce), "request:sara@example.com:queued")
		}
		over := w.invoice(1_500_000, mailedAtOnce)
		if l := w.wantLetters(over, "request:sara@example.com:withheld"); l[0].Reason != checkout.ReasonLimit {
			t.Errorf("withheld for %s", l[0].Reason)
		}
		if e := w.last(over); e.Type != "invoice.sent" || !strings.Contains(e.Data, `"withheld":"`+checkout.ReasonLimit+`"`) {
			t.Errorf("the event of a letter that stays here: %s %s", e.Type, e.Data)
		}
		if _, _, err := w.SendInvoice(t.Context(), w.scope, over.ID, checkout.Actor{}, nil); !errors.Is(err, checkout.TooMany) || keyOf(err) != "error.too_many_letters" {
			t.Errorf("sent over the limit: %v", err)
		}
		if types := w.types(over); len(types) != 2 {
			t.Errorf("events %v", types)
		}
	})
}

// An invoice without an address, of a merchant without one, costs the store nothing.
func TestLetters_CostNothingWhereThereIsNobody(t *testing.T) {
	var letters, all atomic.Int64
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	store := dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t), Now: c.now, Watch: func(query string) error {
		all.Add(1)
		if strings.Contains(query, "letter") {
			letters.Add(1)
		}
		return nil
	}})
	w := newWorld(t, store, c)
	inv := w.invoice(1_500_000)
	w.mustBack(w.start(inv, "ghesta"), "5551")
	w.work()
	if w.status(inv) != checkout.InvoicePaid || letters.Load() != 0 || all.Load() == 0 {
		t.Fatalf("%d of %d statements are about letters", letters.Load(), all.Load())
	}
	pay := func() int64 {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		before := all.Load()
		w.mustBack(a, "6"+inv.Number)
		w.work()
		return all.Load() - before
	}
	plain := pay()
	w.shopHasMail()
	w.invoice(1_500_000)
	pay() // the merchant is read anew, once
	if with := pay(); with <= plain || with > plain+4 {
		t.Errorf("a payment takes %d statements, %d when the merchant is written to", plain, with)
	}
}

// TestLetters_WhatAReviewSays: what nobody knows yet is told with the amount, the gateway, the number and
// until when the gateway is asked, as of the customer's return, to whoever has an address.
func TestLetters_WhatAReviewSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.shopHasMail()
		w.window("gardeshpay", "1m")
		for ref, tt := range map[string]struct {
			answer gateways.Answer
			change func(*payments.NewInvoice)
			why    string
			want   []string
		}{
			"8001": {already(), mailed, checkout.CodeAlreadyVerified, []string{"attention:shop@example.com:queued", "unconfirmed:sara@example.com:queued"}},
			"8002": {already(), func(*payments.NewInvoice) {}, checkout.CodeAlreadyVerified, []string{"attention:shop@example.com:queued"}},
			"8003": {gateways.Answer{Outcome: gateways.Unknown, Body: "not sent"}, mailed, checkout.CodeUnknownOutcome, []string{"attention:shop@example.com:queued", "unconfirmed:sara@example.com:queued"}},
		} {
			inv := w.invoice(1_500_000, tt.change)
			a := w.start(inv, "gardeshpay")
			w.clock.add(time.Second)
			back := w.clock.now()
			w.card.say(ref, tt.answer)
			w.mustBack(a, ref)
			w.pass(2 * time.Minute)
			w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
			for _, l := range w.wantLetters(inv, tt.want...) {
				f := l.Facts
				if f.Amount != 1_500_000 || f.Gateway != "gardeshpay" || f.TrackingNumber != ref || !f.Deadline.Equal(back.Add(time.Minute)) || !f.At.Equal(back) || f.What != "review" || f.Why != tt.why {
					t.Errorf("%s of %s says %+v", l.Kind, ref, f)
				}
				if !strings.HasPrefix(l.ID, checkout.PrefixLetter) || !strings.HasPrefix(l.Key, "evt_") || !strings.HasSuffix(l.Key, "/"+string(l.Kind)) {
					t.Errorf("%s is %s, %s", l.Kind, l.ID, l.Key)
				}
			}
		}
	})
}

// TestSendInvoice_SaysWhichLetter: the event names the letter, and the letter's key names the event.
func TestSendInvoice_SaysWhichLetter(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, mailed)
		if sent, _, err := w.SendInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{Kind: "key", ID: "key_1"}, nil); err != nil || sent.ID != inv.ID || sent.EventSeq != inv.EventSeq+1 {
			t.Fatalf("%+v, %v", sent, err)
		}
		l := w.wantLetters(inv, "request:sara@example.com:queued")[0]
		list, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		e := list[0]
		if e.Type != "invoice.sent" || !strings.Contains(e.Data, l.ID) || strings.Contains(e.Data, "withheld") || l.Key != db.EventID(inv.ID, e.Sequence)+"/request" || !strings.HasPrefix(l.ID, checkout.PrefixLetter) {
			t.Errorf("event %d %s %s, letter %s with key %s", e.Sequence, e.Type, e.Data, l.ID, l.Key)
		}
	})
}

// A shop that wrote as many requests in a day as it may can still send out a file, whose letters have a
// measure of their own.
func TestLetters_RunsHaveTheirOwnMeasure(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			for i := range checkout.AskingOfOne {
				l := checkout.Letter{MerchantID: w.scope.MerchantID, Live: true, Kind: checkout.LetterRequest, Key: fmt.Sprint(i), Recipient: fmt.Sprintf("x%d@example.com", i), Locale: "fa"}
				if fresh, err := tx.EnqueueLetter(&l); err != nil || !fresh || l.Status != checkout.LetterQueued {
					return fmt.Errorf("letter %d: %s, %w", i, l.Status, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.wantLetters(w.invoice(1_500_000, mailedAtOnce), "request:sara@example.com:withheld")
		_, rows := w.runNow(w.brought(customers(2)), true, false)
		for i, row := range rows {
			w.wantLetters(checkout.Invoice{ID: row.InvoiceID}, fmt.Sprintf("request:c%d@example.com:queued", i))
		}
	})
}
