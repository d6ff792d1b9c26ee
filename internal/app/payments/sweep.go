package payments

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// sweepBatch is how many rows one sweep looks at per duty.
const sweepBatch = 200

// Sweep does what time does: open invoices whose hour has come expire, attempts whose customer has
// not come back are abandoned. It reads partial indexes, so an idle sweep costs next to nothing;
// it runs every few seconds and at start, so that nothing depends on a timer that died with us.
func (e *Engine) Sweep(ctx context.Context) error {
	return errors.Join(
		e.sweep(ctx, (*db.Tx).ExpiringInvoices, e.expire),
		e.sweep(ctx, (*db.Tx).AbandoningAttempts, e.abandon),
		e.sweep(ctx, (*db.Tx).DuePlaces, e.seePlace),
	)
}

// Prepare comes before the first request. Who waits for a word of his gateway is asked about at once:
// windows went on running while nobody was here, and the silence may have been our own. No re-ask is
// ever scheduled further away than the last one: a time beyond that was written by a clock that was
// ahead of this one.
func (e *Engine) Prepare(ctx context.Context) error {
	crash.At("prepare.before")
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.HastenAsking(JobVerify); err != nil {
			return err
		}
		return tx.HastenJobs(JobVerify, tx.Now().Add(reasks[len(reasks)-1]+time.Minute))
	})
}

// Prune forgets idempotency keys whose time has passed.
func (e *Engine) Prune(ctx context.Context) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.PruneIdempotency()
		return err
	})
}

// sweep acts on each due row in a transaction of its own: one that fails keeps none of the others.
func (e *Engine) sweep(ctx context.Context, due func(*db.Tx, int) ([]string, error), act func(context.Context, string) error) error {
	for {
		var ids []string
		err := e.DB.View(ctx, func(tx *db.Tx) error {
			var err error
			ids, err = due(tx, sweepBatch)
			return err
		})
		if err != nil {
			return err
		}
		done := 0
		for _, id := range ids {
			if err := act(ctx, id); err != nil {
				e.Log.Error("sweep", slog.String("id", id), slog.Any("error", err))
				continue
			}
			done++
			crash.At("sweep.one-done")
		}
		if len(ids) < sweepBatch || done == 0 {
			return nil
		}
	}
}

func (e *Engine) expire(ctx context.Context, id string) error {
	crash.At("expire.before")
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, id, checkout.Actor{})
		if err != nil {
			return err
		}
		if s.inv.Status != checkout.InvoiceOpen || s.inv.At(tx.Now()) != checkout.InvoiceExpired {
			return nil // edited or taken meanwhile
		}
		if err := s.moveInvoice(checkout.InvoiceExpired); err != nil {
			return err
		}
		crash.At("expire.in")
		if err := s.event(checkout.EventInvoiceExpired, "", "", nil); err != nil {
			return err
		}
		return s.save()
	})
}

func (e *Engine) abandon(ctx context.Context, id string) error {
	crash.At("abandon.before")
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		a, err := tx.Attempt(id)
		if err != nil {
			return err
		}
		s, err := e.begin(tx, a.InvoiceID, checkout.Actor{})
		if err != nil {
			return err
		}
		if a, err = tx.Attempt(id); err != nil {
			return err
		}
		if a.Status != checkout.AttemptCreated && a.Status != checkout.AttemptRedirected {
			return nil // it came back meanwhile
		}
		if err := s.moveAttempt(a, checkout.AttemptAbandoned); err != nil {
			return err
		}
		crash.At("abandon.in")
		if err := s.event(checkout.EventAttemptAbandoned, a.ID, "", facts{"why": "no_callback"}); err != nil {
			return err
		}
		return s.save()
	})
}
