package payments_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

// TestHistories plays random histories of customers, merchants, vendors, time and death against the
// real engine and a real store, and holds every step against the laws. More by -rapid.checks=N.
func TestHistories(t *testing.T) {
	if testing.Short() {
		histories(t, 8, quickSQLite(t))
		return
	}
	t.Run(db.SQLite, func(t *testing.T) { histories(t, 200, quickSQLite(t)) })
	t.Run(db.PostgreSQL, func(t *testing.T) {
		dbtest.NeedPostgres(t)
		histories(t, 10, dbtest.PostgresURL)
	})
}

// quickSQLite gives new, migrated databases where a commit costs nothing, if there is such a place:
// these tests are about states, and thousands of commits on a slow disk would not be run.
func quickSQLite(t *testing.T) func(testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "payments-")
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	empty, err := os.ReadFile(strings.TrimPrefix(dbtest.SQLiteURL(t), "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	return func(tb testing.TB) string {
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n.Add(1)))
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			for _, tail := range []string{"", "-wal", "-shm", ".lock"} {
				_ = os.Remove(path + tail)
			}
		})
		return "sqlite:" + path
	}
}

func histories(t *testing.T, checks int, fresh func(testing.TB) string) {
	t.Helper()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		was := flag.Lookup("rapid.checks").Value.String()
		if err := flag.Set("rapid.checks", fmt.Sprint(checks)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", was) }()
	}
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r, fresh)
		defer h.bury()
		h.check("at the beginning", laws)
		h.step("create", h.create)
		r.Repeat(map[string]func(*rapid.T){"next": func(*rapid.T) { h.next() }})
		h.rest()
	})
}

// tb lets the world of the other tests fail a history instead of the whole test, so that it can be
// made shorter.
type tb struct {
	testing.TB
	r *rapid.T
}

func (t tb) Helper()                           {}
func (t tb) Fatal(args ...any)                 { t.r.Fatal(args...) }
func (t tb) Fatalf(format string, args ...any) { t.r.Fatalf(format, args...) }
func (t tb) Error(args ...any)                 { t.r.Error(args...) }
func (t tb) Errorf(format string, args ...any) { t.r.Errorf(format, args...) }
func (t tb) Logf(format string, args ...any)   { t.r.Logf(format, args...) }
func (t tb) Cleanup(fn func())                 { t.r.Cleanup(fn) }
func (t tb) Context() context.Context          { return context.Background() }

// history is a world with vendors that keep books, and with processes that die.
type history struct {
	*world
	r     *rapid.T
	banks map[string]*bank
	began time.Time
	steps int
	still *snapshot        // while a step is chosen
	held  map[string]int64 // the last event of each invoice that the laws were held against

	mu     sync.Mutex
	wrongs []error
	now    *process   // the one that acts
	hung   []*process // those that hang in a call: dead, or merely slow
	closed bool
}

// process is one line of work of the engine: a request, or a stored job.
type process struct {
	done   chan error
	stuck  chan struct{} // told when it hangs
	gate   chan struct{} // closed when the call it hangs in ends
	buried bool          // its leases were void when another process began
	// starting: it asks for a token. Nobody else can ask for that one, so its word counts late too.
	starting bool
}

func newHistory(t *testing.T, r *rapid.T, fresh func(testing.TB) string) *history {
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	shim := tb{TB: t, r: r}
	h := &history{r: r, began: c.now()}
	h.world = newWorld(shim, dbtest.Open(shim, db.Options{URL: fresh(shim), Now: c.now}), c)
	client := gateways.NewClient(gateways.ClientOptions{Timeout: time.Second})
	h.banks = map[string]*bank{
		"gardeshpay": {Gateway: gardeshpay.New(client), h: h},
		"ghesta":     {Gateway: ghesta.New(client), h: h},
	}
	h.restart()
	return h
}

// restart makes another engine on the same store: what a restarted process is.
func (h *history) restart() {
	both := map[string]gateways.Gateway{"gardeshpay": h.banks["gardeshpay"], "ghesta": h.banks["ghesta"]}
	o := h.engine().Options
	o.Live, o.Test = both, both
	o.Spawn = func(fn func(context.Context)) bool {
		if h.draining {
			return false
		}
		fn(context.Background()) // a history has one thread, so that it can be played again
		return true
	}
	h.Engine = payments.New(o)
}

func (h *history) say(format string, args ...any) {
	h.mu.Lock()
	closed := h.closed
	h.mu.Unlock()
	if !closed {
		h.r.Logf("%9s "+format, append([]any{h.clock.now().Sub(h.began)}, args...)...)
	}
}

// act runs one line of work until it ends or hangs in a call to a vendor.
func (h *history) act(work func() error) error {
	p := &process{done: make(chan error, 1), stuck: make(chan struct{})}
	h.mu.Lock()
	h.now = p // before it begins: it may hang at once
	h.mu.Unlock()
	go func() { p.done <- work() }()
	return h.await(p)
}

func (h *history) await(p *process) error {
	select {
	case err := <-p.done:
		return err
	case <-p.stuck:
		h.hung = append(h.hung, p)
		h.restart() // another process goes on; the leases of this one are still its own
		return nil
	}
}

// hang is called from within a vendor's call: the process that makes it goes no further until
// somebody lets it.
func (h *history) hang(starting bool) {
	h.mu.Lock()
	p := h.now
	p.starting = starting
	closed := h.closed
	p.gate = make(chan struct{})
	gate := p.gate
	h.mu.Unlock()
	if closed {
		return
	}
	p.stuck <- struct{}{}
	<-gate
}

// wake lets a process that hangs go on: the late answer arrives.
func (h *history) wake(p *process) error {
	h.mu.Lock()
	h.now = p
	gate := p.gate
	h.mu.Unlock()
	close(gate)
	return h.await(p)
}

// bury ends what still hangs, so that the store can be closed.
func (h *history) bury() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, p := range h.hung {
		h.mu.Lock()
		h.now = p
		h.mu.Unlock()
		close(p.gate)
		<-p.done
	}
	h.hung = nil
}

// asStored runs a vendor's look into our books, at the moment of the call.
func (h *history) asStored(look func(*db.Tx) error) {
	if err := h.db.View(context.Background(), look); err != nil {
		h.mu.Lock()
		h.wrongs = append(h.wrongs, err)
		h.mu.Unlock()
	}
}

func (h *history) check(when string, law func(*db.Tx, payments.Scope) error) {
	if err := h.db.View(context.Background(), func(tx *db.Tx) error { return law(tx, h.scope) }); err != nil {
		h.r.Fatalf("%s: %v", when, err)
	}
	h.mu.Lock()
	wrongs := h.wrongs
	h.mu.Unlock()
	if len(wrongs) > 0 {
		h.r.Fatalf("%s: %v", when, errors.Join(wrongs...))
	}
	h.captured(when)
}

// captured holds our books against the vendors': paid means that the vendor captured this very
// payment, for us as far as we could know; and what we captured ourselves is never "already
// verified" to us.
func (h *history) captured(when string) {
	for _, a := range h.all() {
		s := h.banks[a.Gateway].byRef(a.TrackingNumber)
		if a.Status == checkout.AttemptNeedsReview && a.Failure.Code == checkout.CodeAlreadyVerified && s.capturedBy == a.OurNumber {
			h.r.Fatalf("%s: attempt %s captured %s itself and does not know it", when, a.ID, s.ref)
		}
		if a.Status != checkout.AttemptPaid || a.Resolved {
			continue
		}
		if s == nil || !s.captured || s.amount != a.WireAmount || a.Gateway == "gardeshpay" && s.number != a.OurNumber {
			h.r.Fatalf("%s: attempt %s is paid by %s, the vendor's book says %+v", when, a.ID, a.TrackingNumber, s)
		}
		if a.Gateway == "ghesta" && s.capturedBy != a.OurNumber && !h.unheard(a) {
			h.r.Fatalf("%s: attempt %s is paid by %s, which %s captured", when, a.ID, a.TrackingNumber, s.capturedBy)
		}
	}
}

// unheard: the attempt had sent a verify whose answer it never recorded, so that code 15 may well be
// its own doing.
func (h *history) unheard(a checkout.Attempt) bool {
	var r *checkout.Reference
	err := h.db.View(context.Background(), func(tx *db.Tx) (err error) {
		r, err = tx.Reference(a.ID, gateways.Canonical(a.TrackingNumber))
		return err
	})
	if err != nil {
		h.r.Fatal(err)
	}
	return r.Unheard > 0
}

func (h *history) all() []checkout.Attempt {
	if h.still != nil {
		return slices.Clone(h.still.attempts)
	}
	var list []checkout.Attempt
	err := h.db.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Attempts(db.AttemptQuery{MerchantID: h.scope.MerchantID, Live: h.scope.Live, Limit: 1000})
		return err
	})
	if err != nil {
		h.r.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// may fails the history for an error that is not one of the documented kinds.
func (h *history) may(err error, kinds ...checkout.Kind) {
	if err != nil && !slices.ContainsFunc(kinds, func(k checkout.Kind) bool { return errors.Is(err, k) }) {
		h.r.Fatalf("error %v, expected only %v", err, kinds)
	}
	if err != nil {
		h.say("  → %s", checkout.KindOf(err))
	}
}

// changed is laws for the invoices that have an event more than when they were last looked at.
func (h *history) changed(tx *db.Tx, sc payments.Scope) error {
	list, err := tx.Invoices(db.InvoiceQuery{MerchantID: sc.MerchantID, Live: sc.Live, Limit: 100})
	if err != nil {
		return err
	}
	if h.held == nil {
		h.held = map[string]int64{}
	}
	var some []book
	for i := range list {
		if h.held[list[i].ID] == list[i].EventSeq {
			continue
		}
		h.held[list[i].ID] = list[i].EventSeq
		b, err := readBook(tx, &list[i])
		if err != nil {
			return err
		}
		some = append(some, b)
	}
	return lawful(tx, some)
}

func (h *history) step(name string, do func()) {
	do()
	h.check(name, laws)
}

// rest ends the faults, lets 40 minutes pass, and settles accounts.
func (h *history) rest() {
	h.say("--- all faults end, 40 minutes pass")
	for _, b := range h.banks {
		b.starts, b.weather, b.down = nil, nil, time.Time{}
	}
	h.die()
	h.pass(40 * time.Minute)
	h.check("at rest", laws)
	h.check("at rest", restLaw)
	for name, b := range h.banks {
		for _, s := range b.sales {
			if s.captured && !s.handled && !h.kept(name, s) {
				h.r.Fatalf("%s captured %s for %s, and no attempt says so", name, s.ref, s.number)
			}
		}
	}
	for len(h.hung) > 0 {
		h.lateAnswer(0) // nothing is being asked any more
	}
	h.check("after the last late word", restLaw)
	if err := h.sumsLaw(h.scope, h.began, h.clock.now()); err != nil {
		h.r.Fatalf("at rest: %v", err)
	}
}

// kept: a captured payment belongs to an attempt that is paid or that a person looks at.
func (h *history) kept(gateway string, s *sale) bool {
	found := false
	err := h.db.View(context.Background(), func(tx *db.Tx) error {
		all, err := books(tx, h.scope)
		for _, b := range all {
			for _, a := range b.attempts {
				if a.Gateway != gateway || (a.Status != checkout.AttemptPaid && a.Status != checkout.AttemptNeedsReview) {
					continue
				}
				for _, r := range b.refs[a.ID] {
					found = found || r.Canonical == gateways.Canonical(s.ref)
				}
			}
		}
		return err
	})
	if err != nil {
		h.r.Fatal(err)
	}
	return found
}
