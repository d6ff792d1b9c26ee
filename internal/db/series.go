package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// firstSeries is where the counters of series are counted from.
var firstSeries = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// givenOut are the counters of what must never be given out twice: numbers on paper, places that programs read on
// from. perSecond is how many would have to be given out in each second between two restores for those
// of the second one to meet those of the first.
var givenOut = []counter{
	{"invoice_numbers", "last_number", 100, `INSERT INTO invoice_numbers (merchant_id, live, last_number)
SELECT m.id, l.live, %d FROM merchants m, (SELECT 0 AS live UNION ALL SELECT 1) l WHERE true
ON CONFLICT (merchant_id, live) DO UPDATE SET last_number = excluded.last_number`},
	{"feeds", "last_position", 1000, `UPDATE feeds SET last_position = %d`},
}

type counter struct {
	table, column string
	perSecond     int64
	begin         string // a statement; %d is the last one given out
}

// first is where a series that begins now begins.
func (c counter) first(now time.Time) int64 {
	return int64(now.Sub(firstSeries)/time.Second) * c.perSecond
}

// newSeries lets counters begin where nothing can have been given out: a backup does not know what was
// after it. The series are as far apart as time is, so that a backup may be restored again; and behind
// what the data that are replaced know. It returns the next invoice number.
//
// Everybody is logged out as well: who has logged out since must not be in again.
func newSeries(ctx context.Context, t target, beside *end, now time.Time) (number int64, err error) {
	e, err := openEnd(ctx, t)
	if err != nil {
		return 0, err
	}
	defer e.close()
	lines := []string{"BEGIN IMMEDIATE"}
	for i, c := range givenOut {
		last := c.first(now)
		for _, known := range []*end{e, beside} {
			n, err := known.largest(ctx, c.table, c.column)
			if err != nil {
				return 0, err
			}
			last = max(last, n)
		}
		lines = append(lines, fmt.Sprintf(c.begin, last))
		if i == 0 {
			number = last + 1
		}
	}
	lines = append(lines, `DELETE FROM sessions`, fmt.Sprintf(`UPDATE logins SET ended_at_ms = %d WHERE ended_at_ms IS NULL`, now.UnixMilli()), "COMMIT")
	for _, line := range lines {
		if err := e.exec(ctx, line); err != nil {
			return 0, err
		}
	}
	return number, nil
}

// largest is the largest value of a column, 0 in a database without that table, or in none.
func (e *end) largest(ctx context.Context, in, column string) (n int64, err error) {
	if e == nil {
		return 0, nil
	}
	list, err := e.tables(ctx)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(list, func(t table) bool { return t.name == in && slices.Contains(t.columns, column) }) {
		return 0, nil
	}
	if err := e.conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(`+quoted(column)+`), 0) FROM `+quoted(in)).Scan(&n); err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", in, e, err)
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
