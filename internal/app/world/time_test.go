package world_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// letPass is time going by in one of three ways: everybody works meanwhile; everybody stays where he
// is but holds what he has; or nobody moves at all, as on a machine that is paused.
func (w *world) letPass() {
	d := pick(w.dice, []time.Duration{time.Second, 6 * time.Second, 25 * time.Second, 70 * time.Second, time.Second, 6 * time.Second, 25 * time.Second, 4 * time.Minute, 16 * time.Minute, 40 * time.Minute})
	how := choose(w.dice, []weighted[string]{{6, "while all work"}, {2, "while all wait"}, {1, "and nothing moves"}})
	w.say("%s pass %s", d, how)
	w.tally("time: %s", how)
	switch how {
	case "while all work":
		w.pass(d, true)
	case "while all wait":
		w.hold(d)
	default:
		time.Sleep(d)
		w.settle()
	}
}

// pass lets time go by from one due thing to the next, as worker and sweep would live it. rough
// weather lets the network and the store fail now and then.
func (w *world) pass(d time.Duration, rough bool) {
	end := time.Now().Add(d)
	swept := time.Now()
	for w.broken == nil {
		w.flow(rough)
		for w.work(rough) {
			w.flow(rough)
		}
		now := time.Now()
		if !now.Before(end) {
			break
		}
		wait := min(end.Sub(now), w.nextJob())
		if w.alive > 0 {
			wait = min(wait, 2*time.Second) // a call hangs: its lease is renewed meanwhile
		}
		if now.Sub(swept) >= 5*time.Minute {
			swept = now
			w.sweep()
		}
		time.Sleep(max(wait, 500*time.Millisecond)) // as often as a worker looks
		w.settle()
	}
	w.sweep()
	w.flow(rough)
}

// hold lets time go by while only leases are renewed, for as long as a call can be out.
func (w *world) hold(d time.Duration) {
	end := time.Now().Add(d)
	for until := time.Now().Add(min(d, patience+4*time.Second)); w.broken == nil && time.Now().Before(until); {
		time.Sleep(2 * time.Second)
		w.settle()
		for i := 0; i < len(w.spots) && w.broken == nil; i++ {
			if s := w.spots[i]; s.kind == "renew" {
				w.goOn(s, goesOn)
				i = -1
			}
		}
	}
	time.Sleep(time.Until(end))
	w.settle()
}

// flow lets everybody go on until nobody can.
func (w *world) flow(rough bool) {
	for len(w.spots) > 0 && w.broken == nil {
		f := goesOn
		if rough {
			f = w.fateOf(w.spots[0], 30)
		}
		w.goOn(w.spots[0], f)
	}
}

// nextJob is how long it is until a stored job is due, at most until the next sweep. It is read again
// only after somebody wrote.
func (w *world) nextJob() time.Duration {
	if w.wrote {
		w.wrote = false
		w.failed(w.view(func(tx *db.Tx) (err error) {
			w.jobAt, err = tx.NextJobAt([]string{payments.JobVerify})
			return err
		}))
	}
	if w.jobAt.IsZero() || !slices.ContainsFunc(w.procs, func(p *process) bool { return !p.draining }) {
		return 5 * time.Minute
	}
	return min(5*time.Minute, max(w.jobAt.Sub(w.now()), 0))
}

// work lets each process claim what is due, and reports whether there was anything.
func (w *world) work(rough bool) bool {
	for _, p := range w.procs {
		if !p.draining && !w.sabotage.noWorker && w.nextJob() == 0 && w.claim(p) {
			return true
		}
	}
	return false
}

// claim is the worker of a process: it claims what is due and begins it. As in worker.Worker, whose
// own loop polls by the clock.
func (w *world) claim(p *process) bool {
	w.jobAt = w.jobAt.Add(500 * time.Millisecond) // whatever comes of it, not at once again
	before := w.actors
	w.act(p, fmt.Sprintf("worker %d claims", p.n), func(ctx context.Context) error {
		var jobs []checkout.Job
		err := p.DB.Update(ctx, func(tx *db.Tx) (err error) {
			jobs, err = tx.ClaimJobs([]string{payments.JobVerify}, 8, tx.Now().Add(8*time.Second))
			return err
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = append(w.ended, func() { w.run(p, jobs) })
		return ignoreAway(err)
	}, w.failed)
	for _, s := range w.spots {
		if s.actor.id == before+1 {
			w.goOn(s, w.fateOf(s, 40))
			break
		}
	}
	return w.actors > before+1
}

func (w *world) run(p *process, jobs []checkout.Job) {
	for _, job := range jobs {
		if p.dead {
			return
		}
		w.tally("job runs")
		a := &actor{id: w.newActor(), what: "worker: " + w.jobName(job.Key), proc: p, ran: time.Now()}
		w.start(a, func(ctx context.Context) error {
			err := p.RunVerify(ctx, job)
			if err == nil {
				return nil
			}
			return ignoreAway(p.DB.Update(ctx, func(tx *db.Tx) error {
				_, err := tx.PutOffJob(job.Kind, job.Key, job.Fence, tx.Now().Add(time.Second<<min(job.Failures, 5)), err.Error())
				return err
			}))
		}, w.failed)
	}
}

// sweep is one process's; where two run, one is enough.
func (w *world) sweep() {
	if w.sabotage.noSweep || len(w.procs) == 0 {
		return
	}
	p := w.procs[0]
	w.act(p, fmt.Sprintf("sweep %d", p.n), func(ctx context.Context) error { return ignoreAway(p.Sweep(ctx)) }, w.failed)
}

// setClock sets the machine's clock: a little, by minutes, beyond every window, and back.
func (w *world) setClock() {
	d := pick(w.dice, []time.Duration{20 * time.Second, -20 * time.Second, 5 * time.Minute, -5 * time.Minute, 20 * time.Minute, -time.Hour})
	w.say("the machine's clock is set by %s", d)
	w.tally("clock set %s", d)
	w.skew += d
	w.ahead = max(w.ahead, w.skew)
	w.jumped = time.Now()
}

// rest ends the faults, lets enough time pass, and settles accounts.
func (w *world) rest() {
	w.say("--- all faults end; everybody works; 45 minutes pass, then 8 days")
	w.dice.step = 0
	w.bank.sim.ClearFaults()
	for len(w.zombies) > 0 {
		w.arrives(0)
	}
	w.flow(false)
	for _, p := range w.procs {
		if p.draining {
			w.die(p)
		}
	}
	w.pass(45*time.Minute+w.ahead-w.skew, false) // what a clock that was ahead has written comes later
	w.skew = max(w.skew, w.opened)
	if w.broken == nil {
		w.restLaws()
	}
	time.Sleep(8 * 24 * time.Hour)
	w.pass(time.Second, false)
	w.act(w.procs[0], "old keys are forgotten", w.procs[0].Prune, w.failed)
	w.flow(false)
	if w.broken == nil {
		w.accounts()
	}
}
