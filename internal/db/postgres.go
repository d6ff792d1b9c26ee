package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"dargah/internal/app/crash"
)

const (
	pgConnections = 32
	// pgTries bounds how often fn runs when PostgreSQL answers serialization failure or deadlock.
	pgTries = 12
	// pgLongest is how long one transaction may take, waits for rows included. The caller's
	// context does not end it: a request that gave up must not cut a commit in two.
	pgLongest = 30 * time.Second
	// pgStill is how long PostgreSQL waits for us in the midst of a transaction, unless the database's owner
	// has set something else. Of a process that stands still there (a machine that is being moved) or has
	// vanished without a word it would hear nothing for hours, and keep its invoices locked.
	pgStill = 10 * time.Second
)

// pgEngine is PostgreSQL: read committed, one connection per transaction. The invoice row is the
// lock, so serialization failures are rare.
type pgEngine struct {
	db     *DB
	pool   *sql.DB
	closed atomic.Bool
}

var (
	errTooSlow = errors.New("the transaction took too long")
	errSilent  = errors.New("the server does not say whether a commit is on disk when it answers it (synchronous_commit): a payment could be lost")
)

// openPostgresPool opens connections on demand; look comes before each is used for the first time.
func openPostgresPool(url string, connections int, look func(context.Context, *pgx.Conn) error) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("database URL: not a valid postgres:// URL") // err would show the password
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "checkout"
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(look))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool, nil
}

// settlePostgres believes no default of the server's: a commit that is answered before it is on
// disk would lose payments in a crash, and text that is not UTF-8 would lose Persian.
func settlePostgres(ctx context.Context, conn *pgx.Conn) error {
	var commit, encoding string
	err := conn.QueryRow(ctx, "SELECT current_setting('synchronous_commit'), current_setting('server_encoding')").Scan(&commit, &encoding)
	if err != nil {
		return settingsUnread(err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s, needed is UTF8", encoding)
	}
	if commit == "off" || commit == "local" {
		if _, err := conn.Exec(ctx, "SET synchronous_commit = on"); err != nil {
			return fmt.Errorf("set synchronous_commit: %w", err)
		}
	}
	return nil
}

// hurry bounds how long a connection of ours is waited for in the midst of a transaction.
func (db *DB) hurry(ctx context.Context, conn *pgx.Conn) error {
	var patient bool
	if err := conn.QueryRow(ctx, "SELECT "+pgPatient).Scan(&patient); err != nil {
		return fmt.Errorf("read the server's settings: %w", err)
	}
	if !patient {
		return nil
	}
	if _, err := conn.Exec(ctx, db.stillness("SET")); err != nil {
		return fmt.Errorf("set idle_in_transaction_session_timeout: %w", err)
	}
	return nil
}

// pgPatient says whether the server would wait for ever.
const pgPatient = "current_setting('idle_in_transaction_session_timeout') = '0'"

func (db *DB) stillness(set string) string {
	return fmt.Sprintf("%s idle_in_transaction_session_timeout = %d", set, db.still.Milliseconds())
}

// settingsUnread: a server that has no such setting is no server for payments.
func settingsUnread(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42704" {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return fmt.Errorf("read the server's settings: %w", err)
}

func openPostgres(ctx context.Context, db *DB, poolURL string) (*pgEngine, error) {
	pool, err := db.openTransactions(ctx, poolURL)
	if err != nil {
		return nil, err
	}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), pool.Close())
	}
	return &pgEngine{db: db, pool: pool}, nil
}

func (e *pgEngine) view(ctx context.Context, fn func(*Tx) error) error {
	return e.tried(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (e *pgEngine) update(ctx context.Context, fn func(*Tx) error) error {
	return e.tried(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}, fn)
}

// tried runs fn anew while the server undoes it for another's sake. Under read committed that is rare; a
// server that makes serializable of it (CockroachDB, if so set) does it whenever two meet, and to who only
// reads as well.
func (e *pgEngine) tried(ctx context.Context, opts *sql.TxOptions, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := e.once(ctx, opts, fn)
		if err == nil || !retryable(err) || try == pgTries {
			return err
		}
		e.db.stats.reruns.Add(1)
		pause := time.Duration(1+rand.IntN(1<<try)) * 2 * time.Millisecond
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// once runs fn in one transaction. The caller's context counts for the connection only.
func (e *pgEngine) once(ctx context.Context, opts *sql.TxOptions, fn func(*Tx) error) error {
	if e.closed.Load() {
		return ErrClosed
	}
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgLongest)
	defer cancel()
	sqlTx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	crash.At("postgres.begun")
	ended := false
	defer func() {
		if !ended { // an error, a panic, or fn ended its goroutine
			_ = sqlTx.Rollback()
		}
	}()
	if !opts.ReadOnly && e.db.patient.Load() {
		if _, err := sqlTx.ExecContext(ctx, e.db.stillness("SET LOCAL")); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	tx := &Tx{ctx: ctx, run: e.db.watched(pgRunner{sqlTx}), now: e.db.clock()}
	if err := fn(tx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", errTooSlow, err)
		}
		return err
	}
	tx.run = nil
	ended = true
	if opts.ReadOnly {
		_ = sqlTx.Rollback()
		return nil
	}
	crash.At("postgres.before-commit")
	began := time.Now()
	if err := sqlTx.Commit(); err != nil {
		if commitRefused(err) {
			return fmt.Errorf("commit: %w", err)
		}
		return fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, err)
	}
	crash.At("postgres.committed")
	e.db.stats.committing.Add(int64(time.Since(began)))
	e.db.stats.commits.Add(1)
	e.db.stats.updates.Add(1)
	e.db.bell.ring(tx.woken)
	return nil
}

func (e *pgEngine) close() error {
	e.closed.Store(true)
	// database/sql does not wait for transactions under way: take every connection back first.
	ctx, cancel := context.WithTimeout(context.Background(), pgLongest)
	defer cancel()
	for e.pool.Stats().InUse > 0 && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	return e.pool.Close()
}

// pgRunner is PostgreSQL's transaction; pgx keeps statements prepared per connection by itself.
type pgRunner struct{ tx *sql.Tx }

func (r pgRunner) exec(ctx context.Context, query string, args []any) (int64, error) {
	res, err := r.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (r pgRunner) query(ctx context.Context, query string, args []any) (resultRows, error) {
	found, err := r.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err // and no rows that are a nil of their own
	}
	return found, nil
}

func (r pgRunner) row(ctx context.Context, query string, args []any) scanner {
	return r.tx.QueryRowContext(ctx, query, args...)
}
