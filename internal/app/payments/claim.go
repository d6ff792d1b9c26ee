package payments

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/tracing"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// claimPatience is how long a claim is tried to be stored while the store does not answer.
const claimPatience = 2 * time.Minute

// claimed is a well-formed claim on its way into the books.
type claimed struct {
	gateway, token string // of the attempt's callback address
	claim          gateways.Claim
	requestID      string
}

// entry is a claim in the books.
type entry struct {
	home string // the token of the payment link
	// invoiceID is for traces.
	invoiceID string
	seat      *asking // what is to be asked now, nil for nothing
}

// takeIn stores a claim and asks about it, beside the request: the browser may leave, and a store
// that does not answer for a moment loses no claim. It waits a few seconds in all, for the claim to
// be stored and then for the first word of verify, and returns the token of the payment link. An
// error says that it is not stored yet, or that there is no such attempt.
func (e *Engine) takeIn(ctx context.Context, c claimed) (string, error) {
	timer := time.NewTimer(CallbackWait)
	defer timer.Stop()
	type word struct {
		home string
		err  error
	}
	stored, heard := make(chan word, 1), make(chan struct{})
	request := ctx
	begun := e.Spawn(func(ctx context.Context) {
		ctx, span := tracing.Start(tracing.Carry(ctx, request), "callback", tracing.Internal)
		span.Set("gateway", c.gateway)
		defer span.End()
		hear := sync.OnceFunc(func() { close(heard) })
		defer hear()
		in, err := e.queues.file(c.token, wordOf(c.claim), func() (entry, error) { return e.storePersistently(ctx, c) })
		crash.At("callback.stored")
		span.Fail(err != nil)
		stored <- word{in.home, err}
		seat := in.seat
		if err != nil || seat == nil {
			return
		}
		key := verifyKey(&seat.ref)
		e.flying.Store(key, true)
		defer e.flying.Delete(key)
		if err := e.verify(ctx, seat, hear); err != nil {
			e.Log.Error("verify", slog.String("attempt", seat.attempt.ID), slog.Any("error", err))
		}
	})
	if !begun {
		return e.storeForLater(ctx, c)
	}
	var home string
	select {
	case w := <-stored:
		if w.err != nil {
			return "", w.err
		}
		home = w.home
	case <-timer.C:
		return "", &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.New("the claim is not stored yet")}
	}
	select {
	case <-heard:
	case <-timer.C:
	}
	return home, nil
}

// storeForLater is for a process that is draining: the claim is stored, the next process asks.
func (e *Engine) storeForLater(ctx context.Context, c claimed) (string, error) {
	ctx = context.WithoutCancel(ctx)
	in, err := e.store(ctx, c)
	if err != nil || in.seat == nil {
		return in.home, err
	}
	return in.home, e.withdraw(ctx, in.seat)
}

// storePersistently stores a claim, again and again while the store does not answer. Storing it
// twice changes nothing: the reference is known by then.
func (e *Engine) storePersistently(ctx context.Context, c claimed) (entry, error) {
	wait, begun := 200*time.Millisecond, time.Now()
	for {
		in, err := e.store(context.WithoutCancel(ctx), c)
		if err == nil {
			return in, nil
		}
		unknown := errors.Is(err, db.ErrOutcomeUnknown)
		if unknown && in.seat != nil {
			// It may be in the books as an intended call that we are not going to make.
			if err := e.withdraw(context.WithoutCancel(ctx), in.seat); err != nil {
				e.Log.Error("withdraw an intended verify", slog.String("attempt", in.seat.attempt.ID), slog.Any("error", err))
			}
		}
		if (!unknown && !errors.Is(err, checkout.Unavailable)) || time.Since(begun) > claimPatience {
			return entry{}, err
		}
		select {
		case <-ctx.Done():
			return entry{}, err
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// store is phase C, and D when the seat is free: the claim, and the intent to verify it.
func (e *Engine) store(ctx context.Context, c claimed) (entry, error) {
	var in entry
	var happened []checkout.Event
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		in = entry{}
		inv, err := tx.LockInvoiceByCallback(c.gateway, c.token)
		if err != nil {
			return err
		}
		// Read after the lock: what stood in it before may have moved while we waited.
		a, err := tx.AttemptByCallback(c.gateway, c.token)
		if err != nil {
			return err
		}
		s := e.on(tx, inv, checkout.Actor{Kind: "gateway", RequestID: c.requestID})
		if in.seat, err = e.take(s, a, c.claim); err != nil {
			return err
		}
		in.home, in.invoiceID = inv.Token, inv.ID
		happened = s.events
		return s.save()
	})
	if err == nil {
		tracing.Of(ctx, in.invoiceID)
		trace(ctx, happened)
	}
	return in, err
}

// withdraw takes back the intent of a call that was certainly not made: otherwise the next process
// would take it for a lost answer, and believe a 15 that is another's (CONTRACT §6.5). Only ours: when
// it is not known whether our transaction was committed, the same claim may have come to another
// process meanwhile, whose call is out.
func (e *Engine) withdraw(ctx context.Context, seat *asking) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, seat.attempt.InvoiceID, checkout.Actor{})
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
		job, err := tx.Job(JobVerify, verifyKey(r))
		if errors.Is(err, checkout.NotFound) || err == nil && job.Payload != seat.mark {
			return nil
		}
		if err != nil {
			return err
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
