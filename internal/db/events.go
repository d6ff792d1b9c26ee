package db

import (
	"fmt"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
)

// InsertEvent stores one event; its sequence and hash were made under the invoice's lock.
func (tx *Tx) InsertEvent(e *checkout.Event) error {
	_, err := tx.exec(`INSERT INTO events (invoice_id, sequence, merchant_id, live, attempt_id, type, actor, request_id, gateway_id, data, created_at_ms, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		e.InvoiceID, e.Sequence, e.MerchantID, bit(e.Live), e.AttemptID, e.Type, e.Actor, e.RequestID, e.GatewayID, e.Data, ms(e.CreatedAt), e.Hash)
	if err != nil {
		return fmt.Errorf("insert event %s: %w", e.Type, err)
	}
	return nil
}

// EventsOfInvoice lists events newest first, those before sequence (0: from the newest).
func (tx *Tx) EventsOfInvoice(invoiceID string, before int64, limit int) ([]checkout.Event, error) {
	w := where{}
	w.add("invoice_id = ?", invoiceID)
	if before > 0 {
		w.add("sequence < ?", before)
	}
	rows, err := tx.query(`SELECT invoice_id, sequence, merchant_id, live, attempt_id, type, actor, request_id, gateway_id, data, created_at_ms, hash
FROM events`+w.sql()+` ORDER BY sequence DESC`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	defer rows.Close()
	var list []checkout.Event
	for rows.Next() {
		var e checkout.Event
		var live, created int64
		err := rows.Scan(&e.InvoiceID, &e.Sequence, &e.MerchantID, &live, &e.AttemptID, &e.Type, &e.Actor, &e.RequestID, &e.GatewayID, &e.Data, &created, &e.Hash)
		if err != nil {
			return nil, fmt.Errorf("list events: %w", err)
		}
		e.Live, e.CreatedAt = live == 1, fromMS(created)
		e.ID = EventID(e.InvoiceID, e.Sequence)
		list = append(list, e)
	}
	return list, rows.Err()
}

// CountEvents counts an attempt's events of one type, to bound what a repeated callback can write.
func (tx *Tx) CountEvents(invoiceID, attemptID, kind string) (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM events WHERE invoice_id = $1 AND attempt_id = $2 AND type = $3`, invoiceID, attemptID, kind).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return int(n), nil
}

// EventID names an event by its invoice and its number: the same after a retry, a restart, a restore.
func EventID(invoiceID string, sequence int64) string {
	return checkout.PrefixEvent + strings.TrimPrefix(invoiceID, checkout.PrefixInvoice) + strconv.FormatInt(sequence, 10)
}
