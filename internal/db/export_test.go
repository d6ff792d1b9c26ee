package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
)

// WithMigration adds a migration to the embedded ones.
func (o Options) WithMigration(name, text string) Options {
	files := fstest.MapFS{"migrations/" + name: {Data: []byte(text)}}
	names, _ := fs.Glob(embedded, "migrations/*.sql")
	for _, n := range names {
		data, _ := fs.ReadFile(embedded, n)
		files[n] = &fstest.MapFile{Data: data}
	}
	o.migrations = files
	return o
}

// Still is how long PostgreSQL waits for a process that stands still.
func (o Options) Still(d time.Duration) Options {
	o.still = d
	return o
}

// Exec lets tests run statements of their own: faults are made with pragmas, rows are counted.
func (tx *Tx) Exec(query string, args ...any) error {
	_, err := tx.exec(query, args...)
	return err
}

// Int reads one number.
func (tx *Tx) Int(query string, args ...any) (n int64, err error) {
	err = tx.row(query, args...).Scan(&n)
	return n, err
}

// Text reads one text.
func (tx *Tx) Text(query string, args ...any) (s string, err error) {
	err = tx.row(query, args...).Scan(&s)
	return s, err
}

// Row reads one row.
func (tx *Tx) Row(query string, args ...any) interface{ Scan(dest ...any) error } {
	return tx.row(query, args...)
}

// OpenRows opens rows that only reaching their end closes.
func (tx *Tx) OpenRows(query string) (next func() bool, err error) {
	rows, err := tx.query(query)
	if err != nil {
		return nil, err
	}
	return rows.Next, nil
}

// AwaitQueue waits until n callers wait for SQLite's writer.
func (db *DB) AwaitQueue(n int) {
	for len(db.engine.(*liteEngine).writer.queue) < n {
		runtime.Gosched()
	}
}

// Give gives the storage up, as a failed fsync does.
func (db *DB) Give(err error) { db.give(err) }

// Dump reads every table that the schema has, each row as one text, sorted.
func (db *DB) Dump(ctx context.Context) (map[string][]string, error) {
	e, err := openEnd(ctx, db.target)
	if err != nil {
		return nil, err
	}
	defer e.close()
	list, err := e.tables(ctx)
	all := map[string][]string{}
	for _, t := range list {
		slices.Sort(t.columns)
		p, err := e.pass(ctx, t)
		if err != nil {
			return nil, err
		}
		all[t.name] = []string{}
		for p.Next() {
			all[t.name] = append(all[t.name], fmt.Sprintf("%#v", p.row))
		}
		if err := errors.Join(p.Err(), p.rows.Close()); err != nil {
			return nil, err
		}
		slices.Sort(all[t.name])
	}
	return all, err
}

// URL is what the database was opened with.
func (db *DB) URL() string {
	if db.target.engine == SQLite {
		return "sqlite:" + db.target.path
	}
	return db.target.url
}

// UpTo leaves out the migrations behind a version, as an older program does.
func (o Options) UpTo(version int64) Options {
	files := fstest.MapFS{}
	names, _ := fs.Glob(embedded, "migrations/*.sql")
	for _, n := range names {
		if v, _ := goose.NumericComponent(n); v <= version {
			data, _ := fs.ReadFile(embedded, n)
			files[n] = &fstest.MapFile{Data: data}
		}
	}
	o.migrations = files
	return o
}

// Instead puts another text in the place of a migration that UpTo left in.
func (o Options) Instead(name, text string) Options {
	o.migrations.(fstest.MapFS)[name] = &fstest.MapFile{Data: []byte(text)}
	return o
}

// Migration is one of the embedded ones.
type Migration struct {
	Version    int64
	Name, Text string
}

// Migrations lists them in order.
func Migrations() (list []Migration) {
	names, _ := fs.Glob(embedded, "migrations/*.sql")
	for _, n := range names {
		v, _ := goose.NumericComponent(n)
		text, _ := fs.ReadFile(embedded, n)
		list = append(list, Migration{v, n, string(text)})
	}
	return list
}

// CopyWatched is Copy in batches of so many rows. at hears of each batch, before and after its commit, and
// may end it there.
func CopyWatched(ctx context.Context, fromURL, toURL string, batch int, at func(string) error) (Transferred, error) {
	return transfer{batch, at}.run(ctx, fromURL, toURL, nil)
}

// CopyUpTo is Copy between two databases of an older version; the target is made.
func CopyUpTo(ctx context.Context, fromURL, toURL string, version int64) error {
	var ends [2]*end
	for i, url := range []string{fromURL, toURL} {
		t, err := parseURL(url)
		if err != nil {
			return err
		}
		t.migrations = Options{}.UpTo(version).migrations
		if i == 1 {
			if err := makeSchema(ctx, t); err != nil {
				return err
			}
		}
		if ends[i], err = openEnd(ctx, t); err != nil {
			return err
		}
		defer ends[i].close()
	}
	if err := ends[1].exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if _, err := copyAll(ctx, ends[0], ends[1]); err != nil {
		return err
	}
	return ends[1].exec(ctx, "COMMIT")
}

// EventForms are the short forms in which events are kept, and the ways back.
var EventForms = map[string]struct{ Short, Full func(string) string }{
	"type": {shortType, fullType}, "actor": {shortActor, fullActor}, "attempt": {shortAttempt, fullAttempt}, "request": {shortRequest, fullRequest},
}

// OpenReaders says how many of SQLite's connections for reading stand open.
func (db *DB) OpenReaders() int {
	r := db.engine.(*liteEngine).readers
	return cap(r.spare) - len(r.spare)
}
