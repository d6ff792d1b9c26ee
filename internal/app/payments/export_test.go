package payments

import (
	"context"
	"maps"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// What the fuzz targets read by themselves.
var (
	Cursor     = cursor
	ReadCursor = readCursor
	Validate   = validate

	FeedCursor     = feedCursor
	ReadFeedCursor = readFeedCursor
)

// ReadLink reads a signed link's parameters.
func ReadLink(query string) (map[string]string, error) {
	l, err := readLink(query)
	if err != nil {
		return nil, err
	}
	return l.params, nil
}

// Standing is how many stand in the queue of an attempt's address.
func (e *Engine) Standing(token string) int {
	e.queues.mu.Lock()
	defer e.queues.mu.Unlock()
	if q := e.queues.at[token]; q != nil {
		return q.stand
	}
	return 0
}

// Looking are the looks that wait to be kept, by invoice.
func (e *Engine) Looking() map[string]time.Time {
	e.looks.mu.Lock()
	defer e.looks.mu.Unlock()
	return maps.Clone(e.looks.last)
}

// Remembered is how many shops are remembered, and Remember remembers so many that there are not.
func (e *Engine) Remembered() int {
	e.offices.mu.Lock()
	defer e.offices.mu.Unlock()
	return len(e.offices.open)
}

// Remember is for Remembered.
func (e *Engine) Remember(n int) {
	e.offices.mu.Lock()
	defer e.offices.mu.Unlock()
	e.offices.open = map[Scope]*office{}
	for i := range n {
		e.offices.open[Scope{MerchantID: strconv.Itoa(i)}] = &office{}
	}
}

// Queue is a queue of attempts' addresses, and WordOf what a claim says there.
type Queue struct{ queues queues }

// File is queues.file for a store that gives no more than a way home.
func (q *Queue) File(token, says string, store func() (string, error)) (home string, asks bool, err error) {
	in, err := q.queues.file(token, says, func() (entry, error) {
		home, err := store()
		return entry{home: home, seat: &asking{}}, err
	})
	return in.home, in.seat != nil, err
}

// Addresses is at how many addresses somebody stands.
func (q *Queue) Addresses() int {
	q.queues.mu.Lock()
	defer q.queues.mu.Unlock()
	return len(q.queues.at)
}

// Stand is how many stand at one address.
func (q *Queue) Stand(token string) int {
	q.queues.mu.Lock()
	defer q.queues.mu.Unlock()
	if at := q.queues.at[token]; at != nil {
		return at.stand
	}
	return 0
}

// WordOf is what a claim says.
var WordOf = wordOf

// PageInvoice reads what was typed into a payment page.
var PageInvoice = pageInvoice

// What decides by itself.
var (
	HostOf       = hostOf
	NotFound     = notFound
	SplitEventID = splitEventID
	Amounts      = amounts
	Card         = card
	Terms        = terms
	WebAddress   = webAddress
	BucketOf     = bucketOf
	BucketMiddle = bucketMiddle
	PageSlug     = pageSlug
	ActorOf      = actorOf
)

// SweepOf is a sweep of duties that a test makes up, and SweepBatch is how many rows one look finds.
func (e *Engine) SweepOf(due func(*db.Tx, int) ([]string, error), act func(context.Context, string) error) error {
	return e.sweep(context.Background(), due, act)
}

// Bounds, as variables: a mutant of one is no constant.
var (
	MaxLinkQuery = maxLinkQuery
	SweepBatch   = sweepBatch
	MostCounts   = mostCounts
	SettleTries  = int64(settleTries)
	LastReask    = reasks[len(reasks)-1]
)

// SumUpOnly is sumUp: one feed, so many turns.
func (e *Engine) SumUpOnly(ctx context.Context, at db.FeedAt, most int) error {
	return e.sumUp(ctx, at, most)
}

// What a sweep does to one that was due when it looked.
func (e *Engine) RemindOne(ctx context.Context, id string) error  { return e.remind(ctx, id) }
func (e *Engine) SeePlace(ctx context.Context, id string) error   { return e.seePlace(ctx, id) }
func (e *Engine) ExpireOne(ctx context.Context, id string) error  { return e.expire(ctx, id) }
func (e *Engine) AbandonOne(ctx context.Context, id string) error { return e.abandon(ctx, id) }

// Hurry lets an answer that cannot be written wait for a moment only.
func (e *Engine) Hurry() { e.hurry = time.Millisecond }

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
