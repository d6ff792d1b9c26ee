package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// errStale: another process holds the reference's job now. What we heard is not lost money: our
// intent is on record, so the other one counts our call as unheard.
var errStale = errors.New("the job has another holder")

// RunVerify is the handler of stored verify jobs: after a restart, for a repeated ask, for a re-ask
// after a soft refusal, and for the attempt that was handed the seat.
func (e *Engine) RunVerify(ctx context.Context, job checkout.Job) error {
	seat, err := e.resume(ctx, job)
	if err != nil || seat == nil {
		return err
	}
	return e.verify(ctx, seat, func() {})
}

// verify asks about one reference until the next ask lies in the future or it is settled. heard is
// called once, after the first answer (or silence) is on record. It is the one path by which
// callback, job and restart ask.
func (e *Engine) verify(ctx context.Context, seat *asking, heard func()) error {
	heard = sync.OnceFunc(heard)
	defer heard()
	for {
		stop := e.keepLease(seat)
		answer := e.ask(ctx, seat)
		again, err := e.settlePersistently(ctx, seat, answer)
		stop()
		heard()
		if errors.Is(err, errStale) {
			return nil
		}
		if err != nil || again == nil {
			return err
		}
		seat = again
	}
}

// ask makes the call. Nothing that goes wrong here is a refusal: what cannot be sent is unanswered.
func (e *Engine) ask(ctx context.Context, seat *asking) gateways.Answer {
	a := &seat.attempt
	var acc *account
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		acc, err = e.account(tx, Scope{a.MerchantID, a.Live}, a.Gateway)
		return err
	})
	if err != nil {
		e.Log.Error("verify not sent", slog.String("attempt", a.ID), slog.Any("error", err))
		return gateways.Answer{Outcome: gateways.Unknown, Body: "not sent: our own error"}
	}
	return acc.gateway.Verify(ctx, acc.settings, gateways.VerifyRequest{
		Reference: seat.ref.Raw, WireAmount: a.WireAmount, OurNumber: a.OurNumber, VerifyURL: a.VerifyURL,
	})
}

// settlePersistently writes an answer down. A success that cannot be written (full disk, database
// away) is kept in memory and tried again until the process ends; after that the stored intent
// makes the next process ask again.
func (e *Engine) settlePersistently(ctx context.Context, seat *asking, answer gateways.Answer) (*asking, error) {
	wait := 200 * time.Millisecond
	for {
		again, err := e.settle(context.WithoutCancel(ctx), seat, answer)
		if err == nil || errors.Is(err, errStale) {
			return again, err
		}
		e.Log.Error("verify answer not written yet", slog.String("attempt", seat.attempt.ID), slog.String("outcome", answer.Outcome.String()), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// settle is phase E: one transaction that records the answer and all that follows from it. It
// returns the next call when one is due at once.
func (e *Engine) settle(ctx context.Context, seat *asking, answer gateways.Answer) (*asking, error) {
	var again *asking
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		again = nil
		s, err := begin(tx, seat.attempt.InvoiceID, checkout.Actor{Kind: "gateway"})
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
		if a.Status != checkout.AttemptVerifying || r.Status != checkout.ReferenceAsking || r.Asks != seat.ref.Asks {
			return errStale
		}
		if err := s.answered(a, r, answer); err != nil {
			return err
		}
		next, err := e.conclude(s, a, r, answer, seat.askedAt)
		if err != nil {
			return err
		}
		if again, err = e.reschedule(s, seat, a, r, next); err != nil {
			return err
		}
		return s.save()
	})
	return again, err
}

// answered records what was heard, before anything is made of it.
func (s *step) answered(a *checkout.Attempt, r *checkout.Reference, answer gateways.Answer) error {
	r.Open = false
	if answer.Outcome == gateways.Unknown {
		r.Silences++
		if answer.Unheard {
			r.Unheard++
		}
	}
	if answer.Sent && !(answer.Outcome == gateways.Refused && answer.Hard) {
		r.Met = true
	}
	data := facts{"outcome": answer.Outcome.String(), "ask": r.Asks}
	if answer.Status != 0 {
		data["http_status"] = answer.Status
	}
	if answer.Code != "" {
		data["code"] = answer.Code
	}
	if answer.Body != "" {
		data["body"] = answer.Body
	}
	return s.event(checkout.EventVerifyAnswered, a.ID, answer.RequestID, data)
}

// conclude moves attempt and invoice by what the answer proves. It returns when the reference is to
// be asked about again, zero for never.
func (e *Engine) conclude(s *step, a *checkout.Attempt, r *checkout.Reference, answer gateways.Answer, askedAt time.Time) (time.Time, error) {
	var never time.Time
	switch answer.Outcome {
	case gateways.Paid:
		return never, s.pay(a, r, answer)
	case gateways.AlreadyVerified:
		// Success only if our own journal holds a call of ours whose answer was never recorded:
		// then that call may be what verified it. Otherwise somebody else's payment (CONTRACT §6.5).
		if r.Unheard > 0 {
			return never, s.pay(a, r, answer)
		}
		return never, s.review(a, r, checkout.CodeAlreadyVerified, answer.Message)
	case gateways.Review:
		return never, s.review(a, r, answer.Code, answer.Message)
	case gateways.Canceled:
		return never, s.end(a, r, checkout.AttemptCanceled, answer)
	case gateways.Refused:
		return s.refused(a, r, answer)
	}
	at, more := nextAsk(askedAt, s.tx.Now(), r.Deadline, r.Silences, r.Asks, answer.RetryAfter)
	if !more {
		// Silence to the end, also where nothing could be sent: no hard refusal, so the reference
		// stays bound while a person looks for the money (CONTRACT §6.1).
		r.Met = true
		return never, s.review(a, r, checkout.CodeUnknownOutcome, "")
	}
	return at, s.tx.SaveReference(r)
}

// reschedule finishes the reference's job, puts it off, or makes the next call's intent when that is
// due at once. Only the holder of the job's fence may; anybody else rolls back.
func (e *Engine) reschedule(s *step, seat *asking, a *checkout.Attempt, r *checkout.Reference, at time.Time) (*asking, error) {
	now, key := s.tx.Now(), verifyKey(r)
	var held bool
	var err error
	switch {
	case at.IsZero():
		held, err = s.tx.FinishJob(JobVerify, key, seat.fence)
	case at.After(now):
		held, err = s.tx.PutOffJob(JobVerify, key, seat.fence, at, "")
	default:
		if held, err = s.tx.RenewJob(JobVerify, key, seat.fence, now.Add(Lease)); err == nil && held {
			if err := s.intend(a, r); err != nil {
				return nil, err
			}
			return &asking{attempt: *a, ref: *r, fence: seat.fence, askedAt: now}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, errStale
	}
	return nil, nil
}

// keepLease renews the job's lease while a call runs, so that no other process asks meanwhile.
// The returned func stops it and waits for it.
func (e *Engine) keepLease(seat *asking) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
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
			err := e.DB.Update(ctx, func(tx *db.Tx) error {
				_, err := tx.RenewJob(JobVerify, verifyKey(&seat.ref), seat.fence, tx.Now().Add(Lease))
				return err
			})
			if err != nil && ctx.Err() == nil {
				e.Log.Warn("renew lease", slog.String("attempt", seat.attempt.ID), slog.Any("error", err))
			}
		}
	}()
	return func() { cancel(); <-done }
}

// resume turns a claimed job into the call that is due now, with its intent on record; nil when
// nothing is to be asked.
func (e *Engine) resume(ctx context.Context, job checkout.Job) (*asking, error) {
	attemptID, canonical, ok := strings.Cut(job.Key, "/")
	if !ok {
		return nil, fmt.Errorf("verify job %q: no such key", job.Key)
	}
	var seat *asking
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		seat = nil
		a, err := tx.Attempt(attemptID)
		if err != nil {
			return err
		}
		s, err := begin(tx, a.InvoiceID, checkout.Actor{})
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
			if err := s.intend(a, r); err != nil {
				return err
			}
			seat = &asking{attempt: *a, ref: *r, fence: job.Fence, askedAt: tx.Now()}
		case again.IsZero():
			held, err = tx.FinishJob(job.Kind, job.Key, job.Fence)
		default:
			held, err = tx.PutOffJob(job.Kind, job.Key, job.Fence, again, "")
		}
		if err != nil {
			return err
		}
		if !held {
			return errStale
		}
		return s.save()
	})
	if errors.Is(err, errStale) {
		return nil, nil
	}
	return seat, err
}
