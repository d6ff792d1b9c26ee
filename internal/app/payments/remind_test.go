package payments_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// noon moves the clock to noon in Tehran, so many days ahead.
func (w *world) noon(days int) {
	w.Helper()
	now := w.clock.now().In(i18n.Tehran())
	w.clock.add(time.Date(now.Year(), now.Month(), now.Day()+days, 12, 0, 0, 0, i18n.Tehran()).Sub(now))
}

func (w *world) rules(change func(*checkout.Rules)) {
	w.Helper()
	if err := w.SetRules(w.Context(), w.scope.MerchantID, change); err != nil {
		w.Fatal(err)
	}
	if err := w.RunRules(w.Context(), checkout.Job{Kind: payments.JobRules, Key: w.scope.MerchantID}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) remind() {
	w.Helper()
	if err := w.Remind(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// reminders are how many reminders an invoice has in the outbox.
func (w *world) reminders(inv checkout.Invoice, want int) []checkout.Letter {
	w.Helper()
	all, _ := w.letters(inv)
	var list []checkout.Letter
	for _, l := range all {
		if l.Kind == checkout.LetterReminder {
			list = append(list, l)
		}
	}
	if len(list) != want {
		w.Errorf("%d reminders, want %d", len(list), want)
	}
	return list
}

func everyTwoDays(r *checkout.Rules) { r.RemindAfter, r.RemindMost = 2, 2 }

func TestRemind_ByTheRule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		inv := w.invoice(1_500_000, mailedAtOnce) // before there is a rule: it follows it all the same
		never := w.invoice(1_500_000, mailed)
		if got := w.next(inv); !got.Equal(inv.ExpiresAt) {
			t.Errorf("without a rule it is looked at at %s", got)
		}
		w.rules(everyTwoDays)
		w.remind()
		w.reminders(inv, 0)
		w.noon(1)
		w.remind()
		w.reminders(inv, 0)
		w.noon(1)
		w.remind()
		w.remind()
		l := w.reminders(inv, 1)[0]
		if l.Key != inv.ID+"/reminder/1" || l.Facts.Number != inv.Number || !l.Facts.At.Equal(w.clock.now()) || !l.Until.Equal(w.clock.now().Add(24*time.Hour)) || !strings.HasPrefix(l.ID, checkout.PrefixLetter) {
			t.Errorf("%+v", l)
		}
		if e := w.last(inv); e.Type != checkout.EventInvoiceSent || e.Data != `{"letter":"`+l.ID+`","reminder":1}` || e.AttemptID != "" || e.GatewayID != "" {
			t.Errorf("%+v", e)
		}
		w.noon(2)
		w.remind()
		w.reminders(inv, 2)
		w.noon(2)
		w.remind()
		w.reminders(inv, 2) // at most
		w.reminders(never, 0)
		sent := 0
		for _, kind := range w.types(inv) {
			if kind == checkout.EventInvoiceSent {
				sent++
			}
		}
		if sent != 3 {
			t.Errorf("%d events of sending", sent)
		}
		w.noon(2) // expired
		w.remind()
		err := w.db.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Reminder(inv.ID); return err })
		if !errors.Is(err, checkout.NotFound) {
			t.Errorf("an expired invoice is still looked at: %v", err)
		}
	})
}

func TestRemind_NeverWhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		paid, canceled, paying, stopped := w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, func(in *payments.NewInvoice) {
			mailedAtOnce(in)
			in.Customer.Email = "kian@example.com"
		})
		w.mustBack(w.start(paid, "gardeshpay"), "8841027365")
		w.work()
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, canceled.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		var token string
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			r, err := tx.ReaderOf(w.scope.MerchantID, "Kian@example.com", "way-out")
			token = r.Token
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.StopReminders(t.Context(), token, true); err != nil {
				t.Fatal(err)
			}
		}
		w.noon(2)
		w.start(paying, "gardeshpay")
		w.clock.add(time.Minute)
		w.remind()
		for _, inv := range []checkout.Invoice{paid, canceled, paying, stopped} {
			w.reminders(inv, 0)
		}
		w.clock.add(time.Hour)
		if err := w.Sweep(t.Context()); err != nil { // the customer never came back
			t.Fatal(err)
		}
		w.remind()
		w.reminders(paying, 1)
		if err := w.StopReminders(t.Context(), token, false); err != nil {
			t.Fatal(err)
		}
		w.noon(2)
		w.remind()
		w.reminders(stopped, 1)
		if err := w.StopReminders(t.Context(), "nobody", true); !errors.Is(err, checkout.NotFound) {
			t.Errorf("a token of nobody: %v", err)
		}
	})
}

func TestRemind_Quiet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		inv := w.invoice(1_500_000, mailedAtOnce)
		w.noon(2)
		w.clock.add(10 * time.Hour) // the process was down, and comes back at ten in the evening
		w.remind()
		w.reminders(inv, 0)
		w.clock.add(11 * time.Hour)
		w.remind()
		l := w.reminders(inv, 1)[0]
		if at := l.CreatedAt.In(i18n.Tehran()); at.Hour() != 9 {
			t.Errorf("written at %s", at)
		}
	})
}

// Two processes look at the same moment: one letter each.
func TestRemind_TwoAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		var list []checkout.Invoice
		for range 8 {
			list = append(list, w.invoice(1_500_000, mailedAtOnce))
		}
		w.noon(2)
		var all sync.WaitGroup
		for range 4 {
			e := w.engine()
			all.Go(func() {
				if err := e.Remind(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, inv := range list {
			w.reminders(inv, 1)
			if strings.Count(strings.Join(w.types(inv), " "), checkout.EventInvoiceSent) != 2 {
				t.Errorf("events %v", w.types(inv))
			}
		}
	})
}

// A later expiry brings a later reminder; rules out of bounds are refused, field by field.
func TestRemind_Edited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(func(r *checkout.Rules) { r.RemindBefore, r.RemindMost = 24, 1 })
		inv := w.invoice(1_500_000, mailedAtOnce)
		later := inv.ExpiresAt.Add(10 * 24 * time.Hour)
		w.noon(1)
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{ExpiresAt: &later}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		w.noon(6)
		w.remind()
		w.reminders(inv, 0)
		w.noon(9)
		w.remind()
		w.reminders(inv, 1)
		err := w.SetRules(t.Context(), w.scope.MerchantID, func(r *checkout.Rules) { r.RemindAfter, r.QuietFrom = -1, 24 })
		var wrong *checkout.Error
		if !errors.As(err, &wrong) || len(wrong.Fields) != 2 {
			t.Errorf("%v", err)
		}
	})
}

// next is when an invoice is looked at again.
func (w *world) next(inv checkout.Invoice) time.Time {
	w.Helper()
	var m *checkout.Reminder
	if err := w.db.View(w.Context(), func(tx *db.Tx) (err error) { m, err = tx.Reminder(inv.ID); return err }); err != nil {
		w.Fatal(err)
	}
	return m.NextAt
}

// When somebody is looked at again who is not to be reminded now: in an hour while the payment is being
// confirmed, in a quarter while they pay, in a day when they stopped reminders.
func TestRemind_LooksAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		to := func(address string) func(*payments.NewInvoice) {
			return func(in *payments.NewInvoice) { mailedAtOnce(in); in.Customer.Email = address }
		}
		asked, paying, stopped, review := w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, to("kian@example.com")), w.invoice(1_500_000, mailedAtOnce)
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.ReaderOf(w.scope.MerchantID, "kian@example.com", "way-out")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := w.Reader(t.Context(), "way-out"); err != nil || r.Stopped || r.Merchant.ID != w.scope.MerchantID {
			t.Errorf("%+v, %v", r, err)
		}
		if err := w.StopReminders(t.Context(), "way-out", true); err != nil {
			t.Fatal(err)
		}
		if r, err := w.Reader(t.Context(), "way-out"); err != nil || !r.Stopped {
			t.Errorf("stopped: %+v, %v", r, err)
		}
		if _, err := w.Reader(t.Context(), "nobody"); !errors.Is(err, checkout.NotFound) {
			t.Errorf("nobody's: %v", err)
		}
		w.noon(2)
		w.start(paying, "gardeshpay")
		w.ins.say("8001", silence())
		w.mustBack(w.start(asked, "ghesta"), "8001")
		w.ins.say("9001", already())
		w.mustBack(w.start(review, "ghesta"), "9001")
		w.spawned.Wait()
		w.remind()
		now := w.clock.now()
		for name, c := range map[string]struct {
			inv  checkout.Invoice
			want time.Duration
		}{"being verified": {asked, time.Hour}, "in review": {review, time.Hour}, "paying": {paying, 15 * time.Minute}, "stopped": {stopped, 24 * time.Hour}} {
			if got := w.next(c.inv); !got.Equal(now.Add(c.want)) {
				t.Errorf("%s: again in %s, want %s", name, got.Sub(now), c.want)
			}
			w.reminders(c.inv, 0)
		}
		// Who changes their mind is not written to at once for it, whoever looks.
		if err := w.StopReminders(t.Context(), "way-out", false); err != nil {
			t.Fatal(err)
		}
		if err := w.RemindOne(t.Context(), stopped.ID); err != nil {
			t.Error(err)
		}
		w.reminders(stopped, 0)
	})
}

// A stricter rule holds at once for those who are out, and so does one that says never.
func TestRemind_StricterRule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(func(r *checkout.Rules) { r.RemindAfter, r.RemindMost = 1, 5 })
		inv := w.invoice(1_500_000, mailedAtOnce)
		w.noon(1)
		w.remind()
		w.reminders(inv, 1)
		w.rules(func(r *checkout.Rules) { r.RemindMost = 1 })
		w.noon(1)
		for range 2 {
			if err := w.RunRules(t.Context(), checkout.Job{Kind: payments.JobRules, Key: w.scope.MerchantID}); err != nil {
				t.Fatal(err)
			}
			w.remind()
		}
		w.reminders(inv, 1)
		if got := w.next(inv); !got.Equal(inv.ExpiresAt) {
			t.Errorf("looked at again at %s", got)
		}
	})
}

// A rule that changes is followed by every invoice that is out, however many there are.
func TestRemind_AllFollow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var all []checkout.Invoice
		for i := range payments.SweepBatch + 5 {
			all = append(all, w.invoice(1_500_000, func(in *payments.NewInvoice) { mailedAtOnce(in); in.Customer.Email = fmt.Sprintf("c%d@example.com", i) }))
		}
		w.clock.add(time.Hour)
		w.rules(everyTwoDays)
		for _, inv := range all {
			if got := w.next(inv); !got.Equal(w.clock.now()) {
				t.Fatalf("looked at in %s", got.Sub(w.clock.now()))
			}
		}
		// A job that breaks off says so, and comes round again.
		w.Engine = w.rewired(func(o *payments.Options) { o.DB = &mortal{DB: w.db, left: 2} })
		if err := w.RunRules(t.Context(), checkout.Job{Kind: payments.JobRules, Key: w.scope.MerchantID}); !errors.Is(err, errKilled) {
			t.Errorf("it broke off after the first of them: %v", err)
		}
	})
}

// Another process was here meanwhile: nothing is written, and nothing moves. A letter that is in the outbox
// already is not written again, and one that may not leave says so in the event.
func TestRemind_AnotherWasHere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.noon(1)
		w.rules(everyTwoDays)
		never, inv, nowhere := w.invoice(1_500_000), w.invoice(1_500_000, mailedAtOnce), w.invoice(1_500_000, mailedAtOnce)
		before := w.story()
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.Asked("inv_none", w.scope.MerchantID, w.clock.now()) }); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{never.ID, inv.ID, "inv_none"} { // not asked for, not due, not there
			if err := w.RemindOne(t.Context(), id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if w.story() != before || len(w.reminders(inv, 0)) != 0 {
			t.Error("something was written")
		}
		if err := w.db.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Reminder("inv_none"); return err }); !errors.Is(err, checkout.NotFound) {
			t.Errorf("what is not there is looked at again: %v", err)
		}
		w.noon(2)
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.EnqueueLetter(&checkout.Letter{
				MerchantID: inv.MerchantID, Live: true, Kind: checkout.LetterReminder, Key: inv.ID + "/reminder/1", InvoiceID: inv.ID, Recipient: "sara@example.com", Locale: "fa",
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sent := count(w.types(inv), checkout.EventInvoiceSent)
		for range checkout.AskingToOne { // as many as one address may get in a day
			w.invoice(1_500_000, mailedAtOnce)
		}
		w.remind()
		w.reminders(inv, 1)
		if got := count(w.types(inv), checkout.EventInvoiceSent); got != sent {
			t.Errorf("%d events of sending, before it were %d", got, sent)
		}
		l := w.reminders(nowhere, 1)[0]
		if e := w.last(nowhere); l.Status != checkout.LetterWithheld || e.Type != checkout.EventInvoiceSent || !strings.Contains(e.Data, `"withheld":"limit"`) || !strings.Contains(e.Data, `"reminder":1`) {
			t.Errorf("%s; %s %s", l.Status, e.Type, e.Data)
		}
	})
}

// Each rule has its bounds; what was changed stands in the log, and what is kept shorter or longer alarms.
func TestRules_Bounds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := checkout.WithActor(t.Context(), asker)
		for field, c := range map[string]struct {
			set  func(*checkout.Rules, int)
			most int
		}{
			"after":       {func(r *checkout.Rules, n int) { r.RemindAfter = n }, 90},
			"before":      {func(r *checkout.Rules, n int) { r.RemindBefore = n }, 720},
			"most":        {func(r *checkout.Rules, n int) { r.RemindMost = n }, 10},
			"quiet_from":  {func(r *checkout.Rules, n int) { r.QuietFrom = n }, 23},
			"quiet_until": {func(r *checkout.Rules, n int) { r.QuietUntil = n }, 23},
			"forget_days": {func(r *checkout.Rules, n int) { r.ForgetDays = n }, 3650},
		} {
			for n, want := range map[int]string{-1: field + "=out_of_range", 0: "", c.most: "", c.most + 1: field + "=out_of_range"} {
				err := w.SetRules(by, w.scope.MerchantID, func(r *checkout.Rules) { c.set(r, n) })
				if got := ""; err != nil {
					if got = wrongFields(err); got != want {
						t.Errorf("%s of %d: %s", field, n, got)
					}
				} else if want != "" {
					t.Errorf("%s of %d is taken", field, n)
				}
			}
		}
		set := func(r checkout.Rules) {
			t.Helper()
			w.clock.add(time.Minute)
			if err := w.SetRules(by, w.scope.MerchantID, func(old *checkout.Rules) { *old = r }); err != nil {
				t.Fatal(err)
			}
		}
		set(checkout.Rules{})
		owner := w.user()
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			return tx.InsertMembership(checkout.Membership{UserID: owner, MerchantID: w.scope.MerchantID, Role: "owner"})
		}); err != nil {
			t.Fatal(err)
		}
		alarms := func(want int) {
			t.Helper()
			if got := w.byReader()["security:owner@example.com:queued"]; got != want {
				t.Errorf("%d letters about what is kept, want %d", got, want)
			}
		}
		alarms(0)
		before := len(w.deeds(checkout.AreaShop))
		set(checkout.Rules{RemindAfter: 1, RemindBefore: 2, RemindMost: 3, QuietFrom: 4, QuietUntil: 5, ForgetDays: 6})
		set(checkout.Rules{RemindAfter: 1, RemindBefore: 2, RemindMost: 3, QuietFrom: 4, QuietUntil: 7, ForgetDays: 6})
		set(checkout.Rules{RemindAfter: 1, RemindBefore: 2, RemindMost: 3, QuietFrom: 4, QuietUntil: 7, ForgetDays: 6}) // nothing
		alarms(1)
		deeds := w.deeds(checkout.AreaShop)[before:]
		if len(deeds) != 2 {
			t.Fatalf("%+v", deeds)
		}
		for i, want := range []string{"[{after 0 1} {before 0 2} {most 0 3} {quiet_from 0 4} {quiet_until 0 5} {forget_days 0 6}]", "[{quiet_until 5 7}]"} {
			if d := deeds[i]; fmt.Sprint(d.Changes) != want || d.Kind != "shop.rules" || d.By.ID != "usr_7" || d.Object != w.scope.MerchantID || !d.Live {
				t.Errorf("%+v", d)
			}
		}
		rules, err := w.Rules(t.Context(), w.scope.MerchantID)
		if want := (checkout.Rules{MerchantID: w.scope.MerchantID, RemindAfter: 1, RemindBefore: 2, RemindMost: 3, QuietFrom: 4, QuietUntil: 7, ForgetDays: 6}); err != nil || rules != want {
			t.Errorf("%+v, %v", rules, err)
		}
		down := w.rewired(func(o *payments.Options) { o.DB = away{w.db, false} })
		if rules, err := down.Rules(t.Context(), w.scope.MerchantID); !errors.Is(err, checkout.Unavailable) {
			t.Errorf("read without a store: %+v, %v", rules, err)
		}
		err = w.db.Update(t.Context(), func(tx *db.Tx) error {
			jobs, err := tx.ClaimJobs([]string{payments.JobRules}, 9, tx.Now().Add(time.Minute))
			if len(jobs) != 1 || jobs[0].Key != w.scope.MerchantID {
				t.Errorf("who looks at the invoices that are out: %+v", jobs)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.SetRules(by, "mer_none", func(*checkout.Rules) {}); !errors.Is(err, checkout.NotFound) {
			t.Errorf("a shop that is not there: %v", err)
		}
	})
}
