package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// RestoreOptions say what to put back and where.
type RestoreOptions struct {
	From string // the backup
	URL  string // the database
	// Replace allows to put it in the place of data.
	Replace bool
	Now     func() time.Time // time.Now when nil
	// Check looks at the backup, already in this program's schema, before anything is replaced.
	Check func(*DB) error
}

// Restored tells what was put back.
type Restored struct {
	Contents
	Engine string
	// Series is where the numbers of new invoices begin, by merchant and mode; the largest one.
	Series int64
	// Aside is where the data stand that were there before; "" when there were none, and on PostgreSQL.
	Aside string
}

// Restore puts a backup in the place of a database that no server holds. All of it happens beside the
// database, in a copy of the backup; the last step alone, a rename or a commit, puts it in its place.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	t, err := parseURL(o.URL)
	if err != nil {
		return r, err
	}
	t.migrations = embedded
	defer func() { r.Engine = t.engine }()
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := checkBackup(ctx, target{engine: SQLite, path: o.From, migrations: t.migrations, use: archived}); err != nil {
		return r, err
	}
	if t.engine == SQLite {
		return restoreFile(ctx, t, o)
	}
	return restorePostgres(ctx, t, o)
}

// stage makes a copy of the backup at path, brings it to this program's schema, checks it, and begins
// the new series. Numbers go on behind those in the backup and those in beside, the data that are there
// now (nil for none).
func stage(ctx context.Context, o RestoreOptions, t target, path string, beside *end) (r Restored, err error) {
	file, err := newPart(path)
	if err != nil {
		return r, err
	}
	defer file.Close()
	if err := copyFile(file, o.From); err != nil {
		return r, fmt.Errorf("copy the backup: %w", err)
	}
	s := target{engine: SQLite, path: path, migrations: t.migrations, use: staged}
	if err := makeSchema(ctx, s); err != nil {
		return r, err
	}
	if r.Contents, err = checkArchive(ctx, s, o.Check); err != nil {
		return r, err
	}
	if r.Series, err = newSeries(ctx, s, beside, o.Now()); err != nil {
		return r, err
	}
	if err := file.Sync(); err != nil {
		return r, fmt.Errorf("write %s: %w", path, err)
	}
	return r, nil
}

// checkBackup says whether a file is a backup that this program can read.
func checkBackup(ctx context.Context, t target) error {
	if info, err := os.Stat(t.path); err != nil {
		return err
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return fmt.Errorf("%s: %w", t.path, ErrNoBackup)
	}
	if log, err := os.Stat(t.path + "-wal"); err == nil && log.Size() > 0 {
		// A database that is, or was, open: what stands in its log would be lost.
		return fmt.Errorf("%s is a database in use, not a backup: make one of it with checkout backup", t.path)
	}
	pool, err := openForSchema(t)
	if err != nil {
		return err
	}
	current, want, err := readSchema(ctx, t, pool)
	err = errors.Join(err, pool.Close())
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w: %w", t.path, ErrNoBackup, err)
	case current == 0:
		return fmt.Errorf("%s: %w", t.path, ErrNoBackup)
	case current > want:
		return fmt.Errorf("%s: %w", t.path, compareSchema(current, want))
	}
	return nil
}

func copyFile(to *os.File, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, in)
	return errors.Join(err, in.Close())
}

// restoreFile replaces an SQLite file. The lock file is held, so no server starts; the schema's is held
// too, so no command begins.
func restoreFile(ctx context.Context, t target, o RestoreOptions) (r Restored, err error) {
	if same, _ := sameFile(t.path, o.From); same {
		return r, fmt.Errorf("%s is the database itself", o.From)
	}
	if err := os.MkdirAll(filepath.Dir(t.path), 0o700); err != nil {
		return r, fmt.Errorf("make the database's directory: %w", err)
	}
	if real, err := filepath.EvalSymlinks(t.path); err == nil {
		t.path = real // what is replaced is the file, not the link to it
	}
	server := &DB{target: t}
	if err := server.LockForServe(); err != nil {
		return r, err
	}
	defer server.lock.release()
	held, err := waitForLock(ctx, t.path+madeSuffix, time.Minute)
	if err != nil {
		return r, fmt.Errorf("wait for another migration: %w", err)
	}
	defer held.release()
	old, data, err := oldFile(ctx, t, o.Replace)
	if err != nil {
		return r, err
	}
	part := t.path + ".restoring"
	r, err = stage(ctx, o, t, part, old)
	if old != nil {
		err = errors.Join(err, old.close())
	}
	if err != nil {
		return r, errors.Join(err, os.Remove(part))
	}
	if data {
		if r.Aside, err = setAside(t.path, o.Now()); err != nil {
			return r, errors.Join(err, os.Remove(part))
		}
	}
	if err := removeLogs(t.path); err != nil {
		return r, errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, t.path); err != nil {
		return r, fmt.Errorf("put the backup in its place: %w", err)
	}
	markMade(t.path)
	return r, syncDir(t.path)
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// oldFile looks at what is there, and whether it is data. What cannot be read is data as well (and old
// is nil), and only replaced on request.
func oldFile(ctx context.Context, t target, replace bool) (old *end, data bool, err error) {
	if info, err := os.Stat(t.path); err != nil || info.Size() == 0 {
		return nil, false, nil
	}
	old, err = openEnd(ctx, t)
	var empty bool
	if err == nil {
		// The log is folded into the file and emptied: the file alone is now all there is.
		if err = old.fold(ctx); err == nil {
			empty, err = old.empty(ctx)
		}
		if err != nil {
			_ = old.close()
		}
	}
	switch {
	case errors.Is(err, errInUse):
		return nil, true, err
	case err != nil && replace:
		return nil, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("%s: %w, and cannot be read: %w", t, ErrHasData, err)
	case !empty && !replace:
		return nil, true, errors.Join(fmt.Errorf("%s: %w", t, ErrHasData), old.close())
	}
	return old, !empty, nil
}

var errInUse = errors.New("another program has the database open")

// fold writes SQLite's log into its file and empties it.
func (e *end) fold(ctx context.Context) error {
	var busy, pages, done int64
	if err := e.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil {
		return fmt.Errorf("fold the log of %s: %w", e, err)
	}
	if busy != 0 {
		return fmt.Errorf("%s: %w", e, errInUse)
	}
	return nil
}

// setAside keeps what was there under a name of its own. The file keeps its own name as well until the
// rename: a crash leaves the old database or the new one.
func setAside(path string, now time.Time) (string, error) {
	aside := path + ".before-restore-" + now.UTC().Format("20060102T150405.000Z")
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		// Nobody could fold this log into its file (it is damaged, or open elsewhere). It must not be
		// played into the new one. The file goes first: until all is done there is no database here, and
		// nothing starts.
		if err := os.Rename(path, aside); err != nil {
			return "", fmt.Errorf("keep the old database: %w", err)
		}
		if err := os.Rename(path+"-wal", aside+"-wal"); err != nil {
			return "", fmt.Errorf("keep the old database: %w", err)
		}
	} else if err := os.Link(path, aside); errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("keep the old database: %w", err)
	} else if err != nil {
		// A file system without links: as above.
		if err := os.Rename(path, aside); err != nil {
			return "", fmt.Errorf("keep the old database: %w", err)
		}
	}
	return aside, syncDir(path)
}

// removeLogs keeps SQLite from playing an old log into the new file. What stood in it is in its own
// file, or aside.
func removeLogs(path string) error {
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the old log: %w", err)
		}
	}
	return syncDir(path)
}

// restorePostgres replaces every row of a database in one transaction.
func restorePostgres(ctx context.Context, t target, o RestoreOptions) (r Restored, err error) {
	to, err := openEnd(ctx, t)
	if err != nil {
		return r, err
	}
	defer to.close()
	var version string
	if err := to.conn.QueryRowContext(ctx, `SELECT version()`).Scan(&version); err != nil {
		return r, fmt.Errorf("ask %s what it is: %w", to, err)
	}
	err = to.alone(ctx)
	if yugabyte(version) || errors.Is(err, errUnguarded) {
		return r, ErrNoRestore
	}
	if err != nil {
		return r, err
	}
	if err := settleSchema(ctx, t, Options{CreateIfEmpty: true, Migrate: o.Replace}); err != nil {
		return r, err
	}
	if err := to.exec(ctx, "BEGIN"); err != nil {
		return r, err
	}
	if err := to.seize(ctx); err != nil {
		return r, err
	}
	empty, err := to.empty(ctx)
	if err != nil {
		return r, err
	}
	if !empty && !o.Replace {
		return r, fmt.Errorf("%s: %w", to, ErrHasData)
	}
	dir, err := os.MkdirTemp("", "checkout-restore-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	part := filepath.Join(dir, "restoring")
	if r, err = stage(ctx, o, t, part, to); err != nil {
		return r, err
	}
	from, err := openEnd(ctx, target{engine: SQLite, path: part, migrations: t.migrations, use: archived})
	if err != nil {
		return r, err
	}
	defer from.close()
	if err := to.clear(ctx); err != nil {
		return r, err
	}
	if r.Contents, err = copyVerified(ctx, from, to); err != nil {
		return r, err
	}
	return r, to.exec(ctx, "COMMIT")
}

// copyVerified copies everything and reads it again at the other end.
func copyVerified(ctx context.Context, from, to *end) (c Contents, err error) {
	if c, err = copyAll(ctx, from, to); err != nil {
		return c, err
	}
	there, err := to.contents(ctx)
	if err != nil {
		return c, err
	}
	return c, c.differs(there)
}
