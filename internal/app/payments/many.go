package payments

import (
	"context"
	"errors"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

const (
	// JobRun is the kind of the stored job that makes the invoices of a run. Its key is the run's id.
	JobRun = "run"
	// MaxRun is how many lines one run may have.
	MaxRun = 20_000
	// runBatch is how many of its invoices are made in one transaction; pace is how much time each may
	// take on average, so that a run leaves the machine to those who pay meanwhile: 250 a second.
	runBatch = 25
	pace     = 4 * time.Millisecond
	// storedAtOnce is how many lines go into one statement.
	storedAtOnce = 250
	// sameFor is how long a line that asks the same as one that was made is called a double.
	sameFor = 30 * 24 * time.Hour
	// runsKept is how long a run and its lines, which hold personal data, are kept.
	runsKept = 90 * 24 * time.Hour
)

// StartRun begins a run that was checked, or goes on with one that was stopped. With doubles, lines that
// ask what was asked before are made too. Twice is once. Errors: NotFound, Conflict.
func (e *Engine) StartRun(ctx context.Context, sc Scope, id string, letters, doubles bool) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		r, err := e.lockRun(tx, sc, id)
		if err != nil {
			return err
		}
		switch r.Status {
		case checkout.RunRunning, checkout.RunDone:
			return nil
		case checkout.RunChecked:
			r.StartedAt, r.Letters = tx.Now(), letters
			if doubles {
				if _, err := tx.TakeDoubles(id); err != nil {
					return err
				}
			}
		case checkout.RunStopped:
		default:
			return checkout.Fail(checkout.Conflict, "error.conflict")
		}
		r.Status, r.EndedAt = checkout.RunRunning, time.Time{}
		if err := tx.SaveRun(r); err != nil {
			return err
		}
		return tx.EnqueueJob(checkout.Job{Kind: JobRun, Key: id, RunAt: tx.Now()})
	})
}

// StopRun stops a run: what is made is made, and nothing more is until somebody goes on with it.
func (e *Engine) StopRun(ctx context.Context, sc Scope, id string) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		r, err := e.lockRun(tx, sc, id)
		if err != nil || r.Status != checkout.RunRunning {
			return err
		}
		r.Status, r.EndedAt = checkout.RunStopped, tx.Now()
		return tx.SaveRun(r)
	})
}

func (e *Engine) lockRun(tx *db.Tx, sc Scope, id string) (*checkout.Run, error) {
	r, err := tx.LockRun(id)
	if err != nil {
		return nil, err
	}
	if r.MerchantID != sc.MerchantID || r.Live != sc.Live || r.Status == checkout.RunReading {
		return nil, checkout.NotFound
	}
	return r, nil
}

// RunMany is the handler of JobRun: it makes the invoices of a run, some at a time, and leaves the machine
// to others in between. Dying at any point costs nothing: a line and its invoice and letter are written in
// one transaction, under the run's lock.
func (e *Engine) RunMany(ctx context.Context, job checkout.Job) error {
	for {
		began, more := time.Now(), false
		err := e.DB.Update(ctx, func(tx *db.Tx) (err error) {
			more, err = e.makeSome(tx, job.Key)
			return err
		})
		crash.At("run.some-made")
		if errors.Is(err, checkout.NotFound) {
			return nil
		}
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(runBatch*pace-time.Since(began), pace)):
		}
	}
}

// makeSome makes the next lines of a run. False: there is nothing more to do.
func (e *Engine) makeSome(tx *db.Tx, id string) (bool, error) {
	r, err := tx.LockRun(id)
	if err != nil || r.Status != checkout.RunRunning {
		return false, err
	}
	rows, err := tx.RunRows(id, checkout.RowReady, 0, runBatch)
	if err != nil {
		return false, err
	}
	for i := range rows {
		if err := e.makeLine(tx, r, &rows[i]); err != nil {
			return false, err
		}
	}
	if len(rows) < runBatch {
		r.Status, r.EndedAt = checkout.RunDone, tx.Now()
	}
	return r.Status == checkout.RunRunning, tx.SaveRun(r)
}

// makeLine makes the invoice of one line, or says why it cannot be made any more.
func (e *Engine) makeLine(tx *db.Tx, r *checkout.Run, l *checkout.RunRow) error {
	if !l.MayDouble {
		made, err := tx.MadeBefore(l.Same, tx.Now().Add(-sameFor))
		if err != nil {
			return err
		}
		if made { // the same file was started twice
			l.Status = checkout.RowDouble
			r.Doubles++
			_, err := tx.SaveRunRow(l)
			return err
		}
	}
	ask := &l.Ask
	sc := Scope{r.MerchantID, r.Live}
	inv, err := e.draft(tx, sc, NewInvoice{
		Amount: ask.Amount, Description: ask.Description, Reference: ask.Reference, Locale: ask.Locale, ExpiresAt: expiryOf(ask, tx.Now()),
		Customer: checkout.Customer{Name: ask.Name, Mobile: ask.Mobile, Email: ask.Email}, SendEmail: r.Letters && ask.Email != "",
	})
	var wrong *checkout.Error
	switch {
	case errors.As(err, &wrong) && len(wrong.Fields) > 0: // its expiry has come meanwhile
		l.Status, l.Problems = checkout.RowFailed, wrong.Fields
		r.Failed++
	case err != nil:
		return err
	default:
		if err := e.insertMany(tx, &inv, r.ID, r.Actor); err != nil {
			return err
		}
		l.Status, l.InvoiceID, l.MadeAt = checkout.RowMade, inv.ID, tx.Now()
		r.Made++
	}
	crash.At("run.line-in")
	saved, err := tx.SaveRunRow(l)
	if err == nil && !saved {
		err = checkout.Conflict // never under the run's lock; if ever, nothing of this counts
	}
	return err
}

// insertMany is insertInvoice for a line of a run: its letter is counted among those of runs.
func (e *Engine) insertMany(tx *db.Tx, inv *checkout.Invoice, run, actor string) error {
	by := checkout.Actor{}
	if kind, id, found := strings.Cut(actor, ":"); found {
		by = checkout.Actor{Kind: kind, ID: id}
	}
	return e.insertFrom(tx, inv, facts{"run": run}, by)
}

// PruneRuns forgets runs whose time has passed, some lines at a time.
func (e *Engine) PruneRuns(ctx context.Context) error {
	for {
		var id string
		err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
			id, err = tx.OldRun(tx.Now().Add(-runsKept))
			return err
		})
		if err != nil || id == "" {
			return err
		}
		for gone := false; !gone; {
			err := e.DB.Update(ctx, func(tx *db.Tx) (err error) {
				gone, err = tx.ForgetRun(id, storedAtOnce)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}
