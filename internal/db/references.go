package db

import (
	"database/sql"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
)

const referenceColumns = `attempt_id, canonical, gateway, live, verify_host, raw, status, bound, named,
  arrived_at_ms, deadline_ms, asks, unheard, open_call, met, refusals, refused_at_ms, silences, postponed`

// InsertReference stores what a callback brought, bound when its Bound says so. It reports false
// when a binding was asked for and the reference belongs to another attempt already: the unique
// index decides, nothing was stored, and the transaction goes on.
func (tx *Tx) InsertReference(r *checkout.Reference) (bool, error) {
	n, err := tx.exec(`INSERT INTO attempt_references (`+referenceColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT DO NOTHING`, referenceArgs(r)...)
	if err != nil {
		return false, fmt.Errorf("insert reference: %w", err)
	}
	return n == 1, nil
}

// SaveReference writes a reference's progress. Its Bound is not touched: see BindReference.
func (tx *Tx) SaveReference(r *checkout.Reference) error {
	n, err := tx.exec(`UPDATE attempt_references
SET status = $1, deadline_ms = $2, asks = $3, unheard = $4, open_call = $5, met = $6, refusals = $7,
    refused_at_ms = $8, silences = $9, postponed = $10
WHERE attempt_id = $11 AND canonical = $12`,
		string(r.Status), ms(r.Deadline), int64(r.Asks), int64(r.Unheard), bit(r.Open), bit(r.Met), int64(r.Refusals),
		nullMS(r.RefusedAt), int64(r.Silences), bit(r.Postponed), r.AttemptID, r.Canonical)
	if err != nil {
		return fmt.Errorf("save reference: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("save reference of %s: %w", r.AttemptID, checkout.NotFound)
	}
	return nil
}

// BindReference gives a reference to an attempt that had stored it unbound. The caller has made
// sure that nobody holds it, under UnbindReference or ReferenceOwner; the unique index is the net.
func (tx *Tx) BindReference(r *checkout.Reference) error {
	_, err := tx.exec(`UPDATE attempt_references SET bound = 1 WHERE attempt_id = $1 AND canonical = $2`, r.AttemptID, r.Canonical)
	if err != nil {
		return fmt.Errorf("bind reference: %w", err)
	}
	r.Bound = true
	return nil
}

// CountHeld counts the references of an invoice that are bound and were never asked about.
func (tx *Tx) CountHeld(invoiceID string) (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM attempt_references
WHERE attempt_id IN (SELECT id FROM attempts WHERE invoice_id = $1) AND bound = 1 AND status = 'dropped' AND asks = 0`, invoiceID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count held references: %w", err)
	}
	return int(n), nil
}

// UnbindReference lets go of a reference that was never asked about.
func (tx *Tx) UnbindReference(r *checkout.Reference) error {
	_, err := tx.exec(`UPDATE attempt_references SET bound = 0 WHERE attempt_id = $1 AND canonical = $2 AND asks = 0`, r.AttemptID, r.Canonical)
	if err != nil {
		return fmt.Errorf("unbind reference: %w", err)
	}
	r.Bound = false
	return nil
}

// YieldReference takes a reference from its owner, if the owner's every answer so far was a hard
// refusal, it is not being asked at this moment, and at least one answer was heard. A GardeshPay
// reference that was never asked on purpose yields too: its answer names the invoice, so that it can
// be captured for no other. PayPing's answer names nothing: such a reference is money on its way
// back, and stays bound. The condition stands in the statement, so that an answer recorded meanwhile
// wins. It reports whether it was given up.
func (tx *Tx) YieldReference(owner *checkout.Reference) (bool, error) {
	n, err := tx.exec(`UPDATE attempt_references SET bound = 0, status = 'dropped'
WHERE attempt_id = $1 AND canonical = $2 AND bound = 1 AND met = 0 AND open_call = 0
  AND ((asks > 0 AND status IN ('refused', 'settled')) OR (gateway = 'gardeshpay' AND status = 'dropped'))`,
		owner.AttemptID, owner.Canonical)
	if err != nil {
		return false, fmt.Errorf("yield reference: %w", err)
	}
	return n == 1, nil
}

// ReferenceOwner reads who holds a reference. checkout.NotFound when nobody does.
func (tx *Tx) ReferenceOwner(r *checkout.Reference) (*checkout.Reference, error) {
	return tx.reference(`SELECT `+referenceColumns+` FROM attempt_references
WHERE canonical = $1 AND gateway = $2 AND live = $3 AND verify_host = $4 AND bound = 1`,
		r.Canonical, r.Gateway, bit(r.Live), r.VerifyHost)
}

// Reference reads one reference of an attempt. checkout.NotFound when it never came.
func (tx *Tx) Reference(attemptID, canonical string) (*checkout.Reference, error) {
	return tx.reference(`SELECT `+referenceColumns+` FROM attempt_references WHERE attempt_id = $1 AND canonical = $2`, attemptID, canonical)
}

func (tx *Tx) reference(query string, args ...any) (*checkout.Reference, error) {
	r, err := scanReference(tx.row(query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read reference: %w", checkout.NotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	return r, nil
}

// ReferencesOfAttempt lists an attempt's references in the order they came.
func (tx *Tx) ReferencesOfAttempt(attemptID string) ([]checkout.Reference, error) {
	return tx.references(`SELECT `+referenceColumns+` FROM attempt_references WHERE attempt_id = $1 ORDER BY arrived_at_ms, canonical`, attemptID)
}

// OpenReferences lists an invoice's references that still wait, are being asked, or may be asked
// again, in the order they came.
func (tx *Tx) OpenReferences(invoiceID string) ([]checkout.Reference, error) {
	return tx.references(`SELECT `+referenceColumns+` FROM attempt_references
WHERE attempt_id IN (SELECT id FROM attempts WHERE invoice_id = $1) AND (status = 'waiting' OR status = 'asking' OR status = 'refused') ORDER BY arrived_at_ms, canonical`, invoiceID)
}

func (tx *Tx) references(query string, args ...any) ([]checkout.Reference, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list references: %w", err)
	}
	defer rows.Close()
	var list []checkout.Reference
	for rows.Next() {
		r, err := scanReference(rows)
		if err != nil {
			return nil, fmt.Errorf("list references: %w", err)
		}
		list = append(list, *r)
	}
	return list, rows.Err()
}

func referenceArgs(r *checkout.Reference) []any {
	return []any{
		r.AttemptID, r.Canonical, r.Gateway, bit(r.Live), r.VerifyHost, r.Raw, string(r.Status), bit(r.Bound), bit(r.Named),
		ms(r.ArrivedAt), ms(r.Deadline), int64(r.Asks), int64(r.Unheard), bit(r.Open), bit(r.Met), int64(r.Refusals),
		nullMS(r.RefusedAt), int64(r.Silences), bit(r.Postponed),
	}
}

func scanReference(row scanner) (*checkout.Reference, error) {
	var r checkout.Reference
	var live, bound, named, arrived, deadline, asks, unheard, open, met, refusals, silences, postponed int64
	var status string
	var refused sql.NullInt64
	err := row.Scan(&r.AttemptID, &r.Canonical, &r.Gateway, &live, &r.VerifyHost, &r.Raw, &status, &bound, &named,
		&arrived, &deadline, &asks, &unheard, &open, &met, &refusals, &refused, &silences, &postponed)
	if err != nil {
		return nil, err
	}
	r.Live, r.Bound, r.Named, r.Open, r.Met, r.Postponed = live == 1, bound == 1, named == 1, open == 1, met == 1, postponed == 1
	r.Status = checkout.ReferenceStatus(status)
	r.ArrivedAt, r.Deadline, r.RefusedAt = fromMS(arrived), fromMS(deadline), fromNullMS(refused)
	r.Asks, r.Unheard, r.Refusals, r.Silences = int(asks), int(unheard), int(refusals), int(silences)
	return &r, nil
}
