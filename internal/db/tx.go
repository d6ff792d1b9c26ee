package db

import (
	"context"
	"database/sql"
	"time"
)

// Tx is one transaction. Every query of the house is a method on it, used inside View or Update.
// Its clock stands still: all rows of one act carry one time.
type Tx struct {
	ctx   context.Context
	run   runner
	now   time.Time
	woken map[string]struct{} // kinds of jobs to wake after the commit
}

// runner is what both engines offer inside a transaction. SQLite's keeps prepared statements of
// its one connection and strips FOR UPDATE; PostgreSQL's is the *sql.Tx.
type runner interface {
	exec(ctx context.Context, query string, args []any) (changed int64, err error)
	query(ctx context.Context, query string, args []any) (resultRows, error)
	row(ctx context.Context, query string, args []any) scanner
}

// resultRows are what a query found: SQLite's or database/sql's.
type resultRows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Now is the time of this transaction, UTC, whole milliseconds.
func (tx *Tx) Now() time.Time { return tx.now }

// exec runs a statement and returns how many rows it changed: for a compare-and-set, the verdict.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	return tx.run.exec(tx.ctx, query, args)
}

func (tx *Tx) query(query string, args ...any) (resultRows, error) {
	return tx.run.query(tx.ctx, query, args)
}

func (tx *Tx) row(query string, args ...any) scanner { return tx.run.row(tx.ctx, query, args) }

// ms and the others below are how times stand in the database: UTC milliseconds, NULL when zero.
func ms(t time.Time) int64 { return t.UnixMilli() }

func nullMS(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func fromMS(v int64) time.Time { return time.UnixMilli(v).UTC() }

func fromNullMS(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return fromMS(v.Int64)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
