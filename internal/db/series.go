package db

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// firstSeries is where the numbers of series are counted from.
var firstSeries = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// perSecond is how many invoices a merchant would have to make in each second between two restores for
// the second one's numbers to meet those of the first.
const perSecond = 100

// newSeries lets the numbers of new invoices begin where none can have been given: a backup does not
// know how many were made after it. The series are as far apart as time is, so that a backup may be
// restored again; and behind what the data that are replaced know. It returns the largest beginning.
//
// Everybody is logged out as well: who has logged out since must not be in again.
func newSeries(ctx context.Context, t target, beside *end, now time.Time) (int64, error) {
	begin := int64(now.Sub(firstSeries)/time.Second) * perSecond
	if beside != nil {
		last, err := beside.largest(ctx)
		if err != nil {
			return 0, err
		}
		begin = max(begin, last)
	}
	e, err := openEnd(ctx, t)
	if err != nil {
		return 0, err
	}
	defer e.close()
	last, err := e.largest(ctx)
	if err != nil {
		return 0, err
	}
	begin = max(begin, last)
	for _, line := range []string{
		"BEGIN IMMEDIATE",
		fmt.Sprintf(`INSERT INTO invoice_numbers (merchant_id, live, last_number) SELECT m.id, l.live, %d FROM merchants m, (SELECT 0 AS live UNION ALL SELECT 1) l WHERE true
ON CONFLICT (merchant_id, live) DO UPDATE SET last_number = excluded.last_number`, begin),
		`DELETE FROM sessions`,
		"COMMIT",
	} {
		if err := e.exec(ctx, line); err != nil {
			return 0, err
		}
	}
	return begin + 1, nil
}

// largest is the largest invoice number that was given to anybody, 0 in a database without the table.
func (e *end) largest(ctx context.Context) (n int64, err error) {
	list, err := e.tables(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range list {
		if t.name != "invoice_numbers" {
			continue
		}
		if err := e.conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(last_number), 0) FROM invoice_numbers`).Scan(&n); err != nil {
			return 0, fmt.Errorf("read the numbers of %s: %w", e, err)
		}
	}
	return n, nil
}

// seize keeps everybody else out of every table until the transaction ends.
func (e *end) seize(ctx context.Context) error {
	return e.onAll(ctx, `LOCK TABLE %s IN ACCESS EXCLUSIVE MODE`)
}

// clear takes every row away, within the transaction.
func (e *end) clear(ctx context.Context) error { return e.onAll(ctx, `TRUNCATE %s`) }

func (e *end) onAll(ctx context.Context, statement string) error {
	list, err := e.tables(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = quoted(t.name)
	}
	return e.exec(ctx, fmt.Sprintf(statement, strings.Join(names, ", ")))
}
