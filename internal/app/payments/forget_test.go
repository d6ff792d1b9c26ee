package payments_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// Who never paid is forgotten when the shop says so; who paid, who may still get money back and who still
// has time is not. The chain of events proves itself as before.
func TestForget(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		named := func(in *payments.NewInvoice) {
			mailedAtOnce(in)
			in.Customer, in.Description = checkout.Customer{Name: "Negar Ahmadi", Mobile: "09121234567", Email: "negar@example.com"}, "Piano lessons of Negar"
			in.Metadata = map[string]string{"child": "Kian"}
			in.Items = []checkout.Item{{Title: "Piano, Negar", Quantity: 2, UnitAmount: 700_000}, {Title: "Notes of Negar", Quantity: 1, UnitAmount: 100_000}}
			in.ReturnURL, in.Reference = "https://shop.example/thanks?email=negar@example.com", "98-912 123 4567/7"
		}
		expired, paid, loose := w.invoice(1_500_000, named), w.invoice(1_500_000, named), w.invoice(1_500_000, named)
		w.mustBack(w.start(paid, "gardeshpay"), "8841027365")
		w.work()
		a := w.start(loose, "gardeshpay")
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, loose.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.mustBack(a, "8841027366") // unclaimed: the merchant may have to call
		w.work()
		w.start(expired, "ghesta")
		if err := w.AddNote(t.Context(), w.scope, expired.ID, w.user(), "Negar called"); err != nil {
			t.Fatal(err)
		}
		w.clock.add(20 * 24 * time.Hour)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		open := w.invoice(1_500_000, named)
		forget := func() {
			t.Helper()
			if err := w.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		knows := func(inv checkout.Invoice, want bool) {
			t.Helper()
			got, err := w.Invoice(t.Context(), w.scope, inv.ID)
			if err != nil {
				t.Fatal(err)
			}
			if known := got.Customer.Name != "" && got.Customer.Email != "" && got.Description != "" && len(got.Metadata) > 0; known != want {
				t.Errorf("%s: known %t, want %t: %+v", got.Status, known, want, got)
			}
		}
		forget() // nobody said so
		knows(expired, true)
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 14 })
		forget()
		knows(expired, true) // 13 days after its end
		w.clock.add(2 * 24 * time.Hour)
		forget()
		forget()
		for inv, want := range map[string]bool{paid.ID: true, loose.ID: true, open.ID: true, expired.ID: false} {
			knows(checkout.Invoice{ID: inv}, want)
		}
		found, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Query: "negar", Limit: 10})
		if err != nil || len(found) != 3 || slices.ContainsFunc(found, func(i checkout.Invoice) bool { return i.ID == expired.ID }) {
			t.Errorf("%d found, %v", len(found), err)
		}
		bare, err := w.Invoice(t.Context(), w.scope, expired.ID)
		if sum := bare.Items[0].UnitAmount*2 + bare.Items[1].UnitAmount; err != nil || sum != bare.Amount || bare.ReturnURL != "https://shop.example/thanks" {
			t.Errorf("left: %+v, %v", bare, err)
		}
		if text := fmt.Sprint(bare); strings.Contains(text, "egar") || strings.Contains(text, "4567") {
			t.Errorf("left: %s", text)
		}
		all, _ := w.letters(expired)
		if text := fmt.Sprint(all, w.attempts(expired)); strings.Contains(text, "egar") || strings.Contains(text, "09121234567") {
			t.Errorf("left: %s", text)
		}
		err = w.db.View(t.Context(), func(tx *db.Tx) error {
			notes, err := tx.NotesOfInvoice(expired.ID)
			if len(notes) != 0 {
				t.Errorf("notes are left: %v", notes)
			}
			if _, gone := tx.Reminder(expired.ID); !errors.Is(gone, checkout.NotFound) {
				t.Errorf("it is still to be reminded: %v", gone)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		events, _, err := w.InvoiceEvents(t.Context(), w.scope, expired.ID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(events, func(a, b checkout.Event) int { return int(a.Sequence - b.Sequence) })
		hash := ""
		for i := range events {
			hash = checkout.EventHash(hash, &events[i])
		}
		got, err := w.Invoice(t.Context(), w.scope, expired.ID)
		if last := events[len(events)-1]; err != nil || hash != got.EventHash || !strings.Contains(last.Data, "forgotten") {
			t.Errorf("the chain ends at %s, the invoice says %s; %s, %v", hash, got.EventHash, last.Data, err)
		}
	})
}

// user is somebody who may write notes.
func (w *world) user() string {
	w.Helper()
	u := checkout.User{ID: "usr_" + strings.Repeat("0", 25), Email: "owner@example.com", CreatedAt: w.clock.now()}
	if err := w.db.Update(w.Context(), func(tx *db.Tx) error { return tx.InsertUser(&u) }); err != nil {
		w.Fatal(err)
	}
	return u.ID
}

// What is the shop's own key to its books stays, if it does not say who was asked.
func TestForget_Reference(t *testing.T) {
	sara := checkout.Customer{Name: "Sara Ahmadi", Mobile: "09121234567", Email: "sara@example.com"}
	for reference, want := range map[string]bool{
		"MP-1217": false, "": false, "order 0912": false, "1234567": false,
		"09121234567": true, "0912:123:4567": true, "+98 912 123 4567": true, "۰۹۱۲۱۲۳۴۵۶۷/2": true, "SARA-7": true, "x:Sara@Example.com": true, "order of ahmadi": true,
	} {
		if got := payments.Names(reference, sara); got != want {
			t.Errorf("%q names her: %t", reference, got)
		}
	}
	for text, c := range map[string]checkout.Customer{
		"09": {Name: "Al", Mobile: "09"}, "al-7": {Name: "Al"}, "121234567": {Mobile: "09121234567"}, "12123456": {Mobile: "0912123456"}, "9124567": {Mobile: "09120004567"},
	} {
		if payments.Names(text, c) {
			t.Errorf("%q names %+v", text, c)
		}
	}
	for text, c := range map[string]checkout.Customer{
		"for kian77@example.com": {Name: "Sara", Email: "Kian77@Example.com"}, "9121234567": {Mobile: "+98 912 123 4567"}, "n. 0912-123": {Mobile: "0912123"},
		"of kia": {Name: "Kia"}, "01234567": {Mobile: "01234567"}, // the shortest that name somebody
	} {
		if got := payments.Names(text, c); got != (text != "n. 0912-123") {
			t.Errorf("%q names %+v: %t", text, c, got)
		}
	}
}

// What was emptied is told field by field, to the day; who pays may stand in a reference as well.
func TestForget_SaysWhat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 14 })
		full := w.invoice(1_500_000, func(in *payments.NewInvoice) {
			in.Reference, in.ReturnURL = "Sara-7", "https://shop.example/thanks#sara"
			in.Items = []checkout.Item{{Title: "Piano", Quantity: 1, UnitAmount: 1_500_000}}
		})
		nobody := func(reference string) func(*payments.NewInvoice) {
			return func(in *payments.NewInvoice) {
				in.Customer, in.Reference, in.ReturnURL = checkout.Customer{}, reference, "https://shop.example/thanks"
			}
		}
		bare := w.invoice(1_500_000, nobody("A-1"))
		paidBy := map[string]checkout.Invoice{"Bahram": w.invoice(1_500_000, nobody("for bahram")), "Nima": w.invoice(1_500_000, nobody("0935/111/2233"))}
		for name, inv := range paidBy {
			if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta", PayerName: name, PayerMobile: "09351112233"}); err != nil {
				t.Fatal(err)
			}
		}
		forget := func() {
			t.Helper()
			for _, act := range []func(context.Context) error{w.Sweep, w.Forget} {
				if err := act(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.clock.at = full.ExpiresAt.Add(14 * 24 * time.Hour)
		forget()
		if got, err := w.Invoice(t.Context(), w.scope, full.ID); err != nil || got.Customer.Name == "" {
			t.Errorf("after fourteen days, and no moment more: %+v, %v", got, err)
		}
		w.clock.add(time.Second)
		forget()
		const always = `"customer","description","metadata"`
		for name, c := range map[string]struct {
			inv    checkout.Invoice
			fields string
			left   string
		}{
			"everything":           {full, always + `,"reference","items","return_url"`, ""},
			"nothing to be known":  {bare, always, "A-1"},
			"the payer's name":     {paidBy["Bahram"], always + `,"reference"`, ""},
			"the payer's own line": {paidBy["Nima"], always + `,"reference"`, ""},
		} {
			e := w.last(c.inv)
			got, err := w.Invoice(t.Context(), w.scope, c.inv.ID)
			if err != nil || e.Type != checkout.EventInvoiceUpdated || !strings.Contains(e.Data, `"fields":[`+c.fields+`]`) || got.Reference != c.left || got.ReturnURL != "https://shop.example/thanks" && got.ReturnURL != "" {
				t.Errorf("%s: %s, left %q %q, %v", name, e.Data, got.Reference, got.ReturnURL, err)
			}
		}
	})
}

// Money that comes back by itself keeps nobody's name, and an attempt that is over by itself neither; what
// a person has to see to does, until they have.
func TestForget_WhoWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		ghesta, card, left := w.canceled("ghesta", 1)[0], w.canceled("gardeshpay", 1)[0], w.start(w.invoice(1_500_000), "gardeshpay")
		w.mustBack(ghesta, "7001")
		w.mustBack(card, "7002")
		w.clock.add(20 * 24 * time.Hour)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		known := func(when string, want map[string]bool) {
			t.Helper()
			if err := w.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			for id, known := range want {
				if got, err := w.Invoice(t.Context(), w.scope, id); err != nil || (got.Customer.Name != "") != known {
					t.Errorf("%s: %s is known: %t, %v", when, got.Status, !known, err)
				}
			}
		}
		known("at first", map[string]bool{ghesta.InvoiceID: false, card.InvoiceID: true, left.InvoiceID: false})
		if err := w.CloseUnclaimed(t.Context(), w.scope, card.ID, "n", clerk); err != nil {
			t.Fatal(err)
		}
		known("closed", map[string]bool{card.InvoiceID: false})
	})
}

// However many wait for a person, those behind them are forgotten all the same.
func TestForget_ManyWait(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range payments.SweepBatch {
			w.canceled("gardeshpay", 1) // whoever is out may come back with money
		}
		var behind []checkout.Invoice
		for range 3 {
			w.clock.add(time.Second)
			inv := w.invoice(1_500_000)
			if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				t.Fatal(err)
			}
			behind = append(behind, inv)
		}
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		w.clock.add(2 * 24 * time.Hour) // nobody has swept: they are still out
		if err := w.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, inv := range behind {
			if got, err := w.Invoice(t.Context(), w.scope, inv.ID); err != nil || got.Customer.Name != "" {
				t.Errorf("%+v, %v", got.Customer, err)
			}
		}
	})
}

// The list of what may be forgotten goes on behind its last one, though many ended in one moment.
func TestForget_InParts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 9 {
			w.clock.add(time.Duration(i/4) * time.Minute) // four at once
			inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Hour) })
			if i%3 > 0 { // canceled when it was made, or expired an hour later
				if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.clock.add(3 * time.Hour)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		list := func(after string, limit int) (ids []string) {
			t.Helper()
			err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
				ids, err = tx.Forgettable(w.scope.MerchantID, tx.Now(), after, limit)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return ids
		}
		all := list("", 100)
		if len(all) != 9 {
			t.Fatalf("%d", len(all))
		}
		for limit := 1; limit < 10; limit++ {
			var got []string
			for part := list("", limit); len(part) > 0; part = list(part[len(part)-1], limit) {
				got = append(got, part...)
			}
			if !slices.Equal(got, all) {
				t.Errorf("by %d: %v, want %v", limit, got, all)
			}
		}
	})
}
