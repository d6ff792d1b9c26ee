package world_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// Everything that acts is an actor in a goroutine of its own, and only one runs at a time: it goes
// on to its next spot (before a transaction, before a request leaves, before an answer is heard),
// stays there until the history sends it on, and is told there what happens to it. Whoever waits for
// time is woken by the bubble's clock (testing/synctest), which moves only when nobody runs.

// process is one engine: what dies, with all that it holds.
type process struct {
	*payments.Engine
	n        int
	dead     bool
	draining bool
}

// actor is one line of work of a process: a request, a stored job, a sweep.
type actor struct {
	id   int
	what string
	proc *process
	ran  time.Time // when it last held its lease for sure
}

// fate is what happens to an actor at its spot.
type fate string

const (
	goesOn fate = "goes on"
	dies   fate = "the process dies" // before anything of it happened

	// At a transaction.
	diesAfter   fate = "it is committed, and the process dies before it hears so"
	diesWithin  fate = "the process dies before the commit"
	notWritten  fate = "the store does not take it"
	unsureLost  fate = "the connection breaks, and nothing was committed"
	unsureThere fate = "the connection breaks, and it was committed"
)

// spot is a place at which an actor stays until it is sent on.
type spot struct {
	actor *actor
	kind  string // write, renew (a lease), read, send, answer
	fates chan fate
	call  *call // of send and answer
	gone  bool  // it left by itself: its context ended
}

func (s *spot) String() string { return fmt.Sprintf("%d %s %s", s.actor.id, s.kind, s.actor.what) }

// stage is who acts.
type stage struct {
	mu      sync.Mutex
	arrived []*spot
	spots   []*spot // those that stay, in a fixed order
	ended   []func()
	actors  int
	alive   int // goroutines of actors
	running *actor
}

type actorKey struct{}

// act lets a new actor begin, up to its first spot. then runs on the history's own line when it ends.
func (w *world) act(p *process, what string, work func(ctx context.Context) error, then func(error)) {
	a := &actor{id: w.newActor(), what: what, proc: p}
	w.running = a
	w.start(a, work, then)
	w.settle()
}

func (w *world) newActor() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.actors++
	return w.actors
}

func (w *world) start(a *actor, work func(ctx context.Context) error, then func(error)) {
	ctx := context.WithValue(context.Background(), actorKey{}, a)
	w.mu.Lock()
	w.alive++
	w.mu.Unlock()
	go func() {
		err, whole := error(nil), false
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.alive--
			if whole && !a.proc.dead && then != nil {
				w.ended = append(w.ended, func() { then(err) })
			}
		}()
		err = work(ctx)
		whole = true
	}()
}

// spawn is what the engine begins beside a request.
func (w *world) spawn(p *process) func(func(context.Context)) bool {
	return func(fn func(context.Context)) bool {
		if p.draining || p.dead {
			return false
		}
		parent := w.running
		a := &actor{id: w.newActor(), what: parent.what, proc: p}
		w.start(a, func(ctx context.Context) error { fn(ctx); return nil }, nil)
		return true
	}
}

// settle waits until nobody runs, and takes in what came of it.
func (w *world) settle() {
	for {
		synctest.Wait()
		w.mu.Lock()
		arrived, ended := w.arrived, w.ended
		w.arrived, w.ended = nil, nil
		w.spots = slices.DeleteFunc(append(w.spots, arrived...), func(s *spot) bool { return s.gone })
		slices.SortStableFunc(w.spots, func(a, b *spot) int {
			return cmp.Or(cmp.Compare(a.actor.id, b.actor.id), cmp.Compare(a.kind, b.kind))
		})
		w.mu.Unlock()
		slices.SortFunc(arrived, func(a, b *spot) int { return cmp.Compare(a.actor.id, b.actor.id) })
		for _, s := range arrived {
			if s.kind == "send" && !s.gone {
				w.leaving(s.call)
			}
		}
		for _, then := range ended {
			then()
		}
		if len(ended) == 0 {
			break
		}
	}
	slices.SortFunc(w.zombies, func(a, b *call) int { return cmp.Compare(a.n, b.n) })
	if w.dirty {
		w.dirty = false
		w.look()
	}
}

// stay keeps the actor until it is sent on, and tells it its fate; false when its context ended first.
func (w *world) stay(ctx context.Context, kind string, c *call) (*spot, fate, bool) {
	a := ctx.Value(actorKey{}).(*actor)
	w.mu.Lock()
	if a.proc.dead {
		w.mu.Unlock()
		runtime.Goexit() // a process that is gone takes no further step
	}
	if kind == "write" && ctx.Done() != nil {
		kind = "renew" // beside a call; what an actor writes on its own line cannot be called off
	}
	s := &spot{actor: a, kind: kind, fates: make(chan fate), call: c}
	w.arrived = append(w.arrived, s)
	w.mu.Unlock()
	select {
	case f := <-s.fates:
		if f == dies {
			runtime.Goexit()
		}
		return s, f, true
	case <-ctx.Done():
	}
	w.mu.Lock()
	s.gone = true
	w.mu.Unlock()
	if a.proc.dead {
		runtime.Goexit()
	}
	return s, "", false
}

// send lets one actor go on to its next spot.
func (w *world) send(s *spot, f fate) {
	w.mu.Lock()
	w.spots = slices.DeleteFunc(w.spots, func(o *spot) bool { return o == s })
	gone := s.gone
	w.mu.Unlock()
	if gone {
		return
	}
	w.running = s.actor
	s.fates <- f
	w.settle()
}

// kill ends a process: whoever stays somewhere in it, or wakes up later, takes no further step.
func (w *world) kill(p *process) {
	w.mu.Lock()
	p.dead = true
	w.mu.Unlock()
	for _, s := range slices.Clone(w.spots) {
		if s.actor.proc != p || s.gone {
			continue
		}
		if s.kind == "send" && w.dice.n(2) == 1 {
			w.zombies = append(w.zombies, s.call) // its bytes are on the way already
		}
		w.send(s, dies)
	}
	w.procs = slices.DeleteFunc(w.procs, func(o *process) bool { return o == p })
}

// gone ends an actor whose process dies at this very moment; kill buries the others.
func (w *world) gone(p *process) {
	w.mu.Lock()
	p.dead = true
	w.dying = append(w.dying, p)
	w.mu.Unlock()
	runtime.Goexit()
}

// store is the database as one process sees it.
type store struct {
	w *world
	p *process
}

func (s *store) View(ctx context.Context, fn func(*db.Tx) error) error {
	_, f, ok := s.w.stay(ctx, "read", nil)
	if !ok {
		return ctx.Err()
	}
	if f == notWritten {
		return errAway
	}
	return s.w.view(fn)
}

var errAway = &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable"}

// view reads on the writer's connection, and undoes whatever it was: with a history every few
// milliseconds the time goes into preparing statements, and each reading connection prepares its own.
func (w *world) view(fn func(*db.Tx) error) error {
	var err error
	looked := errors.New("only looked")
	undo := w.store.Update(context.Background(), func(tx *db.Tx) error {
		err = fn(tx)
		return looked
	})
	if err == nil && !errors.Is(undo, looked) {
		err = undo
	}
	return err
}

// Update runs in the goroutine of the store's writer; the actor is asked about its fate before.
func (s *store) Update(ctx context.Context, fn func(*db.Tx) error) error {
	spot, f, ok := s.w.stay(ctx, "write", nil)
	if !ok {
		return ctx.Err()
	}
	return s.w.commit(spot.actor, f, func() error { return s.w.store.Update(context.WithoutCancel(ctx), fn) }, fn)
}

type undone struct{ error }

func (w *world) commit(a *actor, f fate, commit func() error, fn func(*db.Tx) error) error {
	rolledBack := func() (said error) {
		_ = w.store.Update(context.Background(), func(tx *db.Tx) error {
			said = fn(tx)
			return undone{said}
		})
		return said
	}
	switch f {
	case notWritten:
		return errAway
	case diesWithin:
		_ = rolledBack()
		w.gone(a.proc)
	case unsureLost:
		_ = rolledBack()
		return db.ErrOutcomeUnknown
	}
	if w.sabotage.loses() {
		return rolledBack() // nobody is told that what he refused is stored
	}
	err := commit()
	w.dirty, w.wrote = true, true
	a.ran = time.Now()
	switch {
	case err != nil:
		return err
	case f == diesAfter:
		w.gone(a.proc)
	case f == unsureThere:
		return db.ErrOutcomeUnknown
	}
	return nil
}
