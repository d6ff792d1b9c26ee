package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
)

// claimer runs one kind of job. Kinds do not share places, so that a slow receiver of webhooks
// never holds up a verify.
type claimer struct {
	worker *Worker
	kind   Kind
	source Source
	busy   atomic.Int64
	freed  chan struct{} // a place became free
	bell   <-chan struct{}
}

// loop claims until ctx ends.
func (c *claimer) loop(ctx context.Context) {
	for ctx.Err() == nil {
		wait := c.worker.opt.Poll
		if free := c.kind.Concurrency - int(c.busy.Load()); free > 0 {
			wait = c.fill(ctx, free)
		}
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.bell:
		case <-c.freed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// fill claims up to free jobs, starts them, and says how long to wait before looking again.
func (c *claimer) fill(ctx context.Context, free int) time.Duration {
	w := c.worker
	due, err := c.source.NextAt(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.opt.Log.Error("look for jobs", "kind", c.kind.Name, "err", err)
		}
		return w.opt.Poll
	}
	if due.IsZero() {
		return w.opt.Poll
	}
	// Looking is a read; claiming is a write, and is done only when there is something to claim.
	if wait := due.Sub(w.opt.Now()); wait > 0 {
		return min(wait, w.opt.Poll)
	}
	jobs, err := c.source.Claim(ctx, free)
	if err != nil {
		if ctx.Err() == nil {
			w.opt.Log.Error("claim jobs", "kind", c.kind.Name, "err", err)
		}
		return w.opt.Poll
	}
	crash.At("worker.claimed")
	for _, job := range jobs {
		c.busy.Add(1)
		if !w.begin(func() { c.run(job) }) {
			// Draining began between the claim and here: the lease runs out by itself, or is void
			// at the next start.
			c.busy.Add(-1)
		}
	}
	if len(jobs) == 0 {
		return w.opt.Poll // another process was faster
	}
	return 0
}

// run does one claimed job from the handler to its end in the database.
func (c *claimer) run(job checkout.Job) {
	defer func() {
		c.busy.Add(-1)
		select {
		case c.freed <- struct{}{}:
		default:
		}
	}()
	w := c.worker
	renewing, stopRenewing := context.WithCancel(w.work)
	var renewal sync.WaitGroup
	if !c.kind.Settles && c.kind.Source == nil {
		renewal.Go(func() { w.renew(renewing, job) })
	}
	err := guard(func() error { return c.kind.Handle(w.work, job) })
	crash.At("worker.handled")
	stopRenewing()
	renewal.Wait()
	w.settle(c.kind, job, err)
}

// renew keeps the lease until ctx ends or the job is no longer ours. It does not stop the handler
// then: whoever claimed the job over our head is kept apart by the fence.
func (w *Worker) renew(ctx context.Context, job checkout.Job) {
	for sleep(ctx, RenewEvery) {
		held, err := w.extend(ctx, job)
		if err != nil && ctx.Err() == nil {
			w.opt.Log.Error("renew lease", "kind", job.Kind, "key", job.Key, "err", err)
		}
		if err == nil && !held {
			return
		}
	}
}
