// Package db keeps everything: every query, on SQLite or on PostgreSQL, the migrations, the jobs
// and the sessions. It is the only room that imports a SQL driver. What others see are words of
// checkout, transactions (View, Update) and a wake-up when a job was stored.
package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which database to open and what to do about its schema.
type Options struct {
	// URL is sqlite:PATH or postgres://….
	URL string
	// PoolURL leads to the same PostgreSQL through a pooler that gives a connection for one transaction
	// only (PgBouncer); "" when there is none. Only transactions go that way.
	PoolURL string
	// Now is the clock, Forward(time.Now) when nil.
	Now func() time.Time
	// Migrate brings an older schema up to date. Only serve and migrate do.
	Migrate bool
	// CreateIfEmpty makes the schema in a database that has none. Every command does.
	CreateIfEmpty bool
	// Serve takes the server's lock (see LockForServe) before anything is touched, so that a
	// second server cannot migrate the file under the first one.
	Serve bool
	// Watch sees the text of every statement of a transaction before it runs; its error is the
	// statement's. For tests: a disk may fail at any of them. nil in every program.
	Watch func(query string) error

	migrations fs.FS // the embedded ones when nil
	still      time.Duration
}

// DB is one open database.
type DB struct {
	engine engine
	target target
	now    func() time.Time
	watch  func(query string) error
	lastMS atomic.Int64
	bell   bell
	lock   serveLock
	serve  bool      // for a server
	here   *presence // of a server on PostgreSQL
	pooled bool      // whose transactions go through a pooler
	still  time.Duration
	// patient: the pooler's PostgreSQL waits for ever in the midst of a transaction.
	patient atomic.Bool
	// What the database was found to lack.
	lacksLocks   bool
	lacksHistory atomic.Bool
	stats        counters
	health       health
	closed       sync.Once
}

// engine is what SQLite and PostgreSQL do differently.
type engine interface {
	view(ctx context.Context, fn func(*Tx) error) error
	update(ctx context.Context, fn func(*Tx) error) error
	close() error
}

// The names of the engines.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// target is a parsed URL.
type target struct {
	engine string
	path   string // SQLite: absolute
	url    string // PostgreSQL
	use    use

	migrations fs.FS
}

// use is what an SQLite file is at the moment.
type use string

const (
	live     use = ""        // a database, with neighbours, that others may hold open
	staged   use = "staged"  // a file that nobody else knows yet: not durable before it is synced
	archived use = "archive" // a file that never changes: a backup
)

// String names the database in messages, without its password.
func (t target) String() string {
	if t.engine == SQLite {
		return t.path
	}
	return "the PostgreSQL database"
}

func parseURL(url string) (target, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		return parseSQLitePath(strings.TrimPrefix(url, "sqlite:"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return target{engine: PostgreSQL, url: url}, nil
	}
	// The URL may hold a password: it stays out of the message.
	return target{}, errors.New("database URL: expected sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
}

// Open opens a database whose schema is this program's. ErrEmpty, ErrSchemaOld and ErrSchemaNewer
// say why it did not.
func Open(ctx context.Context, opts Options) (*DB, error) {
	t, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	t.migrations = opts.migrations
	if t.migrations == nil {
		t.migrations = embedded
	}
	db := &DB{target: t, now: opts.Now, watch: opts.Watch, serve: opts.Serve, pooled: opts.PoolURL != "", still: cmp.Or(opts.still, pgStill), health: health{over: make(chan struct{})}}
	if db.now == nil {
		db.now = Forward(time.Now)
	}
	if err := db.open(ctx, opts); err != nil {
		return nil, errors.Join(err, db.leave())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, opts Options) error {
	if db.target.engine == SQLite {
		if err := prepareSQLiteFile(db.target.path); err != nil {
			return err
		}
	}
	if opts.Serve {
		if err := db.LockForServe(); err != nil {
			return err
		}
		if db.target.engine == PostgreSQL {
			here, err := openPresence(ctx, db)
			if err != nil {
				return err
			}
			db.here, db.lacksLocks = here, here == nil
		}
	}
	var err error
	writes := openAsItShouldBe(db.target)
	if writes == nil {
		settled, err := openSettled(ctx, db.target, opts)
		if err != nil {
			return err
		}
		defer func() { _ = settled.Close() }() // it has only read since, and says nothing about the engine
	}
	if db.target.engine == SQLite {
		db.engine, err = openSQLite(db, writes)
	} else {
		db.engine, err = openPostgres(ctx, db, opts.PoolURL)
	}
	return err
}

// View runs fn on one snapshot. fn must not keep the Tx, and on SQLite must not call Update. As in Update it may be
// run more than once, and sets its results anew each time.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	err := db.engine.view(ctx, fn)
	db.lose(err)
	return answered(err)
}

// Update runs fn in one transaction and returns nil only when its changes are on disk. On an error
// nothing of fn remains. fn may be run more than once (serialization errors, a batch that failed):
// it must have no effects outside the database, set its results anew each time, and call neither
// Update nor View. ctx counts until fn begins, never between its statements or at the commit.
//
// ErrOutcomeUnknown means that nobody knows whether it was committed: read before doing it again.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if err := db.LostBy(); err != nil {
		return answered(err)
	}
	err := db.engine.update(ctx, fn)
	db.noteWrite(err)
	return answered(err)
}

// Engine names the engine, SQLite or PostgreSQL.
func (db *DB) Engine() string { return db.target.engine }

// SchemaState returns the version of the schema found and of the one this program needs.
func (db *DB) SchemaState(ctx context.Context) (current, want int64, err error) {
	if want, err = db.target.wanted(); err != nil {
		return 0, 0, err
	}
	err = db.View(ctx, func(tx *Tx) error {
		return tx.row(versionQuery).Scan(&current)
	})
	if err != nil {
		return 0, want, fmt.Errorf("read schema version: %w", err)
	}
	return current, want, nil
}

// Close waits for the updates under way, then closes everything. Updates after it fail.
func (db *DB) Close() error {
	var err error
	db.closed.Do(func() {
		err = errors.Join(db.engine.close(), db.leave())
	})
	return err
}

// leave lets the next server in.
func (db *DB) leave() error {
	db.lock.release()
	if db.here == nil {
		return nil
	}
	return db.here.close()
}

// clock is now in whole milliseconds and never runs backwards within a process: the order of rows
// is the order of transactions, also when the machine's clock is set back.
func (db *DB) clock() time.Time {
	for {
		now, last := db.now().UnixMilli(), db.lastMS.Load()
		if now <= last {
			return fromMS(last)
		}
		if db.lastMS.CompareAndSwap(last, now) {
			return fromMS(now)
		}
	}
}

// Forward is the machine's clock, which goes on at its own pace from where it stands when somebody
// sets it back: what is to be asked again in five seconds must not wait for an hour.
func Forward(machine func() time.Time) func() time.Time {
	var mu sync.Mutex
	last, at := machine(), time.Now() // time.Since reads the monotonic clock
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		steady := last.Add(time.Since(at))
		last, at = machine(), time.Now()
		if last.Round(0).Before(steady.Round(0)) {
			last = steady
		}
		return last
	}
}

// Stats counts since Open.
type Stats struct {
	Updates int64 // Update calls that were committed
	Commits int64 // commits that served them; with group commit fewer than Updates
	Reruns  int64 // fn run again after a failed batch or a serialization error
	// Committing is the time that the commits took.
	Committing time.Duration
}

type counters struct{ updates, commits, reruns, committing atomic.Int64 }

// Stats says how much work was done.
func (db *DB) Stats() Stats {
	return Stats{
		Updates: db.stats.updates.Load(),
		Commits: db.stats.commits.Load(),
		Reruns:  db.stats.reruns.Load(),

		Committing: time.Duration(db.stats.committing.Load()),
	}
}
