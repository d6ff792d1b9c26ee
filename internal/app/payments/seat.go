package payments

import (
	"errors"
	"log/slog"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
)

// JobVerify is the kind of the stored job that drives one reference until it is settled. Its key is
// the attempt and the canonical reference; its due time is when the gateway may return the money.
const JobVerify = "verify"

func verifyKey(r *checkout.Reference) string { return r.AttemptID + "/" + r.Canonical }

// asking is one intended verify call: written down, not yet answered.
type asking struct {
	attempt checkout.Attempt
	ref     checkout.Reference
	account *account // nil: it could not be opened, and nothing is sent
	fence   int64
	mark    string // on the job of a call that we intended and did not find in the books
	askedAt time.Time
}

// unclaimedWhy says why a reference of this attempt must not be verified: silence is the only refund
// these gateways offer. "" means that it may.
func unclaimedWhy(inv *checkout.Invoice, a *checkout.Attempt) string {
	switch inv.Status {
	case checkout.InvoicePaid, checkout.InvoiceCanceled, checkout.InvoiceReview:
		return string(inv.Status)
	}
	if inv.Amount != a.Amount {
		return "repriced"
	}
	return ""
}

// seating is what came of trying for the seat.
type seating int

const (
	seatRefused seating = iota // a person must decide
	seatTaken
	seatLater // another attempt's call about the same reference is out: its answer decides
)

// sit takes the invoice's only seat for one reference: rule 1 of the contract, then the seat. The
// seat must be free, and the caller has asked unclaimedWhy; it also saves the reference, which
// changes further when it is asked at once, and lets it wait when that is the word. known is how many
// references the attempt has, this one included.
func (s *step) sit(a *checkout.Attempt, r *checkout.Reference, known int) (seating, error) {
	if known > MaxReferences {
		return seatRefused, s.review(a, r, checkout.CodeTooManyReferences, "")
	}
	got, err := s.bind(r)
	if err != nil {
		return seatRefused, err
	}
	switch got {
	case seatRefused:
		return seatRefused, s.review(a, r, checkout.CodeReferenceUsed, "")
	case seatLater:
		return seatLater, nil
	}
	if err := s.moveInvoice(checkout.InvoiceProcessing); err != nil {
		return seatRefused, err
	}
	a.TrackingNumber, a.VerifyDeadline, a.Failure = r.Raw, r.Deadline, nil
	if err := s.moveAttempt(a, checkout.AttemptVerifying); err != nil {
		return seatRefused, err
	}
	r.Status, r.Silences = checkout.ReferenceAsking, 0
	return seatTaken, nil
}

// sitAgain is sit for a reference that came earlier.
func (s *step) sitAgain(a *checkout.Attempt, r *checkout.Reference) (seating, error) {
	refs, err := s.tx.ReferencesOfAttempt(a.ID)
	if err != nil {
		return seatRefused, err
	}
	got, err := s.sit(a, r, len(refs))
	if err != nil || got != seatLater {
		return got, err
	}
	// Its attempt may have ended by another reference meanwhile: then it waits once more, and says so.
	if err := s.returned(a); err != nil {
		return got, err
	}
	return got, s.wait(a, r)
}

// bind makes sure that the reference is this attempt's. One that another attempt holds yields only
// if its every answer so far was a hard refusal and this callback named its own attempt. While a call
// of that attempt is out, its answer is waited for, until the window closes: a stranger who guesses a
// reference and keeps asking must not turn its owner away.
func (s *step) bind(r *checkout.Reference) (seating, error) {
	if r.Bound {
		return seatTaken, nil
	}
	owner, err := s.tx.ReferenceOwner(r)
	if errors.Is(err, checkout.NotFound) {
		return seatTaken, s.tx.BindReference(r)
	}
	if err != nil || !r.Named {
		return seatRefused, err
	}
	yielded, err := s.tx.YieldReference(owner)
	if err != nil {
		return seatRefused, err
	}
	if yielded {
		return seatTaken, s.tx.BindReference(r)
	}
	open := owner.Status == checkout.ReferenceWaiting || owner.Status == checkout.ReferenceAsking
	if !owner.Met && open && s.tx.Now().Before(r.Deadline) {
		return seatLater, nil
	}
	return seatRefused, nil
}

// intend writes down that verify is about to be asked. If we die right after, the open call tells
// the next one that an answer may have been lost.
func (s *step) intend(a *checkout.Attempt, r *checkout.Reference) error {
	if r.Open {
		r.Unheard++ // we died with a call under way: its answer was never recorded
		r.Met = true
	}
	r.Asks++
	r.Open = true
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	return s.intended(a, r)
}

// intended is the event of an intended call that stands in the reference's row.
func (s *step) intended(a *checkout.Attempt, r *checkout.Reference) error {
	crash.At("seat.intent-in")
	return s.event(checkout.EventVerifyAsked, a.ID, "", facts{"ask": r.Asks, "tracking_number": r.Raw})
}

// intendNow is intend for a call that this process makes at once.
func (e *Engine) intendNow(s *step, a *checkout.Attempt, r *checkout.Reference) (*asking, error) {
	if err := s.intend(a, r); err != nil {
		return nil, err
	}
	return e.leaseNow(s, a, r)
}

// leaseNow stores the job of an intended call, already ours.
func (e *Engine) leaseNow(s *step, a *checkout.Attempt, r *checkout.Reference) (*asking, error) {
	now, mark := s.tx.Now(), checkout.NewToken(e.Random)
	fence, err := s.tx.EnqueueLeased(checkout.Job{Kind: JobVerify, Key: verifyKey(r), Payload: mark, Due: r.Deadline}, now.Add(Lease))
	if err != nil {
		return nil, err
	}
	acc, err := e.today(s, a)
	return &asking{attempt: *a, ref: *r, account: acc, fence: fence, mark: mark, askedAt: now}, err
}

// today is the account as it is now, nil when its secret cannot be opened: credentials are today's,
// and a verify that cannot be sent counts as unanswered (CONTRACT §5, §6.4).
func (e *Engine) today(s *step, a *checkout.Attempt) (*account, error) {
	acc, err := e.accountOf(s.tx, s.inv, a.Gateway)
	if errors.Is(err, errSealed) {
		e.Log.Error("verify not sent", slog.String("attempt", a.ID), slog.Any("error", err))
		return nil, nil
	}
	return acc, err
}

// passSeat goes on with what waits, after the seat became free or was taken for good: the next
// waiting reference sits down, or all that wait are not verified on purpose.
func (s *step) passSeat() error {
	if s.alone {
		return nil
	}
	refs, err := s.tx.OpenReferences(s.inv.ID)
	if err != nil {
		return err
	}
	for i := range refs {
		r := &refs[i]
		if r.Status != checkout.ReferenceWaiting {
			continue
		}
		if s.inv.Status == checkout.InvoiceProcessing {
			return nil
		}
		if err := s.goOn(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) goOn(r *checkout.Reference) error {
	a, err := s.tx.Attempt(r.AttemptID)
	if err != nil {
		return err
	}
	if why := unclaimedWhy(s.inv, a); why != "" {
		return s.unclaim(a, r, why)
	}
	got, err := s.sitAgain(a, r)
	if err != nil || got == seatRefused {
		return err
	}
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	crash.At("seat.passed-on")
	return s.enqueue(r, got)
}

// enqueue stores the job of a reference that sat down, or that tries again soon.
func (s *step) enqueue(r *checkout.Reference, got seating) error {
	at := s.tx.Now()
	if got == seatLater {
		at = at.Add(seatBusy)
	}
	return s.tx.EnqueueJob(checkout.Job{Kind: JobVerify, Key: verifyKey(r), RunAt: at, Due: r.Deadline})
}

// unclaim leaves a reference unverified on purpose. The reference stays bound to its attempt, so
// that nobody else can claim the money that is on its way back to the payer.
func (s *step) unclaim(a *checkout.Attempt, r *checkout.Reference, why string) error {
	r.Status = checkout.ReferenceDropped
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	if r.Bound && r.Asks == 0 {
		if err := s.holdFew(r); err != nil {
			return err
		}
	}
	switch a.Status {
	case checkout.AttemptPaid, checkout.AttemptNeedsReview, checkout.AttemptUnclaimed:
		return nil // only another reference of an attempt that is settled already
	}
	if a.ReturnedAt.IsZero() {
		a.ReturnedAt = s.tx.Now()
	}
	a.TrackingNumber, a.VerifyDeadline, a.UnclaimedWhy = r.Raw, r.Deadline, why
	if err := s.moveAttempt(a, checkout.AttemptUnclaimed); err != nil {
		return err
	}
	crash.At("seat.unclaimed-in")
	return s.event(checkout.EventAttemptUnclaimed, a.ID, "", facts{"why": why, "tracking_number": r.Raw})
}

// holdFew bounds how many references an invoice keeps bound that are not asked about on purpose:
// otherwise one invoice, canceled at leisure, could take away the references of strangers.
func (s *step) holdFew(r *checkout.Reference) error {
	held, err := s.tx.CountHeld(s.inv.ID)
	if err != nil || held <= MaxReferences {
		return err
	}
	return s.tx.UnbindReference(r)
}

// review gives an attempt up to a person. It keeps the seat: the invoice is not payable meanwhile.
func (s *step) review(a *checkout.Attempt, r *checkout.Reference, code, message string) error {
	r.Status = checkout.ReferenceSettled
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	if err := s.moveInvoice(checkout.InvoiceReview); err != nil {
		return err
	}
	a.TrackingNumber, a.VerifyDeadline = r.Raw, r.Deadline
	a.Failure = &checkout.Failure{Stage: checkout.StageVerify, Code: code, Message: message}
	if err := s.moveAttempt(a, checkout.AttemptNeedsReview); err != nil {
		return err
	}
	crash.At("seat.review-in")
	if err := s.event(checkout.EventAttemptNeedsReview, a.ID, "", facts{"reason": code, "tracking_number": r.Raw}); err != nil {
		return err
	}
	return s.passSeat()
}
