package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing/fstest" // a file system in memory; it brings nothing of testing with it
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"dargah/internal/app/crash"
)

// Numbered, forward only. Each runs in one transaction with its entry in the version table, so an
// interrupted migration leaves the old schema or the new one.
//
//go:embed migrations/*.sql
var embedded embed.FS

const versionQuery = `SELECT CAST(COALESCE(MAX(version_id), 0) AS BIGINT) FROM goose_db_version`

// What Open says about a schema that is not this program's.
var (
	ErrEmpty       = errors.New("the database is empty")
	ErrSchemaOld   = errors.New("the database's schema is older than this program: run `checkout migrate`")
	ErrSchemaNewer = errors.New("the database's schema is newer than this program: install the program that wrote it")
	ErrForeign     = errors.New("the database holds tables of another program")
	ErrCopying     = errors.New("the database is being filled by `checkout db copy`, which has not ended: run the same copy again")
	ErrGone        = errors.New("the database is missing or empty, although one was made here: put it back")
)

// SchemaError tells the versions. errors.Is finds ErrSchemaOld or ErrSchemaNewer in it.
type SchemaError struct {
	Current, Want int64
	Err           error
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%v (found %d, needed %d)", e.Err, e.Current, e.Want)
}

// Unwrap returns ErrSchemaOld or ErrSchemaNewer.
func (e *SchemaError) Unwrap() error { return e.Err }

func compareSchema(current, want int64) error {
	switch {
	case current == copying:
		return ErrCopying
	case current < want:
		return &SchemaError{Current: current, Want: want, Err: ErrSchemaOld}
	case current > want:
		return &SchemaError{Current: current, Want: want, Err: ErrSchemaNewer}
	}
	return nil
}

// wanted is the number of the last migration.
func (t target) wanted() (int64, error) {
	names, err := fs.Glob(t.migrations, "migrations/*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	var last int64
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("name of migration %s: %w", name, err)
		}
		last = max(last, n)
	}
	return last, nil
}

// texts are the migrations as the engine understands them.
func (t target) texts() (fs.FS, error) {
	files, err := fs.Sub(t.migrations, "migrations")
	if err != nil || t.engine == SQLite {
		return files, err
	}
	names, err := fs.Glob(files, "*.sql")
	texts := fstest.MapFS{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		texts[name] = &fstest.MapFile{Data: []byte(forPostgres(string(text)))}
	}
	return texts, err
}

// settleSchema makes, upgrades or refuses the schema, as opts allow, on a connection of its own.
func settleSchema(ctx context.Context, t target, opts Options) error {
	pool, err := openSettled(ctx, t, opts)
	if err != nil {
		return err
	}
	return pool.Close()
}

// openSettled is settleSchema for who opens the database next: on SQLite the last connection that is
// closed folds the log in and removes it, and the next one makes it anew.
//
// On SQLite one process at a time does it: whoever is first turns the new file to write-ahead logging,
// and for that moment SQLite answers everybody else "locked" at once, without waiting.
func openSettled(ctx context.Context, t target, opts Options) (pool *sql.DB, err error) {
	if t.engine == SQLite {
		held, err := waitForLock(ctx, t.path+madeSuffix, time.Minute)
		switch {
		case err == nil:
			defer held.release()
		case errors.Is(err, errLocked):
			return nil, fmt.Errorf("wait for another migration: %w", err)
		}
		// Else the folder cannot be written: nothing can be changed here, and SQLite says why below.
	}
	if pool, err = openForSchema(t); err != nil {
		return nil, err
	}
	opened := pool
	defer func() {
		if err != nil {
			pool, err = nil, errors.Join(err, opened.Close())
		}
	}()
	current, want, err := readSchema(ctx, t, pool)
	if err == nil && current > 0 && current < want && !opts.Migrate && t.engine == PostgreSQL {
		// Old, or somebody is making it at this moment: each migration is committed by itself.
		if err = awaitMigration(ctx, pool); err == nil {
			current, want, err = readSchema(ctx, t, pool)
		}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case current == 0 && !opts.CreateIfEmpty && !opts.Migrate:
		return nil, ErrEmpty
	case current == 0, current < want && opts.Migrate:
		if err := migrate(ctx, t, pool); err != nil {
			return nil, err
		}
		current = want
	}
	if current > 0 && t.engine == SQLite {
		markMade(t.path)
	}
	return pool, compareSchema(current, want)
}

func openForSchema(t target) (*sql.DB, error) {
	if t.engine == PostgreSQL {
		return openPostgresPool(t.url, 2, settlePostgres)
	}
	pool, err := sql.Open("sqlite", t.sqliteDSN())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", t.path, err)
	}
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// readSchema returns current 0 for a database without any schema, also when a migration was cut
// off after goose's own table.
func readSchema(ctx context.Context, t target, pool *sql.DB) (current, want int64, err error) {
	if want, err = t.wanted(); err != nil {
		return 0, 0, err
	}
	list := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if t.engine == PostgreSQL {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	}
	rows, err := pool.QueryContext(ctx, list)
	if err != nil {
		return 0, want, fmt.Errorf("read %s: %w", t, err)
	}
	defer rows.Close()
	tables := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return 0, want, fmt.Errorf("read the list of tables: %w", err)
		}
		tables[name] = true
	}
	if err := rows.Err(); err != nil {
		return 0, want, fmt.Errorf("read the tables of %s: %w", t, err)
	}
	if len(tables) == 0 {
		return 0, want, nil
	}
	if !tables["goose_db_version"] {
		return 0, want, ErrForeign
	}
	if err := pool.QueryRowContext(ctx, versionQuery).Scan(&current); err != nil {
		return 0, want, fmt.Errorf("read schema version: %w", err)
	}
	if current == 0 && len(tables) > 1 {
		return 0, want, ErrForeign
	}
	return current, want, nil
}

// migrationLock is what lets one process at a time migrate a PostgreSQL database.
func migrationLock() (lock.SessionLocker, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("make migration lock: %w", err)
	}
	return &lockIfAny{SessionLocker: locker}, nil
}

// lockIfAny goes on where a database has no advisory locks. Two that migrate at once there meet in the same
// table, and one of them fails with what it did; the operator runs one (see Locks).
type lockIfAny struct {
	lock.SessionLocker
	none bool
}

// SessionLock takes the lock, if there is any.
func (l *lockIfAny) SessionLock(ctx context.Context, conn *sql.Conn) error {
	err := l.SessionLocker.SessionLock(ctx, conn)
	if l.none = lacks(err); l.none {
		return nil
	}
	return err
}

// SessionUnlock gives it back.
func (l *lockIfAny) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if l.none {
		return nil
	}
	return l.SessionLocker.SessionUnlock(ctx, conn)
}

// awaitMigration waits until nobody migrates.
func awaitMigration(ctx context.Context, pool *sql.DB) error {
	locker, err := migrationLock()
	if err != nil {
		return err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := locker.SessionLock(ctx, conn); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	return locker.SessionUnlock(ctx, conn)
}

// migrate brings the schema up to date. Two processes may try at once: on PostgreSQL an advisory
// lock lets one wait for the other, on SQLite settleSchema's lock file does.
func migrate(ctx context.Context, t target, pool *sql.DB) error {
	files, err := t.texts()
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if t.engine == PostgreSQL {
		locker, err := migrationLock()
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	crash.At("migrate.locked")
	provider, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	crash.At("migrate.done")
	current, want, err := readSchema(ctx, t, pool)
	if err != nil {
		return err
	}
	return compareSchema(current, want)
}
