package worker

import (
	"context"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

func (w *Worker) releaseLeases(ctx context.Context) error {
	crash.At("worker.before-release")
	err := w.opt.DB.Update(ctx, func(tx *db.Tx) error { return tx.ReleaseLeases() })
	crash.At("worker.released")
	if err != nil {
		return fmt.Errorf("release the leases of a dead process: %w", err)
	}
	return nil
}

// table is the work of one kind in the table of jobs.
type table struct {
	*Worker
	kind string
}

// NextAt is when a job of the kind may be claimed, zero when there is none.
func (w table) NextAt(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := w.opt.DB.View(ctx, func(tx *db.Tx) (err error) {
		at, err = tx.NextJobAt([]string{w.kind})
		return err
	})
	return at, err
}

// Claim leases jobs of the kind.
func (w table) Claim(ctx context.Context, most int) ([]checkout.Job, error) {
	var jobs []checkout.Job
	err := w.opt.DB.Update(ctx, func(tx *db.Tx) (err error) {
		crash.At("worker.before-claim")
		jobs, err = tx.ClaimJobs([]string{w.kind}, most, tx.Now().Add(Lease))
		return err
	})
	return jobs, err
}

// extend renews the lease, and reports whether the job is still ours.
func (w *Worker) extend(ctx context.Context, job checkout.Job) (held bool, err error) {
	err = w.opt.DB.Update(ctx, func(tx *db.Tx) (err error) {
		held, err = tx.RenewJob(job.Kind, job.Key, job.Fence, tx.Now().Add(Lease))
		return err
	})
	return held, err
}

func (w *Worker) finish(ctx context.Context, job checkout.Job) error {
	return w.opt.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.FinishJob(job.Kind, job.Key, job.Fence)
		return err
	})
}

func (w *Worker) putOff(ctx context.Context, job checkout.Job, at time.Time, failure string) error {
	return w.opt.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.PutOffJob(job.Kind, job.Key, job.Fence, at, failure)
		return err
	})
}

func (w *Worker) kill(ctx context.Context, job checkout.Job, failure string) error {
	return w.opt.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.KillJob(job.Kind, job.Key, job.Fence, failure)
		return err
	})
}
