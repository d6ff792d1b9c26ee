package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// AskAgain asks the gateway about an attempt because a person wants to know now. One that is being
// verified is asked by its own stored job, which is brought forward; one that waits for a decision is
// asked by the same call, and a success heard late is a success: anything else only stands in the
// timeline. Errors: NotFound, Conflict (there is nothing to ask about, or it is being asked already).
func (e *Engine) AskAgain(ctx context.Context, sc Scope, id string, by checkout.Actor) error {
	if _, out := e.flying.LoadOrStore("person/"+id, true); out {
		return checkout.Fail(checkout.Conflict, "error.asking")
	}
	defer e.flying.Delete("person/" + id)
	var seat *asking
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		seat = nil
		s, a, r, err := e.inQuestion(tx, sc, id, by)
		if err != nil {
			return err
		}
		if a.Status == checkout.AttemptVerifying {
			return tx.HastenJob(JobVerify, verifyKey(r))
		}
		if err := s.intend(a, r); err != nil {
			return err
		}
		acc, err := e.today(s, a)
		if err != nil {
			return err
		}
		seat = &asking{attempt: *a, ref: *r, account: acc, askedAt: tx.Now()}
		return s.save()
	})
	if err != nil || seat == nil {
		return err
	}
	answer := e.ask(ctx, seat)
	return e.heardInReview(context.WithoutCancel(ctx), seat, answer, by.RequestID)
}

// inQuestion is an attempt that may be asked about, and the reference that it is about: one that is
// being verified, or one that a person has not decided about and whose reference is its own.
func (e *Engine) inQuestion(tx *db.Tx, sc Scope, id string, by checkout.Actor) (*step, *checkout.Attempt, *checkout.Reference, error) {
	nothing := checkout.Fail(checkout.Conflict, "error.nothing_to_ask")
	a, err := tx.Attempt(id)
	if err != nil {
		return nil, nil, nil, notFound(err)
	}
	s, err := e.scoped(tx, sc, a.InvoiceID, by)
	if err != nil {
		return nil, nil, nil, err
	}
	if a, err = tx.Attempt(id); err != nil {
		return nil, nil, nil, err
	}
	if a.TrackingNumber == "" || a.Resolved {
		return nil, nil, nil, nothing
	}
	r, err := tx.Reference(a.ID, gateways.Canonical(a.TrackingNumber))
	if errors.Is(err, checkout.NotFound) {
		return nil, nil, nil, nothing
	}
	if err != nil {
		return nil, nil, nil, err
	}
	verifying := a.Status == checkout.AttemptVerifying && r.Status == checkout.ReferenceAsking
	review := a.Status == checkout.AttemptNeedsReview && s.inv.Status == checkout.InvoiceReview && r.Bound
	if !verifying && !review {
		return nil, nil, nil, nothing
	}
	return s, a, r, nil
}

// heardInReview writes down what a gateway said about an attempt that waits for a person. To ask was
// the person's deed; the answer, and what comes of it, is nobody's.
func (e *Engine) heardInReview(ctx context.Context, seat *asking, answer gateways.Answer, requestID string) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, seat.attempt.InvoiceID, checkout.Actor{RequestID: requestID})
		if err != nil {
			return err
		}
		a, err := tx.Attempt(seat.attempt.ID)
		if err != nil {
			return err
		}
		r, err := tx.Reference(a.ID, seat.ref.Canonical)
		if err != nil {
			return err
		}
		if answer.Outcome == gateways.Paid {
			r.Open = false
			if err := tx.SaveReference(r); err != nil {
				return err
			}
			if err := s.afterwards(a, r, seat, answer); err != nil && !errors.Is(err, errStale) {
				return err
			}
			return nil
		}
		if err := s.answered(a, r, answer); err != nil {
			return err
		}
		if err := tx.SaveReference(r); err != nil {
			return err
		}
		return s.save()
	})
}

// CloseUnclaimed takes an unclaimed attempt out of attention: a person has seen to it that the money
// went back, or will. It moves no money and no state. Errors: NotFound, Invalid (note), Conflict (not
// unclaimed, or closed already).
func (e *Engine) CloseUnclaimed(ctx context.Context, sc Scope, id, note string, by checkout.Actor) error {
	v := verdict{}
	note = v.prose("note", note, maxText)
	if note == "" {
		v.wrong("note", "required")
	}
	if err := v.err(); err != nil {
		return err
	}
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		a, err := tx.Attempt(id)
		if err != nil {
			return notFound(err)
		}
		s, err := e.scoped(tx, sc, a.InvoiceID, by)
		if err != nil {
			return err
		}
		if a, err = tx.Attempt(id); err != nil {
			return err
		}
		if a.Status != checkout.AttemptUnclaimed || !a.ClosedAt.IsZero() {
			return checkout.Fail(checkout.Conflict, "error.not_unclaimed")
		}
		a.ClosedAt, a.Note = tx.Now(), note
		if err := s.moveAttempt(a, checkout.AttemptUnclaimed); err != nil {
			return err
		}
		// The note may name people, and events are for ever: the event proves it by its hash.
		sum := sha256.Sum256([]byte(note))
		if err := s.event(checkout.EventAttemptResolved, a.ID, "", facts{"outcome": "closed", "note_sha256": hex.EncodeToString(sum[:])}); err != nil {
			return err
		}
		return s.save()
	})
}

// AddNote keeps what a person wrote about an invoice, for the others of the shop. Errors: NotFound,
// Invalid.
func (e *Engine) AddNote(ctx context.Context, sc Scope, invoiceID, userID, body string) error {
	v := verdict{}
	body = v.prose("note", body, maxText)
	if body == "" {
		v.wrong("note", "required")
	}
	if err := v.err(); err != nil {
		return err
	}
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		inv, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, invoiceID)
		if err != nil {
			return notFound(err)
		}
		n := db.Note{ID: checkout.NewID(checkout.PrefixNote, tx.Now(), e.Random), InvoiceID: invoiceID, UserID: userID, Body: body, CreatedAt: tx.Now()}
		if err := tx.InsertNote(n); err != nil {
			return err
		}
		return tx.Record(&checkout.Deed{
			MerchantID: sc.MerchantID, Live: sc.Live, By: checkout.ActorOf(ctx), Area: checkout.AreaInvoice, Kind: "invoice.noted", Object: inv.ID, Name: inv.Number,
		})
	})
}
