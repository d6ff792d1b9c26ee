// Package tracing tells an OpenTelemetry collector how a payment went: request, callback, verify,
// settlement, letter, webhook. Nothing is there when nobody asked for it: a context without a tracer
// makes every call here a look into that context and no more. The collector's own packages would cost
// each start of the program a gRPC stack; what is sent is small enough to be written by hand.
package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Kind is what a span is to others.
type Kind int64

// The kinds, by OpenTelemetry's numbers.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
	Consumer Kind = 5 // of stored work
)

type (
	traceID [16]byte
	spanID  [8]byte
)

// Span is something that takes time. All its methods are nothing on nil. One goroutine has it.
type Span struct {
	tracer *Tracer
	// trace is shared by all spans that came of one beginning: which invoice it is about may be found out
	// on the way.
	trace        *atomic.Pointer[traceID]
	id, parent   spanID
	name         string
	kind         Kind
	began, ended time.Time
	attributes   []attribute
	failed       bool
}

type attribute struct {
	name string
	text string
	n    int64 // when text is ""
}

// place is where a context stands.
type place struct {
	tracer *Tracer
	span   *Span
}

type placeKey struct{}

func at(ctx context.Context) place {
	p, _ := ctx.Value(placeKey{}).(place)
	return p
}

// With lets what runs on the context be seen. A nil tracer sees nothing.
func (t *Tracer) With(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, placeKey{}, place{tracer: t})
}

// Carry brings the place of one context into another, that lives longer.
func Carry(to, from context.Context) context.Context {
	if p := at(from); p.tracer != nil {
		return context.WithValue(to, placeKey{}, p)
	}
	return to
}

// Start begins a span within the one of the context, or a trace where there is none.
func Start(ctx context.Context, name string, kind Kind) (context.Context, *Span) {
	p := at(ctx)
	if p.tracer == nil {
		return ctx, nil
	}
	s := p.tracer.span(name, kind)
	if p.span != nil {
		s.trace, s.parent = p.span.trace, p.span.id
	}
	return context.WithValue(ctx, placeKey{}, place{p.tracer, s}), s
}

// After begins a span of stored work that an event caused. Trace and parent follow from their ids, so that
// nothing is stored for them, and work that another process does after our death stands where it belongs.
func After(ctx context.Context, name, invoiceID, eventID string) (context.Context, *Span) {
	p := at(ctx)
	if p.tracer == nil {
		return ctx, nil
	}
	s := p.tracer.span(name, Consumer)
	s.trace.Store(traceOf(invoiceID))
	if eventID != "" {
		s.parent = eventSpan(eventID)
	}
	return context.WithValue(ctx, placeKey{}, place{p.tracer, s}), s
}

// Of says which invoice the trace of the context is about.
func Of(ctx context.Context, invoiceID string) {
	if p := at(ctx); p.span != nil {
		p.span.trace.Store(traceOf(invoiceID))
	}
}

// Event tells of an event that is in the books now, under an id that what follows from it knows.
func Event(ctx context.Context, eventID, kind string) {
	if at(ctx).tracer == nil {
		return
	}
	_, s := Start(ctx, "event "+kind, Internal)
	s.id = eventSpan(eventID)
	s.Set("event.id", eventID)
	s.End()
}

func (t *Tracer) span(name string, kind Kind) *Span {
	s := &Span{tracer: t, trace: &atomic.Pointer[traceID]{}, name: name, kind: kind, began: time.Now()}
	id := traceID{}
	binary.BigEndian.PutUint64(id[:8], rand.Uint64()|1) // all zeros is none
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	s.trace.Store(&id)
	binary.BigEndian.PutUint64(s.id[:], rand.Uint64()|1)
	return s
}

func traceOf(invoiceID string) *traceID {
	sum := sha256.Sum256([]byte("trace of " + invoiceID))
	id := traceID(sum[:16])
	return &id
}

func eventSpan(eventID string) spanID {
	sum := sha256.Sum256([]byte("span of " + eventID))
	return spanID(sum[:8])
}

// Name gives it a better name.
func (s *Span) Name(name string) {
	if s != nil {
		s.name = name
	}
}

// Set adds a fact: an id, a kind, an outcome. Never what belongs to a person or opens something.
func (s *Span) Set(name, text string) {
	if s != nil && text != "" {
		s.attributes = append(s.attributes, attribute{name: name, text: text})
	}
}

// SetInt adds a number.
func (s *Span) SetInt(name string, n int64) {
	if s != nil {
		s.attributes = append(s.attributes, attribute{name: name, n: n})
	}
}

// Fail marks it as gone wrong when it did. What the error says stays in the log.
func (s *Span) Fail(failed bool) {
	if s != nil {
		s.failed = s.failed || failed
	}
}

// End ends it.
func (s *Span) End() {
	if s != nil {
		s.ended = time.Now()
		s.tracer.keep(s)
	}
}
