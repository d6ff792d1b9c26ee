// Package evidence is the history of one invoice in one file, for a dispute with a bank or a gateway:
// what was asked, each attempt, every event with the gateway's redacted words, who was told. Events are
// chained by hash, a signed statement holds the hash of each part, and reading the file again proves
// that nothing in it was changed: without a database, and without our secret.
package evidence

import (
	"encoding/json"
	"time"
)

// Format names this layout; a file of another is refused, not guessed at.
const Format = "dargah-evidence/1"

// Domain is what the installation's key signs statements for.
const Domain = "evidence"

// Parts are the members that the statement holds the hashes of, in the order of the file.
var Parts = []string{"invoice", "attempts", "refunds", "letters", "deliveries", "events"}

// Statement is what is signed: whose file it is, when it was made, and the hash of each part.
type Statement struct {
	MadeAt      time.Time         `json:"made_at"`
	MadeBy      string            `json:"made_by"`  // the installation's public origin
	Merchant    string            `json:"merchant"` // its id
	Shop        string            `json:"shop"`     // its name
	InvoiceID   string            `json:"invoice_id"`
	EventsCount int64             `json:"events_count"`
	EventsHash  string            `json:"events_hash"` // of the last event: the head of the chain
	Parts       map[string]string `json:"parts"`       // SHA-256 in hex
}

// file is the layout. Parts stay as they are written: what was hashed is what is read.
type file struct {
	Format     string          `json:"format"`
	Statement  json.RawMessage `json:"statement"`
	Key        string          `json:"key"`       // Ed25519, base64url
	Signature  string          `json:"signature"` // of the statement without its white space
	Invoice    json.RawMessage `json:"invoice"`
	Attempts   json.RawMessage `json:"attempts"`
	Refunds    json.RawMessage `json:"refunds"`
	Letters    json.RawMessage `json:"letters"`
	Deliveries json.RawMessage `json:"deliveries"`
	Events     json.RawMessage `json:"events"`
}

func (f *file) part(name string) *json.RawMessage {
	switch name {
	case "invoice":
		return &f.Invoice
	case "attempts":
		return &f.Attempts
	case "refunds":
		return &f.Refunds
	case "letters":
		return &f.Letters
	case "deliveries":
		return &f.Deliveries
	}
	return &f.Events
}

// Invoice is what was asked for. The payment link is not in it: a file is handed on.
type Invoice struct {
	ID             string     `json:"id"`
	Number         string     `json:"number"`
	Livemode       bool       `json:"livemode"`
	Status         string     `json:"status"`
	Amount         int64      `json:"amount"` // rial, as everywhere
	AmountRefunded int64      `json:"amount_refunded"`
	Description    string     `json:"description"`
	Reference      string     `json:"reference"`
	Customer       Customer   `json:"customer"`
	Items          []Item     `json:"items"`
	CreatedAt      time.Time  `json:"created_at"`
	ExpiresAt      time.Time  `json:"expires_at"`
	PaidAt         *time.Time `json:"paid_at"`
	CanceledAt     *time.Time `json:"canceled_at"`
	PaidBy         string     `json:"paid_by"` // the attempt
}

// Customer is who was asked to pay.
type Customer struct {
	Name   string `json:"name"`
	Mobile string `json:"mobile"`
	Email  string `json:"email"`
}

// Item is one line of the invoice.
type Item struct {
	Title      string `json:"title"`
	Quantity   int64  `json:"quantity"`
	UnitAmount int64  `json:"unit_amount"`
}

// Attempt is one try to pay, with what was sent on the wire.
type Attempt struct {
	ID             string     `json:"id"`
	Gateway        string     `json:"gateway"`
	Status         string     `json:"status"`
	Amount         int64      `json:"amount"`
	WireAmount     int64      `json:"wire_amount"`
	WireUnit       string     `json:"wire_unit"`
	OurNumber      string     `json:"our_number"`
	VerifyHost     string     `json:"verify_host"`
	TrackingNumber string     `json:"tracking_number"`
	RefNumber      string     `json:"ref_number"`
	CardMask       string     `json:"card_mask"`
	Failure        *Failure   `json:"failure"`
	CreatedAt      time.Time  `json:"created_at"`
	RedirectedAt   *time.Time `json:"redirected_at"`
	ReturnedAt     *time.Time `json:"returned_at"`
	VerifiedAt     *time.Time `json:"verified_at"`
	VerifyDeadline *time.Time `json:"verify_deadline"`
}

// Failure is why an attempt did not pay, in the gateway's own words.
type Failure struct {
	Stage   string `json:"stage"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Refund is what the merchant recorded as given back.
type Refund struct {
	ID        string    `json:"id"`
	Amount    int64     `json:"amount"`
	Reason    string    `json:"reason"`
	Actor     string    `json:"actor"`
	CreatedAt time.Time `json:"created_at"`
}

// Letter is one that told of the invoice; the reader's address is masked.
type Letter struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	To        string     `json:"to"`
	Status    string     `json:"status"`
	Reason    string     `json:"reason"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Delivery is one webhook that told of the invoice, with each try.
type Delivery struct {
	ID        string    `json:"id"`
	EventID   string    `json:"event_id"`
	Type      string    `json:"type"`
	To        string    `json:"to"` // the endpoint's host
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
	Tries     []Try     `json:"tries"`
}

// Try is one try of a delivery.
type Try struct {
	At      time.Time `json:"at"`
	Status  int       `json:"status"`
	Failure string    `json:"failure"`
}

// Event is one thing that happened. Hash is of everything in it and of the hash before it.
type Event struct {
	Sequence         int64           `json:"sequence"`
	ID               string          `json:"id"`
	Type             string          `json:"type"`
	AttemptID        string          `json:"attempt_id"`
	Actor            string          `json:"actor"`
	RequestID        string          `json:"request_id"`
	GatewayRequestID string          `json:"gateway_request_id"`
	CreatedAt        time.Time       `json:"created_at"`
	Data             json.RawMessage `json:"data"`
	Hash             string          `json:"hash"`
}
