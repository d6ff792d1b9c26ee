package payments

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// EventFilter selects events of a merchant in one mode.
type EventFilter struct {
	// Forward reads oldest first, behind the event After, or from the very first when that is "".
	Forward bool
	After   string
	Limit   int // 1 to 100
	Cursor  string
}

// Events lists what happened to all of the scope's invoices, in the order in which it was committed:
// newest first, or forward. Whoever reads forward from the last event they have seen misses none,
// also when transactions end in another order than they began: see the migration's table feed.
// Errors: Invalid.
func (e *Engine) Events(ctx context.Context, sc Scope, f EventFilter) ([]checkout.Event, string, error) {
	v := verdict{}
	v.limit(f.Limit)
	beyond, err := readFeedCursor(f.Cursor, f.Forward)
	if err != nil {
		v.wrong("cursor", "broken_cursor")
	}
	if err := v.err(); err != nil {
		return nil, "", err
	}
	feed := checkout.Feed{MerchantID: sc.MerchantID, Live: sc.Live}
	if err := e.feedNews(ctx, feed, newsAtOnce); err != nil {
		return nil, "", err
	}
	var list []checkout.Event
	var places []db.FeedPlace
	err = e.DB.View(ctx, func(tx *db.Tx) error {
		if beyond == nil && f.After != "" {
			place, err := placeOf(tx, sc, f.After)
			if errors.Is(err, checkout.NotFound) {
				return checkout.WrongField("after", "unknown_value")
			}
			if err != nil {
				return err
			}
			beyond = &place
		}
		var err error
		list, places, err = tx.Feed(db.FeedQuery{MerchantID: sc.MerchantID, Live: sc.Live, Oldest: f.Forward, Beyond: beyond, Limit: f.Limit + 1})
		return err
	})
	if err != nil || len(list) <= f.Limit {
		return list, "", err
	}
	return list[:f.Limit], feedCursor(places[f.Limit-1], f.Forward), nil
}

const (
	// newsBatch is how many invoices get places for their new events in one transaction.
	newsBatch = 100
	// newsAtOnce is how many such transactions a reader waits for; the rest is FeedNews's.
	newsAtOnce = 20
)

// FeedNews gives places to events that have none yet, so that there are few of them when somebody reads.
// Nothing depends on when it runs: whoever reads does the same first.
func (e *Engine) FeedNews(ctx context.Context) error {
	var feeds []checkout.Feed
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		feeds, err = tx.Unfed(newsBatch)
		return err
	})
	for _, feed := range feeds {
		err = errors.Join(err, e.feedNews(ctx, feed, newsAtOnce))
	}
	return err
}

func (e *Engine) feedNews(ctx context.Context, feed checkout.Feed, most int) error {
	more := false
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		more, err = tx.HasUnfed(feed)
		return err
	})
	for n := 0; err == nil && more && n < most && ctx.Err() == nil; n++ {
		err = e.DB.Update(ctx, func(tx *db.Tx) error {
			var err error
			more, err = tx.FeedNews(feed, newsBatch)
			return err
		})
	}
	return err
}

// placeOf finds an event by its id. NotFound when it is not the scope's.
func placeOf(tx *db.Tx, sc Scope, id string) (db.FeedPlace, error) {
	invoice, sequence, ok := splitEventID(id)
	if !ok {
		return db.FeedPlace{}, checkout.NotFound
	}
	inv, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, invoice)
	if err != nil {
		return db.FeedPlace{}, err
	}
	return tx.PlaceOf(inv, sequence)
}

// splitEventID takes an event's id apart into what it was made of (db.EventID).
func splitEventID(id string) (invoice string, sequence int64, ok bool) {
	body, ok := strings.CutPrefix(id, checkout.PrefixEvent)
	if !ok || len(body) <= checkout.IDDigits {
		return "", 0, false
	}
	invoice = checkout.PrefixInvoice + body[:checkout.IDDigits]
	sequence, err := strconv.ParseInt(body[checkout.IDDigits:], 10, 64)
	return invoice, sequence, err == nil && sequence > 0 && db.EventID(invoice, sequence) == id
}

const (
	forward  = "f"
	backward = "b"
)

func feedCursor(p db.FeedPlace, ahead bool) string {
	way := backward
	if ahead {
		way = forward
	}
	return base64.RawURLEncoding.EncodeToString([]byte(way + strconv.FormatInt(p.Position, 36) + "." + strconv.FormatInt(p.Sequence, 36)))
}

// readFeedCursor reads a cursor of the direction it was made for; nil for none.
func readFeedCursor(s string, ahead bool) (*db.FeedPlace, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 2 || len(b) > 40 {
		return nil, errCursor
	}
	at, in, ok := strings.Cut(string(b[1:]), ".")
	position, err := strconv.ParseInt(at, 36, 64)
	sequence, err2 := strconv.ParseInt(in, 36, 64)
	if !ok || err != nil || err2 != nil || position < 1 || sequence < 1 {
		return nil, errCursor
	}
	p := db.FeedPlace{Position: position, Sequence: sequence}
	if feedCursor(p, ahead) != s {
		return nil, errCursor
	}
	return &p, nil
}
