package payments_test

import (
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
		"09121234567": true, "+98 912 123 4567": true, "۰۹۱۲۱۲۳۴۵۶۷/2": true, "SARA-7": true, "x:Sara@Example.com": true, "order of ahmadi": true,
	} {
		if got := payments.Names(reference, sara); got != want {
			t.Errorf("%q names her: %t", reference, got)
		}
	}
	if payments.Names("09", checkout.Customer{Name: "Al", Mobile: "09"}) {
		t.Error("two letters name somebody")
	}
}
