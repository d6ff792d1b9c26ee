package webhooks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/tracing"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// parcel is one delivery, ready to go.
type parcel struct {
	id       string
	fence    int64
	endpoint checkout.Endpoint
	message  checkout.Message
	byHand   bool
}

// Deliver is the handler of claimed deliveries: it sends, and records how it went. If we die before we
// send, or before we record, the lease runs out and it is sent again, under the same id.
func (h *Hooks) Deliver(ctx context.Context, job checkout.Job) error {
	endpointID, _, _ := strings.Cut(job.Payload, " ")
	defer h.lanes.end(endpointID)
	p, err := h.open(ctx, job)
	if err != nil || p == nil {
		return err
	}
	ctx, span := tracing.After(ctx, "webhook", db.InvoiceOfEvent(p.message.EventID), caused(&p.message))
	defer span.End()
	try, wait := h.try(ctx, p)
	span.Set("delivery.id", p.id)
	span.Set("endpoint.id", p.endpoint.ID)
	span.Set("event.type", p.message.Type)
	span.SetInt("http.response.status_code", int64(try.Status))
	span.Fail(!success(try.Status))
	if ctx.Err() != nil {
		return nil // cut off by the drain: no fault of the receiver's; sent again after the next start
	}
	h.lanes.heard(endpointID, success(try.Status))
	return h.record(ctx, p, try, wait)
}

// caused is the event under which a delivery stands in a trace: that of a payment. What people, programs or
// the clock did has none.
func caused(m *checkout.Message) string {
	if m.Type == checkout.EventInvoicePaid || strings.HasPrefix(m.Type, "attempt.") {
		return m.EventID
	}
	return ""
}

// open reads what is to be sent, to whom and with which secrets as of now. nil: it is not to be sent,
// because the endpoint was removed or disabled meanwhile, or because another has claimed it since.
func (h *Hooks) open(ctx context.Context, job checkout.Job) (*parcel, error) {
	p := &parcel{id: job.Key, fence: job.Fence}
	_, eventID, _ := strings.Cut(job.Payload, " ")
	var hold bool
	err := h.DB.View(ctx, func(tx *db.Tx) error {
		hold = false
		d, err := tx.Delivery(job.Key)
		if err != nil {
			return err
		}
		if d.Fence != job.Fence || d.Status != checkout.DeliveryPending {
			return checkout.NotFound
		}
		e, err := tx.Endpoint(d.EndpointID)
		if err != nil {
			return err
		}
		m, err := tx.Message(eventID)
		if err != nil {
			return err
		}
		p.endpoint, p.message, p.byHand = *e, *m, d.ByHand
		hold = !e.DisabledAt.IsZero() && !d.ByHand
		return nil
	})
	if errors.Is(err, checkout.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if hold {
		return nil, h.hold(ctx, p)
	}
	return p, nil
}

// hold keeps a delivery that was written down before its endpoint was disabled.
func (h *Hooks) hold(ctx context.Context, p *parcel) error {
	return h.DB.Update(ctx, func(tx *db.Tx) error {
		d, err := tx.LockDelivery(p.id)
		if err != nil || d.Fence != p.fence || d.Status != checkout.DeliveryPending {
			return err
		}
		d.Status, d.NextAt, d.LeaseUntil = checkout.DeliveryHeld, time.Time{}, time.Time{}
		return tx.SaveDelivery(d)
	})
}

// try sends once. It also returns how long the receiver asks us to wait.
func (h *Hooks) try(ctx context.Context, p *parcel) (checkout.Try, time.Duration) {
	began := h.Now()
	t := checkout.Try{At: began}
	body := []byte(p.message.Body)
	secrets, err := h.secrets(&p.endpoint, began)
	var sign string
	if err == nil {
		sign, err = signatures(secrets, p.message.EventID, began, body)
	}
	if err != nil {
		h.Log.Error("webhook not signed", slog.String("endpoint", p.endpoint.ID), slog.String("delivery", p.id), slog.Any("err", err))
		t.Failure = failedInternal
		return t, 0
	}
	got := h.post.send(ctx, p.endpoint.URL, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Dargah-Webhooks/1"},
		"Webhook-Id": {p.message.EventID}, "Webhook-Timestamp": {strconv.FormatInt(began.Unix(), 10)}, "Webhook-Signature": {sign},
	}, body)
	t.Took, t.Status, t.Failure = h.Now().Sub(began), got.status, got.failure
	// Receivers may send back what they were sent, in error pages above all.
	hide := append([]string{sign}, strings.Fields(sign)...)
	for _, s := range secrets {
		hide = append(hide, s, strings.TrimPrefix(s, secretPrefix))
	}
	t.Answer = gateways.NewRedactor(hide).Text(string(got.answer), keptAnswer)
	return t, retryAfter(got.retryAfter, h.Now())
}

func success(status int) bool { return status >= 200 && status <= 299 }

const (
	recordTries  = 5
	recordWithin = 5 * time.Second
)

// record writes a try down, and what follows from it. A store that is away is waited for, for a while;
// then the lease runs out, and it is sent again.
func (h *Hooks) record(ctx context.Context, p *parcel, t checkout.Try, wait time.Duration) error {
	for try, pause := 1, 200*time.Millisecond; ; try, pause = try+1, 2*pause {
		err := h.recordOnce(ctx, p, t, wait)
		crash.At("webhook.recorded")
		if err == nil || try == recordTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (h *Hooks) recordOnce(ctx context.Context, p *parcel, t checkout.Try, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	disabled := ""
	err := h.DB.Update(ctx, func(tx *db.Tx) (err error) {
		disabled, err = h.settle(tx, p, t, wait)
		return err
	})
	if err == nil && disabled != "" {
		h.Log.Warn("webhook endpoint disabled", slog.String("endpoint", p.endpoint.ID), slog.String("merchant", p.endpoint.MerchantID), slog.String("why", disabled))
	}
	return err
}
