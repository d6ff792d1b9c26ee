package payments

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Forget removes the personal data of customers who never paid, as many days after the end of their
// invoices as each merchant says. Paid invoices keep theirs: receipts and books need it. Events hold none,
// so that their chain stays what it was.
func (e *Engine) Forget(ctx context.Context) error {
	var rules map[string]int
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		rules, err = tx.Forgetful()
		return err
	})
	if err != nil {
		return err
	}
	for merchant, days := range rules {
		for more := true; more; {
			if more, err = e.forgetSome(ctx, merchant, time.Duration(days)*24*time.Hour); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSome does the next batch, each invoice in a transaction of its own. False: no more, or those that
// are left wait for a person.
func (e *Engine) forgetSome(ctx context.Context, merchant string, kept time.Duration) (bool, error) {
	var ids []string
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		ids, err = tx.Forgettable(merchant, tx.Now().Add(-kept), sweepBatch)
		return err
	})
	if err != nil {
		return false, err
	}
	done := 0
	for _, id := range ids {
		gone := false
		err := e.DB.Update(ctx, func(tx *db.Tx) (err error) {
			gone, err = e.forget(tx, id)
			return err
		})
		if err != nil {
			e.Log.Error("forget", slog.String("id", id), slog.Any("error", err))
		} else if gone {
			done++
		}
	}
	return len(ids) == sweepBatch && done > 0, nil
}

// forget removes what is known of one invoice's customer. Where money may still be on its way, or a person
// still has to close an attempt, somebody may have to be called: that waits.
func (e *Engine) forget(tx *db.Tx, id string) (bool, error) {
	s, err := e.begin(tx, id, checkout.Actor{})
	if err != nil {
		return false, err
	}
	if s.inv.Status != checkout.InvoiceExpired && s.inv.Status != checkout.InvoiceCanceled {
		return false, nil // an attempt that began before came back
	}
	attempts, err := tx.AttemptsOfInvoice(id)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(attempts, func(a checkout.Attempt) bool {
		return a.Status.Out() || a.Status == checkout.AttemptNeedsReview ||
			(a.Status == checkout.AttemptUnclaimed && a.Gateway == "gardeshpay" && a.ClosedAt.IsZero())
	}) {
		return false, nil
	}
	before := *s.inv
	s.inv.Customer, s.inv.Description, s.inv.Metadata = checkout.Customer{}, "", nil
	if err := tx.ForgetInvoice(id); err != nil {
		return false, err
	}
	if err := findable(tx, &before, s.inv); err != nil {
		return false, err
	}
	if _, err := tx.ForgetLettersOf(id); err != nil {
		return false, err
	}
	if err := tx.DropReminder(id); err != nil {
		return false, err
	}
	if err := s.event(checkout.EventInvoiceUpdated, "", "", facts{"fields": []string{"customer", "description", "metadata"}, "forgotten": true}); err != nil {
		return false, err
	}
	return true, s.save()
}
