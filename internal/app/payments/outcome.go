package payments

import (
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/gateways"
)

// seatBusy is how soon a re-ask looks again for a free seat.
const seatBusy = 2 * time.Second

// postponed is how soon a re-ask looks again whether the later attempt has ended: soon at first, as
// most customers come back soon; one who stays at the bank for half an hour must not cost two commits
// every few seconds.
func postponed(r *checkout.Reference, now time.Time) time.Time {
	return now.Add(min(max(now.Sub(r.RefusedAt)/4, 10*time.Second), time.Minute))
}

// pay records a proven payment: the attempt, the invoice, the event, in one transaction. From here
// on everything else that comes for this invoice is left unverified.
func (s *step) pay(a *checkout.Attempt, r *checkout.Reference, answer gateways.Answer) error {
	now := s.tx.Now()
	r.Status = checkout.ReferenceSettled
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	a.TrackingNumber, a.RefNumber, a.CardMask, a.CardHash = r.Raw, answer.RefNumber, answer.CardMask, answer.CardHash
	if a.Gateway == "ghesta" {
		a.RefNumber = r.Raw // CONTRACT §7: both are the refid
	}
	a.VerifiedAt, a.Failure = now, nil
	if err := s.moveAttempt(a, checkout.AttemptPaid); err != nil {
		return err
	}
	crash.At("pay.attempt-in")
	return s.paidBy(a)
}

// paidBy makes the invoice paid by an attempt that just became paid, and leaves the rest unverified.
func (s *step) paidBy(a *checkout.Attempt) error {
	if err := s.moveInvoice(checkout.InvoicePaid); err != nil {
		return err
	}
	s.inv.PaidAt = s.tx.Now()
	s.inv.Payment = &checkout.Payment{
		AttemptID: a.ID, Gateway: a.Gateway, RefNumber: a.RefNumber, TrackingNumber: a.TrackingNumber,
		CardMask: a.CardMask, Amount: a.Amount, PaidAt: s.inv.PaidAt, Manual: a.Resolved,
	}
	data := facts{"gateway": a.Gateway, "amount": int64(a.Amount), "ref_number": a.RefNumber, "tracking_number": a.TrackingNumber}
	if a.CardMask != "" {
		data["card_mask"] = a.CardMask
	}
	if a.Resolved {
		data["manual"] = true
	}
	if err := s.event(checkout.EventInvoicePaid, a.ID, "", data); err != nil {
		return err
	}
	crash.At("pay.event-in")
	if err := findableBy(s.tx, s.inv, a); err != nil {
		return err
	}
	return s.passSeat()
}

// end closes an attempt without payment and frees the seat.
func (s *step) end(a *checkout.Attempt, r *checkout.Reference, to checkout.AttemptStatus, answer gateways.Answer) error {
	if r.Status == checkout.ReferenceAsking {
		r.Status = checkout.ReferenceSettled
	}
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	if err := s.moveInvoice(s.inv.Resting(s.tx.Now())); err != nil {
		return err
	}
	kind := checkout.EventAttemptCanceled
	if to == checkout.AttemptFailed {
		kind = checkout.EventAttemptFailed
	}
	a.Failure = &checkout.Failure{Stage: checkout.StageVerify, Code: answer.Code, Message: answer.Message}
	if err := s.moveAttempt(a, to); err != nil {
		return err
	}
	crash.At("verify.refusal-in")
	if err := s.event(kind, a.ID, answer.RequestID, facts{"stage": checkout.StageVerify, "code": answer.Code, "message": answer.Message}); err != nil {
		return err
	}
	return s.passSeat()
}

// refused ends an attempt by a documented no. A no that the gateway may take back is asked about
// again at fixed times after the first one; until then the attempt shows as failed.
func (s *step) refused(a *checkout.Attempt, r *checkout.Reference, answer gateways.Answer) (time.Time, error) {
	var next time.Time
	now := s.tx.Now()
	if answer.Soft && r.Refusals < len(reasks) {
		if r.Refusals == 0 {
			r.RefusedAt = now
		}
		next = r.RefusedAt.Add(reasks[r.Refusals])
		if !next.After(now) {
			next = now.Add(time.Second)
		}
		r.Refusals++
		r.Status = checkout.ReferenceRefused
	}
	return next, s.end(a, r, checkout.AttemptFailed, answer)
}

// due says whether a claimed job's reference is to be asked about now, or when to look again; both
// zero when its job is done.
func (s *step) due(a *checkout.Attempt, r *checkout.Reference) (bool, time.Time, error) {
	var never time.Time
	switch r.Status {
	case checkout.ReferenceWaiting:
		return s.resit(a, r)
	case checkout.ReferenceAsking:
		return a.Status == checkout.AttemptVerifying, never, nil
	case checkout.ReferenceRefused:
		return s.reask(a, r)
	}
	return false, never, nil
}

// resit tries again for a reference that waits until the attempt that holds it is answered.
func (s *step) resit(a *checkout.Attempt, r *checkout.Reference) (bool, time.Time, error) {
	var never time.Time
	if why := unclaimedWhy(s.inv, a); why != "" {
		return false, never, s.unclaim(a, r, why)
	}
	if s.inv.Status == checkout.InvoiceProcessing {
		return false, s.tx.Now().Add(seatBusy), nil
	}
	got, err := s.sitAgain(a, r)
	if got == seatLater {
		return false, s.tx.Now().Add(seatBusy), err
	}
	return got == seatTaken, never, err
}

// reask takes the seat again for a refusal that the gateway may have taken back, while the invoice
// still asks that amount and no later attempt is out (CONTRACT §6.4).
func (s *step) reask(a *checkout.Attempt, r *checkout.Reference) (bool, time.Time, error) {
	var never time.Time
	now := s.tx.Now()
	why := unclaimedWhy(s.inv, a)
	if why != "" && !a.Resolved && r.Bound && r.Unheard > 0 {
		// One of its calls was never heard: it may have captured before the refusal, or its request is
		// still on its way. That is no plain failure, also where another reference of the attempt was
		// canceled since: a person is told where the money may be.
		return false, never, s.unclaim(a, r, why)
	}
	if a.Resolved || !r.Bound || why != "" || a.Status == checkout.AttemptUnclaimed || a.Status == checkout.AttemptPaid || a.Status == checkout.AttemptNeedsReview {
		r.Status = checkout.ReferenceSettled
		return false, never, s.tx.SaveReference(r)
	}
	if s.inv.Status == checkout.InvoiceProcessing {
		return false, now.Add(seatBusy), nil
	}
	out, err := s.laterOut(a)
	if err != nil {
		return false, never, err
	}
	if out {
		if r.Postponed {
			return false, postponed(r, now), nil
		}
		r.Postponed = true
		return false, postponed(r, now), s.tx.SaveReference(r)
	}
	if r.Postponed {
		r.Refusals = len(reasks) // "then once, when that one has ended"
	}
	got, err := s.sitAgain(a, r)
	crash.At("reask.seat-in")
	return got == seatTaken, never, err
}

// laterOut reports whether a later attempt of the invoice may still bring money of itself.
func (s *step) laterOut(a *checkout.Attempt) (bool, error) {
	all, err := s.tx.AttemptsOfInvoice(s.inv.ID)
	if err != nil {
		return false, err
	}
	for i := range all {
		later := all[i].CreatedAt.After(a.CreatedAt) || (all[i].CreatedAt.Equal(a.CreatedAt) && all[i].ID > a.ID)
		if later && all[i].Status.Out() {
			return true, nil
		}
	}
	return false, nil
}
