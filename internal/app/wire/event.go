package wire

import (
	"encoding/json"
	"time"

	"dargah/internal/app/checkout"
)

// Event is what happened to an invoice, as a program sees it.
type Event struct {
	ID               string          `json:"id" example:"evt_06epz6r5c8g4hnqk2vt0s9wxy1"`
	Type             string          `json:"type" example:"invoice.created"`
	Sequence         int64           `json:"sequence" doc:"Number within the invoice, from 1 on, without gaps." example:"1"`
	InvoiceID        string          `json:"invoice_id" example:"inv_06epz6r5c8g4hnqk2vt0s9wxy"`
	AttemptID        *string         `json:"attempt_id" doc:"Null when it concerns the invoice alone." example:"att_06epz6vq1m3d8f5a7j2k4n6pr"`
	Actor            string          `json:"actor" doc:"customer, gateway, system, user:<id> or key:<id>." example:"key:key_06epz5t0a2b4c6d8e0f2g4h6j"`
	RequestID        *string         `json:"request_id" doc:"X-Request-ID of the request that caused it." example:"req_5f2b9c0d1e3a4f68"`
	GatewayRequestID *string         `json:"gateway_request_id" doc:"The gateway's own request id, to ask its support with." example:"0HN7L2C9"`
	Data             json.RawMessage `json:"data" doc:"An object; its members depend on the type."`
	CreatedAt        time.Time       `json:"created_at" example:"2026-11-22T09:30:00.125Z"`
}

// NewEvent renders an event.
func NewEvent(e *checkout.Event) Event {
	data := json.RawMessage(e.Data)
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	return Event{
		ID:               e.ID,
		Type:             e.Type,
		Sequence:         e.Sequence,
		InvoiceID:        e.InvoiceID,
		AttemptID:        text(e.AttemptID),
		Actor:            e.Actor,
		RequestID:        text(e.RequestID),
		GatewayRequestID: text(e.GatewayID),
		Data:             data,
		CreatedAt:        e.CreatedAt.UTC(),
	}
}
