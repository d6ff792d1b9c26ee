package db

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
)

// ErrHalfRead is what Options.Watch answers for a disk that fails while rows are being read: the
// statement begins, and its rows end with an error.
var ErrHalfRead = errors.New("the disk failed while rows were read")

// watched asks Options.Watch before every statement. It is there for tests: a disk may fail at any
// statement, and none of these failures may be lost. Without Watch it does not stand in the way.
type watched struct {
	runner
	watch func(query string) error
}

func (db *DB) watched(r runner) runner {
	if db.watch == nil {
		return r
	}
	return watched{r, db.watch}
}

func (w watched) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if err := w.watch(query); err != nil {
		return nil, err
	}
	return w.runner.exec(ctx, query, args)
}

func (w watched) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	err := w.watch(query)
	if err == nil {
		return w.runner.query(ctx, query, args)
	}
	if !errors.Is(err, ErrHalfRead) {
		return nil, err
	}
	over, cancel := context.WithCancel(ctx)
	rows, err := w.runner.query(over, query, args)
	cancel()
	for err == nil && rows.Err() == nil {
		runtime.Gosched() // until database/sql has seen that the context is over
	}
	return rows, err
}

func (w watched) row(ctx context.Context, query string, args []any) *sql.Row {
	if w.watch(query) == nil {
		return w.runner.row(ctx, query, args)
	}
	// Only database/sql can make a row with an error: a context that is over does.
	over, cancel := context.WithCancel(ctx)
	cancel()
	return w.runner.row(over, query, args)
}
