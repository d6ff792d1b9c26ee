// Package api is the face for the merchant's programs: JSON under /api/v1 (CONTRACT §7). Handlers
// read a strict body, make one call of the engine, and render one wire shape or one RFC 9457
// problem. huma carries the routes and the OpenAPI document; bodies are read by our own reader,
// because huma's would take the last of two equal members and words of its own for errors.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// Prefix is where the API lives.
const Prefix = "/api/v1"

const docsPath = Prefix + "/docs"

// Engine is what the API asks of the engine.
type Engine interface {
	Invoices
	Attempts
	Refunds
	Letters
	Events
	// PaymentURL is the payment link of an invoice.
	PaymentURL(inv *checkout.Invoice) string
}

// Invoices is the engine's part about invoices.
type Invoices interface {
	CreateInvoice(ctx context.Context, s payments.Scope, in payments.NewInvoice, by checkout.Actor, once *payments.Once) (checkout.Invoice, *payments.Replay, error)
	Invoice(ctx context.Context, s payments.Scope, id string) (checkout.Invoice, error)
	Invoices(ctx context.Context, s payments.Scope, f payments.InvoiceFilter) ([]checkout.Invoice, string, error)
	UpdateInvoice(ctx context.Context, s payments.Scope, id string, ch payments.InvoiceChange, by checkout.Actor) (checkout.Invoice, error)
	CancelInvoice(ctx context.Context, s payments.Scope, id string, by checkout.Actor, once *payments.Once) (checkout.Invoice, *payments.Replay, error)
	InvoiceAttempts(ctx context.Context, s payments.Scope, invoiceID string) ([]checkout.Attempt, error)
	InvoiceEvents(ctx context.Context, s payments.Scope, invoiceID, cursor string, limit int) ([]checkout.Event, string, error)
}

// Events is the engine's part about all that happened.
type Events interface {
	Events(ctx context.Context, s payments.Scope, f payments.EventFilter) ([]checkout.Event, string, error)
}

// Letters is the engine's part about letters.
type Letters interface {
	SendInvoice(ctx context.Context, s payments.Scope, invoiceID string, by checkout.Actor, once *payments.Once) (checkout.Invoice, *payments.Replay, error)
}

// Refunds is the engine's part about refunds.
type Refunds interface {
	RefundInvoice(ctx context.Context, s payments.Scope, invoiceID string, in payments.Refunding, by checkout.Actor, once *payments.Once) (checkout.Refund, *payments.Replay, error)
	InvoiceRefunds(ctx context.Context, s payments.Scope, invoiceID, cursor string, limit int) ([]checkout.Refund, string, error)
}

// Attempts is the engine's part about attempts.
type Attempts interface {
	Attempts(ctx context.Context, s payments.Scope, f payments.AttemptFilter) ([]checkout.Attempt, string, error)
	ResolveAttempt(ctx context.Context, s payments.Scope, attemptID string, r payments.Resolution, by checkout.Actor, once *payments.Once) (checkout.Attempt, *payments.Replay, error)
}

// Keys tells whose a secret is. checkout.Unauthed for an unknown or revoked one.
type Keys interface {
	Authenticate(ctx context.Context, secret string) (checkout.APIKey, error)
}

// Limits tells whether a key may call once more, and if not, after how long.
type Limits interface {
	Take(key string) (wait time.Duration, ok bool)
}

// Options wire the API.
type Options struct {
	Engine   Engine
	Webhooks Webhooks
	Keys     Keys
	Limits   Limits
	BaseURL  string // public origin without a trailing slash
	Log      *slog.Logger
}

// API is the mounted API.
type API struct {
	Options
	routes []route
}

// A route is one operation: what the document says about it and what it does.
type route struct {
	op     huma.Operation
	scope  string   // the scope that a key needs
	query  []string // the parameters it takes; others are refused
	handle func(*call) (answer, error)

	takes  content // the body, when there is one
	bare   bool    // may come without a body
	gives  content
	status int // of success
	says   string
	errors []int // besides those that every operation has
}

// Mount puts the API under Prefix of e.
func Mount(e *echo.Echo, o Options) *API {
	a := &API{Options: o}
	g := e.Group(Prefix)
	config := huma.Config{OpenAPI: describe(o.BaseURL)}
	h := humaecho.NewWithGroup(e, g, config)
	a.routes = slices.Concat(a.invoiceRoutes(), a.refundRoutes(), a.letterRoutes(), a.attemptRoutes(), a.eventRoutes(), a.webhookRoutes())
	for i := range a.routes {
		r := &a.routes[i]
		for _, p := range r.op.Parameters {
			if p.In == "query" {
				r.query = append(r.query, p.Name)
			}
		}
		h.Adapter().Handle(&r.op, a.serve(r))
		if r.op.Method == http.MethodGet {
			h.Adapter().Handle(&huma.Operation{Method: http.MethodHead, Path: r.op.Path}, a.serve(r))
		}
	}
	a.publish(g, h.OpenAPI())
	// Group.RouteNotFound takes every path and every method that no route takes.
	g.RouteNotFound("", a.lost)
	g.RouteNotFound("/*", a.lost)
	return a
}

// lost answers what no route takes: 405 where another method would do, else 404.
func (a *API) lost(c echo.Context) error {
	x := newExchange(c)
	allow := a.allowed(strings.TrimPrefix(c.Request().URL.Path, Prefix))
	if len(allow) == 0 {
		a.refuse(x, &fault{status: http.StatusNotFound, code: kindNotFound})
		return nil
	}
	a.refuse(x, &fault{status: http.StatusMethodNotAllowed, code: kindMethod, allow: strings.Join(allow, ", ")})
	return nil
}

// allowed lists the methods of a path.
func (a *API) allowed(path string) []string {
	if slices.Contains(published, path) {
		return []string{http.MethodGet, http.MethodHead}
	}
	var methods []string
	for i := range a.routes {
		op := &a.routes[i].op
		if !fits(op.Path, path) {
			continue
		}
		methods = append(methods, op.Method)
		if op.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return methods
}

// fits reports whether path is of the pattern: equal segments, {x} is any that is not empty.
func fits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return true
}
