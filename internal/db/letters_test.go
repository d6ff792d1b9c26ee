package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// letter is one of a merchant's, to a customer.
func letter(kind checkout.LetterKind, key string) *checkout.Letter {
	return &checkout.Letter{
		MerchantID: "mer_1", Live: true, Kind: kind, Key: key, InvoiceID: "inv_1", Recipient: "a@example.com", Locale: "fa",
		Facts: checkout.LetterFacts{Shop: checkout.LetterShop{Name: "خانهٔ سفال"}, Amount: money.Rial(1500000), Items: []checkout.Item{{Title: "کاسه", Quantity: 2, UnitAmount: 750000}}},
	}
}

func (d *desk) write(l *checkout.Letter) (fresh bool) {
	d.Helper()
	update(d, d.db, func(tx *db.Tx) (err error) {
		fresh, err = tx.EnqueueLetter(l)
		return err
	})
	return fresh
}

func (d *desk) letter(id string) *checkout.Letter {
	d.Helper()
	var l *checkout.Letter
	if err := d.db.View(context.Background(), func(tx *db.Tx) (err error) {
		l, err = tx.Letter(id)
		return err
	}); err != nil {
		d.Fatal(err)
	}
	return l
}

func (d *desk) letters(q db.LetterQuery) (list []checkout.Letter) {
	d.Helper()
	if err := d.db.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Letters(q)
		return err
	}); err != nil {
		d.Fatal(err)
	}
	return list
}

func (d *desk) letterJob(id string) bool {
	d.Helper()
	err := d.db.View(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Job(checkout.JobLetter, id)
		return err
	})
	if err != nil && !errors.Is(err, checkout.NotFound) {
		d.Fatal(err)
	}
	return err == nil
}

func TestLetters_OneOfAKey(t *testing.T) {
	jobsTest(t, func(d *desk) {
		first := letter(checkout.LetterReceipt, "evt_1/receipt")
		if !d.write(first) || !strings.HasPrefix(first.ID, "let_") || !d.letterJob(first.ID) {
			t.Fatalf("not written: %+v", first)
		}
		for _, again := range []*checkout.Letter{letter(checkout.LetterReceipt, "evt_1/receipt"), letter(checkout.LetterRequest, "evt_1/receipt")} {
			if d.write(again) || d.letterJob(again.ID) {
				t.Fatalf("a second letter of one key: %+v", again)
			}
		}
		// Meanwhile: of many that tell the same at once, one is written.
		var wg sync.WaitGroup
		var mu sync.Mutex
		fresh := 0
		for range 8 {
			wg.Go(func() {
				ok := d.write(letter(checkout.LetterPaid, "evt_1/paid"))
				mu.Lock()
				defer mu.Unlock()
				if ok {
					fresh++
				}
			})
		}
		wg.Wait()
		if fresh != 1 {
			t.Fatalf("%d were written", fresh)
		}
		got := d.letter(first.ID)
		if got.Status != checkout.LetterQueued || got.Facts.Amount != 1500000 || got.Facts.Items[0].Title != "کاسه" || !got.NextAt.Equal(got.CreatedAt) ||
			got.Until.Sub(got.CreatedAt) != checkout.LetterLife || got.Facts.Shop.Name != "خانهٔ سفال" {
			t.Fatalf("read back: %+v", got)
		}
	})
}

func TestLetters_WithheldInTestMode(t *testing.T) {
	jobsTest(t, func(d *desk) {
		update(d, d.db, func(tx *db.Tx) error {
			return errors.Join(
				tx.InsertMerchant(&checkout.Merchant{ID: "mer_1", Slug: "one", Name: "x", Email: "Shop@example.com", Locale: "fa", CreatedAt: tx.Now()}),
				tx.InsertUser(&checkout.User{ID: "usr_1", Email: "owner@example.com", CreatedAt: tx.Now()}),
				tx.InsertMembership(checkout.Membership{UserID: "usr_1", MerchantID: "mer_1", Role: "owner"}),
			)
		})
		for to, leaves := range map[string]bool{"a@example.com": false, "shop@example.com": true, "Owner@example.com": true} {
			l := letter(checkout.LetterReceipt, "evt/"+to)
			l.Live, l.Recipient = false, to
			if !d.write(l) || (l.Status == checkout.LetterQueued) != leaves || d.letterJob(l.ID) != leaves {
				t.Errorf("%s: %s %s", to, l.Status, l.Reason)
			}
			if got := d.letter(l.ID); !leaves && (got.Reason != checkout.ReasonTestMode || got.EndedAt.IsZero() || got.Facts.Amount == 0) {
				t.Errorf("%s in the log: %+v", to, got)
			}
		}
	})
}

// Letters that ask are counted by mailbox, over all merchants; what answers is not.
func TestLetters_Limit(t *testing.T) {
	jobsTest(t, func(d *desk) {
		for i := range checkout.AskingToOne {
			l := letter(checkout.LetterRequest, fmt.Sprint("evt", i))
			l.MerchantID, l.Recipient = fmt.Sprint("mer_", i%3), []string{"a@example.com", "A@Example.com", "a+x@example.com"}[i%3]
			if !d.write(l) || l.Status != checkout.LetterQueued {
				t.Fatalf("letter %d: %s %s", i, l.Status, l.Reason)
			}
			if d.write(l) {
				t.Fatal("written twice")
			}
		}
		over := letter(checkout.LetterReminder, "over")
		if !d.write(over) || over.Status != checkout.LetterWithheld || over.Reason != checkout.ReasonLimit || d.letterJob(over.ID) {
			t.Fatalf("one too many: %+v", over)
		}
		receipt, other := letter(checkout.LetterReceipt, "receipt"), letter(checkout.LetterRequest, "other")
		other.Recipient = "b@example.com"
		if d.write(receipt); receipt.Status != checkout.LetterQueued {
			t.Fatalf("a receipt: %+v", receipt)
		}
		if d.write(other); other.Status != checkout.LetterQueued {
			t.Fatalf("to another: %+v", other)
		}
		d.clock.step(25 * 3600 * 1000)
		next := letter(checkout.LetterRequest, "next day")
		if d.write(next); next.Status != checkout.LetterQueued {
			t.Fatalf("the next day: %+v", next)
		}
		update(d, d.db, func(tx *db.Tx) error { return tx.PruneLetterCounts() })
	})
}

func TestLetters_BadAddressIsNoError(t *testing.T) {
	jobsTest(t, func(d *desk) {
		for i, to := range []string{"", "a@b\r\nBcc: c@d.example", "a@b.example, c@d.example", "<a@b.example>"} {
			l := letter(checkout.LetterReceipt, fmt.Sprint("bad", i))
			l.Recipient = to
			if !d.write(l) || l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonBadAddress || d.letterJob(l.ID) {
				t.Errorf("%q: %+v", to, l)
			}
		}
	})
}

func TestLetters_ListAndOutbox(t *testing.T) {
	jobsTest(t, func(d *desk) {
		for i := range 5 {
			l := letter(checkout.LetterReceipt, fmt.Sprint("evt", i))
			if i == 4 {
				l.MerchantID, l.InvoiceID = "mer_2", "inv_2"
			}
			d.write(l)
			d.clock.step(1000)
		}
		all := d.letters(db.LetterQuery{MerchantID: "mer_1", Live: true, Limit: 2})
		if len(all) != 2 || all[0].Key != "evt3" || all[1].Key != "evt2" {
			t.Fatalf("newest first: %+v", all)
		}
		rest := d.letters(db.LetterQuery{MerchantID: "mer_1", Live: true, InvoiceID: "inv_1", BeforeAt: all[1].CreatedAt, BeforeID: all[1].ID, Limit: 10})
		if len(rest) != 2 || rest[1].Key != "evt0" {
			t.Fatalf("the rest: %+v", rest)
		}
		l := rest[1]
		l.Status, l.Reason, l.Answer, l.Tries, l.NextAt, l.EndedAt = checkout.LetterRefused, checkout.ReasonServer, "550 no such user", 1, time.Time{}, l.CreatedAt
		d.says(true, "refuse", func(tx *db.Tx) (bool, error) { return tx.SaveLetter(&l) })
		d.says(false, "refuse twice", func(tx *db.Tx) (bool, error) { return tx.SaveLetter(&l) })
		if got := d.letters(db.LetterQuery{MerchantID: "mer_1", Live: true, Status: "refused", Limit: 10}); len(got) != 1 || got[0].Answer != "550 no such user" {
			t.Fatalf("refused: %+v", got)
		}
		count := func(merchant string) (o db.OutboxState) {
			update(d, d.db, func(tx *db.Tx) (err error) { o, err = tx.Outbox(merchant, true); return err })
			return o
		}
		if o := count("mer_1"); o.Waiting != 3 || o.Refused != 1 || !o.Oldest.Equal(rest[0].CreatedAt) {
			t.Fatalf("outbox %+v", o)
		}
		if o := count(""); o.Waiting != 4 || o.Refused != 1 {
			t.Fatalf("everybody's outbox %+v", o)
		}
		update(d, d.db, func(tx *db.Tx) error { _, err := tx.DeleteJob(checkout.JobLetter, l.ID); return err })
		d.says(true, "requeue", func(tx *db.Tx) (bool, error) { return tx.RequeueLetter(l.ID) })
		d.says(false, "requeue twice", func(tx *db.Tx) (bool, error) { return tx.RequeueLetter(l.ID) })
		if got := d.letter(l.ID); got.Status != checkout.LetterQueued || got.Tries != 0 || !d.letterJob(l.ID) {
			t.Fatalf("requeued: %+v", got)
		}
	})
}

// What opens something is wiped when the letter has left, and what is personal when it is told to be.
func TestLetters_Forget(t *testing.T) {
	jobsTest(t, func(d *desk) {
		reset := letter(checkout.LetterPasswordReset, "reset")
		reset.MerchantID, reset.InvoiceID, reset.Sealed = "", "", "sealed"
		waits, paid := letter(checkout.LetterRequest, "waits"), letter(checkout.LetterPaid, "paid")
		for _, l := range []*checkout.Letter{reset, waits, paid} {
			d.write(l)
		}
		for _, l := range []*checkout.Letter{reset, paid} {
			l.Status, l.EndedAt, l.NextAt = checkout.LetterSent, l.CreatedAt, time.Time{}
			d.says(true, "sent", func(tx *db.Tx) (bool, error) { return tx.SaveLetter(l) })
		}
		if got := d.letter(reset.ID); got.Sealed != "" || got.Recipient == "" {
			t.Fatalf("sent: %+v", got)
		}
		d.clock.step(3600 * 1000)
		update(d, d.db, func(tx *db.Tx) error {
			n, err := tx.ForgetLetters(tx.Now(), 1)
			if err == nil && n != 1 {
				err = fmt.Errorf("%d forgotten, 1 asked", n)
			}
			m, more := tx.ForgetLetters(tx.Now(), 10)
			if more == nil && m != 1 {
				more = fmt.Errorf("%d forgotten, 1 left", m)
			}
			return errors.Join(err, more)
		})
		if got := d.letter(paid.ID); got.Recipient != "" || got.Facts.Amount != 0 || got.Status != checkout.LetterSent || got.Kind != checkout.LetterPaid {
			t.Fatalf("forgotten: %+v", got)
		}
		if got := d.letter(waits.ID); got.Recipient == "" {
			t.Fatal("one that waits was forgotten by age")
		}
		update(d, d.db, func(tx *db.Tx) error { _, err := tx.ForgetLettersOf("inv_1"); return err })
		if got := d.letter(waits.ID); got.Recipient != "" || got.Status != checkout.LetterWithheld || got.Reason != checkout.ReasonTooLate {
			t.Fatalf("forgotten with its invoice: %+v", got)
		}
	})
}
