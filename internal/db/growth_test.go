package db_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// BenchmarkLists is what a merchant's program and, later, the admin ask for, in a database of many
// invoices: of 100 invoices 88 are paid, 8 open, 3 expired, and one in a thousand is in review.
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
	d := grown(b, count)
	middle := db.InvoiceQuery{BeforeAt: time.UnixMilli(int64(growthBegan + count/2*1000)), BeforeID: growthID("inv", count/2)}
	invoices := map[string]db.InvoiceQuery{
		"newest": {}, "middle": middle, "open": {Status: "open"}, "review": {Status: "review"}, "paid": {Status: "paid"},
		"reference": {Reference: fmt.Sprint("R", count/3), Named: &db.Named{Words: []string{fmt.Sprint("r", count/3)}}}, "number": {Named: &db.Named{Words: []string{strconv.Itoa(count / 3)}}},
		"name": {Named: &db.Named{Words: []string{"customer"}}}, "gateway": {Gateway: "ghesta"},
		"hour": {From: middle.BeforeAt.Add(-time.Hour), To: middle.BeforeAt},
	}
	for _, name := range []string{"newest", "middle", "open", "review", "paid", "reference", "number", "name", "gateway", "hour"} {
		q := invoices[name]
		q.MerchantID, q.Live, q.Limit = "mer_1", true, 51
		b.Run(name, func(b *testing.B) {
			read(b, d, func(tx *db.Tx) (int, error) { list, err := tx.Invoices(q); return len(list), err })
		})
	}
	for _, status := range []string{"", "paid", "needs_review"} {
		q := db.AttemptQuery{MerchantID: "mer_1", Live: true, Status: status, Limit: 51}
		b.Run("attempts/"+status, func(b *testing.B) {
			read(b, d, func(tx *db.Tx) (int, error) { list, err := tx.Attempts(q); return len(list), err })
		})
	}
	b.Run("page", func(b *testing.B) {
		token := "t" + strconv.Itoa(count/2)
		read(b, d, func(tx *db.Tx) (int, error) { _, _, err := tx.PageInvoice(token); return 1, err })
	})
}

func read(b *testing.B, d *db.DB, fn func(*db.Tx) (int, error)) {
	for b.Loop() {
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

// growthBegan is when the first invoice was made, in Unix milliseconds; one a second follows.
const growthBegan = 1_600_000_000_000

func growthID(prefix string, n int) string { return fmt.Sprintf("%s_%025d", prefix, n) }

// grown makes the database in chunks, without the engine: only how much there is matters.
func grown(b *testing.B, count int) *db.DB {
	b.Helper()
	d, err := db.Open(context.Background(), db.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "grown.db"), CreateIfEmpty: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	must := func(fn func(tx *db.Tx) error) {
		b.Helper()
		if err := d.Update(context.Background(), fn); err != nil {
			b.Fatal(err)
		}
	}
	must(func(tx *db.Tx) error {
		return tx.InsertMerchant(&checkout.Merchant{ID: "mer_1", Slug: "one", Name: "One", Locale: "fa"})
	})
	const chunk = 50_000
	for from := 0; from < count; from += chunk {
		to := min(from+chunk, count)
		must(func(tx *db.Tx) error {
			for _, text := range growthTexts {
				if err := tx.Exec(text, int64(from), int64(to), int64(growthBegan)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return d
}

const growthRows = `WITH RECURSIVE n(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $2),
s AS (SELECT n, $3 + n * 1000 AS at, CASE WHEN n % 1000 = 7 THEN 'review' WHEN n % 100 < 88 THEN 'paid' WHEN n % 100 < 97 THEN 'open' ELSE 'expired' END AS status FROM n)
`

var growthTexts = []string{
	`INSERT INTO invoices (id, merchant_id, live, number, token, status, amount_rial, description, reference, customer_name, customer_mobile,
  gateways, locale, created_at_ms, expires_at_ms, paid_at_ms, paid_attempt_id, attempt_count, event_seq, event_hash)
` + growthRows + `SELECT printf('inv_%025d', n), 'mer_1', 1, n, 't' || n, status, 1500000 + n, 'Order ' || n, 'R' || n, 'Customer', '09121234567',
  'gardeshpay,ghesta', 'fa', at, at + 604800000, CASE WHEN status = 'paid' THEN at + 60000 END, CASE WHEN status = 'paid' THEN printf('att_%025d', n) END,
  CASE WHEN status = 'open' THEN 0 ELSE 1 END, 8, 'hash' FROM s`,
	`INSERT INTO search_terms (shop, term, number) ` + growthRows + `SELECT 2, 'r' || n, n FROM s UNION ALL SELECT 2, 'customer', n FROM s`,
	`INSERT INTO feed (shop, position, number, first_sequence, last_sequence) ` + growthRows + `SELECT 2, n + 1, n, 1, 8 FROM s`,
	`INSERT INTO attempts (id, invoice_id, gateway, status, amount_rial, wire_amount, unit, verify_url, verify_host, window_ms, our_number, callback_token,
  tracking_number, ref_number, card_mask, created_at_ms, abandon_at_ms, returned_at_ms, verified_at_ms)
` + growthRows + `SELECT printf('att_%025d', n), printf('inv_%025d', n), 'gardeshpay', CASE status WHEN 'paid' THEN 'paid' WHEN 'review' THEN 'needs_review' ELSE 'abandoned' END,
  1500000 + n, 1500000 + n, 'rial', 'https://ipg.gardeshpay.com/provider/payment/verify', 'ipg.gardeshpay.com', 900000, 'n' || n, 'c' || n,
  'T' || n, 'F' || n, '603799******1234', at, at + 1800000, at + 60000, at + 60000 FROM s WHERE status <> 'open'`,
}
