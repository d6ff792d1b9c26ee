// Package worker claims and runs stored jobs, and runs what is due again and again. A job that was
// stored is run at least once: a worker that dies leaves a lease that runs out, and whoever claims
// the job next has a higher fence. What must not happen twice is the handler's business, by that
// fence.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const (
	// Lease is how long a claimed job belongs to the process that runs it; renewed while it runs.
	Lease = 8 * time.Second
	// RenewEvery leaves room for three lost renewals before another process may take over.
	RenewEvery = 2 * time.Second
	// poll is the net under the wake-ups: jobs stored by other processes, and those due later.
	poll = 500 * time.Millisecond
	// MaxFailures is after how many failures in a row a job is given up to a person.
	MaxFailures = 20
)

// Handler does one job. nil means that it is done and removed; an error means that it is run again
// later.
type Handler func(ctx context.Context, job checkout.Job) error

// Kind is one kind of job.
type Kind struct {
	Name        string
	Concurrency int // how many run at once
	Handle      Handler
	// Endless jobs are never given up, however often they fail: the money of a verify may be
	// waiting behind a fault that somebody mends tomorrow.
	Endless bool
	// Settles says that the handler keeps its lease and finishes or puts off its job itself, in the
	// transaction that records what it did. The worker then leaves a job alone that ended without an
	// error: removing or renewing it here could lose an ask that was just put off.
	Settles bool
	// Source, when set, is where the work of this kind stands instead of in the table of jobs. Its
	// claims run out by themselves and are never renewed here, and the handler records what it did;
	// an error means that the work is found there again.
	Source Source
}

// Source is work that is stored in a table of its own, because who may take how much of it at once is
// more than a matter of time.
type Source interface {
	// NextAt is when something may be claimed, zero when there is nothing.
	NextAt(ctx context.Context) (time.Time, error)
	// Claim leases up to most pieces of work.
	Claim(ctx context.Context, most int) ([]checkout.Job, error)
}

// Options wire a worker.
type Options struct {
	DB  *db.DB
	Now func() time.Time // time.Now when nil
	Log *slog.Logger
	// Poll is how often the worker looks without being woken; half a second when 0.
	Poll time.Duration
}

// Worker runs jobs, schedules and what was spawned. Register and Every come before Run.
type Worker struct {
	opt       Options
	kinds     []Kind
	schedules []schedule

	stop     chan struct{} // closed by Drain: nothing new begins
	stopOnce sync.Once

	// work is the context of everything that runs; it ends only when a drain has lost patience.
	work   context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	draining bool
	running  sync.WaitGroup // grows only under mu while not draining
}

// New returns a worker at rest.
func New(o Options) *Worker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = poll
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Worker{opt: o, stop: make(chan struct{})}
	w.work, w.cancel = context.WithCancel(context.Background())
	return w
}

// Register adds a kind of job.
func (w *Worker) Register(k Kind) {
	if k.Concurrency < 1 {
		k.Concurrency = 1
	}
	w.kinds = append(w.kinds, k)
}

// Every runs fn at once when the worker starts, and then an interval after each end.
func (w *Worker) Every(name string, interval time.Duration, fn func(ctx context.Context) error) {
	w.schedules = append(w.schedules, schedule{name: name, interval: interval, fn: fn})
}

// Spawn runs fn beside its caller, on a context that ends only when a drain has lost patience, and
// Drain waits for it. It reports false, and runs nothing, when a drain has begun.
func (w *Worker) Spawn(fn func(ctx context.Context)) bool {
	return w.begin(func() {
		if err := guard(func() error { fn(w.work); return nil }); err != nil {
			w.opt.Log.Error("spawned work failed", "err", err)
		}
	})
}

// begin runs fn in a goroutine that Drain waits for.
func (w *Worker) begin(fn func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining {
		return false
	}
	w.running.Go(fn)
	return true
}

// Prepare comes before the first request: on SQLite one server holds the file, and it is this one,
// so that every lease is that of a dead process. After the first request it would void our own.
func (w *Worker) Prepare(ctx context.Context) error {
	if w.opt.DB.Engine() != db.SQLite {
		return nil
	}
	return w.releaseLeases(ctx)
}

// Run claims and runs jobs until ctx ends or Drain is called; what runs then is Drain's to wait
// for. A database that does not answer is waited for.
func (w *Worker) Run(ctx context.Context) {
	var loops sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, k := range w.kinds {
		c := &claimer{worker: w, kind: k, source: k.Source, freed: make(chan struct{}, 1), bell: w.opt.DB.Subscribe(k.Name)}
		if c.source == nil {
			c.source = table{w, k.Name}
		}
		loops.Go(func() { c.loop(ctx) })
	}
	for _, s := range w.schedules {
		loops.Go(func() { w.repeat(ctx, s) })
	}
	select {
	case <-ctx.Done():
	case <-w.stop:
	}
	cancel()
	loops.Wait()
}

// ErrImpatient says that a drain ended work that had not come to its own end. Its jobs are still
// stored and go on after the next start.
var ErrImpatient = errors.New("work was cut off")

// Drain lets nothing new begin, waits until what runs has ended, and after patience cuts it off.
func (w *Worker) Drain(patience time.Duration) error {
	w.mu.Lock()
	w.draining = true
	w.mu.Unlock()
	w.stopOnce.Do(func() { close(w.stop) })
	ended := make(chan struct{})
	go func() { w.running.Wait(); close(ended) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
		w.cancel()
		return nil
	case <-timer.C:
	}
	// Everything listens to its context; waiting on keeps the database open until the last
	// transaction is through.
	w.cancel()
	<-ended
	return ErrImpatient
}
