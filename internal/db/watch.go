package db

import (
	"context"
	"errors"
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

func (w watched) exec(ctx context.Context, query string, args []any) (int64, error) {
	if err := w.watch(query); err != nil {
		return 0, err
	}
	return w.runner.exec(ctx, query, args)
}

func (w watched) query(ctx context.Context, query string, args []any) (resultRows, error) {
	failed := w.watch(query)
	if failed != nil && !errors.Is(failed, ErrHalfRead) {
		return nil, failed
	}
	found, err := w.runner.query(ctx, query, args)
	if err != nil || failed == nil {
		return found, err
	}
	return &halfRead{found}, nil
}

func (w watched) row(ctx context.Context, query string, args []any) scanner {
	if err := w.watch(query); err != nil {
		return failedRow{err}
	}
	return w.runner.row(ctx, query, args)
}

// halfRead are rows that the disk does not give.
type halfRead struct{ resultRows }

func (h *halfRead) Next() bool { _ = h.Close(); return false }
func (h *halfRead) Err() error { return ErrHalfRead }
