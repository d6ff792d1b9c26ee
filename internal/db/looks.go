package db

import (
	"fmt"
	"time"
)

// Looks is how often a payment link was looked at; zero for never.
type Looks struct {
	Times       int
	First, Last time.Time
}

// KeepLook counts a look at an invoice, unless one was counted less than apart before it: who reads a page
// twice in a row has looked once.
func (tx *Tx) KeepLook(invoiceID string, at time.Time, apart time.Duration) error {
	_, err := tx.exec(`INSERT INTO invoice_looks (invoice_id, first_ms, last_ms, times) VALUES ($1, $2, $2, 1)
ON CONFLICT (invoice_id) DO UPDATE SET last_ms = excluded.last_ms, times = invoice_looks.times + 1
WHERE excluded.last_ms - invoice_looks.last_ms >= CAST($3 AS BIGINT)`, invoiceID, ms(at), apart.Milliseconds())
	if err != nil {
		return fmt.Errorf("keep look at %s: %w", invoiceID, err)
	}
	return nil
}

// LooksAt reads how often an invoice was looked at.
func (tx *Tx) LooksAt(invoiceID string) (Looks, error) {
	rows, err := tx.query(`SELECT first_ms, last_ms, times FROM invoice_looks WHERE invoice_id = $1`, invoiceID)
	if err != nil {
		return Looks{}, fmt.Errorf("read looks: %w", err)
	}
	defer rows.Close()
	var l Looks
	for rows.Next() {
		var first, last, times int64
		if err := rows.Scan(&first, &last, &times); err != nil {
			return Looks{}, fmt.Errorf("read looks: %w", err)
		}
		l = Looks{Times: int(times), First: fromMS(first), Last: fromMS(last)}
	}
	return l, rows.Err()
}
