// Package webhooks tells merchants' programs what happened: it keeps their endpoints, sends what the
// engine wrote down for them in the transaction of the change, signs it (Standard Webhooks), tries
// again over three days, and gives an endpoint up only with a letter. Whatever is sent bears the same
// id and the same bytes each time; a receiver that hangs costs its own lane and nobody else's.
package webhooks

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// Kind is the kind of stored work that this room does.
const Kind = db.WakeWebhooks

const (
	// Places is how many deliveries may be on their way at once, to all endpoints together.
	Places = 512
	// Timeout is how long a receiver has for its answer (CONTRACT §8).
	Timeout = 15 * time.Second
	// lease is how long a delivery belongs to whoever sends it: longer than a call can take.
	lease = 30 * time.Second
	// kept is how long what was sent stays on record.
	kept = 30 * 24 * time.Hour
	// maxEndpoints is how many endpoints a merchant may have in one mode.
	maxEndpoints = 20
)

// Options wire the room.
type Options struct {
	DB  *db.DB
	Box *seal.Box
	// Allow are networks that may be reached besides public addresses, by http as well.
	Allow []netip.Prefix
	// Transport carries what is sent; nil is the network, behind the guard.
	Transport http.RoundTripper
	Now       func() time.Time
	Random    io.Reader
	Log       *slog.Logger
}

// Hooks are the webhooks of an installation. Safe for concurrent use.
type Hooks struct {
	Options
	guard *guard
	post  *client
	lanes lanes
}

// New returns the room at rest: app registers it with the worker as Source and handler of Kind.
func New(o Options) *Hooks {
	h := &Hooks{Options: o, guard: newGuard(o.Allow)}
	h.post = newClient(h.guard, o.Transport)
	return h
}

// Scope is one merchant in one mode.
type Scope struct {
	MerchantID string
	Live       bool
}
