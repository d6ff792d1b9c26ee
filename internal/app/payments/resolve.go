package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// ResolveAttempt is a person's word about an attempt in needs_review. It is never asked again.
// Errors: NotFound, Invalid (outcome, note), Conflict (not in review; paid on an invoice that is
// paid or canceled).
func (e *Engine) ResolveAttempt(ctx context.Context, sc Scope, id string, r Resolution, by checkout.Actor, o *Once) (checkout.Attempt, *Replay, error) {
	v := verdict{}
	r.Note = v.text("note", r.Note, maxText)
	if r.Note == "" {
		v.wrong("note", "required")
	}
	if r.Outcome != "paid" && r.Outcome != "failed" {
		v.wrong("outcome", "unknown_outcome")
	}
	r.RefNumber = strings.TrimSpace(r.RefNumber)
	if r.RefNumber != "" && !reference(r.RefNumber) {
		v.wrong("ref_number", "bad_reference")
	}
	if i18n.LuhnCard(r.Note) {
		v.wrong("note", "card_number")
	}
	if i18n.LuhnCard(r.RefNumber) {
		v.wrong("ref_number", "card_number")
	}
	if err := v.err(); err != nil {
		return checkout.Attempt{}, nil, err
	}
	var a checkout.Attempt
	replay, err := e.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		got, err := e.resolve(tx, sc, id, r, by)
		if err != nil {
			return nil, err
		}
		a = *got
		return a, nil
	})
	return a, replay, err
}

func (e *Engine) resolve(tx *db.Tx, sc Scope, id string, r Resolution, by checkout.Actor) (*checkout.Attempt, error) {
	a, err := tx.Attempt(id)
	if err != nil {
		return nil, notFound(err)
	}
	s, err := e.scoped(tx, sc, a.InvoiceID, by)
	if err != nil {
		return nil, err
	}
	if a, err = tx.Attempt(id); err != nil {
		return nil, err
	}
	if a.Status != checkout.AttemptNeedsReview || s.inv.Status != checkout.InvoiceReview {
		return nil, checkout.Fail(checkout.Conflict, "error.not_in_review")
	}
	// The note may name people, and events are for ever: the event proves it by its hash.
	a.Resolved, a.Note = true, r.Note
	sum := sha256.Sum256([]byte(r.Note))
	data := facts{"outcome": r.Outcome, "note_sha256": hex.EncodeToString(sum[:])}
	if r.RefNumber != "" {
		a.RefNumber = r.RefNumber
		data["ref_number"] = r.RefNumber
	}
	to := checkout.AttemptFailed
	if r.Outcome == "paid" {
		to, a.Failure = checkout.AttemptPaid, nil
		if err := s.paidUnder(a, r.RefNumber); err != nil {
			return nil, err
		}
	} else {
		code := ""
		if a.Failure != nil {
			code = a.Failure.Code
		}
		a.Failure = &checkout.Failure{Stage: checkout.StageResolve, Code: code}
	}
	if err := s.moveAttempt(a, to); err != nil {
		return nil, err
	}
	crash.At("resolve.attempt-in")
	if err := s.event(checkout.EventAttemptResolved, a.ID, "", data); err != nil {
		return nil, err
	}
	if to == checkout.AttemptPaid {
		err = s.paidBy(a)
	} else if err = s.moveInvoice(s.inv.Resting(tx.Now())); err == nil && s.inv.Status == checkout.InvoiceOpen {
		err = s.event(checkout.EventInvoiceReopened, a.ID, "", nil)
	}
	if err != nil {
		return nil, err
	}
	crash.At("resolve.invoice-in")
	return a, s.save()
}

// paidUnder makes sure that no receipt carries a reference that another attempt owns: one that nobody
// owns is bound here for ever. For Ghesta the number given is a refid (CONTRACT §7: both numbers are).
func (s *step) paidUnder(a *checkout.Attempt, given string) error {
	used := checkout.WrongField("ref_number", checkout.CodeReferenceUsed)
	r := &checkout.Reference{
		AttemptID: a.ID, Gateway: a.Gateway, Live: a.Live, VerifyHost: a.VerifyHost,
		Canonical: gateways.Canonical(a.TrackingNumber), Raw: a.TrackingNumber, Status: checkout.ReferenceSettled, Bound: true, Met: true,
		ArrivedAt: s.tx.Now(), Deadline: s.tx.Now(),
	}
	if a.Gateway == "ghesta" && given != "" {
		r.Canonical, r.Raw = gateways.Canonical(given), given
	}
	owner, err := s.tx.ReferenceOwner(r)
	switch {
	case errors.Is(err, checkout.NotFound):
		err = s.own(r)
	case err == nil && owner.AttemptID != a.ID && (a.Gateway == "ghesta" || given == ""):
		return used
	}
	if err != nil {
		return err
	}
	if a.Gateway == "ghesta" {
		a.TrackingNumber, a.RefNumber = r.Raw, r.Raw
	}
	return nil
}

// own binds a reference that nobody holds, whether or not it came to this attempt before.
func (s *step) own(r *checkout.Reference) error {
	_, err := s.tx.Reference(r.AttemptID, r.Canonical)
	if errors.Is(err, checkout.NotFound) {
		return s.keep(r)
	}
	if err != nil {
		return err
	}
	return s.tx.BindReference(r)
}

// reference reports whether s may stand where a gateway's reference stands: strict ASCII, 1 to 64.
func reference(s string) bool {
	if len(s) > 64 {
		return false
	}
	return gateways.ValidToken(s)
}
