package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// maxRepeats bounds what repeated callbacks can write: after so many events of one type an attempt's
// further repeats are still answered, and no longer recorded one by one.
const maxRepeats = 10

// wayBack is how long an answer that is an error is held up for its way back to the payment link.
const wayBack = 200 * time.Millisecond

// maxLate bounds the different references that an attempt keeps in all.
const maxLate = 30

// Callback takes what a browser brought to an attempt's address. The claim is stored before anything
// is made of it; verify is then asked on a context that the browser cannot cancel, and Callback waits
// a few seconds for its word.
//
// It returns the token of the payment link to go back to. Errors: NotFound; a *gateways.CallbackError
// for a malformed claim (recorded, changes nothing, the link's token is still returned).
func (e *Engine) Callback(ctx context.Context, in CallbackInput) (string, error) {
	g, ok := e.adapter(true, in.Gateway)
	if !ok || !e.Box.CheckToken(callbackDomain(in.Gateway), in.Token) {
		return "", checkout.Fail(checkout.NotFound, "error.not_found")
	}
	claim, err := g.ParseCallback(url.Values(in.Values))
	if err != nil {
		return e.malformed(ctx, in, err)
	}
	crash.At("callback.before")
	home, err := e.takeIn(ctx, claimed{in.Gateway, in.Token, claim, in.RequestID})
	if errors.Is(err, checkout.NotFound) {
		return "", errors.Join(checkout.Fail(checkout.NotFound, "error.not_found"), e.keepStray(ctx, in))
	}
	if err != nil {
		// Not in the books yet; where the truth will stand may be known all the same. The five seconds
		// are nearly over, and a store in trouble is not waited for.
		ctx, cancel := context.WithTimeout(ctx, wayBack)
		defer cancel()
		if _, link, unknown := e.attemptByCallback(ctx, in); unknown == nil {
			home = link
		}
	}
	return home, err
}

// malformed records a claim that could be read but not understood.
func (e *Engine) malformed(ctx context.Context, in CallbackInput, err error) (string, error) {
	a, home, unknown := e.attemptByCallback(ctx, in)
	if unknown != nil {
		return "", unknown
	}
	problem := "malformed"
	if c, ok := errors.AsType[*gateways.CallbackError](err); ok {
		problem = c.Field + ": " + c.Problem
	}
	return home, errors.Join(err, e.reject(ctx, a, in.RequestID, problem))
}

// take decides about a well-formed claim, under the invoice's lock (CONTRACT §4 and §6.1–3). It
// returns what to ask when the attempt took the seat.
func (e *Engine) take(s *step, a *checkout.Attempt, claim gateways.Claim) (*asking, error) {
	if field := contradiction(a, claim); field != "" {
		return nil, s.repeat(checkout.EventCallbackMismatch, a, facts{"field": field, "tracking_number": claim.Reference})
	}
	if claim.Canceled {
		return nil, s.cancelSign(a, claim)
	}
	var refs []checkout.Reference
	if a.References > 0 {
		var err error
		if refs, err = s.tx.ReferencesOfAttempt(a.ID); err != nil {
			return nil, err
		}
	}
	canonical := gateways.Canonical(claim.Reference)
	if slices.ContainsFunc(refs, func(r checkout.Reference) bool { return r.Canonical == canonical }) {
		return nil, s.repeat(checkout.EventCallbackReceived, a, facts{"repeat": true, "tracking_number": claim.Reference})
	}
	if a.Resolved || a.Status == checkout.AttemptPaid || a.Status == checkout.AttemptNeedsReview || a.Status == checkout.AttemptUnclaimed {
		return nil, s.late(a, claim, canonical, len(refs))
	}
	if len(refs) > MaxReferences {
		// The one too many is stored already and waits for the seat; the rest is only counted.
		return nil, s.repeat(checkout.EventCallbackReceived, a, facts{"too_many": true})
	}
	return e.newReference(s, a, claim, canonical, len(refs)+1)
}

// newReference stores a reference that never came to this attempt before, and goes on with it if
// the seat is free. known counts the attempt's references, this one included.
func (e *Engine) newReference(s *step, a *checkout.Attempt, claim gateways.Claim, canonical string, known int) (*asking, error) {
	now := s.tx.Now()
	r := &checkout.Reference{
		AttemptID: a.ID, Gateway: a.Gateway, Live: a.Live, VerifyHost: a.VerifyHost,
		Canonical: canonical, Raw: claim.Reference, Status: checkout.ReferenceWaiting, Bound: true,
		Named:     claim.OurNumber == a.OurNumber || (a.GatewayToken != "" && claim.Token == a.GatewayToken),
		ArrivedAt: now, Deadline: now.Add(a.Window),
	}
	why := unclaimedWhy(s.inv, a)
	intended, err := s.keepIntended(r, why == "" && s.inv.Status != checkout.InvoiceProcessing && known <= MaxReferences)
	if err != nil {
		return nil, err
	}
	crash.At("callback.reference-in")
	if err := s.event(checkout.EventCallbackReceived, a.ID, "", facts{"tracking_number": r.Raw}); err != nil {
		return nil, err
	}
	if why != "" {
		return nil, s.unclaim(a, r, why)
	}
	if a.ReturnedAt.IsZero() {
		a.ReturnedAt = now
	}
	if err := s.returned(a); err != nil {
		return nil, err
	}
	if s.inv.Status == checkout.InvoiceProcessing {
		return nil, s.wait(a, r)
	}
	got, err := s.sit(a, r, known)
	switch {
	case err != nil || got == seatRefused:
		return nil, err
	case got == seatLater:
		if err := s.wait(a, r); err != nil {
			return nil, err
		}
		return nil, s.enqueue(r, got)
	}
	crash.At("callback.seat-in")
	if !intended {
		return e.intendNow(s, a, r)
	}
	if err := s.intended(a, r); err != nil {
		return nil, err
	}
	return e.leaseNow(s, a, r)
}

// returned is the event of an attempt with something to ask about, unless that stands already.
func (s *step) returned(a *checkout.Attempt) error {
	if a.Status == checkout.AttemptVerifying || a.Status == checkout.AttemptReturned {
		return nil
	}
	return s.event(checkout.EventAttemptReturned, a.ID, "", nil)
}

// wait leaves a reference to whoever frees the seat.
func (s *step) wait(a *checkout.Attempt, r *checkout.Reference) error {
	if a.Status == checkout.AttemptVerifying || a.Status == checkout.AttemptReturned {
		return nil // its other reference is being asked, or waits already
	}
	crash.At("callback.waits")
	a.TrackingNumber, a.VerifyDeadline = r.Raw, r.Deadline
	return s.moveAttempt(a, checkout.AttemptReturned)
}

// contradiction names the field in which a claim speaks of another payment than the attempt in its
// path, "" when none does. A callback that is a sign of cancellation is not compared for PayPing:
// on Ghesta's failure path both values may be its own (field notes §2).
func contradiction(a *checkout.Attempt, claim gateways.Claim) string {
	if claim.Canceled && a.Gateway == "ghesta" {
		return ""
	}
	if claim.OurNumber != "" && claim.OurNumber != a.OurNumber {
		if a.Gateway == "ghesta" {
			return "clientrefid"
		}
		return "invoiceNumber"
	}
	if claim.Token != "" && a.GatewayToken != "" && claim.Token != a.GatewayToken {
		return "code"
	}
	return ""
}

// late keeps a further reference of an attempt that is settled: possibly a second payment, so each
// different one leaves its event, up to a bound. It is never asked about.
func (s *step) late(a *checkout.Attempt, claim gateways.Claim, canonical string, known int) error {
	if known >= maxLate {
		return nil
	}
	now := s.tx.Now()
	err := s.keep(&checkout.Reference{
		AttemptID: a.ID, Gateway: a.Gateway, Live: a.Live, VerifyHost: a.VerifyHost,
		Canonical: canonical, Raw: claim.Reference, Status: checkout.ReferenceDropped, ArrivedAt: now, Deadline: now.Add(a.Window),
	})
	if err != nil {
		return err
	}
	return s.event(checkout.EventCallbackReceived, a.ID, "", facts{"late": true, "tracking_number": claim.Reference})
}

// cancelSign ends an attempt whose customer is out; on any other it is only an event. A genuine
// callback afterwards still pays.
func (s *step) cancelSign(a *checkout.Attempt, claim gateways.Claim) error {
	switch a.Status {
	case checkout.AttemptCreated, checkout.AttemptRedirected, checkout.AttemptAbandoned:
	default:
		return s.repeat(checkout.EventCallbackReceived, a, facts{"canceled": true})
	}
	if a.ReturnedAt.IsZero() {
		a.ReturnedAt = s.tx.Now()
	}
	if err := s.moveAttempt(a, checkout.AttemptCanceled); err != nil {
		return err
	}
	crash.At("callback.cancel-in")
	return s.event(checkout.EventAttemptCanceled, a.ID, "", facts{"source": "callback"})
}

// repeat records a callback that changes nothing, up to a bound.
func (s *step) repeat(kind string, a *checkout.Attempt, data facts) error {
	n, err := s.tx.CountEvents(a.InvoiceID, a.ID, kind)
	if err != nil || n >= maxRepeats {
		return err
	}
	crash.At("callback.repeat")
	return s.event(kind, a.ID, "", data)
}

// attemptByCallback finds the attempt of a callback's token and the token of its payment link.
// A token that is truly ours and not in the database (a restore into the past) is kept for a person
// with its fields; to the browser it is as unknown as any other.
func (e *Engine) attemptByCallback(ctx context.Context, in CallbackInput) (*checkout.Attempt, string, error) {
	if !e.Box.CheckToken(callbackDomain(in.Gateway), in.Token) {
		return nil, "", checkout.Fail(checkout.NotFound, "error.not_found")
	}
	var a *checkout.Attempt
	var home string
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		if a, err = tx.AttemptByCallback(in.Gateway, in.Token); err != nil {
			return err
		}
		inv, err := tx.Invoice(a.InvoiceID)
		if err == nil {
			home = inv.Token
		}
		return err
	})
	if errors.Is(err, checkout.NotFound) {
		return nil, "", errors.Join(checkout.Fail(checkout.NotFound, "error.not_found"), e.keepStray(ctx, in))
	}
	return a, home, err
}

func (e *Engine) keepStray(ctx context.Context, in CallbackInput) error {
	g, ok := e.adapter(true, in.Gateway)
	if !ok || len(in.Values) == 0 {
		return nil
	}
	claim, err := g.ParseCallback(url.Values(in.Values))
	if err != nil {
		return nil
	}
	fields, err := json.Marshal(claim.Fields)
	if err != nil {
		return fmt.Errorf("keep stray callback: %w", err)
	}
	sum := sha256.Sum256([]byte(in.Token))
	return e.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		return tx.InsertStray(checkout.NewID("str_", tx.Now(), e.Random), in.Gateway, hex.EncodeToString(sum[:]), string(fields))
	})
}
