package db

import (
	"context"
	"errors"
	"fmt"
)

// Transferred tells what Copy copied.
type Transferred struct {
	Contents
	// Served: a server holds the source. What it writes from now on is not in the copy.
	Served bool
}

// Copy copies one moment of a whole database into an empty one, of whichever engine, and reads it again
// there before it is committed. Both have this program's schema; the target may have none.
func Copy(ctx context.Context, fromURL, toURL string) (c Transferred, err error) {
	from, err := openSource(ctx, fromURL)
	if err != nil {
		return c, fmt.Errorf("from: %w", err)
	}
	defer from.close()
	if c.Served, err = from.served(ctx); err != nil {
		return c, fmt.Errorf("from: %w", err)
	}
	to, leave, err := openEmpty(ctx, toURL)
	if err != nil {
		return c, fmt.Errorf("to: %w", err)
	}
	defer leave()
	if err := from.snapshot(ctx); err != nil {
		return c, err
	}
	if c.Contents, err = copyVerified(ctx, from, to); err != nil {
		return c, err
	}
	return c, to.exec(ctx, "COMMIT")
}

// openSource opens a database of this program's schema.
func openSource(ctx context.Context, url string) (*end, error) {
	db, err := Open(ctx, Options{URL: url})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return openEnd(ctx, db.target)
}

// openEmpty opens a database without a row, begins a transaction on it, and keeps servers out until it
// is left. One without a schema gets it.
func openEmpty(ctx context.Context, url string) (to *end, leave func(), err error) {
	t, err := parseURL(url)
	if err != nil {
		return nil, nil, err
	}
	db, err := Open(ctx, Options{URL: url, CreateIfEmpty: true, Serve: t.engine == SQLite})
	if err != nil {
		return nil, nil, err
	}
	if to, err = openEnd(ctx, db.target); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	leave = func() { _, _ = to.close(), db.Close() }
	if err := to.enter(ctx); err != nil {
		leave()
		return nil, nil, err
	}
	return to, leave, nil
}

// enter begins the transaction in which an empty database is filled.
func (e *end) enter(ctx context.Context) error {
	if e.engine == SQLite {
		// What points to what is looked at when all is there.
		if err := errors.Join(e.exec(ctx, "BEGIN IMMEDIATE"), e.exec(ctx, "PRAGMA defer_foreign_keys = 1")); err != nil {
			return err
		}
	} else if err := errors.Join(e.alone(ctx), e.exec(ctx, "BEGIN")); err != nil {
		return err
	}
	empty, err := e.empty(ctx)
	if err == nil && !empty {
		err = fmt.Errorf("%s: %w", e, ErrHasData)
	}
	return err
}

// served says whether a server holds the database.
func (e *end) served(ctx context.Context) (bool, error) {
	if e.engine == SQLite {
		one := &DB{target: e.target}
		err := one.LockForServe()
		one.lock.release()
		if errors.Is(err, ErrServed) {
			return true, nil
		}
		return false, err
	}
	var held bool
	err := e.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2
 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = 1147237991
 AND objid = CAST(CAST(hashtext(current_schema()) AS BIGINT) & 4294967295 AS OID))`).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("look for servers of %s: %w", e, err)
	}
	return held, nil
}
