package world_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

const (
	// stepsOf is how many steps one history has before it comes to rest.
	stepsOf = 80
	// patience is a gateway's, as the program has it by default.
	patience   = 20 * time.Second
	attemptTTL = 30 * time.Minute
	merchantID = "mer_0000000000000000000000000"
)

// start is when the first history begins: both vendors exist.
var start = time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)

// world is one history.
type world struct {
	stage
	seed     uint64
	dice     *dice
	sabotage *sabotage
	began    time.Time
	ids      *rand.ChaCha8
	hall     *hall
	store    *db.DB
	scope    payments.Scope
	procs    []*process
	dying    []*process
	started  int
	two      bool // two processes on one database, by PostgreSQL's rules: leases run out

	skew    time.Duration // of the machine's clock
	jumped  time.Time     // when it was last set
	opened  time.Duration // the skew when the store was opened
	ahead   time.Duration // the largest skew
	jobAt   time.Time     // when the next job is due, as of the last write
	wrote   bool
	forward func() time.Time

	bank    *bank
	desk    *desk
	calls   []*call
	zombies []*call
	numbers map[string]string // our number → attempt
	people

	books   map[string]*book
	chained map[string]int64 // how far each chain was reckoned
	nth     map[string]int   // of attempts, as they were first seen
	dirty   bool
	lines   []string
	count   map[string]int
	broken  *breach
}

// breach is a law that did not hold.
type breach struct{ law, text string }

func (b *breach) Error() string { return b.law + ": " + b.text }

// breach notes the first law that did not hold; the history ends there.
func (w *world) breach(law, format string, args ...any) {
	if w.broken == nil {
		w.broken = &breach{law, fmt.Sprintf(format, args...)}
		w.say("*** %s", w.broken)
	}
}

func (w *world) say(format string, args ...any) {
	d := time.Since(w.began)
	w.lines = append(w.lines, fmt.Sprintf("%02d:%02d:%06.3f  ", int(d.Hours()), int(d.Minutes())%60, (d%time.Minute).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) tally(format string, args ...any) { w.count[fmt.Sprintf(format, args...)]++ }

// outcome is what came of a history.
type outcome struct {
	steps  [][]uint32
	done   int // steps taken, and moves of single actors at rest
	lines  []string
	count  map[string]int
	broken *breach
	digest string
}

// hall is where histories are played, one after another, in one bubble and on one database: to open
// one and to prepare its statements takes longer than a history does.
type hall struct {
	path   string
	store  *db.DB
	raw    *sql.DB          // beside the store, to put everything back between two histories
	back   []string         // the statements for that
	clock  func() time.Time // of the history that is on
	played uint64           // the last seed
}

var copies atomic.Int64

// enter opens a hall for as long as fn takes.
func enter(t *testing.T, fn func(t *testing.T, h *hall)) {
	t.Helper()
	h := &hall{path: filepath.Join(folder, fmt.Sprintf("%d.db", copies.Add(1)))}
	defer wipe(h.path)
	synctest.Test(t, func(t *testing.T) {
		fn(t, h)
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	})
}

func (h *hall) close() error {
	if h.store == nil {
		return nil
	}
	err := errors.Join(h.raw.Close(), h.store.Close())
	h.store = nil
	wipe(h.path)
	return err
}

// ready gives a database as it stands before a history. A store's clock never runs backwards, so seeds
// are played in their order, and another order opens another store.
func (h *hall) ready(seed uint64, clock func() time.Time) error {
	h.clock = clock
	if h.store != nil && seed%years > h.played%years {
		h.played = seed
		return h.restore()
	}
	h.played = seed
	if err := h.close(); err != nil {
		return err
	}
	if err := os.WriteFile(h.path, empty, 0o600); err != nil {
		return err
	}
	var err error
	if h.raw, h.back, err = restorer(h.path); err != nil {
		return err
	}
	return h.open()
}

func (h *hall) open() error {
	var err error
	h.store, err = db.Open(context.Background(), db.Options{URL: "sqlite:" + h.path, Now: func() time.Time { return h.clock() }})
	return err
}

// play plays one history.
func (h *hall) play(t *testing.T, seed uint64, d *dice, sab *sabotage, digest bool) outcome {
	t.Helper()
	w := &world{seed: seed, dice: d, sabotage: sab, hall: h, began: time.Now(), books: map[string]*book{}, chained: map[string]int64{}, nth: map[string]int{}, numbers: map[string]string{}, count: map[string]int{}}
	if err := w.furnish(); err != nil {
		t.Fatal(err)
	}
	w.live()
	w.bury()
	w.desk.leave()
	o := outcome{steps: d.steps, done: w.actors + len(w.calls), lines: w.lines, count: w.count, broken: w.broken}
	if digest {
		o.digest = digestOf(t, h.raw)
	}
	return o
}

// play plays one history in a hall of its own.
func play(t *testing.T, seed uint64, d *dice, sab *sabotage, digest bool) outcome {
	t.Helper()
	var o outcome
	enter(t, func(t *testing.T, h *hall) { o = h.play(t, seed, d, sab, digest) })
	return o
}

func (w *world) now() time.Time { return w.forward() }

// years bounds how far the seeds lead into the future: each has its own days.
const years = 10_000

// day is the true time: each history has ten days of its own, so that one database can hold one after
// another.
func (w *world) day() time.Time {
	return start.Add(time.Duration(w.seed%years) * 10 * 24 * time.Hour).Add(time.Since(w.began))
}

// machine is the clock of the machine that the processes run on.
func (w *world) machine() time.Time { return w.day().Add(w.skew) }

// reopen is a start of the only process on a database that was closed.
func (w *world) reopen() error {
	if err := w.hall.store.Close(); err != nil {
		return err
	}
	w.opened, w.forward = w.skew, db.Forward(w.machine)
	if err := w.hall.open(); err != nil {
		return err
	}
	w.store = w.hall.store
	return nil
}

// ChaCha8's first bytes are the seed, so that ids differ between histories.
func random(seed uint64, what string) *rand.ChaCha8 {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%-12s%020d", what, seed))
	return rand.NewChaCha8(key)
}

func (w *world) random() io.Reader {
	if w.sabotage.random != nil {
		return w.sabotage.random
	}
	return w.ids
}

var box = func() *seal.Box {
	b, err := seal.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		panic(err)
	}
	return b
}()

func (w *world) furnish() error {
	w.ids = random(w.seed, "ids")
	w.scope = payments.Scope{MerchantID: merchantID, Live: true}
	w.bank = &bank{w: w, by: map[string]string{}, lied: map[string]bool{}, ids: random(w.seed, "bank")}
	var err error
	if w.desk, err = sit(w.bank); err != nil {
		return err
	}
	w.forward = db.Forward(w.machine)
	if err := w.hall.ready(w.seed, w.now); err != nil {
		return err
	}
	w.store = w.hall.store
	if w.sabotage.trigger != "" {
		if err := w.hall.spoil(w.sabotage.trigger); err != nil {
			return err
		}
	}
	if !w.dice.next() { // the first step decides what kind of world it is
		return errors.New("a history without a step")
	}
	w.two = w.dice.once(4)
	w.begin()
	if w.two {
		w.begin()
		w.tally("world: two processes")
	}
	w.setUp()
	return nil
}

// begin starts a process as the program does: what a dead one held is void, or runs out.
func (w *world) begin() {
	w.started++
	p := &process{n: w.started}
	client := gateways.NewClient(gateways.ClientOptions{Timeout: patience, Transport: network{w, p}})
	both := map[string]gateways.Gateway{}
	for _, g := range []gateways.Gateway{gardeshpay.New(client), ghesta.New(client)} {
		both[g.Name()] = w.sabotage.adapter(g)
	}
	p.Engine = payments.New(payments.Options{
		DB: &store{w, p}, Box: box, BaseURL: "https://pay.example", Live: both, Test: both,
		Breaker: &gateways.Breaker{Now: w.now}, AttemptTTL: attemptTTL, Now: w.now, Random: w.random(),
		Log: slog.New(slog.DiscardHandler), Spawn: w.spawn(p),
	})
	w.procs = append(w.procs, p)
	if !w.two {
		w.failed(w.store.Update(context.Background(), func(tx *db.Tx) error { return tx.ReleaseLeases() }))
	}
	w.act(p, fmt.Sprintf("process %d starts", p.n), p.Prepare, w.failed)
	w.through(p)
}

func (w *world) failed(err error) {
	if err != nil {
		w.breach("error", "%v", err)
	}
}

// through lets a process come to rest without anything in its way.
func (w *world) through(p *process) {
	for w.broken == nil {
		i := slices.IndexFunc(w.spots, func(s *spot) bool { return s.actor.proc == p })
		if i < 0 {
			return
		}
		w.goOn(w.spots[i], goesOn)
	}
}

// live is the history: steps, then rest.
func (w *world) live() {
	for w.broken == nil && w.dice.next() {
		w.step()
	}
	if w.broken == nil {
		w.rest()
	}
}

// goOn sends an actor on with its fate, and buries the process if it died of it.
func (w *world) goOn(s *spot, f fate) {
	if f != goesOn || s.kind == "send" || s.kind == "answer" {
		w.say("%s: %s", w.where(s), f)
		w.tally("fate: %s", f)
	}
	if f == dies {
		w.die(s.actor.proc)
		return
	}
	w.send(s, f)
	dying := w.dying
	w.dying = nil
	for _, p := range dying {
		w.die(p)
	}
}

func (w *world) where(s *spot) string {
	switch s.kind {
	case "send":
		return s.call.String() + " leaves"
	case "answer":
		return s.call.String() + " was acted on"
	}
	return s.actor.what
}

// die ends a process and starts the next one. One time in twelve, and always when the machine's clock
// was set back meanwhile, the store is closed and opened as well.
func (w *world) die(p *process) {
	w.tally("process dies")
	w.kill(p)
	if len(w.procs) == 0 && (w.skew < w.opened || w.dice.once(12)) {
		w.tally("store closed and opened")
		w.failed(w.reopen())
	}
	if w.broken != nil {
		return
	}
	w.say("process %d is dead; another begins", p.n)
	w.begin()
}

// bury ends everything, so that the bubble can close: who waits for time is given it, and then finds
// his process dead.
func (w *world) bury() {
	for _, p := range slices.Clone(w.procs) {
		w.dice.step = 0
		w.kill(p)
	}
	for range 100 {
		if w.alive == 0 {
			return
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		w.mu.Lock()
		left := w.alive
		w.mu.Unlock()
		if left == 0 {
			return
		}
	}
	w.breach("stuck", "%d lines of work never end", w.alive)
}
