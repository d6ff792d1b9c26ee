// Package checkout holds the words of the trade: invoice, attempt, reference, event, merchant,
// their states and the moves between them. Pure values, no I/O, no tags: every floor above may
// import it, it imports only money.
package checkout

import (
	"slices"
	"time"

	"dargah/internal/app/money"
)

// InvoiceStatus is the state of an invoice (CONTRACT §6).
type InvoiceStatus string

// The states of an invoice.
const (
	// InvoiceOpen: payable. A customer may be out at a gateway.
	InvoiceOpen InvoiceStatus = "open"
	// InvoiceProcessing: one attempt holds the seat and is being verified. The verify job moves
	// it on; after a crash the job is taken up again.
	InvoiceProcessing InvoiceStatus = "processing"
	// InvoicePaid: final. Refunds are recorded beside it.
	InvoicePaid InvoiceStatus = "paid"
	// InvoiceReview: an attempt is needs_review. Only a person moves it on.
	InvoiceReview InvoiceStatus = "review"
	// InvoiceExpired: its time passed; an attempt that began before is still honoured.
	InvoiceExpired InvoiceStatus = "expired"
	// InvoiceCanceled: the merchant withdrew it. What comes back now is not verified on purpose.
	InvoiceCanceled InvoiceStatus = "canceled"
)

// invoiceMoves is the law of CONTRACT §6; SQL repeats it in WHERE, the schema in CHECK.
var invoiceMoves = map[InvoiceStatus][]InvoiceStatus{
	InvoiceOpen:       {InvoiceProcessing, InvoiceReview, InvoiceExpired, InvoiceCanceled},
	InvoiceProcessing: {InvoicePaid, InvoiceReview, InvoiceOpen, InvoiceExpired},
	InvoiceReview:     {InvoicePaid, InvoiceOpen, InvoiceExpired},
	InvoiceExpired:    {InvoiceProcessing, InvoiceReview, InvoiceCanceled},
	InvoicePaid:       {},
	InvoiceCanceled:   {},
}

// InvoiceStatuses lists every state, in the order of the contract.
func InvoiceStatuses() []InvoiceStatus {
	return []InvoiceStatus{InvoiceOpen, InvoiceProcessing, InvoicePaid, InvoiceReview, InvoiceExpired, InvoiceCanceled}
}

// CanMove reports whether an invoice may go from s to next.
func (s InvoiceStatus) CanMove(next InvoiceStatus) bool {
	return slices.Contains(invoiceMoves[s], next)
}

// Invoice is a request for one amount from one customer.
type Invoice struct {
	ID         string
	MerchantID string
	Live       bool
	Number     string // per merchant and mode, "1001"
	Token      string // of the payment link; never logged, never in events
	Status     InvoiceStatus

	Amount         money.Rial
	AmountRefunded money.Rial

	Description string
	Reference   string // the merchant's own
	Customer    Customer
	Items       []Item
	Gateways    []string // which gateways may take it; never empty
	ReturnURL   string
	Locale      string            // "fa" or "en"
	Metadata    map[string]string // the merchant's own
	SendEmail   bool

	CreatedAt  time.Time
	ExpiresAt  time.Time
	PaidAt     time.Time // zero unless paid
	CanceledAt time.Time // zero unless canceled

	// Payment is the attempt that paid, nil unless paid.
	Payment *Payment

	// AttemptCount is how many attempts were ever made.
	AttemptCount int
	// EventSeq and EventHash are the head of the invoice's event chain.
	EventSeq  int64
	EventHash string
	// MerchantRevision is the merchant's when the invoice was read by itself, 0 in lists.
	MerchantRevision int64
}

// At returns the status as of now: an open invoice whose time has passed is expired even before
// the sweep has written it down.
func (i *Invoice) At(now time.Time) InvoiceStatus {
	if i.Status == InvoiceOpen && !now.Before(i.ExpiresAt) {
		return InvoiceExpired
	}
	return i.Status
}

// Resting is where an invoice falls back to when a verify or a review ends without payment: open,
// or expired when its time has passed (CONTRACT §6).
func (i *Invoice) Resting(now time.Time) InvoiceStatus {
	if now.Before(i.ExpiresAt) {
		return InvoiceOpen
	}
	return InvoiceExpired
}

// Customer is who is asked to pay. All fields may be empty. Personal data: never in events or logs.
type Customer struct{ Name, Mobile, Email string }

// Item is one line of an invoice; UnitAmount in rial.
type Item struct {
	Title      string
	Quantity   int64
	UnitAmount money.Rial
}

// Payment is what paid an invoice.
type Payment struct {
	AttemptID      string
	Gateway        string
	RefNumber      string
	TrackingNumber string
	CardMask       string
	Amount         money.Rial
	PaidAt         time.Time
	Manual         bool // a person resolved it
}
