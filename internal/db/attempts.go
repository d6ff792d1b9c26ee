package db

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

const attemptColumns = `a.id, a.invoice_id, i.merchant_id, i.live, a.gateway, a.status, a.amount_rial, a.wire_amount,
  a.unit, a.verify_url, a.verify_host, a.window_ms, a.our_number, a.callback_token, a.gateway_token,
  a.payer_name, a.payer_mobile, a.locale, a.tracking_number, a.ref_number, a.card_mask, a.card_hash,
  a.failure_stage, a.failure_code, a.failure_message, a.unclaimed_why, a.note, a.created_at_ms, a.abandon_at_ms,
  a.redirected_at_ms, a.returned_at_ms, a.verified_at_ms, a.verify_deadline_ms, a.resolved_at_ms, a.closed_at_ms`

const attemptFrom = ` FROM attempts a JOIN invoices i ON i.id = a.invoice_id`

// InsertAttempt stores a new attempt: the intent, before the gateway is called.
func (tx *Tx) InsertAttempt(a *checkout.Attempt) error {
	_, err := tx.exec(`INSERT INTO attempts (id, invoice_id, gateway, status, amount_rial, wire_amount, unit, verify_url,
  verify_host, window_ms, our_number, callback_token, payer_name, payer_mobile, locale, created_at_ms, abandon_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		a.ID, a.InvoiceID, a.Gateway, string(a.Status), int64(a.Amount), a.WireAmount, a.Unit, a.VerifyURL,
		a.VerifyHost, a.Window.Milliseconds(), a.OurNumber, a.CallbackToken, a.PayerName, a.PayerMobile, a.Locale, ms(a.CreatedAt), ms(a.AbandonAt))
	if err != nil {
		return fmt.Errorf("insert attempt: %w", err)
	}
	return nil
}

// Attempt reads one attempt. checkout.NotFound when there is none.
func (tx *Tx) Attempt(id string) (*checkout.Attempt, error) {
	return tx.attempt(nil, `SELECT `+attemptColumns+attemptFrom+` WHERE a.id = $1`, id)
}

// AttemptByCallback reads the attempt whose callback address carries the token. checkout.NotFound when there is none.
func (tx *Tx) AttemptByCallback(gateway, token string) (*checkout.Attempt, error) {
	var references int64
	a, err := tx.attempt([]any{&references}, `SELECT `+attemptColumns+`, (SELECT COUNT(*) FROM attempt_references r WHERE r.attempt_id = a.id)`+
		attemptFrom+` WHERE a.callback_token = $1 AND a.gateway = $2`, token, gateway)
	if err != nil {
		return nil, err
	}
	a.References = int(references)
	return a, nil
}

// Standing is where a reference and its attempt are, for one who wrote both and only asks whether
// anybody else has touched them since.
type Standing struct {
	Attempt   checkout.AttemptStatus
	Reference checkout.ReferenceStatus
	Asks      int
	Unheard   int // the late answer of an older call takes one away
	Open      int // how many references of the invoice still wait, are being asked, or may be asked again
}

// Standing reads one. checkout.NotFound when the reference never came.
func (tx *Tx) Standing(attemptID, canonical string) (Standing, error) {
	var s Standing
	var attempt, reference string
	var asks, unheard, open int64
	err := tx.row(`SELECT a.status, r.status, r.asks, r.unheard, (SELECT COUNT(*) FROM attempts b JOIN attempt_references o ON o.attempt_id = b.id
  WHERE b.invoice_id = a.invoice_id AND (o.status = 'waiting' OR o.status = 'asking' OR o.status = 'refused'))
FROM attempt_references r JOIN attempts a ON a.id = r.attempt_id WHERE r.attempt_id = $1 AND r.canonical = $2`, attemptID, canonical).
		Scan(&attempt, &reference, &asks, &unheard, &open)
	if err := none("read standing", err); err != nil {
		return s, err
	}
	return Standing{checkout.AttemptStatus(attempt), checkout.ReferenceStatus(reference), int(asks), int(unheard), int(open)}, nil
}

// attempt reads one attempt, and what else the query returns into more.
func (tx *Tx) attempt(more []any, query string, args ...any) (*checkout.Attempt, error) {
	a, err := scanAttempt(tx.row(query, args...), more...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read attempt: %w", checkout.NotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read attempt: %w", err)
	}
	return a, nil
}

// AttemptsOfInvoice lists an invoice's attempts, oldest first.
func (tx *Tx) AttemptsOfInvoice(invoiceID string) ([]checkout.Attempt, error) {
	return tx.attempts(`SELECT `+attemptColumns+attemptFrom+` WHERE a.invoice_id = $1 ORDER BY a.created_at_ms, a.id`, invoiceID)
}

// AttemptQuery selects attempts of one merchant in one mode, newest first.
type AttemptQuery struct {
	MerchantID string
	Live       bool
	Status     string
	BeforeID   string // the last row of the page before; "" for the first page
	Limit      int
}

// Attempts lists attempts, newest first, at most Limit. An id begins with the moment it was made at,
// so that the order of ids is the order of time, and needs no index of its own.
func (tx *Tx) Attempts(q AttemptQuery) ([]checkout.Attempt, error) {
	w := where{}
	w.add("i.id = a.invoice_id")
	w.add("i.merchant_id = ?", q.MerchantID)
	w.add("i.live = ?", bit(q.Live))
	if q.Status != "" {
		// A word of ours, never anybody's text: only a literal lets SQLite see that a partial index holds.
		if !slices.Contains(checkout.AttemptStatuses(), checkout.AttemptStatus(q.Status)) {
			return nil, fmt.Errorf("list attempts: no status %q", q.Status)
		}
		w.add("a.status = '" + q.Status + "'")
	}
	if q.BeforeID != "" {
		w.add("a.id < ?", q.BeforeID)
	}
	// CROSS keeps SQLite from reading all of the merchant's invoices first.
	return tx.attempts(`SELECT `+attemptColumns+` FROM attempts a CROSS JOIN invoices i`+w.sql()+` ORDER BY a.id DESC`+w.limit(q.Limit), w.args...)
}

// AbandoningAttempts lists ids of attempts whose customer has not come back in time, oldest first.
func (tx *Tx) AbandoningAttempts(limit int) ([]string, error) {
	return tx.ids(`SELECT id FROM attempts WHERE status IN ('created', 'redirected') AND abandon_at_ms <= $1 ORDER BY abandon_at_ms LIMIT CAST($2 AS BIGINT)`, ms(tx.now), int64(limit))
}

func (tx *Tx) attempts(query string, args ...any) ([]checkout.Attempt, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	defer rows.Close()
	var list []checkout.Attempt
	for rows.Next() {
		a, err := scanAttempt(rows)
		if err != nil {
			return nil, fmt.Errorf("list attempts: %w", err)
		}
		list = append(list, *a)
	}
	return list, rows.Err()
}

// MoveAttempt writes an attempt's new state and what was learned with it, if it still is in the
// state it is moved from: the row count is the verdict. A lost race is checkout.Conflict.
func (tx *Tx) MoveAttempt(a *checkout.Attempt, from checkout.AttemptStatus) error {
	if a.Status != from && !from.CanMove(a.Status) {
		return fmt.Errorf("move attempt %s: no move from %s to %s", a.ID, from, a.Status)
	}
	var f checkout.Failure
	if a.Failure != nil {
		f = *a.Failure
	}
	var resolved any
	if a.Resolved {
		resolved = ms(tx.now)
	}
	n, err := tx.exec(`UPDATE attempts
SET status = $1, gateway_token = $2, tracking_number = $3, ref_number = $4, card_mask = $5, card_hash = $6,
    failure_stage = $7, failure_code = $8, failure_message = $9, unclaimed_why = $10,
    redirected_at_ms = $11, returned_at_ms = $12, verified_at_ms = $13, verify_deadline_ms = $14,
    resolved_at_ms = COALESCE(resolved_at_ms, $15), closed_at_ms = $16, note = $17
WHERE id = $18 AND status = $19`,
		string(a.Status), a.GatewayToken, a.TrackingNumber, a.RefNumber, a.CardMask, a.CardHash,
		f.Stage, f.Code, f.Message, a.UnclaimedWhy,
		nullMS(a.RedirectedAt), nullMS(a.ReturnedAt), nullMS(a.VerifiedAt), nullMS(a.VerifyDeadline),
		resolved, nullMS(a.ClosedAt), a.Note, a.ID, string(from))
	if err != nil {
		return fmt.Errorf("move attempt %s to %s: %w", a.ID, a.Status, err)
	}
	if n != 1 {
		return fmt.Errorf("move attempt %s to %s: moved meanwhile: %w", a.ID, a.Status, checkout.Conflict)
	}
	return nil
}

func scanAttempt(row scanner, more ...any) (*checkout.Attempt, error) {
	var a checkout.Attempt
	var live, amount, window, created, abandon int64
	var status string
	var f checkout.Failure
	var redirected, returned, verified, deadline, resolved, closed sql.NullInt64
	to := [...]any{
		&a.ID, &a.InvoiceID, &a.MerchantID, &live, &a.Gateway, &status, &amount, &a.WireAmount,
		&a.Unit, &a.VerifyURL, &a.VerifyHost, &window, &a.OurNumber, &a.CallbackToken, &a.GatewayToken,
		&a.PayerName, &a.PayerMobile, &a.Locale, &a.TrackingNumber, &a.RefNumber, &a.CardMask, &a.CardHash,
		&f.Stage, &f.Code, &f.Message, &a.UnclaimedWhy, &a.Note, &created, &abandon,
		&redirected, &returned, &verified, &deadline, &resolved, &closed,
	}
	if err := row.Scan(append(to[:], more...)...); err != nil {
		return nil, err
	}
	a.Live, a.Status, a.Amount = live == 1, checkout.AttemptStatus(status), money.Rial(amount)
	a.Window = time.Duration(window) * time.Millisecond
	if f != (checkout.Failure{}) {
		a.Failure = &f
	}
	a.CreatedAt, a.AbandonAt = fromMS(created), fromMS(abandon)
	a.RedirectedAt, a.ReturnedAt = fromNullMS(redirected), fromNullMS(returned)
	a.VerifiedAt, a.VerifyDeadline = fromNullMS(verified), fromNullMS(deadline)
	a.Resolved = resolved.Valid
	a.ClosedAt = fromNullMS(closed)
	return &a, nil
}
