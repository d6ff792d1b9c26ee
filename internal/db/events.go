package db

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
)

const eventColumns = `invoice_id, sequence, attempt_id, type, actor, request_id, gateway_id, data, created_at_ms`

// InsertEvents stores what one act made happen, in one statement: their sequences and hashes were
// made under the invoice's lock. The hashes are not stored: SaveInvoice keeps the last one.
func (tx *Tx) InsertEvents(events []checkout.Event) error {
	if len(events) == 0 {
		return nil
	}
	const columns = 9
	args := make([]any, 0, columns*len(events))
	for i := range events {
		e := &events[i]
		args = append(args, e.InvoiceID, e.Sequence, shortAttempt(e.AttemptID), shortType(e.Type), shortActor(e.Actor), shortRequest(e.RequestID),
			e.GatewayID, e.Data, ms(e.CreatedAt))
	}
	_, err := tx.exec(`INSERT INTO events (`+eventColumns+`) VALUES `+rowsOf(len(events), columns), args...)
	if err != nil {
		return fmt.Errorf("insert event %s: %w", events[0].Type, err)
	}
	return nil
}

// rowsOf writes the placeholders of a statement that inserts several rows.
func rowsOf(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// EventsOfInvoice lists events newest first, those before sequence (0: from the newest).
func (tx *Tx) EventsOfInvoice(invoiceID string, before int64, limit int) ([]checkout.Event, error) {
	w := where{}
	w.add("invoice_id = ?", invoiceID)
	if before > 0 {
		w.add("sequence < ?", before)
	}
	rows, err := tx.query(`SELECT `+eventColumns+` FROM events`+w.sql()+` ORDER BY sequence DESC`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	defer rows.Close()
	var list []checkout.Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, fmt.Errorf("list events: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// scanEvent reads eventColumns, and what stands before them into more.
func scanEvent(row scanner, more ...any) (checkout.Event, error) {
	var e checkout.Event
	var created int64
	err := row.Scan(append(more, &e.InvoiceID, &e.Sequence, &e.AttemptID, &e.Type, &e.Actor, &e.RequestID, &e.GatewayID, &e.Data, &created)...)
	if err != nil {
		return e, err
	}
	lengthen(&e)
	e.CreatedAt, e.ID = fromMS(created), EventID(e.InvoiceID, e.Sequence)
	return e, nil
}

// CountEvents counts an attempt's events of one type, to bound what a repeated callback can write.
func (tx *Tx) CountEvents(invoiceID, attemptID, kind string) (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM events WHERE invoice_id = $1 AND (attempt_id = $2 OR attempt_id = $3) AND (type = $4 OR type = $5)`,
		invoiceID, shortAttempt(attemptID), attemptID, shortType(kind), kind).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return int(n), nil
}

// EventID names an event by its invoice and its number: the same after a retry, a restart, a restore.
func EventID(invoiceID string, sequence int64) string {
	return checkout.PrefixEvent + strings.TrimPrefix(invoiceID, checkout.PrefixInvoice) + strconv.FormatInt(sequence, 10)
}

// InvoiceOfEvent is the invoice that an event's id speaks of.
func InvoiceOfEvent(eventID string) string {
	id := strings.TrimPrefix(eventID, checkout.PrefixEvent)
	return checkout.PrefixInvoice + id[:min(len(id), checkout.IDDigits)]
}

// Chain is an invoice's events, oldest first, and the head that its row holds.
type Chain struct {
	InvoiceID string
	Head      int64
	Hash      string
	Events    []checkout.Event
}

// EachChain passes the chain of every invoice.
func (tx *Tx) EachChain(fn func(*Chain) error) error {
	rows, err := tx.query(`SELECT i.id, i.event_seq, i.event_hash, e.sequence, e.attempt_id, e.type, e.actor, e.request_id, e.gateway_id, e.data, e.created_at_ms
FROM invoices i LEFT JOIN events e ON e.invoice_id = i.id ORDER BY i.id, e.sequence`)
	if err != nil {
		return fmt.Errorf("read the chains: %w", err)
	}
	defer rows.Close()
	var c Chain
	for rows.Next() {
		var n Chain
		var sequence, created sql.NullInt64
		var attempt, kind, actor, request, gateway, data sql.NullString
		if err := rows.Scan(&n.InvoiceID, &n.Head, &n.Hash, &sequence, &attempt, &kind, &actor, &request, &gateway, &data, &created); err != nil {
			return fmt.Errorf("read the chains: %w", err)
		}
		if n.InvoiceID != c.InvoiceID {
			if err := c.pass(fn); err != nil {
				return err
			}
			c = n
		}
		if !sequence.Valid {
			continue
		}
		e := checkout.Event{
			ID: EventID(n.InvoiceID, sequence.Int64), InvoiceID: n.InvoiceID, Sequence: sequence.Int64, AttemptID: attempt.String, Type: kind.String,
			Actor: actor.String, RequestID: request.String, GatewayID: gateway.String, Data: data.String, CreatedAt: fromMS(created.Int64),
		}
		lengthen(&e)
		c.Events = append(c.Events, e)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the chains: %w", err)
	}
	return c.pass(fn)
}

func (c *Chain) pass(fn func(*Chain) error) error {
	if c.InvoiceID == "" {
		return nil
	}
	return fn(c)
}
