package payments

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// FeedNewsOnly is feedNews: one feed, so many turns of NewsBatch invoices.
func (e *Engine) FeedNewsOnly(ctx context.Context, feed checkout.Feed, most int) error {
	return e.feedNews(ctx, feed, most)
}

// NewsBatch is how many invoices get places in one turn.
var NewsBatch = newsBatch

// ForgetOne is what the sweep does to one that was to be forgotten when it looked.
func (e *Engine) ForgetOne(tx *db.Tx, id string) error { return e.forget(tx, id) }

// Notify remembers an event for the endpoints, in a step in which moved was the last attempt that did.
func Notify(e *checkout.Event, moved *checkout.Attempt) error {
	s := &step{inv: &checkout.Invoice{ID: e.InvoiceID}, moved: moved}
	return s.notify(e)
}
