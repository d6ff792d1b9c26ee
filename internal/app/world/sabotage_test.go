package world_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dargah/internal/gateways"
)

// sabotage breaks something on purpose, to see whether the laws notice: a wrong store, a wrong
// adapter, a lying network, or a trigger in the database that undoes a part of what the engine wrote.
type sabotage struct {
	name string
	laws []string // one of which must be the one that does not hold
	// Each of the others is nil or false in a sound world.
	answer   func(gateways.VerifyRequest, gateways.Answer) gateways.Answer
	verify   func(g gateways.Gateway, ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer
	start    func(gateways.StartRequest) gateways.StartRequest
	forge    func(c *call, status int, body string) string
	random   io.Reader
	trigger  string
	loseEach int
	noWorker bool
	noSweep  bool

	written int
}

// loses: the store says that it committed, and did not.
func (s *sabotage) loses() bool {
	s.written++
	return s.loseEach > 0 && s.written%s.loseEach == 0
}

func (s *sabotage) adapter(g gateways.Gateway) gateways.Gateway {
	if s.answer == nil && s.verify == nil && s.start == nil {
		return g
	}
	return bent{g, s}
}

type bent struct {
	gateways.Gateway
	s *sabotage
}

func (b bent) Verify(ctx context.Context, set gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	if b.s.verify != nil {
		return b.s.verify(b.Gateway, ctx, set, r)
	}
	a := b.Gateway.Verify(ctx, set, r)
	if b.s.answer != nil {
		return b.s.answer(r, a)
	}
	return a
}

func (b bent) Start(ctx context.Context, set gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	if b.s.start != nil {
		r = b.s.start(r)
	}
	return b.Gateway.Start(ctx, set, r)
}

func turn(from, to gateways.Outcome, also func(a *gateways.Answer)) func(gateways.VerifyRequest, gateways.Answer) gateways.Answer {
	return func(r gateways.VerifyRequest, a gateways.Answer) gateways.Answer {
		if a.Outcome == from {
			a.Outcome = to
			if also != nil {
				also(&a)
			}
		}
		return a
	}
}

// one is a source of randomness that gives the same again and again.
type one struct{}

func (one) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

func sabotages() []*sabotage {
	paid, refused := gateways.Paid, gateways.Refused
	return []*sabotage{
		{name: "any success pays, whatever its amount or number", laws: []string{"no paid without proof", "free goods"}, answer: turn(gateways.Review, paid, nil)},
		{name: "already verified is success, whoever did it", laws: []string{"no paid without proof", "free goods"}, answer: turn(gateways.AlreadyVerified, paid, nil)},
		{name: "already verified is a refusal", laws: []string{"unknown is not no", "lost money"}, answer: turn(gateways.AlreadyVerified, refused, nil)},
		{name: "no answer is a refusal", laws: []string{"unknown is not no", "asked again"}, answer: turn(gateways.Unknown, refused, nil)},
		{name: "no answer is a cancellation", laws: []string{"unknown is not no", "lost money"}, answer: turn(gateways.Unknown, gateways.Canceled, nil)},
		{name: "an answer that was not heard counts as heard", laws: []string{"our own capture"}, answer: func(_ gateways.VerifyRequest, a gateways.Answer) gateways.Answer { a.Unheard = false; return a }},
		{name: "a refusal is the last word", laws: []string{"asked again"}, answer: func(_ gateways.VerifyRequest, a gateways.Answer) gateways.Answer { a.Soft = false; return a }},
		{name: "verify is asked over another amount", laws: []string{"intent", "reasons"}, verify: func(g gateways.Gateway, ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
			r.WireAmount++
			return g.Verify(ctx, s, r)
		}},
		{name: "the adapter asks twice by itself", laws: []string{"intent"}, verify: func(g gateways.Gateway, ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
			if a := g.Verify(ctx, s, r); a.Outcome != gateways.Unknown {
				return a
			}
			return g.Verify(ctx, s, r)
		}},
		{name: "a token is asked for another number", laws: []string{"intent"}, start: func(r gateways.StartRequest) gateways.StartRequest {
			r.OurNumber = "1" + r.OurNumber[1:19] + "0"
			return r
		}},
		{name: "the network forges a success", laws: []string{"free goods"}, forge: func(c *call, status int, body string) string {
			if !c.verify || c.gateway != "ghesta" || status != http.StatusOK && status != http.StatusBadRequest {
				return body
			}
			return fmt.Sprintf(`{"amount":%s,"cardNumber":"","cardHashPan":""}`, text(c.members["amount"]))
		}},
		{name: "randomness gives the same again", laws: []string{"error", "intent"}, random: one{}},
		{name: "a commit in thirty is lost", laws: []string{"seat", "jobs", "intent", "nothing silent", "error", "chain", "lost money", "no paid without proof", "unknown is not no", "created once", "our own capture", "reasons", "moves"}, loseEach: 30},
		{name: "nobody runs the stored jobs", laws: []string{"nothing silent"}, noWorker: true},
		{name: "nobody sweeps", laws: []string{"nothing silent"}, noSweep: true},
		{name: "an event is rewritten", laws: []string{"chain"}, trigger: `AFTER INSERT ON events WHEN NEW.type = 'va' BEGIN UPDATE events SET data = '{}' WHERE invoice_id = NEW.invoice_id AND sequence = NEW.sequence; END`},
		{name: "an old event is rewritten", laws: []string{"chain"}, trigger: `AFTER INSERT ON events WHEN NEW.sequence = 6 BEGIN UPDATE events SET actor = 'nobody' WHERE invoice_id = NEW.invoice_id AND sequence = 2; END`},
		{name: "an event is lost", laws: []string{"chain"}, trigger: `AFTER INSERT ON events WHEN NEW.type = 'cr' BEGIN DELETE FROM events WHERE invoice_id = NEW.invoice_id AND sequence = NEW.sequence; END`},
		{name: "an open call is forgotten", laws: []string{"intent", "our own capture"}, trigger: `AFTER UPDATE ON attempt_references WHEN NEW.open_call = 1 BEGIN UPDATE attempt_references SET open_call = 0 WHERE attempt_id = NEW.attempt_id AND canonical = NEW.canonical; END`},
		{name: "unheard calls are not counted", laws: []string{"our own capture"}, trigger: `AFTER UPDATE ON attempt_references WHEN NEW.unheard > 0 BEGIN UPDATE attempt_references SET unheard = 0 WHERE attempt_id = NEW.attempt_id AND canonical = NEW.canonical; END`},
		{name: "the job of a verify is lost", laws: []string{"jobs", "nothing silent"}, trigger: `AFTER INSERT ON events WHEN NEW.type = 'va' AND NEW.data LIKE '%unknown%' BEGIN DELETE FROM jobs; END`},
		{name: "re-asks come ten minutes late", laws: []string{"schedule"}, trigger: `AFTER INSERT ON events WHEN NEW.type = 'va' BEGIN UPDATE jobs SET run_at_ms = run_at_ms + 600000 WHERE lease_until_ms IS NULL; END`},
		{name: "the seat is not taken", laws: []string{"seat", "jobs", "intent"}, trigger: `AFTER UPDATE ON invoices WHEN NEW.status = 'processing' BEGIN UPDATE invoices SET status = 'open' WHERE id = NEW.id; END`},
		{name: "an attempt's amount is not frozen", laws: []string{"frozen", "intent", "free goods", "no paid without proof"}, trigger: `AFTER UPDATE ON invoices WHEN NEW.amount_rial <> OLD.amount_rial BEGIN UPDATE attempts SET amount_rial = NEW.amount_rial WHERE invoice_id = NEW.id; END`},
		{name: "keys of calls are not kept", laws: []string{"created once"}, trigger: `AFTER INSERT ON idempotency_keys BEGIN DELETE FROM idempotency_keys; END`},
		{name: "a payment that needs a person is closed as failed", laws: []string{"seat", "moves", "lost money", "unknown is not no"}, trigger: `AFTER UPDATE ON attempts WHEN NEW.status = 'needs_review' BEGIN UPDATE attempts SET status = 'failed' WHERE id = NEW.id; UPDATE invoices SET status = 'open' WHERE id = NEW.invoice_id; END`},
	}
}

// TestTeeth: each of these is noticed, and by a law that speaks of it, within a few histories.
func TestTeeth(t *testing.T) {
	const most = 400
	if testing.Short() {
		t.Skip("breaks the world some twenty times")
	}
	for _, s := range sabotages() {
		t.Run(s.name, func(t *testing.T) {
			at, o := noticed(t, s, most)
			switch {
			case o.broken == nil:
				t.Fatalf("not noticed in %d histories", most)
			case !slices.Contains(s.laws, o.broken.law):
				t.Errorf("noticed by %q, in history %d: %s", o.broken.law, at, strings.SplitN(o.broken.text, "\n", 2)[0])
			}
			t.Logf("history %d: %s", at, strings.SplitN(o.broken.Error(), "\n", 2)[0])
		})
	}
}

func noticed(t *testing.T, s *sabotage, most uint64) (at uint64, o outcome) {
	enter(t, func(t *testing.T, h *hall) {
		for at = 1; at <= most; at++ {
			if o = h.play(t, at, newDice(at, stepsOf), s, false); o.broken != nil {
				return
			}
		}
	})
	return at, o
}
