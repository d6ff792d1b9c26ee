package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

var (
	errNoPayment = errors.New("no such token or code")
	errSettled   = errors.New("the token or code was used")
	errExpired   = errors.New("the token or code is too old")
	errNoOutcome = errors.New("no such outcome here")
	errNoOther   = errors.New("there is no other payment to replay")
)

// choice is what the customer's form said.
type choice struct {
	outcome string
	times   int    // for a verify fault; 0 takes the fault's own number
	mask    string // from the card form; empty takes the test card's
}

const testMask = "603799******0000"

// find looks up a payment for one of the pages. The caller holds mu.
func (s *Simulator) find(face, id string, now time.Time) (*payment, error) {
	p := s.books.byID[id]
	switch {
	case p == nil || p.Vendor != vendorOf(face):
		return nil, errNoPayment
	case p.state != StateCreated:
		return p, errSettled
	case now.Sub(p.created) >= s.opt.TokenLife:
		return p, errExpired
	}
	return p, nil
}

// enter notes that the customer saw the page and returns a copy of the payment.
func (s *Simulator) enter(ctx context.Context, face, id string) (payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	p, err := s.find(face, id, now)
	if p == nil {
		return payment{}, err
	}
	if err == nil && p.via != face {
		err = s.commit(ctx, entry{Kind: kindEnter, At: now.UnixMilli(), ID: id, Via: face})
	}
	return *p, err
}

// settle carries out the customer's choice and returns a copy of the payment, whose claims tell the browser
// what to say. Outcomes that leave the payment as it is are not recorded: nothing happened.
func (s *Simulator) settle(ctx context.Context, face, id string, c choice) (payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	p, err := s.find(face, id, now)
	if err != nil {
		if p == nil {
			return payment{}, err
		}
		return *p, err
	}
	out, err := s.settlementOf(p, face, c, now)
	if err != nil {
		return *p, err
	}
	if out.State == StateCreated {
		unsettled := *p
		unsettled.out, unsettled.via = out, face
		return unsettled, nil
	}
	if p.via != face {
		if err := s.commit(ctx, entry{Kind: kindEnter, At: now.UnixMilli(), ID: id, Via: face}); err != nil {
			return *p, err
		}
	}
	if err := s.commit(ctx, entry{Kind: kindSettle, At: now.UnixMilli(), ID: id, Out: &out}); err != nil {
		return *p, err
	}
	return *p, nil
}

// settlementOf draws every random value of the outcome, so that the entry holds them all.
func (s *Simulator) settlementOf(p *payment, face string, c choice, now time.Time) (settlement, error) {
	o, f, ok := offered(face, c.outcome)
	if !ok {
		return settlement{}, errNoOutcome
	}
	out := settlement{Outcome: c.outcome, State: o.state}
	if f != nil {
		out.Fault, out.Times = f.name, f.times
		if c.times != 0 {
			out.Times = c.times
		}
	}
	var err error
	if out.Reference, err = s.newReference(p.Vendor); err != nil {
		return settlement{}, err
	}
	if out.State == StatePaid {
		if out.RefNumber, err = s.digits(12, true); err != nil {
			return settlement{}, err
		}
		out.Due = now.Add(s.opt.ReturnAfter).UnixMilli()
		out.ByCard = p.Amount
		switch {
		case face == faceGhesta:
			out.ByCard = planFor(p.Amount).payable // and Ghesta's card fields stay empty
		case c.mask == "":
			out.Mask = testMask
		default:
			out.Mask = c.mask
		}
	}
	if c.outcome == "pay_after_expiry" {
		out.Due = now.UnixMilli()
	}
	return out, s.claimsOf(p, &out)
}

// claimsOf decides what the browser will say. Where the callback has no true reference, none exists.
func (s *Simulator) claimsOf(p *payment, out *settlement) error {
	said := claim{Reference: out.Reference, Code: p.id, Number: p.Number}
	var err error
	switch name := out.Outcome; {
	case name == "pay_twice":
		if out.Twin, err = s.newReference(p.Vendor); err != nil {
			return err
		}
		if out.Twin == out.Reference {
			return fmt.Errorf("%w: the same reference twice", errUnavailable)
		}
		out.Claims = []claim{said, {Reference: out.Twin, Code: p.id, Number: p.Number}}
		return nil
	case name == "double_callback":
		out.Claims = []claim{said, said}
		return nil
	case name == "close_tab" || name == "paid_close_tab":
		return nil
	case name == "forged_callback":
		// newReference drew a number that no payment has, and this one will not be kept.
	case name == "replay_reference":
		said.Reference, err = s.otherReference(p)
	case name == "callback_wrong_invoice":
		said.Number = "X" + p.Number
	case name == "callback_foreign_code":
		said.Code, err = s.newCode()
	case name == "callback_foreign_clientrefid":
		said.Number, err = s.digits(9, false)
	case out.State == StateCanceled:
		s.cancelClaim(p, out, &said)
	case slices.Contains(ghestaRefuses, name):
		inner := out.Reference
		out.Reference, said.Reference = "", ""
		if name == "foreign_failure_with_refid" {
			said.Reference = inner
		}
		if said.Code, err = s.newCode(); err == nil {
			said.Number, err = s.digits(9, false)
		}
	}
	out.Claims = []claim{said}
	return err
}

func (s *Simulator) cancelClaim(p *payment, out *settlement, said *claim) {
	switch {
	case out.Outcome == "canceled_empty_reference", out.Outcome == "canceled_without_reference":
		said.Reference = ""
	case p.Vendor == vendorGardeshPay:
		return // canceled at GardeshPay: a trackingNumber that only verify gives away
	case out.Outcome == "canceled_empty_refid":
		said.Reference = ""
	case out.Outcome == "canceled_minus_one":
		said.Reference = "-1"
	default:
		said.Reference = "1" // official clients store a refid only above 1000
	}
	out.Reference = ""
}

// otherReference is that of the latest other paid or captured payment at the same vendor.
func (s *Simulator) otherReference(p *payment) (string, error) {
	for _, other := range slices.Backward(s.books.payments) {
		if other.id != p.id && other.Vendor == p.Vendor && other.out.Reference != "" && (other.state == StatePaid || other.state == StateCaptured) {
			return other.out.Reference, nil
		}
	}
	return "", errNoOther
}

// statusOf is what a page answers when a choice could not be carried out.
func statusOf(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, errNoPayment):
		return http.StatusNotFound
	case errors.Is(err, errSettled), errors.Is(err, errNoOther):
		return http.StatusConflict
	case errors.Is(err, errExpired):
		return http.StatusGone
	case errors.Is(err, errNoOutcome):
		return http.StatusUnprocessableEntity
	default:
		return http.StatusServiceUnavailable
	}
}
