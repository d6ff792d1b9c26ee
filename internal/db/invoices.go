package db

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

const invoiceColumns = `id, merchant_id, live, number, token, status, amount_rial, amount_refunded_rial,
  description, reference, customer_name, customer_mobile, customer_email, items, gateways,
  return_url, locale, metadata, send_email, created_at_ms, expires_at_ms, paid_at_ms,
  canceled_at_ms, paid_attempt_id, attempt_count, event_seq, event_hash`

// oneInvoice reads one invoice, with the revision of its merchant.
const oneInvoice = `SELECT ` + invoiceColumns + `, (SELECT m.revision FROM merchants m WHERE m.id = merchant_id) FROM invoices `

// InsertInvoice stores a new invoice with its event head, and sets its MerchantRevision.
func (tx *Tx) InsertInvoice(inv *checkout.Invoice) error {
	items, metadata, err := invoiceJSON(inv)
	if err != nil {
		return fmt.Errorf("insert invoice: %w", err)
	}
	number, err := strconv.ParseInt(inv.Number, 10, 64)
	if err != nil {
		return fmt.Errorf("insert invoice: number: %w", err)
	}
	err = tx.row(`INSERT INTO invoices (`+invoiceColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
RETURNING (SELECT m.revision FROM merchants m WHERE m.id = merchant_id)`,
		inv.ID, inv.MerchantID, bit(inv.Live), number, inv.Token, string(inv.Status), int64(inv.Amount), int64(inv.AmountRefunded),
		inv.Description, inv.Reference, inv.Customer.Name, inv.Customer.Mobile, inv.Customer.Email, items, strings.Join(inv.Gateways, ","),
		inv.ReturnURL, inv.Locale, metadata, bit(inv.SendEmail), ms(inv.CreatedAt), ms(inv.ExpiresAt), nullMS(inv.PaidAt),
		nullMS(inv.CanceledAt), nil, int64(inv.AttemptCount), inv.EventSeq, inv.EventHash).Scan(&inv.MerchantRevision)
	if err != nil {
		return fmt.Errorf("insert invoice: %w", err)
	}
	return nil
}

// Invoice reads one invoice with its payment. checkout.NotFound when there is none.
func (tx *Tx) Invoice(id string) (*checkout.Invoice, error) {
	return tx.invoice(oneInvoice+`WHERE id = $1`, id)
}

// ScopedInvoice reads one invoice of one merchant in one mode. checkout.NotFound when it is not theirs.
func (tx *Tx) ScopedInvoice(merchantID string, live bool, id string) (*checkout.Invoice, error) {
	return tx.invoice(oneInvoice+`WHERE id = $1 AND merchant_id = $2 AND live = $3`, id, merchantID, bit(live))
}

// LockInvoice reads one invoice and holds it until the transaction ends. Every decision about an
// invoice begins here: on PostgreSQL's read committed this is what serializes start, edit, cancel,
// callback, seat and event numbers (SQLite has one writer anyway).
func (tx *Tx) LockInvoice(id string) (*checkout.Invoice, error) {
	return tx.invoice(oneInvoice+`WHERE id = $1 FOR UPDATE`, id)
}

// LockInvoiceByToken is LockInvoice by the token of the payment link.
func (tx *Tx) LockInvoiceByToken(token string) (*checkout.Invoice, error) {
	return tx.invoice(oneInvoice+`WHERE token = $1 FOR UPDATE`, token)
}

// LockInvoiceByCallback is LockInvoice by the token of an attempt's callback address.
func (tx *Tx) LockInvoiceByCallback(gateway, token string) (*checkout.Invoice, error) {
	return tx.invoice(oneInvoice+`WHERE id = (SELECT invoice_id FROM attempts WHERE callback_token = $1 AND gateway = $2) FOR UPDATE`, token, gateway)
}

// PageInvoice reads the invoice of a payment link and its attempts, oldest first. checkout.NotFound
// when there is none.
func (tx *Tx) PageInvoice(token string) (*checkout.Invoice, []checkout.Attempt, error) {
	inv, paidBy, err := tx.bareInvoice(oneInvoice+`WHERE token = $1`, token)
	if err != nil || inv.AttemptCount == 0 {
		return inv, nil, err
	}
	attempts, err := tx.AttemptsOfInvoice(inv.ID)
	for i := range attempts {
		if attempts[i].ID == paidBy {
			inv.Payment = payment(inv, &attempts[i])
		}
	}
	return inv, attempts, err
}

func (tx *Tx) invoice(query string, args ...any) (*checkout.Invoice, error) {
	inv, paidBy, err := tx.bareInvoice(query, args...)
	if err != nil {
		return nil, err
	}
	return inv, tx.addPayment(inv, paidBy)
}

func (tx *Tx) bareInvoice(query string, args ...any) (*checkout.Invoice, string, error) {
	var revision int64
	inv, paidBy, err := scanInvoice(tx.row(query, args...), &revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", fmt.Errorf("read invoice: %w", checkout.NotFound)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read invoice: %w", err)
	}
	inv.MerchantRevision = revision
	return inv, paidBy, nil
}

func (tx *Tx) addPayment(inv *checkout.Invoice, paidBy string) error {
	if paidBy == "" {
		return nil
	}
	a, err := tx.Attempt(paidBy)
	if err != nil {
		return err
	}
	inv.Payment = payment(inv, a)
	return nil
}

func payment(inv *checkout.Invoice, a *checkout.Attempt) *checkout.Payment {
	return &checkout.Payment{
		AttemptID: a.ID, Gateway: a.Gateway, RefNumber: a.RefNumber, TrackingNumber: a.TrackingNumber,
		CardMask: a.CardMask, Amount: a.Amount, PaidAt: inv.PaidAt, Manual: a.Resolved,
	}
}

// SaveInvoice writes what the engine moves: status, times, counters and the head of the event
// chain. It is a compare-and-set on the status and event number that were read under the lock; a
// lost race is checkout.Conflict and rolls the caller back.
func (tx *Tx) SaveInvoice(inv *checkout.Invoice, from checkout.InvoiceStatus, fromSeq int64) error {
	if inv.Status != from && !from.CanMove(inv.Status) {
		return fmt.Errorf("save invoice %s: no move from %s to %s", inv.ID, from, inv.Status)
	}
	var paidBy any
	if inv.Payment != nil {
		paidBy = inv.Payment.AttemptID
	}
	args := []any{nullMS(inv.PaidAt), nullMS(inv.CanceledAt), paidBy, int64(inv.AttemptCount), inv.EventSeq, inv.EventHash, inv.ID, string(from), fromSeq}
	status := `` // one that stays is not written: every index that knows it would be written again
	if inv.Status != from {
		status, args = `, status = $10`, append(args, string(inv.Status))
	}
	n, err := tx.exec(`UPDATE invoices
SET paid_at_ms = $1, canceled_at_ms = $2, paid_attempt_id = $3, attempt_count = $4, event_seq = $5, event_hash = $6`+status+`
WHERE id = $7 AND status = $8 AND event_seq = $9`, args...)
	if err != nil {
		return fmt.Errorf("save invoice %s: %w", inv.ID, err)
	}
	if n != 1 {
		return fmt.Errorf("save invoice %s: moved meanwhile: %w", inv.ID, checkout.Conflict)
	}
	return nil
}

// EditInvoice writes what a merchant may change of an open invoice.
func (tx *Tx) EditInvoice(inv *checkout.Invoice) error {
	items, metadata, err := invoiceJSON(inv)
	if err != nil {
		return fmt.Errorf("edit invoice: %w", err)
	}
	n, err := tx.exec(`UPDATE invoices
SET amount_rial = $1, description = $2, reference = $3, customer_name = $4, customer_mobile = $5, customer_email = $6,
    items = $7, gateways = $8, return_url = $9, locale = $10, metadata = $11, expires_at_ms = $12
WHERE id = $13 AND status = 'open'`,
		int64(inv.Amount), inv.Description, inv.Reference, inv.Customer.Name, inv.Customer.Mobile, inv.Customer.Email,
		items, strings.Join(inv.Gateways, ","), inv.ReturnURL, inv.Locale, metadata, ms(inv.ExpiresAt), inv.ID)
	if err != nil {
		return fmt.Errorf("edit invoice %s: %w", inv.ID, err)
	}
	if n != 1 {
		return fmt.Errorf("edit invoice %s: %w", inv.ID, checkout.Conflict)
	}
	return nil
}

// InvoiceQuery selects invoices of one merchant in one mode, newest first. Zero fields do not filter.
type InvoiceQuery struct {
	MerchantID string
	Live       bool
	Status     string
	Gateway    string // an attempt of it was made, or it is among the invoice's
	Reference  string // exactly
	// Named is what to look for; nil for everything.
	Named    *Named
	From, To time.Time
	// BeforeAt and BeforeID are the last row of the page before; zero for the first page.
	BeforeAt time.Time
	BeforeID string
	Limit    int
}

// Invoices lists invoices, newest first, at most Limit.
func (tx *Tx) Invoices(q InvoiceQuery) ([]checkout.Invoice, error) {
	w := where{}
	from, err := q.conditions(&w)
	if err != nil {
		return nil, err
	}
	rows, err := tx.query(`SELECT `+invoiceColumns+from+w.sql()+
		` ORDER BY created_at_ms DESC, id DESC`+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list invoices: %w", err)
	}
	defer rows.Close()
	var list []checkout.Invoice
	var paidBy []string
	for rows.Next() {
		inv, by, err := scanInvoice(rows)
		if err != nil {
			return nil, fmt.Errorf("list invoices: %w", err)
		}
		list, paidBy = append(list, *inv), append(paidBy, by)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list invoices: %w", err)
	}
	for i := range list {
		if err := tx.addPayment(&list[i], paidBy[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// conditions is what the lists, their counts and their sums have in common; it returns where to read.
func (q *InvoiceQuery) conditions(w *where) (from string, err error) {
	from = q.from(w)
	if q.Reference != "" {
		w.add("reference = ?", q.Reference)
	}
	w.add("merchant_id = ?", q.MerchantID)
	w.add("live = ?", bit(q.Live))
	if q.Status != "" {
		// A word of ours, never anybody's text: only a literal lets SQLite see that a partial index holds.
		if !slices.Contains(checkout.InvoiceStatuses(), checkout.InvoiceStatus(q.Status)) {
			return "", fmt.Errorf("list invoices: no status %q", q.Status)
		}
		w.add("status = '" + q.Status + "'")
	}
	if q.Gateway != "" {
		w.add("(',' || gateways || ',') LIKE ?", "%,"+q.Gateway+",%")
	}
	if !q.From.IsZero() {
		w.add("created_at_ms >= ?", ms(q.From))
	}
	if !q.To.IsZero() {
		w.add("created_at_ms <= ?", ms(q.To))
	}
	if q.BeforeID != "" {
		w.add("(created_at_ms, id) < (?, ?)", ms(q.BeforeAt), q.BeforeID)
	}
	return from, nil
}

// ExpiringInvoices lists ids of open invoices whose time has passed, oldest first.
func (tx *Tx) ExpiringInvoices(limit int) ([]string, error) {
	return tx.ids(`SELECT id FROM invoices WHERE status = 'open' AND expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT CAST($2 AS BIGINT)`, ms(tx.now), int64(limit))
}

func (tx *Tx) ids(query string, args ...any) ([]string, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list ids: %w", err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list ids: %w", err)
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

type scanner interface{ Scan(dest ...any) error }

// scanInvoice reads invoiceColumns, and what else the query returns into more.
func scanInvoice(row scanner, more ...any) (*checkout.Invoice, string, error) {
	var inv checkout.Invoice
	var live, number, amount, refunded, email, created, expires, attempts int64
	var status, items, list, metadata string
	var paid, canceled sql.NullInt64
	var paidBy sql.NullString
	to := [...]any{
		&inv.ID, &inv.MerchantID, &live, &number, &inv.Token, &status, &amount, &refunded,
		&inv.Description, &inv.Reference, &inv.Customer.Name, &inv.Customer.Mobile, &inv.Customer.Email, &items, &list,
		&inv.ReturnURL, &inv.Locale, &metadata, &email, &created, &expires, &paid,
		&canceled, &paidBy, &attempts, &inv.EventSeq, &inv.EventHash,
	}
	if err := row.Scan(append(to[:], more...)...); err != nil {
		return nil, "", err
	}
	inv.Live, inv.SendEmail = live == 1, email == 1
	inv.Number = strconv.FormatInt(number, 10)
	inv.Status = checkout.InvoiceStatus(status)
	inv.Amount, inv.AmountRefunded = money.Rial(amount), money.Rial(refunded)
	inv.Gateways = strings.Split(list, ",")
	inv.CreatedAt, inv.ExpiresAt = fromMS(created), fromMS(expires)
	inv.PaidAt, inv.CanceledAt = fromNullMS(paid), fromNullMS(canceled)
	inv.AttemptCount = int(attempts)
	if items != "" {
		if err := json.Unmarshal([]byte(items), &inv.Items); err != nil {
			return nil, "", fmt.Errorf("items of %s: %w", inv.ID, err)
		}
	}
	if metadata != "" {
		if err := json.Unmarshal([]byte(metadata), &inv.Metadata); err != nil {
			return nil, "", fmt.Errorf("metadata of %s: %w", inv.ID, err)
		}
	}
	return &inv, paidBy.String, nil
}

// invoiceJSON renders the two opaque columns, "" for none.
func invoiceJSON(inv *checkout.Invoice) (items, metadata string, err error) {
	if len(inv.Items) > 0 {
		b, err := json.Marshal(inv.Items)
		if err != nil {
			return "", "", err
		}
		items = string(b)
	}
	if len(inv.Metadata) > 0 {
		b, err := json.Marshal(inv.Metadata)
		if err != nil {
			return "", "", err
		}
		metadata = string(b)
	}
	return items, metadata, nil
}
