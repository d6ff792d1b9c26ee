package payments

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"dargah/internal/db"
)

// maxLooks bounds the links whose looks wait to be kept, and looksApart is how far apart two looks are that
// count as two.
const (
	maxLooks   = 10_000
	looksApart = time.Minute
)

// looks are those that nobody has written down yet. A page is shown without waiting for them: they are
// kept now and then, and lost when we die.
type looks struct {
	mu   sync.Mutex
	last map[string]time.Time // by invoice
}

// Looked says that a person has opened a payment link. It only remembers, and changes nothing of the invoice.
func (e *Engine) Looked(invoiceID string) {
	at := e.Now()
	e.looks.mu.Lock()
	defer e.looks.mu.Unlock()
	if e.looks.last == nil {
		e.looks.last = map[string]time.Time{}
	}
	if _, waits := e.looks.last[invoiceID]; waits || len(e.looks.last) < maxLooks {
		e.looks.last[invoiceID] = at
	}
}

// KeepLooks writes down what was remembered. What cannot be written is let go: nothing hangs on it.
func (e *Engine) KeepLooks(ctx context.Context) error {
	e.looks.mu.Lock()
	all := e.looks.last
	e.looks.last = nil
	e.looks.mu.Unlock()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(all)), sweepBatch) { // in one order, so that two servers do not wait for each other in a circle
		err := e.DB.Update(ctx, func(tx *db.Tx) error {
			for _, id := range ids {
				if err := tx.KeepLook(id, all[id], looksApart); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
