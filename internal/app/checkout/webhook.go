package checkout

import (
	"slices"
	"time"
)

// EventWebhookTest is what a merchant sends to his own endpoint to try it: no event of an invoice.
const EventWebhookTest = "webhook.test"

// WebhookTypes are the types of events that endpoints hear of (CONTRACT §8), in its order.
func WebhookTypes() []string {
	return []string{
		EventInvoiceCreated, EventInvoicePaid, EventInvoiceExpired, EventInvoiceCanceled, EventInvoiceRefunded,
		EventAttemptRedirected, EventAttemptFailed, EventAttemptCanceled, EventAttemptAbandoned, EventAttemptUnclaimed, EventAttemptNeedsReview,
	}
}

// Endpoint is where a merchant's program hears of events.
type Endpoint struct {
	ID         string
	MerchantID string
	Live       bool
	URL        string
	Types      []string         // none is every type
	Secrets    []EndpointSecret // newest first
	// FailingSince is when the first of the tries failed that nothing but failures followed; zero
	// when the last one succeeded.
	FailingSince time.Time
	// DisabledAt is since when nothing is sent there by itself, DisabledWhy the reason: "failing" or "gone".
	DisabledAt  time.Time
	DisabledWhy string
	CreatedAt   time.Time
}

// Why an endpoint is disabled.
const (
	DisabledFailing = "failing" // a delivery used up all its tries, and nothing arrived in all that time
	DisabledGone    = "gone"    // it answered 410
)

// EndpointSecret is one secret of an endpoint, sealed. Until is when it stops to sign; zero: it is
// the present one.
type EndpointSecret struct {
	Sealed string
	Until  time.Time
}

// Wants reports whether an endpoint hears of a type.
func (e *Endpoint) Wants(kind string) bool {
	return len(e.Types) == 0 || slices.Contains(e.Types, kind)
}

// Message is what endpoints are told about one event: the exact bytes of the body.
type Message struct {
	EventID    string // and webhook-id
	MerchantID string
	Live       bool
	Type       string
	Body       string
	CreatedAt  time.Time
}

// DeliveryStatus is where the delivery of one message to one endpoint stands.
type DeliveryStatus string

// The states of a delivery.
const (
	// DeliveryPending: due, or on its way, or to be tried again.
	DeliveryPending DeliveryStatus = "pending"
	// DeliveryHeld: the endpoint is disabled; it is sent when somebody enables it.
	DeliveryHeld DeliveryStatus = "held"
	// DeliverySucceeded: the receiver answered 2xx.
	DeliverySucceeded DeliveryStatus = "succeeded"
	// DeliveryFailed: every try of the schedule failed.
	DeliveryFailed DeliveryStatus = "failed"
)

// DeliveryStatuses lists every state.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{DeliveryPending, DeliveryHeld, DeliverySucceeded, DeliveryFailed}
}

// Delivery is one message for one endpoint.
type Delivery struct {
	ID         string
	EventID    string
	EndpointID string
	Type       string
	Status     DeliveryStatus
	Attempts   int  // tries there ever were
	Round      int  // failed ones of the present schedule
	ByHand     bool // somebody asked for it: sent to a disabled endpoint, too
	LastStatus int  // HTTP status of the last answer, 0 when there was none
	NextAt     time.Time
	LeaseUntil time.Time
	Fence      int64
	CreatedAt  time.Time
}

// Try is one try of a delivery.
type Try struct {
	Attempt int
	At      time.Time
	Took    time.Duration
	Status  int    // HTTP status, 0 when nothing was heard
	Failure string // why nothing was heard, "" otherwise
	Answer  string // the first words of the answer, redacted
}
