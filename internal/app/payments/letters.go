package payments

import (
	"context"
	"encoding/json"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// letters writes, in the transaction of the step, to whom its events concern: the customer, if the
// invoice has an address, and the merchant, if there is one. Where there is none, nothing is asked of
// the store: the merchant is remembered under the revision that every read of an invoice brings.
//
// Nobody hears that a payment failed because it is not known, and nobody hears "paid" before this
// transaction is on disk: what does not commit was never written.
func (s *step) letters() error {
	for i := range s.events {
		e := &s.events[i]
		var err error
		switch e.Type {
		case checkout.EventInvoicePaid:
			err = s.both(e, checkout.LetterReceipt, checkout.LetterPaid)
		case checkout.EventAttemptNeedsReview:
			err = s.both(e, checkout.LetterUnconfirmed, checkout.LetterAttention)
		case checkout.EventAttemptUnclaimed:
			err = s.both(e, checkout.LetterReturning, checkout.LetterAttention)
		case checkout.EventAttemptResolved:
			err = s.both(e, checkout.LetterUnpaid, "")
		case checkout.EventInvoiceRefunded:
			err = s.both(e, checkout.LetterRefunded, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// both tells one event to the customer and to the merchant; "" to the merchant is nothing.
func (s *step) both(e *checkout.Event, customer, merchant checkout.LetterKind) error {
	to := s.inv.Customer.Email
	if to == "" && merchant == "" {
		return nil
	}
	o, err := s.engine.office(s.tx, s.inv)
	if err != nil {
		return err
	}
	shop := &o.merchant
	if to == "" && shop.Email == "" {
		return nil
	}
	f, tell, err := s.tells(e, shop)
	if err != nil || !tell {
		return err
	}
	if to != "" {
		if err := s.write(e, customer, to, s.inv.Locale, f); err != nil {
			return err
		}
	}
	// An unclaimed payment through Ghesta returns by its vendor's rule: nobody has to do anything.
	idle := e.Type == checkout.EventAttemptUnclaimed && f.Gateway == "ghesta"
	if shop.Email == "" || merchant == "" || idle {
		return nil
	}
	return s.write(e, merchant, shop.Email, shop.Locale, f)
}

// write puts one letter into the outbox. The event's id and the kind make it one.
func (s *step) write(e *checkout.Event, kind checkout.LetterKind, to, locale string, f checkout.LetterFacts) error {
	_, err := s.tx.EnqueueLetter(&checkout.Letter{
		ID:         checkout.NewID(checkout.PrefixLetter, s.tx.Now(), s.engine.Random),
		MerchantID: s.inv.MerchantID, Live: s.inv.Live, Kind: kind, Key: db.EventID(e.InvoiceID, e.Sequence) + "/" + string(kind),
		InvoiceID: s.inv.ID, Recipient: to, Locale: locale, Facts: f,
	})
	return err
}

// tells freezes what an event's letters say. False: it is told to nobody.
func (s *step) tells(e *checkout.Event, shop *checkout.Merchant) (checkout.LetterFacts, bool, error) {
	var f checkout.LetterFacts
	f.Describe(s.inv, shop)
	f.At = e.CreatedAt
	switch e.Type {
	case checkout.EventInvoicePaid:
		p := s.inv.Payment
		f.Amount, f.Gateway, f.RefNumber, f.TrackingNumber, f.CardMask, f.Manual = p.Amount, p.Gateway, p.RefNumber, p.TrackingNumber, p.CardMask, p.Manual
		return f, true, nil
	case checkout.EventInvoiceRefunded:
		var said struct{ Amount int64 }
		if err := json.Unmarshal([]byte(e.Data), &said); err != nil {
			return f, false, fmt.Errorf("read %s: %w", e.Type, err)
		}
		f.Amount = money.Rial(said.Amount)
		return f, true, nil
	}
	a, err := s.tx.Attempt(e.AttemptID)
	if err != nil {
		return f, false, err
	}
	f.Amount, f.Gateway, f.TrackingNumber, f.Deadline = a.Amount, a.Gateway, a.TrackingNumber, a.VerifyDeadline
	if !a.ReturnedAt.IsZero() {
		f.At = a.ReturnedAt
	}
	switch e.Type {
	case checkout.EventAttemptUnclaimed:
		f.What, f.Why = "unclaimed", a.UnclaimedWhy
	case checkout.EventAttemptNeedsReview:
		f.What = "review"
		if a.Failure != nil {
			f.Why = a.Failure.Code
		}
	case checkout.EventAttemptResolved:
		return f, a.Status == checkout.AttemptFailed, nil // paid has its receipt
	}
	return f, true, nil
}

// SendInvoice writes to the customer, again: please pay. A letter that waits already is not doubled.
// Errors: NotFound, Conflict (not open), Invalid (no address), TooMany.
func (e *Engine) SendInvoice(ctx context.Context, sc Scope, id string, by checkout.Actor, o *Once) (checkout.Invoice, *Replay, error) {
	var inv checkout.Invoice
	replay, err := e.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		s, err := e.scoped(tx, sc, id, by)
		if err != nil {
			return nil, err
		}
		if s.inv.At(tx.Now()) != checkout.InvoiceOpen {
			return nil, checkout.Fail(checkout.Conflict, "error.not_sendable")
		}
		if s.inv.Customer.Email == "" {
			return nil, checkout.WrongField("customer.email", "required")
		}
		waits, err := tx.LetterWaits(s.inv.ID, checkout.LetterRequest)
		if err != nil {
			return nil, err
		}
		if !waits {
			l, err := s.request()
			if err != nil {
				return nil, err
			}
			if l.Reason == checkout.ReasonLimit {
				return nil, checkout.Fail(checkout.TooMany, "error.too_many_letters")
			}
		}
		inv = *s.inv
		return inv, s.save()
	})
	return inv, replay, err
}

// request asks the customer by letter, and leaves an event that says so; no address stands in it.
// One of a run is counted among those of runs.
func (s *step) request() (*checkout.Letter, error) {
	shop := s.shop
	if shop == nil {
		var err error
		if shop, err = s.tx.Merchant(s.inv.MerchantID); err != nil {
			return nil, err
		}
	}
	l := &checkout.Letter{
		ID:         checkout.NewID(checkout.PrefixLetter, s.tx.Now(), s.engine.Random),
		MerchantID: s.inv.MerchantID, Live: s.inv.Live, Kind: checkout.LetterRequest,
		Key:       db.EventID(s.inv.ID, s.inv.EventSeq+1) + "/" + string(checkout.LetterRequest),
		InvoiceID: s.inv.ID, Recipient: s.inv.Customer.Email, Locale: s.inv.Locale, Until: s.inv.ExpiresAt, Many: s.run != "",
	}
	l.Facts.Describe(s.inv, shop)
	l.Facts.At = s.tx.Now()
	if _, err := s.tx.EnqueueLetter(l); err != nil {
		return nil, err
	}
	if err := s.asked(); err != nil {
		return nil, err
	}
	data := facts{"letter": l.ID}
	if l.Status != checkout.LetterQueued {
		data["withheld"] = l.Reason
	}
	return l, s.event(checkout.EventInvoiceSent, "", "", data)
}
