package payments

import (
	"cmp"
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
	// take on average, so that a run leaves the machine to those who pay meanwhile: 180 a second, and
	// 10,000 in less than a minute.
	runBatch = 25
	pace     = 5500 * time.Microsecond
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
		if err := recordRun(ctx, tx, "run.started", r); err != nil {
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
		if err := tx.SaveRun(r); err != nil {
			return err
		}
		return recordRun(ctx, tx, "run.stopped", r)
	})
}

// recordRun writes into the log what somebody did with a run. Its invoices stand there no more: they are
// what came of it, ten thousand at once, and each one's own history names the run.
func recordRun(ctx context.Context, tx *db.Tx, kind string, r *checkout.Run) error {
	return tx.Record(&checkout.Deed{
		MerchantID: r.MerchantID, Live: r.Live, By: checkout.ActorOf(ctx), Area: checkout.AreaInvoice, Kind: kind, Object: r.ID, Name: r.Name,
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
	if err := e.makeLines(tx, r, rows); err != nil {
		return false, err
	}
	if len(rows) < runBatch {
		r.Status, r.EndedAt = checkout.RunDone, tx.Now()
	}
	return r.Status == checkout.RunRunning, tx.SaveRun(r)
}

// makeLines makes the invoices of lines, or says why one cannot be made any more. What the lines have in
// common is read once, and their numbers and events are written together: whoever pays meanwhile waits
// for this transaction.
func (e *Engine) makeLines(tx *db.Tx, r *checkout.Run, lines []checkout.RunRow) error {
	shop, err := tx.Merchant(r.MerchantID)
	if err != nil {
		return err
	}
	rules, err := tx.Rules(r.MerchantID)
	if err != nil {
		return err
	}
	made, err := madeBefore(tx, lines)
	if err != nil {
		return err
	}
	drafts := make([]*checkout.Invoice, len(lines))
	fine := 0
	for i := range lines {
		l := &lines[i]
		if !l.MayDouble && made[l.Same] { // the same file was started twice
			l.Status = checkout.RowDouble
			r.Doubles++
			continue
		}
		if drafts[i], err = e.draftLine(tx, r, l, shop.Locale); err != nil {
			return err
		}
		if drafts[i] != nil {
			made[l.Same] = true
			fine++
		}
	}
	var number int64
	if fine > 0 {
		if number, err = tx.NextInvoiceNumbers(r.MerchantID, r.Live, fine); err != nil {
			return err
		}
	}
	var events []checkout.Event
	for i := range lines {
		l := &lines[i]
		if inv := drafts[i]; inv != nil {
			s := e.creation(tx, inv, number, actorOf(r.Actor))
			s.shop, s.rules, s.run = shop, &rules, r.ID
			number++
			if err := s.create(facts{"run": r.ID}); err != nil {
				return err
			}
			events = append(events, s.events...)
			l.Status, l.InvoiceID, l.MadeAt = checkout.RowMade, inv.ID, tx.Now()
			r.Made++
		}
		crash.At("run.line-in")
		saved, err := tx.SaveRunRow(l)
		if err == nil && !saved {
			err = checkout.Conflict // never under the run's lock; if ever, nothing of this counts
		}
		if err != nil {
			return err
		}
	}
	return tx.InsertEvents(events)
}

// draftLine is the invoice that a line asks for; nil when it cannot be made, and the line then says why.
func (e *Engine) draftLine(tx *db.Tx, r *checkout.Run, l *checkout.RunRow, locale string) (*checkout.Invoice, error) {
	ask := &l.Ask
	inv, err := e.draft(tx, Scope{r.MerchantID, r.Live}, NewInvoice{
		Amount: ask.Amount, Description: ask.Description, Reference: ask.Reference, Locale: cmp.Or(ask.Locale, locale), ExpiresAt: expiryOf(ask, tx.Now()),
		Customer: checkout.Customer{Name: ask.Name, Mobile: ask.Mobile, Email: ask.Email}, SendEmail: r.Letters && ask.Email != "",
	})
	var wrong *checkout.Error
	if errors.As(err, &wrong) && len(wrong.Fields) > 0 { // its expiry has come meanwhile
		l.Status, l.Problems = checkout.RowFailed, wrong.Fields
		r.Failed++
		return nil, nil
	}
	return &inv, err
}

// actorOf reads what Actor.String wrote.
func actorOf(text string) checkout.Actor {
	kind, id, found := strings.Cut(text, ":")
	if !found {
		return checkout.Actor{}
	}
	return checkout.Actor{Kind: kind, ID: id}
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
