package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

const (
	firstBackOff = time.Second
	mostBackOff  = 10 * time.Minute
	// mostEndless is shorter: such a job stands between a customer and a receipt.
	mostEndless = time.Minute
	// settleWithin bounds the last write about a job. It runs on a context of its own: a job that
	// was done must not be done again because the drain lost patience in that very moment.
	settleWithin = 5 * time.Second
	failureChars = 500
)

// panicked is a panic of a handler, as an error.
type panicked struct {
	what  string
	stack string
}

func (p *panicked) Error() string { return "panic: " + p.what }

// guard runs fn and turns a panic into an error that does not quote it.
func guard(fn func() error) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		err = &panicked{what: checkout.Panicked(cause), stack: string(debug.Stack())}
	}()
	return fn()
}

// settle writes how a job ended. When the fence has moved, somebody else holds the job by now and
// this changes nothing.
func (w *Worker) settle(k Kind, job checkout.Job, failure error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.work), settleWithin)
	defer cancel()
	if failure == nil {
		if k.Settles || k.Source != nil {
			return
		}
		if err := w.finish(ctx, job); err != nil {
			w.opt.Log.Error("finish job", "kind", job.Kind, "key", job.Key, "err", err)
		}
		return
	}
	if w.work.Err() != nil {
		// Cut off by the drain: no fault of the job. Its lease runs out, or is void at the start.
		return
	}
	args := []any{"kind", job.Kind, "key", job.Key, "failures", job.Failures + 1, "err", failure}
	if p := (*panicked)(nil); errors.As(failure, &p) {
		args = append(args, "stack", p.stack)
	}
	if k.Source != nil {
		w.opt.Log.Warn("work failed, and is found again", args...)
		return
	}
	if !k.Endless && job.Failures+1 >= MaxFailures {
		w.opt.Log.Error("job given up", args...)
		if err := w.kill(ctx, job, short(failure.Error())); err != nil {
			w.opt.Log.Error("give up job", "kind", job.Kind, "key", job.Key, "err", err)
		}
		return
	}
	w.opt.Log.Warn("job failed", args...)
	if err := w.putOff(ctx, job, w.opt.Now().Add(backOff(job.Failures, k.Endless)), short(failure.Error())); err != nil {
		w.opt.Log.Error("put off job", "kind", job.Kind, "key", job.Key, "err", err)
	}
}

// backOff doubles with each failure, up to a limit, and scatters by a fifth either way so that jobs
// which failed together do not come back together.
func backOff(failures int, endless bool) time.Duration {
	most := mostBackOff
	if endless {
		most = mostEndless
	}
	d := most
	if failures < 16 {
		d = min(firstBackOff<<max(failures, 0), most)
	}
	fifth := int64(d) / 5
	return d - time.Duration(fifth) + time.Duration(rand.Int64N(2*fifth+1))
}

// short cuts a failure to what a list can show.
func short(s string) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= failureChars {
		return s
	}
	return strings.ToValidUTF8(s[:failureChars], "") + "…"
}
