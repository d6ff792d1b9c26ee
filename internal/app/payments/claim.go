package payments

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// claimPatience is how long a claim is tried to be stored while the store does not answer.
const claimPatience = 2 * time.Minute

// claimed is a well-formed claim on its way into the books.
type claimed struct {
	invoiceID, attemptID string
	claim                gateways.Claim
	requestID            string
}

// takeIn stores a claim and asks about it, beside the request: the browser may leave, and a store
// that does not answer for a moment loses no claim. It waits a few seconds in all, for the claim to
// be stored and then for the first word of verify. An error says that it is not stored yet.
func (e *Engine) takeIn(ctx context.Context, c claimed) error {
	timer := time.NewTimer(CallbackWait)
	defer timer.Stop()
	stored, heard := make(chan error, 1), make(chan struct{})
	begun := e.Spawn(func(ctx context.Context) {
		word := sync.OnceFunc(func() { close(heard) })
		defer word()
		seat, err := e.storePersistently(ctx, c)
		crash.At("callback.stored")
		stored <- err
		if err != nil || seat == nil {
			return
		}
		key := verifyKey(&seat.ref)
		e.flying.Store(key, true)
		defer e.flying.Delete(key)
		if err := e.verify(ctx, seat, word); err != nil {
			e.Log.Error("verify", slog.String("attempt", c.attemptID), slog.Any("error", err))
		}
	})
	if !begun {
		return e.storeForLater(ctx, c)
	}
	select {
	case err := <-stored:
		if err != nil {
			return err
		}
	case <-timer.C:
		return &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.New("the claim is not stored yet")}
	}
	select {
	case <-heard:
	case <-timer.C:
	}
	return nil
}

// storeForLater is for a process that is draining: the claim is stored, the next process asks.
func (e *Engine) storeForLater(ctx context.Context, c claimed) error {
	ctx = context.WithoutCancel(ctx)
	seat, err := e.store(ctx, c)
	if err != nil || seat == nil {
		return err
	}
	return e.withdraw(ctx, seat)
}

// storePersistently stores a claim, again and again while the store does not answer. Storing it
// twice changes nothing: the reference is known by then.
func (e *Engine) storePersistently(ctx context.Context, c claimed) (*asking, error) {
	wait, begun := 200*time.Millisecond, time.Now()
	for {
		seat, err := e.store(context.WithoutCancel(ctx), c)
		if err == nil {
			return seat, nil
		}
		unknown := errors.Is(err, db.ErrOutcomeUnknown)
		if unknown && seat != nil {
			// It may be in the books as an intended call that we are not going to make.
			if err := e.withdraw(context.WithoutCancel(ctx), seat); err != nil {
				e.Log.Error("withdraw an intended verify", slog.String("attempt", c.attemptID), slog.Any("error", err))
			}
		}
		if (!unknown && !errors.Is(err, checkout.Unavailable)) || time.Since(begun) > claimPatience {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// store is phase C, and D when the seat is free: the claim, and the intent to verify it.
func (e *Engine) store(ctx context.Context, c claimed) (*asking, error) {
	var seat *asking
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		seat = nil
		s, err := begin(tx, c.invoiceID, checkout.Actor{Kind: "gateway", RequestID: c.requestID})
		if err != nil {
			return err
		}
		seat, err = e.take(s, c.attemptID, c.claim)
		if err != nil {
			return err
		}
		return s.save()
	})
	return seat, err
}

// withdraw takes back the intent of a call that was certainly not made: otherwise the next process
// would take it for a lost answer, and believe a 15 that is another's (CONTRACT §6.5).
func (e *Engine) withdraw(ctx context.Context, seat *asking) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := begin(tx, seat.attempt.InvoiceID, checkout.Actor{})
		if err != nil {
			return err
		}
		r, err := tx.Reference(seat.attempt.ID, seat.ref.Canonical)
		if errors.Is(err, checkout.NotFound) {
			return nil // it never came into the books
		}
		if err != nil {
			return err
		}
		if !r.Open || r.Asks != seat.ref.Asks || r.Status != checkout.ReferenceAsking {
			return nil
		}
		r.Open = false
		r.Asks--
		if err := tx.SaveReference(r); err != nil {
			return err
		}
		if err := s.event(checkout.EventVerifyAnswered, r.AttemptID, "", facts{"outcome": gateways.Unknown.String(), "body": "not sent"}); err != nil {
			return err
		}
		if err := tx.ScheduleJob(checkout.Job{Kind: JobVerify, Key: verifyKey(r), RunAt: tx.Now(), Due: r.Deadline}); err != nil {
			return err
		}
		return s.save()
	})
}
