package worker

import (
	"context"
	"time"
)

type schedule struct {
	name     string
	interval time.Duration
	fn       func(ctx context.Context) error
}

// repeat runs a schedule until ctx ends. An error or a panic costs one turn, not the schedule.
func (w *Worker) repeat(ctx context.Context, s schedule) {
	for {
		done := make(chan struct{})
		begun := w.begin(func() {
			defer close(done)
			if err := guard(func() error { return s.fn(w.work) }); err != nil {
				w.opt.Log.Error("schedule failed", "schedule", s.name, "err", err)
			}
		})
		if !begun {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-done:
		}
		if !sleep(ctx, s.interval) {
			return
		}
	}
}

// sleep waits, and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
