package db

import (
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// PaidThrough passes what was paid through a gateway from a moment on and before another, in the order
// of time, at most limit.
func (tx *Tx) PaidThrough(merchantID string, live bool, gateway string, from, to time.Time, limit int, pass func(checkout.PaidThrough) error) error {
	w := where{}
	w.add("i.merchant_id = ? AND i.live = ? AND i.status = 'paid' AND i.paid_at_ms >= ? AND i.paid_at_ms < ?", merchantID, bit(live), ms(from), ms(to))
	w.add("a.id = i.paid_attempt_id AND a.gateway = ?", gateway)
	return tx.paidThrough(`SELECT i.id, a.ref_number, a.tracking_number, a.amount_rial, i.paid_at_ms FROM invoices i CROSS JOIN attempts a`+w.sql()+
		` ORDER BY i.paid_at_ms`+w.limit(limit), w.args, pass)
}

// PaidBy passes the payments of a merchant through a gateway that have a reference, as it is compared:
// the gateway's tracking number, or a search term of the bank's.
func (tx *Tx) PaidBy(merchantID string, live bool, gateway, canonical string, pass func(checkout.PaidThrough) error) error {
	return tx.paidThrough(`SELECT i.id, a.ref_number, a.tracking_number, a.amount_rial, i.paid_at_ms FROM (
  SELECT i.id AS found FROM attempt_references r JOIN attempts a ON a.id = r.attempt_id JOIN invoices i ON i.id = a.invoice_id
  WHERE r.canonical = $1 AND r.bound = 1 AND r.gateway = $2 AND i.merchant_id = $3 AND i.live = $4
  UNION SELECT i.id FROM search_terms t CROSS JOIN invoices i
  WHERE t.shop = (SELECT shop FROM feeds WHERE merchant_id = $3 AND live = $4) AND t.term = $1 AND i.merchant_id = $3 AND i.live = $4 AND i.number = t.number) AS named
CROSS JOIN invoices i CROSS JOIN attempts a
WHERE i.id = found AND i.status = 'paid' AND a.id = i.paid_attempt_id AND a.gateway = $2`, []any{canonical, gateway, merchantID, bit(live)}, pass)
}

func (tx *Tx) paidThrough(query string, args []any, pass func(checkout.PaidThrough) error) error {
	rows, err := tx.query(query, args...)
	if err != nil {
		return fmt.Errorf("list payments of a gateway: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p checkout.PaidThrough
		var amount, paid int64
		if err := rows.Scan(&p.InvoiceID, &p.Reference, &p.Tracking, &amount, &paid); err != nil {
			return fmt.Errorf("list payments of a gateway: %w", err)
		}
		p.Amount, p.PaidAt = money.Rial(amount), fromMS(paid)
		if err := pass(p); err != nil {
			return err
		}
	}
	return rows.Err()
}
