// Package payments is the engine: it alone moves money state and it alone talks to gateways.
// It creates invoices, starts attempts, takes callbacks, verifies, asks again, gives up to a
// person, and settles. Every step is written before it is acted on, and no transaction is open
// while the network is awaited; a crash at any point leaves a row whose status names who goes on.
package payments

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// Limits of the contract.
const (
	// MaxAttempts is how many attempts one invoice may see.
	MaxAttempts = 30
	// MaxReferences is how many different references one attempt may have tried.
	MaxReferences = 5
	// CallbackWait is how long a callback waits for the word of verify before it answers; the
	// contract allows 5 s.
	CallbackWait = 4500 * time.Millisecond
	// Lease is how long a verify belongs to the process that runs it, renewed while it runs.
	Lease = 8 * time.Second
)

// Store is the database as the engine uses it: *db.DB, or one that stands before it, looks on and
// fails as a disk does. Never a mock: unique indexes are our safety, and a mock has none.
type Store interface {
	View(ctx context.Context, fn func(*db.Tx) error) error
	Update(ctx context.Context, fn func(*db.Tx) error) error
}

// Options wire the engine.
type Options struct {
	DB      Store
	Box     *seal.Box
	BaseURL string // public origin without a trailing slash
	// Live and Test are the adapters by name: on the network, and before the built-in simulator.
	Live, Test map[string]gateways.Gateway
	// TestSettings are the addresses of the built-in simulator, by gateway: they win over what an
	// account says, so that a test payment cannot reach anything else.
	TestSettings map[string]gateways.Settings
	Breaker      *gateways.Breaker
	AttemptTTL   time.Duration
	Now          func() time.Time
	Random       io.Reader
	Log          *slog.Logger
	// Spawn runs fn beside the request, on a context that ends when the process drains for good;
	// the owner waits for it. False when it is draining already: then the stored job goes on
	// after the restart.
	Spawn func(fn func(ctx context.Context)) bool
}

// Engine is the engine. Safe for concurrent use.
type Engine struct {
	Options
	// flying are the references that this process is asking about at this moment: a lease that ran
	// out under a living call must not start a second one.
	flying  sync.Map
	queues  queues
	offices offices
	counts  counts
	looks   looks
	hurry   time.Duration // settleWait where a test does not want to wait
}

// New returns an engine. It starts nothing by itself: app registers RunVerify and Sweep with the worker.
func New(o Options) *Engine { return &Engine{Options: o} }

// Scope is one merchant in one mode: what an API key or a login may see.
type Scope struct {
	MerchantID string
	Live       bool
}

// NewInvoice is what a merchant asks for. Validation is the engine's.
type NewInvoice struct {
	Amount      money.Rial
	Description string
	Reference   string
	Customer    checkout.Customer
	Items       []checkout.Item
	Gateways    []string  // empty: all
	ExpiresAt   time.Time // zero: 7 days from now
	ReturnURL   string
	Locale      string // empty: the merchant's
	Metadata    map[string]string
	SendEmail   bool
}

// InvoiceChange is a PATCH: nil fields stay.
type InvoiceChange struct {
	Amount      *money.Rial
	Description *string
	Reference   *string
	Customer    *checkout.Customer
	Items       *[]checkout.Item
	Gateways    *[]string
	ExpiresAt   *time.Time
	ReturnURL   *string
	Locale      *string
	Metadata    *map[string]string
}

// InvoiceFilter selects invoices, newest first. Zero fields do not filter.
type InvoiceFilter struct {
	Status    string
	Gateway   string
	Reference string
	Query     string // a number, id or tracking number, or the beginnings of words: see terms
	From, To  time.Time
	Limit     int // 1 to 100
	Cursor    string
}

// AttemptFilter selects attempts, newest first.
type AttemptFilter struct {
	Status string
	Limit  int
	Cursor string
}

// Page is everything the customer's page shows, read in one snapshot.
type Page struct {
	Invoice  checkout.Invoice
	Merchant checkout.Merchant
	Attempts []checkout.Attempt // oldest first
	Methods  []Method           // in the order to show; only those the invoice allows
	Asks     int                // verify calls made for the reference in question
	// Origin is the payment page that the invoice came of, read where it is told about: paid, expired or
	// canceled. nil for every other invoice.
	Origin *checkout.PayPage
	Now    time.Time
}

// Method is one way to pay, and whether it can be taken now.
type Method struct {
	Gateway   string
	Available bool
	// Why it cannot: "off" (not set up, or disabled), "low" (below Limit), "high" (above Limit), "unit" (the
	// amount has no whole toman), "trouble" (the gateway has not been answering since Since).
	Why   string
	Limit money.Rial
	Since time.Time
	// Host is where the customer goes, for "you go to …".
	Host string
	// NeedsName and NeedsMobile say what the form must ask, because the invoice lacks it.
	NeedsName, NeedsMobile bool
}

// StartInput is a customer's choice.
type StartInput struct {
	Token       string
	Gateway     string
	PayerName   string
	PayerMobile string
	Locale      string // the language that the customer asked for in the address, "" for none
	RequestID   string
}

// CallbackInput is what a browser brought.
type CallbackInput struct {
	Gateway   string
	Token     string              // of the attempt, from the path
	Values    map[string][]string // query (GET) or form (POST), decoded
	RequestID string
}

// Resolution is a person's decision about an attempt in needs_review.
type Resolution struct {
	Outcome   string // "paid" or "failed"
	Note      string
	RefNumber string
}
