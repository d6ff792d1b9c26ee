// Package gateways is the contract between the engine and the vendors' protocols.
// A Gateway knows how one vendor speaks: how a payment is started, what a browser brings
// back, and what an answer to verify proves. It decides nothing and stores nothing.
package gateways

import (
	"context"
	"net/url"
	"time"

	"dargah/internal/app/money"
)

// Settings are one account's keys and values (CONTRACT §5), with the defaults filled in.
// Secrets (gardeshpay: provider_token; ghesta: token) are among them in the clear; they live
// in memory only.
type Settings map[string]string

// Gateway is one vendor's protocol. Its methods are safe for concurrent use.
type Gateway interface {
	// Name is "gardeshpay" or "ghesta".
	Name() string
	// Keys lists what may be set, in the order of CONTRACT §5.
	Keys() []Key
	// Check returns the first wrong value of s as a *SettingError. It expects every key present.
	Check(s Settings) error
	// Start asks the vendor for a token and says where to send the customer.
	// Any error means that the customer cannot be sent on; it is a *StartError.
	Start(ctx context.Context, s Settings, r StartRequest) (Started, error)
	// ParseCallback reads what a browser brought. It is pure. The error is a *CallbackError
	// that names what is malformed; a claim is believed by nobody before verify.
	ParseCallback(values url.Values) (Claim, error)
	// Verify asks the vendor about one reference, and captures the money when it was paid.
	// It always answers: what was not heard is Unknown, never an error and never a refusal.
	Verify(ctx context.Context, s Settings, r VerifyRequest) Answer
}

// Key describes one setting of an account.
type Key struct {
	Name    string
	Default string
	Secret  bool
	// Operator says that only the operator may set it (addresses and hosts, CONTRACT §5).
	Operator bool
	// Required says that an empty value cannot be saved for a live account.
	Required bool
}

// SettingError names a wrong setting and what was expected, for people.
type SettingError struct {
	Key, Expected string
}

func (e *SettingError) Error() string { return e.Key + ": expected " + e.Expected }

// StartRequest is what an attempt asks for.
type StartRequest struct {
	WireAmount int64 // in the account's unit (rial or toman), frozen in the attempt
	OurNumber  string
	Callback   string // absolute, no query of its own
	At         time.Time
	PayerName  string
	Mobile     string // 09xxxxxxxxx or empty
	Email      string
	// Description is what the invoice is for; vendors show it to the payer.
	Description string
}

// Started is a vendor's promise to take the customer.
type Started struct {
	Token     string // gateway token (GardeshPay) or payment code (PayPing)
	Redirect  string // absolute URL for the browser, already checked against the account's hosts
	RequestID string // X-PayPingRequest-ID, when there is one
	Body      string // the raw answer, redacted and capped
}

// StartError says why a customer cannot be sent on.
type StartError struct {
	// Trouble is true when the vendor did not answer as documented (down, slow, lying): it
	// counts for the circuit breaker. False is a refusal that the vendor explained.
	Trouble   bool
	Code      string
	Message   string // the vendor's own words or a short technical reason; untrusted text
	RequestID string
	Body      string
	Err       error
}

func (e *StartError) Error() string {
	if e.Err != nil {
		return "start: " + e.Err.Error()
	}
	return "start refused: " + e.Code
}

func (e *StartError) Unwrap() error { return e.Err }

// Claim is what a callback says. Nothing of it is proof.
type Claim struct {
	// Reference is the trackingNumber or refid as received, within [A-Za-z0-9._~-]{1,64};
	// empty when Canceled.
	Reference string
	// Canceled says that the callback carries the vendor's sign of a cancellation: no reference
	// (GardeshPay), or an empty one, a number up to 1000 or one that begins with "-" (PayPing).
	Canceled bool
	// OurNumber is the invoiceNumber or clientrefid that the callback names, "" when absent.
	OurNumber string
	// Token is the payment code that a PayPing callback names, "" when absent.
	Token string
	// Fields are all fields as received, escaped to printable text and capped, for the record.
	// Card numbers in them are masked, card hashes dropped.
	Fields map[string]string
}

// CallbackError is a malformed callback: it changes nothing.
type CallbackError struct{ Field, Problem string }

func (e *CallbackError) Error() string { return e.Field + ": " + e.Problem }

// Malformed marks the error for the pages, which answer 400 and may not know this package.
func (e *CallbackError) Malformed() {}

// VerifyRequest is the question about one reference.
type VerifyRequest struct {
	Reference  string // as received
	WireAmount int64  // frozen in the attempt, in the unit it was started with
	OurNumber  string // frozen: the invoiceNumber or clientRefId of the attempt
	VerifyURL  string // frozen in the attempt
	// Secrets are what an answer might repeat and no record may keep: the callback's address, the
	// gateway token, the payer's name and mobile.
	Secrets []string
}

// Outcome is what an answer to verify proves.
type Outcome int

// The outcomes. The zero value knows nothing, on purpose.
const (
	// Unknown: not heard, not documented, or self-contradicting. Ask again.
	Unknown Outcome = iota
	// Paid: the vendor says success for our own number (where it tells one) and our own amount.
	Paid
	// AlreadyVerified: PayPing code 15. It proves nothing by itself; our journal decides.
	AlreadyVerified
	// Refused: a documented no.
	Refused
	// Canceled: the vendor says that the customer canceled (PayPing code 1).
	Canceled
	// Review: the vendor answered clearly, but for another amount or invoice, or says that our
	// settings or amount are wrong (PayPing 46, 47). A person decides.
	Review
)

func (o Outcome) String() string {
	return [...]string{"unknown", "paid", "already_verified", "refused", "canceled", "review"}[o]
}

// Answer is the outcome of one verify call, with its evidence.
type Answer struct {
	Outcome Outcome

	// Of Paid:
	RefNumber      string // the bank's reference; text
	CardMask       string // masked by us if the vendor did not; "" when none was told
	CardHash       string // "" when none was told; never leaves the database
	VerifiedBefore bool   // GardeshPay's flag

	// Of Refused, Canceled and Review:
	Code    string // the vendor's code as text, "" when none; for our own findings a word such as amount_mismatch, invoice_mismatch
	Message string // untrusted text, capped
	Soft    bool   // of Refused: the vendor may take it back, so it is asked again (CONTRACT §6.4)
	Hard    bool   // of Refused: the reference yields to an attempt that names its own number (CONTRACT §6.1)

	// Evidence:
	Sent      bool   // false when the request certainly never left (no connection, our own error)
	Unheard   bool   // sent, and its answer is not known to us: time-out, reset, 5xx, a 2xx outside the documentation (CONTRACT §6.5)
	Status    int    // HTTP status, 0 when none
	RequestID string // X-PayPingRequest-ID
	Body      string // raw answer, redacted and capped; or what went wrong on the way
	// RetryAfter is what a 429 or 503 asked for, 0 when nothing.
	RetryAfter time.Duration
}

// Wire converts an amount in rial to the unit an account sends.
// It returns money.ErrNotWholeToman when a rial would be lost.
func Wire(amount money.Rial, unit string) (int64, error) {
	if unit == "toman" {
		return amount.Toman()
	}
	return int64(amount), nil
}
