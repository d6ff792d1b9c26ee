package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// readerPatience is how long a caller waits for a connection that stands open before another is opened:
// each reads the whole schema first, which takes longer than most of what is asked.
const readerPatience = 3 * time.Millisecond

// readers is a small pool of connections that can only read, each with its prepared statements. It opens
// as many as are needed.
type readers struct {
	db    *DB
	free  chan *reader
	spare chan struct{} // as many as may still be opened
	shut  chan struct{}
}

type reader struct{ *statements }

func openReaders(db *DB, count int) (*readers, error) {
	r := &readers{db: db, free: make(chan *reader, count), spare: make(chan struct{}, count), shut: make(chan struct{})}
	first, err := r.connect()
	if err != nil {
		return nil, fmt.Errorf("open %s for reading: %w", db.target.path, err)
	}
	r.free <- first
	for range count - 1 {
		r.spare <- struct{}{}
	}
	return r, nil
}

func (r *readers) connect() (*reader, error) {
	conn, err := openLite(r.db.target, true)
	if err != nil {
		return nil, err
	}
	rd := &reader{newStatements(conn)}
	var queryOnly int64
	if err := rd.row(context.Background(), "PRAGMA query_only", nil).Scan(&queryOnly); err != nil {
		return nil, errors.Join(err, rd.end())
	}
	if queryOnly != 1 {
		return nil, errors.Join(errors.New("pragma query_only was ignored"), rd.end())
	}
	return rd, nil
}

func (rd *reader) end() error {
	rd.close()
	return rd.conn.close()
}

func (r *readers) take(ctx context.Context) (*reader, error) {
	select {
	case <-r.shut:
		return nil, ErrClosed
	default:
	}
	select {
	case rd := <-r.free:
		return rd, nil
	default:
	}
	spare, patience := r.spare, (<-chan time.Time)(nil)
	if closed := len(r.spare); closed > 0 && closed < cap(r.spare) {
		spare, patience = nil, time.After(readerPatience)
	}
	for {
		select {
		case rd := <-r.free:
			return rd, nil
		case <-patience:
			spare = r.spare
		case <-spare:
			rd, err := r.connect()
			if err != nil {
				r.spare <- struct{}{}
				return nil, fmt.Errorf("open for reading: %w", err)
			}
			return rd, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *readers) view(ctx context.Context, fn func(*Tx) error) error {
	rd, err := r.take(ctx)
	if err != nil {
		return err
	}
	sound := false
	defer func() {
		// After a panic of fn its transaction is open: the connection is not used again.
		rd.closeRows()
		if !sound {
			_ = rd.end()
			r.spare <- struct{}{}
			return
		}
		r.free <- rd
	}()
	rd.broken = nil
	if err := rd.do("BEGIN"); err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	// Statements are short, and interrupting one costs a goroutine each: the caller's context
	// is looked at between them instead.
	tx := &Tx{ctx: context.WithoutCancel(ctx), run: r.db.watched(untilDone{rd.statements, ctx}), now: r.db.clock()}
	err = fn(tx)
	tx.run = nil
	rd.closeRows()
	end := rd.do("ROLLBACK")
	sound = end == nil && rd.broken == nil
	if err != nil {
		return err
	}
	if end != nil {
		return fmt.Errorf("end reading: %w", end)
	}
	return nil
}

func (r *readers) close() error {
	close(r.shut)
	var errs []error
	for range cap(r.free) {
		select {
		case rd := <-r.free:
			errs = append(errs, rd.end())
		case <-r.spare:
		}
	}
	return errors.Join(errs...)
}

// untilDone refuses to begin a statement when the caller has gone.
type untilDone struct {
	*statements
	caller context.Context
}

func (u untilDone) exec(ctx context.Context, query string, args []any) (int64, error) {
	if err := u.caller.Err(); err != nil {
		return 0, err
	}
	return u.statements.exec(ctx, query, args)
}

func (u untilDone) query(ctx context.Context, query string, args []any) (resultRows, error) {
	if err := u.caller.Err(); err != nil {
		return nil, err
	}
	return u.statements.query(ctx, query, args)
}

func (u untilDone) row(ctx context.Context, query string, args []any) scanner {
	if err := u.caller.Err(); err != nil {
		return failedRow{err}
	}
	return u.statements.row(ctx, query, args)
}
