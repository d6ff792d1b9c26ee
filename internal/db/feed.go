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

// act is what one transaction does to one invoice, as the merchant's feed and the search hear of it.
// It is kept until all else is done, so that the feed's row, which all acts of the merchant want, is
// locked for the time of the commit alone, and never while another invoice is waited for.
type act struct {
	merchantID  string
	live        bool
	number      int64
	first, last int64 // its events; none when last is 0
	add, remove []string
}

// act returns the act on an invoice in this transaction, a new one when there was none.
func (tx *Tx) act(inv *checkout.Invoice) (*act, error) {
	number, err := strconv.ParseInt(inv.Number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("number of invoice %s: %w", inv.ID, err)
	}
	for i := range tx.acts {
		if a := &tx.acts[i]; a.number == number && a.live == inv.Live && a.merchantID == inv.MerchantID {
			return a, nil
		}
	}
	tx.acts = append(tx.acts, act{merchantID: inv.MerchantID, live: inv.Live, number: number})
	return &tx.acts[len(tx.acts)-1], nil
}

// happened notes the events of an invoice behind fromSeq for the feed.
func (tx *Tx) happened(inv *checkout.Invoice, fromSeq int64) error {
	if inv.EventSeq <= fromSeq {
		return nil
	}
	a, err := tx.act(inv)
	if err != nil {
		return err
	}
	if a.last == 0 {
		a.first = fromSeq + 1
	}
	a.last = inv.EventSeq
	return nil
}

// writeActs is the last thing before a commit. Feeds are taken in one order, so that two transactions
// that want two of them never wait for each other.
func (tx *Tx) writeActs() error {
	slices.SortStableFunc(tx.acts, func(a, b act) int {
		return cmp.Or(cmp.Compare(a.merchantID, b.merchantID), cmp.Compare(bit(a.live), bit(b.live)))
	})
	for i := range tx.acts {
		a := &tx.acts[i]
		shop, position, err := tx.place(a)
		if err != nil {
			return fmt.Errorf("take a place in the feed: %w", err)
		}
		if a.last > 0 {
			_, err := tx.exec(`INSERT INTO feed (shop, position, number, first_sequence, last_sequence) VALUES ($1, $2, $3, $4, $5)`,
				shop, position, a.number, a.first, a.last)
			if err != nil {
				return fmt.Errorf("insert into the feed: %w", err)
			}
		}
		if err := tx.writeTerms(shop, a); err != nil {
			return err
		}
	}
	tx.acts = nil
	return nil
}

// place takes the next place of a feed, if the act has events.
func (tx *Tx) place(a *act) (shop, position int64, err error) {
	query := `UPDATE feeds SET last_position = last_position + 1 WHERE merchant_id = $1 AND live = $2 RETURNING shop, last_position`
	if a.last == 0 {
		query = `SELECT shop, last_position FROM feeds WHERE merchant_id = $1 AND live = $2`
	}
	err = tx.row(query, a.merchantID, bit(a.live)).Scan(&shop, &position)
	return shop, position, err
}

// insertFeeds gives a new merchant its two feeds. The lock makes two merchants that are made at once
// take two numbers.
func (tx *Tx) insertFeeds(merchantID string) error {
	if err := tx.SetSetting("feeds", ""); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO feeds (merchant_id, live, shop, last_position)
SELECT $1, 0, COALESCE(MAX(shop), 0) + 1, 0 FROM feeds UNION ALL SELECT $1, 1, COALESCE(MAX(shop), 0) + 2, 0 FROM feeds`, merchantID)
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
