package db

import (
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// FeedAt is how far a feed is summed up, and how far it goes.
type FeedAt struct {
	checkout.Feed
	Summed, Last int64
}

// Unsummed lists the feeds that go further than they are summed up.
func (tx *Tx) Unsummed() ([]FeedAt, error) {
	rows, err := tx.query(`SELECT merchant_id, live, summed_position, last_position FROM feeds WHERE summed_position < last_position`)
	if err != nil {
		return nil, fmt.Errorf("list feeds to sum up: %w", err)
	}
	defer rows.Close()
	var list []FeedAt
	for rows.Next() {
		var f FeedAt
		if err := rows.Scan(&f.MerchantID, &f.Live, &f.Summed, &f.Last); err != nil {
			return nil, fmt.Errorf("list feeds to sum up: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// Summed says how far a feed is summed up, and how far it goes.
func (tx *Tx) Summed(f checkout.Feed) (FeedAt, error) {
	at := FeedAt{Feed: f}
	err := tx.row(`SELECT summed_position, last_position FROM feeds WHERE merchant_id = $1 AND live = $2`, f.MerchantID, bit(f.Live)).Scan(&at.Summed, &at.Last)
	return at, none("look how far a feed is summed up", err)
}

// News is what happened to an invoice: all its events that sums are made of up to the last one that is
// new. Which of them are new is said by First.
type News struct {
	Position    int64 // in the feed; 0 for what has no place yet
	Number      int64
	First, Last int64 // sequences
	Amount      money.Rial
	Events      []NewsEvent
}

// NewsEvent is an event with what is summed up of its attempt, if it is the one that began it or that
// paid. Data is there where it is needed.
type NewsEvent struct {
	Sequence      int64
	Type, Data    string
	AttemptID     string
	At            time.Time
	Gateway       string
	Began         time.Time // the attempt
	Paid          money.Rial
	CardMask      string
	Returned      time.Time
	Verified      time.Time
	ResolvedByOne bool
}

// What sums look for in events, in SQL. Those that say nothing to them are most of a payment's bulk.
var (
	unsummed = typed(checkout.EventVerifyAnswered, checkout.EventCallbackReceived, checkout.EventAttemptRedirected, checkout.EventInvoiceSent,
		checkout.EventCallbackMismatch, checkout.EventCallbackRejected)
	withData    = typed(checkout.EventAttemptResolved, checkout.EventInvoiceRefunded)
	withAttempt = typed(checkout.EventAttemptCreated, checkout.EventInvoicePaid)
)

// FeedBehind reads what stands in a feed behind a place, at most limit places, and the last of them.
func (tx *Tx) FeedBehind(f checkout.Feed, place int64, limit int) (last int64, list []News, err error) {
	shop, err := tx.shop(f.MerchantID, f.Live)
	if err != nil {
		return 0, nil, err
	}
	err = tx.row(`SELECT COALESCE(MAX(position), 0) FROM (SELECT position FROM feed WHERE shop = $1 AND position > $2 ORDER BY position LIMIT CAST($3 AS BIGINT)) AS news`,
		shop, place, int64(limit)).Scan(&last)
	if err != nil {
		return 0, nil, fmt.Errorf("read on in the feed: %w", err)
	}
	list, err = tx.news(f, `SELECT position, number, first_sequence, last_sequence FROM feed WHERE shop = $3 AND position > $4 AND position <= $5`, shop, place, last)
	return last, list, err
}

// FeedMissing reads the events of at most limit invoices that have no place in the feed yet.
func (tx *Tx) FeedMissing(f checkout.Feed, limit int) ([]News, error) {
	return tx.news(f, `SELECT CAST(0 AS BIGINT) AS position, number, fed_seq + 1 AS first_sequence, event_seq AS last_sequence
  FROM invoices WHERE merchant_id = $1 AND live = $2 AND fed_seq < event_seq ORDER BY number LIMIT CAST($3 AS BIGINT)`, int64(limit))
}

func (tx *Tx) news(f checkout.Feed, source string, args ...any) ([]News, error) {
	rows, err := tx.query(`SELECT f.position, f.number, f.first_sequence, f.last_sequence, i.amount_rial, e.sequence, e.type, e.attempt_id, e.created_at_ms,
  CASE WHEN `+withData+` THEN e.data ELSE '' END,
  a.gateway, a.created_at_ms, a.amount_rial, a.card_mask, a.returned_at_ms, a.verified_at_ms, a.resolved_at_ms
FROM (`+source+`) AS f CROSS JOIN invoices i CROSS JOIN events e
LEFT JOIN attempts a ON a.id = CASE WHEN `+withAttempt+` THEN `+attemptOf+` END
WHERE i.merchant_id = $1 AND i.live = $2 AND i.number = f.number AND e.invoice_id = i.id AND e.sequence <= f.last_sequence AND NOT `+unsummed+`
ORDER BY f.position, f.number, e.sequence`, append([]any{f.MerchantID, bit(f.Live)}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read what is new: %w", err)
	}
	defer rows.Close()
	var list []News
	for rows.Next() {
		var n News
		var e NewsEvent
		var amount, at int64
		var gateway, mask sql.NullString
		var began, paid, returned, verified, resolved sql.NullInt64
		err := rows.Scan(&n.Position, &n.Number, &n.First, &n.Last, &amount, &e.Sequence, &e.Type, &e.AttemptID, &at, &e.Data,
			&gateway, &began, &paid, &mask, &returned, &verified, &resolved)
		if err != nil {
			return nil, fmt.Errorf("read what is new: %w", err)
		}
		n.Amount, e.At = money.Rial(amount), fromMS(at)
		e.Type, e.AttemptID = fullType(e.Type), fullAttempt(e.AttemptID)
		e.Gateway, e.CardMask, e.Paid = gateway.String, mask.String, money.Rial(paid.Int64)
		e.Began, e.Returned, e.Verified, e.ResolvedByOne = fromNullMS(began), fromNullMS(returned), fromNullMS(verified), resolved.Valid
		if k := len(list) - 1; k < 0 || list[k].Position != n.Position || list[k].Number != n.Number {
			list = append(list, n)
		}
		k := len(list) - 1
		list[k].Events = append(list[k].Events, e)
	}
	return list, rows.Err()
}

// DaySum is one sum of a day at a gateway.
type DaySum struct {
	Day     int64 // Tehran's, from 1970-01-01
	Gateway string
	What    string
	Count   int64
	Total   money.Rial
}

// Find is a value by which an invoice is found: see the migration's table finds.
type Find struct{ Value, Number int64 }

// CardFind is the value of the last four digits of a card.
func CardFind(digits string) (int64, bool) {
	n, err := strconv.ParseUint(digits, 10, 16)
	return -1 - int64(n), err == nil && len(digits) == 4
}

// SumUp adds to the sums of days what stands in a feed between two places, and to the finds. Conflict
// when the feed is summed up to another place: somebody else was faster, and nothing may be added.
func (tx *Tx) SumUp(f checkout.Feed, from, to int64, sums []DaySum, finds []Find) error {
	n, err := tx.exec(`UPDATE feeds SET summed_position = $1 WHERE merchant_id = $2 AND live = $3 AND summed_position = $4`, to, f.MerchantID, bit(f.Live), from)
	if err != nil {
		return fmt.Errorf("sum up a feed: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("sum up a feed: %w", checkout.Conflict)
	}
	shop, err := tx.shop(f.MerchantID, f.Live)
	if err != nil {
		return err
	}
	args := make([]any, 0, 6*len(sums))
	for _, s := range sums {
		args = append(args, shop, s.Day, s.Gateway, s.What, s.Count, int64(s.Total))
	}
	err = tx.chunks(6, args, `INSERT INTO day_sums (shop, day, gateway, what, count, total_rial) VALUES `, ` ON CONFLICT (shop, day, gateway, what)
DO UPDATE SET count = day_sums.count + excluded.count, total_rial = day_sums.total_rial + excluded.total_rial`)
	if err != nil {
		return fmt.Errorf("add to the sums of days: %w", err)
	}
	args = make([]any, 0, 3*len(finds))
	for _, d := range finds {
		args = append(args, shop, d.Value, d.Number)
	}
	if err := tx.chunks(3, args, `INSERT INTO finds (shop, value, number) VALUES `, ` ON CONFLICT DO NOTHING`); err != nil {
		return fmt.Errorf("add to the finds: %w", err)
	}
	return nil
}

// chunks runs an INSERT for many rows, a hundred at once.
func (tx *Tx) chunks(columns int, args []any, head, tail string) error {
	for most := 100 * columns; len(args) > 0; {
		n := min(len(args), most)
		if _, err := tx.exec(head+rowsOf(n/columns, columns)+tail, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// DaySums lists the sums of a feed from a day on.
func (tx *Tx) DaySums(f checkout.Feed, day int64) ([]DaySum, error) {
	rows, err := tx.query(`SELECT day, gateway, what, count, total_rial FROM day_sums
WHERE shop = (SELECT shop FROM feeds WHERE merchant_id = $1 AND live = $2) AND day >= $3`, f.MerchantID, bit(f.Live), day)
	if err != nil {
		return nil, fmt.Errorf("read the sums of days: %w", err)
	}
	defer rows.Close()
	var list []DaySum
	for rows.Next() {
		var s DaySum
		var total int64
		if err := rows.Scan(&s.Day, &s.Gateway, &s.What, &s.Count, &total); err != nil {
			return nil, fmt.Errorf("read the sums of days: %w", err)
		}
		s.Total = money.Rial(total)
		list = append(list, s)
	}
	return list, rows.Err()
}
