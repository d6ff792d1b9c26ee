package payments

import (
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// step is one act on one invoice: inside a transaction, under the invoice's lock. It collects
// events and the invoice's new state and writes the invoice once, at the end, as a compare-and-set.
// If the process dies before the commit, nothing of the step ever happened.
type step struct {
	engine  *Engine
	tx      *db.Tx
	inv     *checkout.Invoice
	from    checkout.InvoiceStatus
	fromSeq int64
	by      checkout.Actor
	events  []checkout.Event // not written yet
	// alone: the invoice had no other open reference when the step began, so nothing waits for the seat.
	alone bool
	// notices are what webhooks tell of, and moved is the attempt as its last move left it: see outbox.go.
	notices []notice
	moved   *checkout.Attempt
	// run, shop and rules are set for a line of a file: which one, and what all its lines have in common.
	run   string
	shop  *checkout.Merchant
	rules *checkout.Rules
}

// begin takes the invoice's lock. Nothing that was read before it may be decided upon.
func (e *Engine) begin(tx *db.Tx, invoiceID string, by checkout.Actor) (*step, error) {
	inv, err := tx.LockInvoice(invoiceID)
	if err != nil {
		return nil, err
	}
	return e.on(tx, inv, by), nil
}

// on makes a step of an invoice whose lock is taken.
func (e *Engine) on(tx *db.Tx, inv *checkout.Invoice, by checkout.Actor) *step {
	return &step{engine: e, tx: tx, inv: inv, from: inv.Status, fromSeq: inv.EventSeq, by: by}
}

// moveInvoice changes the invoice's state in memory; save writes it.
func (s *step) moveInvoice(to checkout.InvoiceStatus) error {
	if s.inv.Status == to {
		return nil
	}
	if !s.inv.Status.CanMove(to) {
		return fmt.Errorf("invoice %s: no move from %s to %s: %w", s.inv.ID, s.inv.Status, to, checkout.Conflict)
	}
	s.inv.Status = to
	return nil
}

// moveAttempt writes an attempt's new state at once: the seat's unique index must see it.
func (s *step) moveAttempt(a *checkout.Attempt, to checkout.AttemptStatus) error {
	from := a.Status
	a.Status = to
	if err := s.tx.MoveAttempt(a, from); err != nil {
		a.Status = from
		return err
	}
	moved := *a
	s.moved = &moved
	return nil
}

// save writes the invoice, if anything happened to it, and its events.
func (s *step) save() error {
	if s.inv.EventSeq == s.fromSeq && s.inv.Status == s.from {
		return nil
	}
	// A step may pass through a state (processing → open → processing when the seat is handed on);
	// what counts for the law is where it began and where it ends.
	from := s.from
	if s.inv.Status != from && !from.CanMove(s.inv.Status) {
		return fmt.Errorf("invoice %s: no move from %s to %s: %w", s.inv.ID, from, s.inv.Status, checkout.Conflict)
	}
	if err := s.tx.SaveInvoice(s.inv, from, s.fromSeq); err != nil {
		return err
	}
	crash.At("step.invoice-in")
	if err := s.tx.InsertEvents(s.events); err != nil {
		return err
	}
	if err := s.record(); err != nil {
		return err
	}
	if err := s.letters(); err != nil {
		return err
	}
	crash.At("step.events-in")
	if err := s.sendOut(); err != nil {
		return err
	}
	s.from, s.fromSeq, s.events = s.inv.Status, s.inv.EventSeq, nil
	return nil
}

// event appends one event to the invoice's chain; save writes it.
func (s *step) event(kind, attemptID, gatewayID string, data facts) error {
	text, err := data.text()
	if err != nil {
		return fmt.Errorf("event %s: %w", kind, err)
	}
	s.inv.EventSeq++
	e := checkout.Event{
		InvoiceID: s.inv.ID, AttemptID: attemptID, Sequence: s.inv.EventSeq, Type: kind, Actor: s.by.String(),
		RequestID: s.by.RequestID, GatewayID: gatewayID, Data: text, CreatedAt: s.tx.Now(),
	}
	s.inv.EventHash = checkout.EventHash(s.inv.EventHash, &e)
	s.events = append(s.events, e)
	return s.notify(&e)
}

// record writes a person's act into the log of what people do. The first event of a step is the act,
// the others are what came of it. Programs and customers cost nothing here.
func (s *step) record() error {
	if s.by.Kind != "user" || len(s.events) == 0 {
		return nil
	}
	e := &s.events[0]
	return s.tx.Record(&checkout.Deed{
		ID:         checkout.NewID(checkout.PrefixDeed, s.tx.Now(), s.engine.Random),
		MerchantID: s.inv.MerchantID, Live: s.inv.Live, By: s.by, Area: checkout.AreaInvoice, Kind: e.Type, Object: s.inv.ID, Name: s.inv.Number, Details: e.Data,
	})
}
