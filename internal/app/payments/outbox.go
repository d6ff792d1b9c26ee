package payments

import (
	"fmt"
	"slices"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/wire"
	"dargah/internal/db"
)

// notice is an event that webhooks tell of, with the invoice and the attempt as they stood when it
// happened. One step can make several events (a payment leaves another attempt unclaimed, a refusal
// hands the seat on): each body shows its own moment, and not where the step ended.
type notice struct {
	event   checkout.Event
	invoice checkout.Invoice
	attempt *checkout.Attempt // nil when it concerns the invoice
}

// webhookTypes are the types that endpoints may hear of.
var webhookTypes = checkout.WebhookTypes()

// notify remembers an event that just happened. Copies cost little; whether somebody wants to hear
// of it is asked when the step is saved.
func (s *step) notify(e *checkout.Event) error {
	if !slices.Contains(webhookTypes, e.Type) {
		return nil
	}
	n := notice{event: *e, invoice: *s.inv}
	if strings.HasPrefix(e.Type, "attempt.") {
		if s.moved == nil || s.moved.ID != e.AttemptID {
			return fmt.Errorf("event %s of %s, which did not move", e.Type, e.AttemptID) // no endpoint would hear of it
		}
		n.attempt = s.moved
	}
	s.notices = append(s.notices, n)
	return nil
}

// sendOut writes down, in the transaction of the step, what the merchant's endpoints are told. A
// merchant without endpoints costs nothing: that there are none is remembered under his revision,
// which every read of an invoice brings.
func (s *step) sendOut() error {
	notices := s.notices
	s.notices = nil
	if len(notices) == 0 {
		return nil
	}
	endpoints, err := s.engine.endpoints(s.tx, s.inv)
	if err != nil {
		return err
	}
	var messages []checkout.Message
	var deliveries []checkout.Delivery
	for i := range notices {
		n := &notices[i]
		told := s.tell(n, endpoints)
		if len(told) == 0 {
			continue
		}
		m, err := s.message(n)
		if err != nil {
			return err
		}
		messages, deliveries = append(messages, m), append(deliveries, told...)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := s.tx.InsertMessages(messages, deliveries); err != nil {
		return err
	}
	crash.At("outbox.messages-in")
	return nil
}

// tell makes a delivery for each endpoint that hears of a notice. One that is disabled gets it when
// somebody enables it.
func (s *step) tell(n *notice, endpoints []checkout.Endpoint) []checkout.Delivery {
	var list []checkout.Delivery
	now := s.tx.Now()
	for i := range endpoints {
		e := &endpoints[i]
		if !e.Wants(n.event.Type) {
			continue
		}
		d := checkout.Delivery{
			ID: checkout.NewID(checkout.PrefixDelivery, now, s.engine.Random), EventID: db.EventID(n.event.InvoiceID, n.event.Sequence),
			EndpointID: e.ID, Type: n.event.Type, Status: checkout.DeliveryPending, NextAt: now, CreatedAt: now,
		}
		if !e.DisabledAt.IsZero() {
			d.Status, d.NextAt = checkout.DeliveryHeld, d.LeaseUntil // zero
		}
		list = append(list, d)
	}
	return list
}

// message renders a notice: these bytes are kept, signed and sent, however often.
func (s *step) message(n *notice) (checkout.Message, error) {
	var data any = wire.NewInvoice(&n.invoice, s.engine.PaymentURL(&n.invoice))
	if n.attempt != nil {
		data = wire.NewAttempt(n.attempt)
	}
	id := db.EventID(n.event.InvoiceID, n.event.Sequence)
	body, err := wire.Marshal(wire.NewMessage(&n.event, id, n.invoice.Live, data))
	if err != nil {
		return checkout.Message{}, fmt.Errorf("message of %s: %w", id, err)
	}
	return checkout.Message{
		EventID: id, MerchantID: n.invoice.MerchantID, Live: n.invoice.Live, Type: n.event.Type, Body: string(body), CreatedAt: n.event.CreatedAt,
	}, nil
}

// endpoints are those of an invoice's merchant and mode, remembered or read.
func (e *Engine) endpoints(tx *db.Tx, inv *checkout.Invoice) ([]checkout.Endpoint, error) {
	o, err := e.office(tx, inv)
	if err != nil {
		return nil, err
	}
	return o.endpoints, nil
}
