package payments_test

import (
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// changes are what shops do to their invoices, and what they read of what happened, each time anew.
func changes() map[string]clerical {
	m := map[string]clerical{}
	m["edit all of an invoice"] = clerical{prepare: func(w *world) func() error {
		w.rules(everyTwoDays)
		inv := w.invoice(1_500_000, mailedAtOnce)
		n := 0
		return func() error {
			n++
			ch := payments.InvoiceChange{
				Amount: pointer(money.Rial(1_500_000 + n)), Reference: pointer(fmt.Sprint("order-", n)), ExpiresAt: pointer(inv.ExpiresAt.Add(time.Duration(n) * time.Hour)),
			}
			_, err := w.UpdateInvoice(w.Context(), w.scope, inv.ID, ch, clerk)
			return err
		}
	}}
	m["offer what no key opens"] = clerical{prepare: func(w *world) func() error {
		stranger, err := seal.New(seal.NewKey())
		if err != nil {
			w.Fatal(err)
		}
		row := w.account(w.scope, "ghesta")
		row.Sealed["token"] = stranger.Seal([]byte("t"), "gateway_accounts/"+row.ID+"/token")
		if err := w.db.Update(w.Context(), func(tx *db.Tx) error { return tx.SaveGatewayAccount(row) }); err != nil {
			w.Fatal(err)
		}
		inv := w.invoice(1_500_000)
		return func() error { _, err := w.Page(w.Context(), inv.Token); return err }
	}}
	news := func(name string, read func(w *world, first string) error) {
		m[name] = clerical{prepare: func(w *world) func() error {
			first := w.invoice(1000)
			other := w.engine() // what happens meanwhile is not the reader's
			if err := w.FeedNews(w.Context()); err != nil {
				w.Fatal(err)
			}
			return func() error {
				if _, _, err := other.CreateInvoice(w.Context(), w.scope, payments.NewInvoice{Amount: 1000}, checkout.Actor{}, nil); err != nil {
					w.Error(err)
				}
				err := read(w, db.EventID(first.ID, 1))
				if more := other.FeedNews(w.Context()); more != nil { // what it left undone is done: the next time there is as much to do
					w.Error(more)
				}
				return err
			}
		}}
	}
	news("read what is new", func(w *world, _ string) error {
		_, _, err := w.Events(w.Context(), w.scope, payments.EventFilter{Limit: 2})
		return err
	})
	news("read on behind an event", func(w *world, first string) error {
		_, _, err := w.Events(w.Context(), w.scope, payments.EventFilter{Limit: 2, Forward: true, After: first})
		return err
	})
	news("give places to what is new", func(w *world, _ string) error { return w.FeedNews(w.Context()) })
	return m
}
