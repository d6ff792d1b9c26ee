package payments

import (
	"dargah/internal/app/checkout"
	"dargah/internal/gateways"
)

// standing returns the attempt and the reference of a call as they are now. As long as nobody asked
// after us, and no older call was answered after all, they are what we wrote ourselves when we
// intended the call, and need not be read again.
func (s *step) standing(seat *asking) (*checkout.Attempt, *checkout.Reference, error) {
	now, err := s.tx.Standing(seat.attempt.ID, seat.ref.Canonical)
	if err != nil {
		return nil, nil, err
	}
	if now.Attempt == checkout.AttemptVerifying && now.Reference == checkout.ReferenceAsking &&
		now.Asks == seat.ref.Asks && now.Unheard == seat.ref.Unheard {
		s.alone = now.Open <= 1
		a, r := seat.attempt, seat.ref
		return &a, &r, nil
	}
	a, err := s.tx.Attempt(seat.attempt.ID)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.tx.Reference(a.ID, seat.ref.Canonical)
	return a, r, err
}

// afterwards is a proven payment that is heard when another process has given the reference up, or
// settled it: a success heard late is a success, unless a person or another payment was faster. Then
// it leaves its event, for the person who looks for the money.
func (s *step) afterwards(a *checkout.Attempt, r *checkout.Reference, seat *asking, answer gateways.Answer) error {
	if a.Status == checkout.AttemptPaid && a.TrackingNumber == r.Raw {
		return errStale // the other process heard the same
	}
	data := facts{"outcome": answer.Outcome.String(), "ask": seat.ref.Asks, "late": true, "tracking_number": r.Raw, "ref_number": answer.RefNumber}
	if err := s.event(checkout.EventVerifyAnswered, a.ID, answer.RequestID, data); err != nil {
		return err
	}
	if a.Resolved || !r.Bound {
		return s.save()
	}
	switch {
	case a.Status == checkout.AttemptNeedsReview && a.TrackingNumber == r.Raw && s.inv.Status == checkout.InvoiceReview:
	case (a.Status == checkout.AttemptFailed || a.Status == checkout.AttemptCanceled) && unclaimedWhy(s.inv, a) == "" && s.inv.Status != checkout.InvoiceProcessing:
		if err := s.moveInvoice(checkout.InvoiceProcessing); err != nil {
			return err
		}
		if err := s.moveAttempt(a, checkout.AttemptVerifying); err != nil {
			return err
		}
		if err := s.save(); err != nil { // open → processing → paid: each move by the law
			return err
		}
	default:
		return s.save()
	}
	if err := s.pay(a, r, answer); err != nil {
		return err
	}
	if _, err := s.tx.DeleteJob(JobVerify, verifyKey(r)); err != nil {
		return err
	}
	return s.save()
}

// overtaken records an answer that came after another process had asked again. That one took our
// call for unheard; if we heard a word after all, it was not, and a 15 must not be believed for it.
func (s *step) overtaken(a *checkout.Attempt, r *checkout.Reference, seat *asking, answer gateways.Answer) error {
	if !answer.Unheard && r.Unheard > 0 {
		r.Unheard--
	}
	if err := s.tx.SaveReference(r); err != nil {
		return err
	}
	if err := s.event(checkout.EventVerifyAnswered, a.ID, answer.RequestID, facts{"outcome": answer.Outcome.String(), "ask": seat.ref.Asks, "late": true}); err != nil {
		return err
	}
	return s.save()
}
