package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A database may be too large to be copied in one go. Rows arrive in batches, each committed together with
// the word how far its table has come; a copy that died goes on there. What keeps a half of a database from
// being served is the schema's version: until all is compared it is copying, of which every program, also
// an older one, says that it is not its own.
const (
	copying = 1<<31 - 1
	// marksTable holds, while a database is filled, the mark of what it is filled with, and each table's rows.
	marksTable = "checkout_copying"
	copyMark   = "" // no table is called so
	copyBatch  = 5000
)

// ErrOtherCopy: the target holds a part of another database, or of this one as it was before.
var ErrOtherCopy = errors.New("holds a part of a copy, and the source is not what it was when that began: empty the target and begin anew")

// Transferred tells what Copy copied.
type Transferred struct {
	Contents
	// Before are the rows that an earlier run, which died, had brought.
	Before int64
	// Served: a server holds the source. What it writes from now on is not in the copy.
	Served bool
	// Unguarded: of one end, or of both, nobody can know whether a server holds it.
	Unguarded bool
}

// transfer is one copy. at hears of what was done, and may end it there: for tests.
type transfer struct {
	batch int
	at    func(what string) error
}

// Copy copies one moment of a whole database into an empty one, of whichever engine, or goes on with a
// copy of the same that ended on its way. All is read again there and compared, and check is asked, before
// the target is a database that can be opened. Both have this program's schema; the target may have none.
func Copy(ctx context.Context, fromURL, toURL string, check func(*DB) error) (Transferred, error) {
	return transfer{batch: copyBatch, at: func(string) error { return nil }}.run(ctx, fromURL, toURL, check)
}

func (y transfer) run(ctx context.Context, fromURL, toURL string, check func(*DB) error) (c Transferred, err error) {
	from, err := openSource(ctx, fromURL)
	if err != nil {
		return c, fmt.Errorf("from: %w", err)
	}
	defer from.close()
	var known bool
	if c.Served, known, err = from.served(ctx); err != nil {
		return c, fmt.Errorf("from: %w", err)
	}
	to, guarded, leave, err := openTarget(ctx, toURL)
	if err != nil {
		return c, fmt.Errorf("to: %w", err)
	}
	defer leave()
	c.Unguarded = !known || !guarded
	// Who is in the wrong place hears it before a large source is read.
	begun, err := to.begun(ctx)
	if err != nil {
		return c, fmt.Errorf("to: %w", err)
	}
	if err := from.snapshot(ctx); err != nil {
		return c, err
	}
	if c.Contents, err = from.contents(ctx); err != nil {
		return c, err
	}
	done := map[string]int64{}
	if !begun {
		err = to.begin(ctx, c.mark())
	} else if done, err = to.goOn(ctx, c.mark()); err == nil {
		for _, rows := range done {
			c.Before += rows
		}
	}
	if err != nil {
		return c, fmt.Errorf("to: %w", err)
	}
	if err := y.copyOn(ctx, from, to, done); err != nil {
		return c, err
	}
	there, err := to.contents(ctx)
	if err == nil {
		err = c.differs(there)
	}
	if err == nil && check != nil {
		err = to.ask(ctx, check)
	}
	if err != nil {
		return c, fmt.Errorf("the copy is not right: %w", err)
	}
	return c, to.finish(ctx)
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

// openTarget opens a database to be filled and keeps servers out until it is left, if it can (guarded). One
// without a schema gets it.
func openTarget(ctx context.Context, url string) (to *end, guarded bool, leave func(), err error) {
	t, err := parseURL(url)
	if err != nil {
		return nil, false, nil, err
	}
	t.migrations = embedded
	made, err := Open(ctx, Options{URL: url, CreateIfEmpty: true})
	if err == nil {
		err = made.Close()
	}
	if err != nil && !errors.Is(err, ErrCopying) {
		return nil, false, nil, err
	}
	held := &DB{target: t}
	if err := held.LockForServe(); err != nil {
		return nil, false, nil, err
	}
	if to, err = openEnd(ctx, t); err != nil {
		held.lock.release()
		return nil, false, nil, err
	}
	leave = func() { _ = to.close(); held.lock.release() }
	if t.engine == PostgreSQL {
		err = to.alone(ctx)
	}
	if guarded = !errors.Is(err, errUnguarded); err != nil && guarded {
		leave()
		return nil, false, nil, err
	}
	return to, guarded, leave, nil
}

// begun reports whether a copy began here. Otherwise there must be no row.
func (e *end) begun(ctx context.Context) (bool, error) {
	var version int64
	if err := e.conn.QueryRowContext(ctx, versionQuery).Scan(&version); err != nil {
		return false, fmt.Errorf("read the schema's version of %s: %w", e, err)
	}
	if version == copying {
		return true, nil
	}
	empty, err := e.empty(ctx)
	if err == nil && !empty {
		err = fmt.Errorf("%s: %w", e, ErrHasData)
	}
	return false, err
}

// begin makes the target one that is being filled.
func (e *end) begin(ctx context.Context, mark string) error {
	return e.transaction(ctx, func() error {
		return errors.Join(
			e.exec(ctx, `CREATE TABLE `+marksTable+` (name TEXT NOT NULL PRIMARY KEY, mark TEXT NOT NULL, copied BIGINT NOT NULL)`),
			e.exec(ctx, `INSERT INTO `+marksTable+` (name, mark, copied) VALUES ($1, $2, 0)`, copyMark, mark),
			e.exec(ctx, `INSERT INTO `+gooseTable+` (version_id, is_applied) VALUES ($1, $2)`, copying, true),
		)
	})
}

// goOn reads how far each table has come, of a copy of the same source.
func (e *end) goOn(ctx context.Context, mark string) (map[string]int64, error) {
	rows, err := e.conn.QueryContext(ctx, `SELECT name, mark, copied FROM `+marksTable)
	if err != nil {
		return nil, fmt.Errorf("read how far the copy has come: %w", err)
	}
	defer rows.Close()
	done, same := map[string]int64{}, false
	for rows.Next() {
		var name, of string
		var copied int64
		if err := rows.Scan(&name, &of, &copied); err != nil {
			return nil, fmt.Errorf("read how far the copy has come: %w", err)
		}
		if name == copyMark {
			same = of == mark
			continue
		}
		done[name] = copied
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read how far the copy has come: %w", err)
	}
	if !same {
		return nil, fmt.Errorf("%s: %w", e, ErrOtherCopy)
	}
	return done, nil
}

// copyOn brings what is not there yet. The order is that of the primary keys as the source sorts them,
// which is the same each time.
func (y transfer) copyOn(ctx context.Context, from, to *end, done map[string]int64) error {
	list, err := to.tables(ctx) // in the order in which they may be written
	if err != nil {
		return err
	}
	read, err := from.tables(ctx)
	if err != nil {
		return err
	}
	if err := sameTables(read, list); err != nil {
		return err
	}
	for _, t := range list {
		if err := y.copyTable(ctx, from, to, t, done[t.name]); err != nil {
			return fmt.Errorf("copy %s: %w", t.name, err)
		}
	}
	return nil
}

func (y transfer) copyTable(ctx context.Context, from, to *end, t table, copied int64) error {
	order := t.key
	if len(order) == 0 {
		order = t.columns
	}
	query := `SELECT ` + t.list() + ` FROM ` + quoted(t.name) + ` ORDER BY ` + quotedList(order) + ` LIMIT $1 OFFSET $2`
	p, err := from.passes(ctx, t, query, int64(1)<<62, copied)
	if err != nil {
		return err
	}
	defer p.rows.Close()
	for b := (&batch{passing: p}); !b.over; {
		b.left, b.taken = y.batch, 0
		err := to.transaction(ctx, func() error {
			if err := errors.Join(to.take(ctx, t, b), b.Err()); err != nil {
				return err
			}
			if err := to.exec(ctx, `INSERT INTO `+marksTable+` (name, mark, copied) VALUES ($1, '', $2) ON CONFLICT (name) DO UPDATE SET copied = excluded.copied`, t.name, copied+b.taken); err != nil {
				return err
			}
			return y.at("copy.batch-in")
		})
		if err != nil {
			return err
		}
		copied += b.taken
		if err := y.at("copy.batch-stored"); err != nil {
			return err
		}
	}
	return nil
}

// batch are the next so many of the rows that pass.
type batch struct {
	*passing
	left  int
	taken int64
	over  bool
}

// Next goes to the next row of the batch.
func (b *batch) Next() bool {
	if b.left == 0 {
		return false
	}
	if !b.passing.Next() {
		b.over = true
		return false
	}
	b.left, b.taken = b.left-1, b.taken+1
	return true
}

// transaction runs fn in one. After an error the connection is not used again, which takes it back.
func (e *end) transaction(ctx context.Context, fn func() error) error {
	begin := "BEGIN"
	if e.engine == SQLite {
		begin = "BEGIN IMMEDIATE"
	}
	if err := e.exec(ctx, begin); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return e.exec(ctx, "COMMIT")
}

// ask lets the caller look at what was copied.
func (e *end) ask(ctx context.Context, check func(*DB) error) error {
	t := e.target
	db := &DB{target: t, now: Forward(time.Now), health: health{over: make(chan struct{})}}
	var err error
	if t.engine == SQLite {
		db.engine, err = openSQLite(db, nil)
	} else {
		db.engine, err = openPostgres(ctx, db, "")
	}
	if err != nil {
		return err
	}
	return errors.Join(check(db), db.engine.close())
}

// finish makes the target a database that can be opened.
func (e *end) finish(ctx context.Context) error {
	return e.transaction(ctx, func() error {
		return errors.Join(e.exec(ctx, `DELETE FROM `+gooseTable+` WHERE version_id = $1`, copying), e.exec(ctx, `DROP TABLE `+marksTable))
	})
}

// served says whether a server holds the database, and whether that can be known.
func (e *end) served(ctx context.Context) (held, known bool, err error) {
	if e.engine == SQLite {
		one := &DB{target: e.target}
		err := one.LockForServe()
		one.lock.release()
		if errors.Is(err, ErrServed) {
			return true, true, nil
		}
		return false, true, err
	}
	if known, err = locksHold(ctx, e.conn, e.url); err != nil || !known {
		return false, false, err
	}
	name, err := lockOn(ctx, e.conn, lockPresence)
	if err != nil {
		return false, false, err
	}
	// A lock that nobody holds is had for the moment of this statement; a server that begins just then asks again.
	var free bool
	if err := e.conn.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock(`+name+`)`).Scan(&free); err != nil {
		return false, false, fmt.Errorf("look for servers of %s: %w", e, err)
	}
	return !free, true, nil
}
