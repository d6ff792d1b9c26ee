package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// resume turns a claimed job into the call that is due now, with its intent on record; nil when
// nothing is to be asked.
func (e *Engine) resume(ctx context.Context, job checkout.Job) (*asking, error) {
	attemptID, canonical, ok := strings.Cut(job.Key, "/")
	if !ok {
		return nil, fmt.Errorf("verify job %q: no such key", job.Key)
	}
	var seat *asking
	crash.At("resume.before")
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		seat = nil
		a, err := tx.Attempt(attemptID)
		if err != nil {
			return err
		}
		s, err := e.begin(tx, a.InvoiceID, checkout.Actor{})
		if err != nil {
			return err
		}
		if a, err = tx.Attempt(attemptID); err != nil {
			return err
		}
		r, err := tx.Reference(attemptID, canonical)
		if err != nil {
			return err
		}
		due, again, err := s.due(a, r)
		if err != nil {
			return err
		}
		held := false
		switch {
		case due:
			if held, err = tx.RenewJob(job.Kind, job.Key, job.Fence, tx.Now().Add(Lease)); err != nil || !held {
				break
			}
			crash.At("resume.lease-in")
			if err := s.intend(a, r); err != nil {
				return err
			}
			acc, err := e.today(s, a)
			if err != nil {
				return err
			}
			seat = &asking{attempt: *a, ref: *r, account: acc, fence: job.Fence, askedAt: tx.Now()}
		case again.IsZero():
			held, err = tx.FinishJob(job.Kind, job.Key, job.Fence)
			crash.At("resume.finish-in")
		default:
			held, err = tx.PutOffJob(job.Kind, job.Key, job.Fence, again, "")
			crash.At("resume.put-off-in")
		}
		if err != nil {
			return err
		}
		if !held {
			return errStale
		}
		return s.save()
	})
	crash.At("resume.after")
	if errors.Is(err, errStale) {
		return nil, nil
	}
	return seat, err
}

// keepLease renews the job's lease while a call runs, so that no other process asks meanwhile; also
// while the call is being ended, since its answer is still to be written. The returned func stops it
// and waits for it.
func (e *Engine) keepLease(ctx context.Context, seat *asking) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(Lease / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			held := true
			err := e.DB.Update(ctx, func(tx *db.Tx) error {
				var err error
				held, err = tx.RenewJob(JobVerify, verifyKey(&seat.ref), seat.fence, tx.Now().Add(Lease))
				return err
			})
			crash.At("verify.lease-renewed")
			if err != nil && ctx.Err() == nil {
				e.Log.Warn("renew lease", slog.String("attempt", seat.attempt.ID), slog.Any("error", err))
			}
			if err == nil && !held {
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}
