package db

import (
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

// Forgetful lists the rules of the merchants who want unpaid invoices to lose their personal data.
func (tx *Tx) Forgetful() (map[string]int, error) {
	rows, err := tx.query(`SELECT merchant_id, forget_days FROM merchant_rules WHERE forget_days > 0`)
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	defer rows.Close()
	list := map[string]int{}
	for rows.Next() {
		var id string
		var days int64
		if err := rows.Scan(&id, &days); err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
		list[id] = int(days)
	}
	return list, rows.Err()
}

// Forgettable lists invoices of a merchant that ended unpaid before a moment and still hold personal data,
// those first that ended first. after is the last one of the list before, "" for none.
func (tx *Tx) Forgettable(merchantID string, before time.Time, after string, limit int) ([]string, error) {
	w := where{}
	w.add("merchant_id = ?", merchantID)
	w.add("COALESCE(canceled_at_ms, expires_at_ms) < ?", ms(before))
	if after != "" {
		last, err := tx.Invoice(after)
		if err != nil {
			return nil, err
		}
		ended := last.ExpiresAt
		if !last.CanceledAt.IsZero() {
			ended = last.CanceledAt
		}
		w.add("COALESCE(canceled_at_ms, expires_at_ms) >= ?", ms(ended))
		w.add("(COALESCE(canceled_at_ms, expires_at_ms) > ? OR id > ?)", ms(ended), after)
	}
	return tx.ids(`SELECT id FROM invoices`+w.sql()+` AND (status = 'expired' OR status = 'canceled') AND forgotten_at_ms IS NULL
ORDER BY COALESCE(canceled_at_ms, expires_at_ms), id`+w.limit(limit), w.args...)
}

// ForgetInvoice removes the personal data of an unpaid invoice, of its attempts and of what people wrote
// about it; its lines, its reference and its return address are those that inv holds. checkout.Conflict when
// it is not over, or was forgotten before.
func (tx *Tx) ForgetInvoice(inv *checkout.Invoice) error {
	id := inv.ID
	items, _, err := invoiceJSON(inv)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE invoices SET customer_name = '', customer_mobile = '', customer_email = '', description = '', metadata = '',
items = $1, reference = $2, return_url = $3, forgotten_at_ms = $4
WHERE id = $5 AND (status = 'expired' OR status = 'canceled') AND forgotten_at_ms IS NULL`, items, inv.Reference, inv.ReturnURL, ms(tx.now), id)
	if err != nil {
		return fmt.Errorf("forget invoice %s: %w", id, err)
	}
	if n != 1 {
		return fmt.Errorf("forget invoice %s: %w", id, checkout.Conflict)
	}
	if _, err := tx.exec(`UPDATE attempts SET payer_name = '', payer_mobile = '' WHERE invoice_id = $1`, id); err != nil {
		return fmt.Errorf("forget payers of %s: %w", id, err)
	}
	if _, err := tx.exec(`DELETE FROM invoice_looks WHERE invoice_id = $1`, id); err != nil {
		return fmt.Errorf("forget looks at %s: %w", id, err)
	}
	if _, err := tx.exec(`DELETE FROM notes WHERE invoice_id = $1`, id); err != nil {
		return fmt.Errorf("forget notes of %s: %w", id, err)
	}
	return nil
}
