package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A backup is an SQLite file of the same schema, whichever engine it was made of: it can be looked into
// by any tool, and put back into either.

// What Backup and Restore say about files.
var (
	ErrExists    = errors.New("the file exists")
	ErrNoBackup  = errors.New("not a backup of this program")
	ErrHasData   = errors.New("the database holds data")
	errUnderWay  = errors.New("another one is writing this file")
	errUnsound   = errors.New("the file is damaged")
	errDangling  = errors.New("a row points to one that is not there")
	errUnmatched = errors.New("a paid invoice and its attempt do not match")
)

// Backup writes one moment of the whole database to a file that did not exist (or does, with replace),
// while others read and write. It is written under another name, synced, checked, and renamed: under
// its own name stands a whole backup or none. check looks at what the database cannot judge itself.
func (db *DB) Backup(ctx context.Context, path string, replace bool, check func(*DB) error) (Contents, error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return Contents{}, fmt.Errorf("%s: %w", path, ErrExists)
	}
	part, err := newPart(path + ".part")
	if err != nil {
		return Contents{}, err
	}
	defer part.Close()
	t := db.target
	t.engine, t.path, t.url = SQLite, part.Name(), ""
	read, err := db.write(ctx, t)
	if err == nil {
		err = part.Sync()
	}
	if err != nil {
		return Contents{}, errors.Join(fmt.Errorf("back up %s: %w", db.target, err), os.Remove(part.Name()))
	}
	c, err := checkArchive(ctx, t, check)
	if err == nil && read != nil {
		err = read.differs(c)
	}
	if err != nil {
		// It may be all there is: it is kept, and not under the name of a good one.
		return c, fmt.Errorf("%s is written and not right, and was not given its name: %w", part.Name(), err)
	}
	return c, publish(part.Name(), path, replace)
}

// write returns what it read of the database, where that passed through our hands.
func (db *DB) write(ctx context.Context, t target) (*Contents, error) {
	if db.target.engine == SQLite {
		return nil, vacuumInto(ctx, db.target, t.path)
	}
	return db.pour(ctx, t)
}

// newPart makes the file that is being written, for its owner alone. What an earlier one left is
// overwritten, unless it is still being written.
func newPart(path string) (*os.File, error) {
	held, err := tryLock(path)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("%s: %w", path, errUnderWay)
	}
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if err := errors.Join(held.file.Truncate(0), held.file.Chmod(0o600)); err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", path, err), held.file.Close())
	}
	return held.file, nil
}

// publish gives a synced file its name. Without replace, whoever was first keeps it.
func publish(from, to string, replace bool) error {
	if !replace {
		err := os.Link(from, to)
		switch {
		case errors.Is(err, fs.ErrExist):
			return errors.Join(fmt.Errorf("%s: %w", to, ErrExists), os.Remove(from))
		case err == nil:
			return errors.Join(os.Remove(from), syncDir(to))
		}
		// A file system without links (a USB stick): it was looked at the start.
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("give the file its name: %w", err)
	}
	return syncDir(to)
}

// syncDir makes a rename in the folder of path last.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync the folder of %s: %w", path, err)
	}
	// Some file systems refuse to sync folders; what was renamed stands all the same.
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return errors.Join(fmt.Errorf("sync the folder of %s: %w", path, err), dir.Close())
	}
	return dir.Close()
}

// vacuumInto writes one snapshot of an SQLite database into an empty file. Writers go on meanwhile.
func vacuumInto(ctx context.Context, from target, to string) error {
	e, err := openEnd(ctx, from)
	if err != nil {
		return err
	}
	return errors.Join(e.exec(ctx, `VACUUM INTO $1`, to), e.close())
}

// pour copies one snapshot of a PostgreSQL database into an empty SQLite file.
func (db *DB) pour(ctx context.Context, t target) (*Contents, error) {
	from, err := openEnd(ctx, db.target)
	if err != nil {
		return nil, err
	}
	defer from.close()
	if err := from.snapshot(ctx); err != nil {
		return nil, err
	}
	t.use = staged
	if err := makeSchema(ctx, t); err != nil {
		return nil, err
	}
	to, err := openEnd(ctx, t)
	if err != nil {
		return nil, err
	}
	defer to.close()
	if err := to.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	c, err := copyAll(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return &c, to.exec(ctx, "COMMIT")
}

// makeSchema brings a file that nobody else knows to this program's schema.
func makeSchema(ctx context.Context, t target) error {
	pool, err := openForSchema(t)
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, t, pool), pool.Close())
}

// openArchive opens a file that never changes, for reading.
func openArchive(t target) (*DB, error) {
	t.use = archived
	db := &DB{target: t, now: Forward(time.Now), health: health{over: make(chan struct{})}}
	rd, err := openReaders(db, 2)
	if err != nil {
		return nil, err
	}
	db.engine = archive{rd}
	return db, nil
}

// archive is the engine of a backup: it can only be read.
type archive struct{ *readers }

func (archive) update(context.Context, func(*Tx) error) error { return sql.ErrTxDone }

// checkArchive reads all of a file of this program's schema, and says what is wrong with it.
func checkArchive(ctx context.Context, t target, check func(*DB) error) (c Contents, err error) {
	t.use = archived
	e, err := openEnd(ctx, t)
	if err != nil {
		return c, err
	}
	defer e.close()
	if err := e.sound(ctx); err != nil {
		return c, err
	}
	if c, err = e.contents(ctx); err != nil || check == nil {
		return c, err
	}
	db, err := openArchive(t)
	if err != nil {
		return c, err
	}
	return c, errors.Join(check(db), db.Close())
}

// sound asks SQLite whether the file is whole, and whether rows point to rows; then whether the money
// is: each paid invoice has its one paid attempt, of its own amount.
func (e *end) sound(ctx context.Context) error {
	said, err := e.names(ctx, `PRAGMA integrity_check(3)`)
	if err != nil {
		return err
	}
	if strings.Join(said, "") != "ok" {
		return fmt.Errorf("%w: %s", errUnsound, strings.Join(said, "; "))
	}
	var dangling int64
	if err := e.conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM pragma_foreign_key_check`).Scan(&dangling); err != nil {
		return fmt.Errorf("look for rows that point nowhere: %w", err)
	}
	if dangling > 0 {
		return fmt.Errorf("%w (%d)", errDangling, dangling)
	}
	wrong, err := e.names(ctx, `SELECT i.id FROM invoices i LEFT JOIN attempts a ON a.id = i.paid_attempt_id
WHERE i.status = 'paid' AND (a.id IS NULL OR a.invoice_id <> i.id OR a.status <> 'paid' OR a.amount_rial <> i.amount_rial)
UNION ALL SELECT a.invoice_id FROM attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.status = 'paid' AND (i.status <> 'paid' OR i.paid_attempt_id <> a.id)`)
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%w: %s", errUnmatched, wrong[0])
	}
	return err
}
