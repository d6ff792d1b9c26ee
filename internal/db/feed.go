package db

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"dargah/internal/app/checkout"
)

// Unfed lists the merchants and modes that have events without a place in their feed.
func (tx *Tx) Unfed(limit int) ([]checkout.Feed, error) {
	w := where{}
	rows, err := tx.query(`SELECT DISTINCT merchant_id, live FROM invoices WHERE fed_seq < event_seq`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list feeds with something new: %w", err)
	}
	defer rows.Close()
	var list []checkout.Feed
	for rows.Next() {
		var f checkout.Feed
		if err := rows.Scan(&f.MerchantID, &f.Live); err != nil {
			return nil, fmt.Errorf("list feeds with something new: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// HasUnfed says whether a feed has events without a place.
func (tx *Tx) HasUnfed(f checkout.Feed) (bool, error) {
	var found bool
	err := tx.row(`SELECT EXISTS (SELECT 1 FROM invoices WHERE merchant_id = $1 AND live = $2 AND fed_seq < event_seq)`, f.MerchantID, bit(f.Live)).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for something new in a feed: %w", err)
	}
	return found, nil
}

// unfed is an invoice with events that have no place yet.
type unfed struct {
	id             string
	number         int64
	placed, events int64
}

// happening is one event that waits for its place.
type happening struct {
	number, sequence, at int64
}

// FeedNews gives places to the events of at most limit invoices that have none yet, in the order of
// their times, those of each invoice in the order of their numbers. The feed's row serializes those who
// do this; each of them sees all that the one before has placed. It reports whether there may be more.
func (tx *Tx) FeedNews(f checkout.Feed, limit int) (more bool, err error) {
	var shop, position int64
	err = tx.row(`SELECT shop, last_position FROM feeds WHERE merchant_id = $1 AND live = $2 FOR UPDATE`, f.MerchantID, bit(f.Live)).Scan(&shop, &position)
	if err != nil {
		return false, none("lock the feed", err)
	}
	invoices, err := tx.lockUnfed(f, limit)
	if err != nil || len(invoices) == 0 {
		return false, err
	}
	var news []happening
	for _, inv := range invoices {
		// In a statement of its own: on PostgreSQL it sees what was committed while the lock was waited for.
		if news, err = tx.happenings(news, &inv); err != nil {
			return false, err
		}
		n, err := tx.exec(`UPDATE invoices SET fed_seq = $1 WHERE id = $2 AND fed_seq = $3`, inv.events, inv.id, inv.placed)
		if err := one("place events of "+inv.id, n, err); err != nil {
			return false, err
		}
	}
	slices.SortStableFunc(news, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	if position, err = tx.insertPlaces(shop, position, news); err != nil {
		return false, err
	}
	n, err := tx.exec(`UPDATE feeds SET last_position = $1 WHERE shop = $2`, position, shop)
	return len(invoices) == limit, one("move the feed on", n, err)
}

func (tx *Tx) lockUnfed(f checkout.Feed, limit int) ([]unfed, error) {
	w := where{}
	w.add("merchant_id = ? AND live = ? AND fed_seq < event_seq", f.MerchantID, bit(f.Live))
	rows, err := tx.query(`SELECT id, number, fed_seq, event_seq FROM invoices`+w.sql()+` ORDER BY number`+w.limit(limit)+` FOR UPDATE`, w.args...)
	if err != nil {
		return nil, fmt.Errorf("list invoices with something new: %w", err)
	}
	defer rows.Close()
	var list []unfed
	for rows.Next() {
		var u unfed
		if err := rows.Scan(&u.id, &u.number, &u.placed, &u.events); err != nil {
			return nil, fmt.Errorf("list invoices with something new: %w", err)
		}
		list = append(list, u)
	}
	return list, rows.Err()
}

// happenings adds an invoice's new events. No event's time is before that of the one before it, also
// when two machines' clocks differ: the numbers say what came first.
func (tx *Tx) happenings(to []happening, inv *unfed) ([]happening, error) {
	rows, err := tx.query(`SELECT sequence, created_at_ms FROM events WHERE invoice_id = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence`,
		inv.id, inv.placed, inv.events)
	if err != nil {
		return nil, fmt.Errorf("read new events: %w", err)
	}
	defer rows.Close()
	var latest int64
	for rows.Next() {
		h := happening{number: inv.number}
		if err := rows.Scan(&h.sequence, &h.at); err != nil {
			return nil, fmt.Errorf("read new events: %w", err)
		}
		h.at = max(h.at, latest)
		latest = h.at
		to = append(to, h)
	}
	return to, rows.Err()
}

// insertPlaces writes one row for each run of events of one invoice, and returns the last place.
func (tx *Tx) insertPlaces(shop, position int64, news []happening) (int64, error) {
	const rows, columns = 100, 5
	args := make([]any, 0, rows*columns)
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		_, err := tx.exec(`INSERT INTO feed (shop, position, number, first_sequence, last_sequence) VALUES `+rowsOf(len(args)/columns, columns), args...)
		args = args[:0]
		if err != nil {
			return fmt.Errorf("insert into the feed: %w", err)
		}
		return nil
	}
	for i := 0; i < len(news); {
		first := news[i]
		last := first.sequence
		for i++; i < len(news) && news[i].number == first.number; i++ {
			last = news[i].sequence
		}
		position++
		if args = append(args, shop, position, first.number, first.sequence, last); len(args) == cap(args) {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	return position, flush()
}

// insertFeeds gives a new merchant its two feeds. The lock makes two merchants that are made at once
// take two numbers.
func (tx *Tx) insertFeeds(merchantID string) error {
	if err := tx.SetSetting("feeds", ""); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO feeds (merchant_id, live, shop, last_position)
SELECT CAST($1 AS TEXT), 0, COALESCE(MAX(shop), 0) + 1, 0 FROM feeds UNION ALL SELECT CAST($1 AS TEXT), 1, COALESCE(MAX(shop), 0) + 2, 0 FROM feeds`, merchantID)
	if err != nil {
		return fmt.Errorf("insert feeds: %w", err)
	}
	return nil
}

// FeedPlace is where an event stands in its merchant's feed.
type FeedPlace struct{ Position, Sequence int64 }

// FeedQuery selects events of one merchant in one mode, in the order of commits.
type FeedQuery struct {
	MerchantID string
	Live       bool
	Oldest     bool       // oldest first; else newest first
	Beyond     *FeedPlace // the last one seen; nil begins at the end that is read from
	Limit      int
}

// Feed lists events and where each stands, at most Limit.
func (tx *Tx) Feed(q FeedQuery) ([]checkout.Event, []FeedPlace, error) {
	shop, err := tx.shop(q.MerchantID, q.Live)
	if err != nil {
		return nil, nil, err
	}
	w := where{}
	w.add("f.shop = ?", shop)
	order := ` ORDER BY f.position DESC, e.sequence DESC`
	if q.Oldest {
		order = ` ORDER BY f.position, e.sequence`
	}
	switch b := q.Beyond; {
	case b == nil:
	case q.Oldest:
		w.add("f.position >= ? AND (f.position > ? OR e.sequence > ?)", b.Position, b.Position, b.Sequence)
	default:
		w.add("f.position <= ? AND (f.position < ? OR e.sequence < ?)", b.Position, b.Position, b.Sequence)
	}
	w.add("i.merchant_id = ? AND i.live = ? AND i.number = f.number", q.MerchantID, bit(q.Live))
	w.add("e.invoice_id = i.id AND e.sequence >= f.first_sequence AND e.sequence <= f.last_sequence")
	// CROSS keeps SQLite reading the feed in its order, and stopping where the page is full.
	rows, err := tx.query(`SELECT f.position, e.invoice_id, e.sequence, e.attempt_id, e.type, e.actor, e.request_id, e.gateway_id, e.data, e.created_at_ms
FROM feed f CROSS JOIN invoices i CROSS JOIN events e`+w.sql()+order+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the feed: %w", err)
	}
	defer rows.Close()
	var list []checkout.Event
	var places []FeedPlace
	for rows.Next() {
		var position int64
		e, err := scanEvent(rows, &position)
		if err != nil {
			return nil, nil, fmt.Errorf("read the feed: %w", err)
		}
		list, places = append(list, e), append(places, FeedPlace{position, e.Sequence})
	}
	return list, places, rows.Err()
}

// PlaceOf finds where an event of an invoice stands. checkout.NotFound when there is no such event.
func (tx *Tx) PlaceOf(inv *checkout.Invoice, sequence int64) (FeedPlace, error) {
	p := FeedPlace{Sequence: sequence}
	shop, err := tx.shop(inv.MerchantID, inv.Live)
	if err != nil {
		return p, err
	}
	number, err := strconv.ParseInt(inv.Number, 10, 64)
	if err != nil {
		return p, fmt.Errorf("number of invoice %s: %w", inv.ID, err)
	}
	err = tx.row(`SELECT position FROM feed WHERE shop = $1 AND number = $2 AND last_sequence >= $3 AND first_sequence <= $3
ORDER BY last_sequence LIMIT 1`, shop, number, sequence).Scan(&p.Position)
	return p, none("find a place in the feed", err)
}

func (tx *Tx) shop(merchantID string, live bool) (int64, error) {
	var shop int64
	err := tx.row(`SELECT shop FROM feeds WHERE merchant_id = $1 AND live = $2`, merchantID, bit(live)).Scan(&shop)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("feed of %s: %w", merchantID, checkout.NotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("feed of %s: %w", merchantID, err)
	}
	return shop, nil
}
