package payments

import (
	"context"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// A page with a limited number of places is never sold over, and a place is not lost to who began and
// left. Both are one rule: a place is given back only together with the invoice, which is canceled in
// the same transaction. What comes back for a canceled invoice is not verified on purpose (CONTRACT
// §6.6), so whoever took the place meanwhile is the only one who can pay for it.

// placeAgain is when a place is looked at again that cannot be given back yet.
const placeAgain = time.Minute

// seePlace decides about a place whose time has come.
func (e *Engine) seePlace(ctx context.Context, invoiceID string) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, invoiceID, checkout.Actor{})
		if err != nil {
			return err
		}
		switch s.inv.At(tx.Now()) {
		case checkout.InvoicePaid:
			return tx.KeepPlace(invoiceID)
		case checkout.InvoiceCanceled:
			return tx.GivePlaceBack(invoiceID)
		case checkout.InvoiceOpen: // the merchant gave it more time
			return tx.HoldPlace(invoiceID, s.inv.ExpiresAt)
		case checkout.InvoiceProcessing, checkout.InvoiceReview:
			return tx.HoldPlace(invoiceID, tx.Now().Add(placeAgain))
		}
		attempts, err := tx.AttemptsOfInvoice(invoiceID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(attempts, func(a checkout.Attempt) bool { return a.Status.Out() }) {
			return tx.HoldPlace(invoiceID, tx.Now().Add(placeAgain))
		}
		if err := s.moveInvoice(checkout.InvoiceCanceled); err != nil {
			return err
		}
		s.inv.CanceledAt = tx.Now()
		if err := s.event(checkout.EventInvoiceCanceled, "", "", facts{"why": "place_given_back"}); err != nil {
			return err
		}
		if err := s.save(); err != nil {
			return err
		}
		return tx.GivePlaceBack(invoiceID)
	})
}
