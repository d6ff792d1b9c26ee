package db_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// BenchmarkLists is what a merchant's program and, later, the admin ask for, in a database of many
// invoices.
// CHECKOUT_BENCH_INVOICES says how many there are (10,000 without it; 5,000,000 need 8 GB of disk and some minutes):
// what is found by an index costs the same in both.
func BenchmarkLists(b *testing.B) {
	count := 10_000
	if text := os.Getenv("CHECKOUT_BENCH_INVOICES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		count = n
	}
	began := time.UnixMilli(1_600_000_000_000)
	d := dbtest.Open(b, db.Options{URL: dbtest.Grown(b, count, began, time.Second)})
	middle := db.InvoiceQuery{BeforeAt: began.Add(time.Duration(count/2) * time.Second), BeforeID: dbtest.GrownID("inv", count/2)}
	invoices := map[string]db.InvoiceQuery{
		"newest": {}, "middle": middle, "open": {Status: "open"}, "review": {Status: "review"}, "paid": {Status: "paid"},
		"reference": {Reference: fmt.Sprint("R", count/3), Named: &db.Named{Words: []string{fmt.Sprint("r", count/3)}}}, "number": {Named: &db.Named{Words: []string{strconv.Itoa(count / 3)}}},
		"amount": {Named: &db.Named{Words: []string{"1500777"}, Amounts: []money.Rial{1_500_777, 15_007_770}}},
		"card":   {Named: &db.Named{Words: []string{"0077"}, Amounts: []money.Rial{77, 770}, Card: "0077"}},
		"name":   {Named: &db.Named{Words: []string{"customer"}}}, "gateway": {Gateway: "ghesta"},
		"hour": {From: middle.BeforeAt.Add(-time.Hour), To: middle.BeforeAt},
	}
	for _, name := range []string{"newest", "middle", "open", "review", "paid", "reference", "number", "amount", "card", "name", "gateway", "hour"} {
		q := invoices[name]
		q.MerchantID, q.Live, q.Limit = dbtest.GrownMerchant, true, 51
		b.Run(name, func(b *testing.B) {
			read(b, d, func(tx *db.Tx) (int, error) { list, err := tx.Invoices(q); return len(list), err })
		})
	}
	for _, status := range []string{"", "paid", "needs_review"} {
		q := db.AttemptQuery{MerchantID: dbtest.GrownMerchant, Live: true, Status: status, Limit: 51}
		b.Run("attempts/"+status, func(b *testing.B) {
			read(b, d, func(tx *db.Tx) (int, error) { list, err := tx.Attempts(q); return len(list), err })
		})
	}
	for name, q := range map[string]db.InvoiceQuery{
		"all": {}, "paid": {Status: "paid"}, "open": {Status: "open"}, "review": {Status: "review"},
		"hour": {From: middle.BeforeAt.Add(-time.Hour), To: middle.BeforeAt}, "2 hours": {From: middle.BeforeAt.Add(-2 * time.Hour), To: middle.BeforeAt},
	} {
		q.MerchantID, q.Live, q.Limit = dbtest.GrownMerchant, true, 1
		b.Run("totals/"+name, func(b *testing.B) {
			read(b, d, func(tx *db.Tx) (int, error) { t, err := tx.InvoiceTotals(q); return t.Count, err })
		})
	}
	// What the home page asks for: thirty days of sums, and what is behind them.
	home := checkout.Feed{MerchantID: dbtest.GrownMerchant, Live: true}
	last := began.Add(time.Duration(count)*time.Second).UnixMilli() / 86_400_000
	b.Run("home", func(b *testing.B) {
		read(b, d, func(tx *db.Tx) (int, error) {
			at, err := tx.Summed(home)
			if err != nil {
				return 0, err
			}
			if _, err := tx.FeedMissing(home, 201); err != nil {
				return 0, err
			}
			if _, _, err := tx.FeedBehind(home, at.Summed, 200); err != nil {
				return 0, err
			}
			list, err := tx.DaySums(home, last-30)
			return len(list), err
		})
	})
	b.Run("page", func(b *testing.B) {
		token := "t" + strconv.Itoa(count/2)
		read(b, d, func(tx *db.Tx) (int, error) { _, _, err := tx.PageInvoice(token); return 1, err })
	})
}

func read(b *testing.B, d *db.DB, fn func(*db.Tx) (int, error)) {
	for cold := true; cold || b.Loop(); cold = false { // the first time warms, and does not count
		err := d.View(context.Background(), func(tx *db.Tx) error {
			n, err := fn(tx)
			if err == nil && n == 0 {
				b.Fatal("nothing found")
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
