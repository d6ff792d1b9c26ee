package db

import (
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// InsertRefund records a refund and adds it to the invoice's sum: the row count is the verdict, and
// the CHECK of the sum is the net. checkout.Conflict when the invoice is not paid or has less left.
func (tx *Tx) InsertRefund(r *checkout.Refund) error {
	n, err := tx.exec(`UPDATE invoices SET amount_refunded_rial = amount_refunded_rial + $1
WHERE id = $2 AND status = 'paid' AND amount_refunded_rial <= amount_rial - $1`, int64(r.Amount), r.InvoiceID)
	if err != nil {
		return fmt.Errorf("add refund to %s: %w", r.InvoiceID, err)
	}
	if n != 1 {
		return fmt.Errorf("add refund to %s: %w", r.InvoiceID, checkout.Conflict)
	}
	_, err = tx.exec(`INSERT INTO refunds (invoice_id, id, amount_rial, refunded_rial, reason, actor, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		r.InvoiceID, r.ID, int64(r.Amount), int64(r.Refunded), r.Reason, r.Actor, ms(r.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert refund: %w", err)
	}
	return nil
}

// RefundsOfInvoice lists an invoice's refunds, newest first, those before the one that made the sum
// before (0 for the first page).
func (tx *Tx) RefundsOfInvoice(invoiceID string, before money.Rial, limit int) ([]checkout.Refund, error) {
	w := where{}
	w.add("r.invoice_id = ?", invoiceID)
	if before > 0 {
		w.add("r.refunded_rial < ?", int64(before))
	}
	rows, err := tx.query(`SELECT r.id, r.invoice_id, i.live, r.amount_rial, r.refunded_rial, r.reason, r.actor, r.created_at_ms
FROM refunds r JOIN invoices i ON i.id = r.invoice_id`+w.sql()+` ORDER BY r.refunded_rial DESC`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	defer rows.Close()
	var list []checkout.Refund
	for rows.Next() {
		var r checkout.Refund
		var live, amount, refunded, created int64
		if err := rows.Scan(&r.ID, &r.InvoiceID, &live, &amount, &refunded, &r.Reason, &r.Actor, &created); err != nil {
			return nil, fmt.Errorf("list refunds: %w", err)
		}
		r.Live, r.Amount, r.CreatedAt = live == 1, money.Rial(amount), fromMS(created)
		r.Refunded = money.Rial(refunded)
		list = append(list, r)
	}
	return list, rows.Err()
}
