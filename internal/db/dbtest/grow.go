package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// GrownMerchant owns what Grown makes.
const GrownMerchant = "mer_1"

// GrownID is the id of the nth invoice or attempt that Grown makes.
func GrownID(prefix string, n int) string { return fmt.Sprintf("%s_%025d", prefix, n) }

// Grown gives the URL of a SQLite file with many invoices, the nth of them made n steps after began: of
// 100 invoices 88 are paid, 8 open, 3 expired, and one in a thousand is in review. They are made in
// chunks, without the engine: only how much there is matters.
func Grown(t testing.TB, count int, began time.Time, step time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grown.db")
	d, err := db.Open(context.Background(), db.Options{URL: "sqlite:" + path, CreateIfEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Update(context.Background(), func(tx *db.Tx) error {
		return tx.InsertMerchant(&checkout.Merchant{ID: GrownMerchant, Slug: "one", Name: "One", Locale: "fa"})
	})
	if err = join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-65536)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	const chunk = 50_000
	for from := 0; from < count && err == nil; from += chunk {
		err = grow(pool, int64(from), int64(min(from+chunk, count)), began.UnixMilli(), step.Milliseconds())
	}
	if err = join(err, pool.Close()); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func join(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func grow(pool *sql.DB, from, to, began, step int64) error {
	tx, err := pool.Begin()
	if err != nil {
		return err
	}
	for _, text := range growthTexts {
		args := []any{from, to, began, step}
		switch {
		case strings.HasPrefix(text, "UPDATE"):
			args = []any{to, to}
		case !strings.Contains(text, "$4"):
			args = args[:3]
		}
		if _, err := tx.Exec(text, args...); err != nil {
			return join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

const growthRows = `WITH RECURSIVE n(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $2),
s AS (SELECT n, $3 + n * $4 AS at, CASE WHEN n % 1000 = 7 THEN 'review' WHEN n % 100 < 88 THEN 'paid' WHEN n % 100 < 97 THEN 'open' ELSE 'expired' END AS status FROM n)
`

var growthTexts = []string{
	`INSERT INTO invoices (id, merchant_id, live, number, token, status, amount_rial, description, reference, customer_name, customer_mobile,
  gateways, locale, created_at_ms, expires_at_ms, paid_at_ms, paid_attempt_id, attempt_count, event_seq, event_hash, fed_seq)
` + growthRows + `SELECT printf('inv_%025d', n), 'mer_1', 1, n, 't' || n, status, 1500000 + n, 'Order ' || n, 'R' || n, 'Customer', '09121234567',
  'gardeshpay,ghesta', 'fa', at, at + 604800000, CASE WHEN status = 'paid' THEN at + 60000 END, CASE WHEN status = 'paid' THEN printf('att_%025d', n) END,
  CASE WHEN status = 'open' THEN 0 ELSE 1 END, 8, 'hash', 8 FROM s`,
	`INSERT INTO search_terms (shop, term, number) ` + growthRows + `SELECT 2, 'r' || n, n FROM s UNION ALL SELECT 2, 'customer', n FROM s`,
	`INSERT INTO feed (shop, position, number, first_sequence, last_sequence) ` + growthRows + `SELECT 2, n + 1, n, 1, 8 FROM s`,
	// What follows the feed: the sums of days, with ten buckets of times, and the finds.
	`INSERT INTO day_sums (shop, day, gateway, what, count, total_rial) ` + growthRows + `SELECT 2, at / 86400000, 'gardeshpay', 'paid', COUNT(*), SUM(1500000 + n) FROM s WHERE status = 'paid' GROUP BY at / 86400000
UNION ALL SELECT 2, at / 86400000, 'gardeshpay', 'end:' || status, COUNT(*), 0 FROM s WHERE status <> 'open' GROUP BY at / 86400000, status
UNION ALL SELECT 2, at / 86400000, 'gardeshpay', printf('took:%03d', 60 + n % 10), COUNT(*), 0 FROM s WHERE status = 'paid' GROUP BY at / 86400000, n % 10
ON CONFLICT (shop, day, gateway, what) DO UPDATE SET count = day_sums.count + excluded.count, total_rial = day_sums.total_rial + excluded.total_rial`,
	`INSERT INTO finds (shop, value, number) ` + growthRows + `SELECT 2, 1500000 + n, n FROM s UNION ALL SELECT 2, -1 - n % 10000, n FROM s WHERE status = 'paid'`,
	`UPDATE feeds SET last_position = $1, summed_position = $2 WHERE shop = 2`,
	`INSERT INTO attempts (id, invoice_id, gateway, status, amount_rial, wire_amount, unit, verify_url, verify_host, window_ms, our_number, callback_token,
  tracking_number, ref_number, card_mask, created_at_ms, abandon_at_ms, returned_at_ms, verified_at_ms)
` + growthRows + `SELECT printf('att_%025d', n), printf('inv_%025d', n), 'gardeshpay', CASE status WHEN 'paid' THEN 'paid' WHEN 'review' THEN 'needs_review' ELSE 'abandoned' END,
  1500000 + n, 1500000 + n, 'rial', 'https://ipg.gardeshpay.com/provider/payment/verify', 'ipg.gardeshpay.com', 900000, 'n' || n, 'c' || n,
  'T' || n, 'F' || n, '603799******1234', at, at + 1800000, at + 60000, at + 60000 FROM s WHERE status <> 'open'`,
}
