package checkout

import (
	"strings"
	"time"
)

// Event is what happened to an invoice: immutable, numbered within its invoice, chained by hash.
// It holds no personal data beyond the card mask, and no token (CONTRACT §6.7).
type Event struct {
	ID        string // "evt_" + the invoice's body + sequence: stable over retries and restores
	InvoiceID string
	AttemptID string // "" when it concerns the invoice alone
	Sequence  int64
	Type      string
	Actor     string // customer, gateway, system, user:…, key:…
	RequestID string // our own request's
	GatewayID string // X-PayPingRequest-ID
	Data      string // JSON object
	CreatedAt time.Time
}

// The types of events.
const (
	EventInvoiceCreated  = "invoice.created"
	EventInvoiceUpdated  = "invoice.updated"
	EventInvoiceSent     = "invoice.sent"
	EventInvoicePaid     = "invoice.paid"
	EventInvoiceExpired  = "invoice.expired"
	EventInvoiceCanceled = "invoice.canceled"
	EventInvoiceReopened = "invoice.reopened"
	EventInvoiceRefunded = "invoice.refunded"

	EventAttemptCreated     = "attempt.created"
	EventAttemptRedirected  = "attempt.redirected"
	EventAttemptReturned    = "attempt.returned"
	EventAttemptFailed      = "attempt.failed"
	EventAttemptCanceled    = "attempt.canceled"
	EventAttemptAbandoned   = "attempt.abandoned"
	EventAttemptUnclaimed   = "attempt.unclaimed"
	EventAttemptNeedsReview = "attempt.needs_review"
	EventAttemptResolved    = "attempt.resolved"

	EventCallbackReceived = "callback.received"
	EventCallbackMismatch = "callback.mismatch"
	EventCallbackRejected = "callback.rejected"
	EventVerifyAsked      = "verify.asked"
	EventVerifyAnswered   = "verify.answered"
)

// Feed is all events of a merchant in one mode, in the order of their commits.
type Feed struct {
	MerchantID string
	Live       bool
}

// Actor says who did it. The zero value is the system.
type Actor struct {
	Kind      string // "customer", "gateway", "user", "key", "system"
	ID        string // key_… or usr_…, "" otherwise
	RequestID string
	// From where, of a person: the address and the browser's own word. They stand in deeds, never in events.
	Address, Agent string
}

// String renders the actor as it stands in events: "customer", "key:key_…".
func (a Actor) String() string {
	if a.Kind == "" {
		return "system"
	}
	if a.ID == "" {
		return a.Kind
	}
	return a.Kind + ":" + a.ID
}

// ParseActor reads what String rendered.
func ParseActor(s string) (kind, id string) {
	kind, id, _ = strings.Cut(s, ":")
	if kind == "system" {
		kind = ""
	}
	return kind, id
}
