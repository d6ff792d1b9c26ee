package payments_test

import (
	"errors"
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
		if l.Key != inv.ID+"/reminder/1" || l.Facts.Number != inv.Number || !l.Until.Equal(w.clock.now().Add(24*time.Hour)) {
			t.Errorf("%+v", l)
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
