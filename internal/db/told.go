package db

import (
	"database/sql"
	"fmt"
	"strings"

	"dargah/internal/app/checkout"
)

// Told is one delivery with the address of its endpoint, and whether that was removed since.
type Told struct {
	checkout.Delivery
	URL     string
	Removed bool
}

// DeliveriesOfInvoice lists what endpoints were told about an invoice, oldest first, those to removed
// endpoints too. Its events' ids begin alike, so that they are one range.
func (tx *Tx) DeliveriesOfInvoice(invoiceID string, limit int) ([]Told, error) {
	first := checkout.PrefixEvent + strings.TrimPrefix(invoiceID, checkout.PrefixInvoice)
	w := where{}
	w.add("d.event_id >= ? AND d.event_id < ?", first+"0", first+":")
	rows, err := tx.query(`SELECT e.url, e.deleted_at_ms, d.id, d.event_id, d.endpoint_id, d.type, d.status, d.attempts, d.round, d.by_hand, d.last_status_code, d.next_attempt_at_ms,
  d.lease_until_ms, d.fence, d.created_at_ms
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id`+w.sql()+` ORDER BY d.created_at_ms, d.id`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries of an invoice: %w", err)
	}
	defer rows.Close()
	var list []Told
	for rows.Next() {
		var t Told
		var deleted sql.NullInt64
		d, err := scanDelivery(rows, &t.URL, &deleted)
		if err != nil {
			return nil, fmt.Errorf("list deliveries of an invoice: %w", err)
		}
		t.Delivery, t.Removed = *d, deleted.Valid
		list = append(list, t)
	}
	return list, rows.Err()
}
