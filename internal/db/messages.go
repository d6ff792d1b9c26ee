package db

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

// InsertMessages stores what endpoints are told, and for whom it is. Those who send are woken after
// the commit.
func (tx *Tx) InsertMessages(messages []checkout.Message, deliveries []checkout.Delivery) error {
	const columns = 6
	args := make([]any, 0, columns*len(messages))
	for i := range messages {
		m := &messages[i]
		args = append(args, m.EventID, m.MerchantID, bit(m.Live), m.Type, m.Body, ms(m.CreatedAt))
	}
	_, err := tx.exec(`INSERT INTO webhook_messages (event_id, merchant_id, live, type, body, created_at_ms) VALUES `+rowsOf(len(messages), columns), args...)
	if err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	return tx.InsertDeliveries(deliveries)
}

// Message reads what is said about an event. checkout.NotFound when nothing is, or no longer.
func (tx *Tx) Message(eventID string) (*checkout.Message, error) {
	m := checkout.Message{EventID: eventID}
	var live, created int64
	err := tx.row(`SELECT merchant_id, live, type, body, created_at_ms FROM webhook_messages WHERE event_id = $1`, eventID).
		Scan(&m.MerchantID, &live, &m.Type, &m.Body, &created)
	if err := none("read message", err); err != nil {
		return nil, err
	}
	m.Live, m.CreatedAt = live == 1, fromMS(created)
	return &m, nil
}

// A ReplayRow is a message from a moment on, and the delivery of it that an endpoint has, if any.
type ReplayRow struct {
	EventID, Type, DeliveryID string
	CreatedAt                 time.Time
}

// MessagesFrom lists a merchant's messages in one mode from a moment and an event on, oldest first,
// each with its delivery to an endpoint. Test messages are not among them.
func (tx *Tx) MessagesFrom(e *checkout.Endpoint, at time.Time, eventID string, limit int) ([]ReplayRow, error) {
	rows, err := tx.query(`SELECT m.event_id, m.type, m.created_at_ms, COALESCE(d.id, '') FROM webhook_messages m
LEFT JOIN webhook_deliveries d ON d.event_id = m.event_id AND d.endpoint_id = $1
WHERE m.merchant_id = $2 AND m.live = $3 AND (m.created_at_ms, m.event_id) >= ($4, $5) AND m.type <> '`+checkout.EventWebhookTest+`'
ORDER BY m.created_at_ms, m.event_id LIMIT CAST($6 AS BIGINT)`, e.ID, e.MerchantID, bit(e.Live), ms(at), eventID, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	defer rows.Close()
	var list []ReplayRow
	for rows.Next() {
		var r ReplayRow
		var created int64
		if err := rows.Scan(&r.EventID, &r.Type, &created, &r.DeliveryID); err != nil {
			return nil, fmt.Errorf("list messages: %w", err)
		}
		r.CreatedAt = fromMS(created)
		list = append(list, r)
	}
	return list, rows.Err()
}

// PruneMessages forgets messages from before a moment, at most limit of them, with their deliveries
// and tries. What is pending or held is kept. It returns how many it forgot.
func (tx *Tx) PruneMessages(before time.Time, limit int) (int64, error) {
	rows, err := tx.query(`SELECT m.event_id FROM webhook_messages m WHERE m.created_at_ms < $1 AND NOT EXISTS (
  SELECT 1 FROM webhook_deliveries d WHERE d.event_id = m.event_id AND (d.status = 'pending' OR d.status = 'held'))
ORDER BY m.created_at_ms LIMIT CAST($2 AS BIGINT)`, ms(before), int64(limit))
	if err != nil {
		return 0, fmt.Errorf("look for old messages: %w", err)
	}
	var ids []string
	for rows.Next() {
		var id string
		if err = rows.Scan(&id); err != nil {
			break
		}
		ids = append(ids, id)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return 0, fmt.Errorf("look for old messages: %w", err)
	}
	for _, id := range ids {
		for _, query := range []string{
			`DELETE FROM webhook_tries WHERE delivery_id IN (SELECT id FROM webhook_deliveries WHERE event_id = $1)`,
			`DELETE FROM webhook_deliveries WHERE event_id = $1`,
			`DELETE FROM webhook_messages WHERE event_id = $1`,
		} {
			if _, err := tx.exec(query, id); err != nil {
				return 0, fmt.Errorf("forget message: %w", err)
			}
		}
	}
	return int64(len(ids)), nil
}

// EventTime is when an event of a merchant in one mode happened. checkout.NotFound when it is not
// theirs.
func (tx *Tx) EventTime(merchantID string, live bool, eventID string) (time.Time, error) {
	digits := strings.TrimPrefix(eventID, checkout.PrefixEvent)
	if len(digits) <= checkout.IDDigits || digits == eventID {
		return time.Time{}, fmt.Errorf("read event: %w", checkout.NotFound)
	}
	sequence, err := strconv.ParseInt(digits[checkout.IDDigits:], 10, 64)
	invoiceID := checkout.PrefixInvoice + digits[:checkout.IDDigits]
	if err != nil || EventID(invoiceID, sequence) != eventID {
		return time.Time{}, fmt.Errorf("read event: %w", checkout.NotFound)
	}
	var at int64
	err = tx.row(`SELECT e.created_at_ms FROM events e JOIN invoices i ON i.id = e.invoice_id
WHERE e.invoice_id = $1 AND e.sequence = $2 AND i.merchant_id = $3 AND i.live = $4`, invoiceID, sequence, merchantID, bit(live)).Scan(&at)
	if err := none("read event", err); err != nil {
		return time.Time{}, err
	}
	return fromMS(at), nil
}
