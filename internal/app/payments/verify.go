package payments

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/tracing"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// settleTries bounds how often an answer is written in vain while the store answers.
const settleTries = 5

// settleWait is how long the second try waits; each further one waits twice as long, up to mostSettleWait.
const (
	settleWait     = 200 * time.Millisecond
	mostSettleWait = 5 * time.Second
)

// errStale: the reference was settled, or its job is another's, meanwhile.
var errStale = errors.New("somebody else went on with it")

// RunVerify is the handler of stored verify jobs: after a restart, for a repeated ask, for a re-ask
// after a soft refusal, and for the attempt that was handed the seat.
func (e *Engine) RunVerify(ctx context.Context, job checkout.Job) error {
	if _, out := e.flying.LoadOrStore(job.Key, true); out {
		// Our own call about it is still out, and its lease ran out under it (the clock jumped, or the
		// store was away): its answer counts, and a second call must not begin.
		return e.DB.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.PutOffJob(job.Kind, job.Key, job.Fence, tx.Now().Add(seatBusy), "")
			return err
		})
	}
	defer e.flying.Delete(job.Key)
	ctx, span := tracing.Start(ctx, "verify again", tracing.Consumer)
	defer span.End()
	seat, err := e.resume(ctx, job)
	if err != nil || seat == nil {
		return err
	}
	return e.verify(ctx, seat, func() {})
}

// verify asks about one reference until the next ask lies in the future or it is settled. heard is
// called after every answer (or silence) that is on record. It is the one path by which callback, job
// and restart ask; its caller has put the reference among the flying ones.
func (e *Engine) verify(ctx context.Context, seat *asking, heard func()) error {
	for seat != nil {
		again, err := e.round(ctx, seat)
		heard()
		if errors.Is(err, errStale) {
			return nil
		}
		if err != nil {
			return err
		}
		seat = again
	}
	return nil
}

// round is one call and its record, under a lease that is renewed meanwhile.
func (e *Engine) round(ctx context.Context, seat *asking) (*asking, error) {
	stop := e.keepLease(ctx, seat)
	defer stop()
	crash.At("verify.before-ask")
	tracing.Of(ctx, seat.attempt.InvoiceID)
	asking, span := tracing.Start(ctx, "verify", tracing.Client)
	answer := e.ask(asking, seat)
	span.Set("gateway", seat.attempt.Gateway)
	span.Set("attempt.id", seat.attempt.ID)
	span.Set("outcome", answer.Outcome.String())
	span.SetInt("http.response.status_code", int64(answer.Status))
	span.Fail(answer.Outcome == gateways.Unknown)
	span.End()
	crash.At("verify.heard")
	return e.settlePersistently(ctx, seat, answer)
}

// ask makes the call. Nothing that goes wrong here is a refusal: what cannot be sent is unanswered,
// and so is what made us panic.
func (e *Engine) ask(ctx context.Context, seat *asking) (answer gateways.Answer) {
	a, calling := &seat.attempt, false
	defer func() {
		if p := recover(); p != nil {
			e.Log.Error("verify panicked", slog.String("attempt", a.ID), slog.String("panic", checkout.Panicked(p)), slog.String("stack", string(debug.Stack())))
			answer = gateways.Answer{Outcome: gateways.Unknown, Sent: calling, Unheard: calling, Body: "our own error"}
		}
	}()
	if seat.account == nil {
		return gateways.Answer{Outcome: gateways.Unknown, Body: "not sent: our own error"}
	}
	calling = true
	return seat.account.gateway.Verify(ctx, seat.account.settings, gateways.VerifyRequest{
		Reference: seat.ref.Raw, WireAmount: a.WireAmount, OurNumber: a.OurNumber, VerifyURL: a.VerifyURL,
		Secrets: []string{e.callbackURL(a), a.CallbackToken, a.GatewayToken, a.PayerName, a.PayerMobile},
	})
}

// settlePersistently writes an answer down. A success that cannot be written (full disk, database
// away) is kept in memory and tried again until the process ends; after that the stored intent
// makes the next process ask again. An error that is not the store's is not tried for ever: the job
// comes round again, and asks.
func (e *Engine) settlePersistently(ctx context.Context, seat *asking, answer gateways.Answer) (*asking, error) {
	wait := cmp.Or(e.hurry, settleWait)
	for try := 1; ; try++ {
		again, err := e.settle(context.WithoutCancel(ctx), seat, answer)
		if err == nil || errors.Is(err, errStale) {
			return again, err
		}
		e.Log.Error("verify answer not written yet", slog.String("attempt", seat.attempt.ID), slog.String("outcome", answer.Outcome.String()), slog.Any("error", err))
		away := errors.Is(err, checkout.Unavailable) || errors.Is(err, db.ErrOutcomeUnknown)
		if !away && try == settleTries {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
		wait = min(2*wait, mostSettleWait)
	}
}

// settle is phase E: one transaction that records the answer and all that follows from it. It
// returns the next call when one is due at once.
//
// The number of asks, under the invoice's lock, is the fence: as long as nobody asked after us, our
// answer is the latest word, whoever holds the job. A proven payment counts even then: a success
// heard late is a success.
func (e *Engine) settle(ctx context.Context, seat *asking, answer gateways.Answer) (*asking, error) {
	var again *asking
	var happened []checkout.Event
	ctx, span := tracing.Start(ctx, "settle", tracing.Internal)
	defer span.End()
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		again, happened = nil, nil
		s, err := e.begin(tx, seat.attempt.InvoiceID, checkout.Actor{Kind: "gateway"})
		if err != nil {
			return err
		}
		a, r, err := s.standing(seat)
		if err != nil {
			return err
		}
		if a.Status != checkout.AttemptVerifying || r.Status != checkout.ReferenceAsking {
			if answer.Outcome != gateways.Paid {
				return errStale
			}
			return s.afterwards(a, r, seat, answer)
		}
		if r.Asks != seat.ref.Asks && answer.Outcome != gateways.Paid {
			return s.overtaken(a, r, seat, answer)
		}
		if err := s.answered(a, r, answer); err != nil {
			return err
		}
		crash.At("verify.answer-in")
		next, err := e.conclude(s, a, r, answer, seat.askedAt)
		if err != nil {
			return err
		}
		if again, err = e.reschedule(s, a, r, next); err != nil {
			return err
		}
		happened = s.events
		return s.save()
	})
	if span.Fail(err != nil); err == nil {
		trace(ctx, happened)
	}
	crash.At("verify.settled")
	return again, err
}

// trace tells of events that are in the books now: what is sent because of them hangs under them.
func trace(ctx context.Context, happened []checkout.Event) {
	for i := range happened {
		if e := &happened[i]; slices.Contains(webhookTypes, e.Type) {
			tracing.Event(ctx, db.EventID(e.InvoiceID, e.Sequence), e.Type)
		}
	}
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
		data["body"] = body(answer.Body)
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
	crash.At("verify.silence")
	return at, s.tx.SaveReference(r)
}

// reschedule removes the reference's job, moves it, or makes the next call's intent when that is due
// at once.
func (e *Engine) reschedule(s *step, a *checkout.Attempt, r *checkout.Reference, at time.Time) (*asking, error) {
	now, key := s.tx.Now(), verifyKey(r)
	switch {
	case at.IsZero():
		_, err := s.tx.DeleteJob(JobVerify, key)
		return nil, err
	case at.After(now) || a.Status != checkout.AttemptVerifying || r.Status != checkout.ReferenceAsking:
		crash.At("verify.put-off")
		return nil, s.tx.ScheduleJob(checkout.Job{Kind: JobVerify, Key: key, RunAt: at, Due: r.Deadline})
	}
	return e.intendNow(s, a, r)
}
