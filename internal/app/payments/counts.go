package payments

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const (
	// countLongest is how long one exact count may take.
	countLongest = 2 * time.Minute
	// mostCounts is how many results are remembered.
	mostCounts = 200
)

// Counted is how far the exact count of a list is.
type Counted struct {
	Running, Failed bool
	Totals          db.Totals
	At              time.Time // of which moment the totals are true
}

// countKey is a list: its filters without the words, since what is found by words is bounded.
type countKey struct {
	scope           Scope
	status, gateway string
	from, to        int64
}

// counts are the exact counts of this process. One runs at a time: it reads for long.
type counts struct {
	mu    sync.Mutex
	known map[countKey]*Counted
	order []countKey
	busy  bool
	over  bool
	stop  context.CancelFunc
}

func (f *InvoiceFilter) countKey(sc Scope) countKey {
	return countKey{sc, f.Status, f.Gateway, f.From.UnixMilli(), f.To.UnixMilli()}
}

// Counted says how far the exact count of a list is; false when nobody asked for it.
func (e *Engine) Counted(sc Scope, f InvoiceFilter) (Counted, bool) {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	if c := e.counts.known[f.countKey(sc)]; c != nil {
		return *c, true
	}
	return Counted{}, false
}

// CountExactly begins to count a list to its end, beside everything else: it reads one moment of the
// store and holds nobody up. Conflict while another list is counted. Errors as for Invoices.
func (e *Engine) CountExactly(sc Scope, f InvoiceFilter) error {
	f.Cursor, f.Limit, f.Query, f.Reference = "", 1, "", ""
	q, err := f.query(sc)
	if err != nil {
		return err
	}
	key := f.countKey(sc)
	c := &e.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.known[key]; old != nil && old.Running {
		return nil
	}
	if c.busy || c.over {
		return checkout.Fail(checkout.Conflict, "error.counting")
	}
	ctx, cancel := context.WithTimeout(context.Background(), countLongest)
	if !e.Spawn(func(work context.Context) {
		defer cancel()
		defer context.AfterFunc(work, cancel)()
		e.count(ctx, key, *q)
	}) {
		cancel()
		return checkout.Fail(checkout.Conflict, "error.counting")
	}
	c.busy, c.stop = true, cancel
	c.keep(key, &Counted{Running: true})
	return nil
}

func (e *Engine) count(ctx context.Context, key countKey, q db.InvoiceQuery) {
	done := Counted{Failed: true} // also when it panics
	defer func() {
		e.counts.mu.Lock()
		defer e.counts.mu.Unlock()
		e.counts.busy = false
		e.counts.keep(key, &done)
	}()
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		totals, err := tx.AllTotals(ctx, q)
		if err == nil {
			done = Counted{Totals: totals, At: tx.Now()}
		}
		return err
	})
	if err != nil {
		done = Counted{Failed: true}
		e.Log.Warn("a list was not counted to its end", slog.Any("err", err))
	}
}

// keep remembers a count, and forgets the oldest.
func (c *counts) keep(key countKey, v *Counted) {
	if c.known == nil {
		c.known = map[countKey]*Counted{}
	}
	if c.known[key] == nil {
		c.order = append(c.order, key)
	}
	c.known[key] = v
	if len(c.order) > mostCounts {
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
}

// StopCounts ends what is being counted, and begins nothing more: a server that stops waits for
// payments, not for figures.
func (e *Engine) StopCounts() {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	e.counts.over = true
	if e.counts.stop != nil {
		e.counts.stop()
	}
}
