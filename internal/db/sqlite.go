package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Before 3.51.3 a checkpoint beside a writer could lose committed pages (the WAL-reset fault).
const oldestSQLite = "3.51.3"

// busyWait is for how long a connection tries again when another one holds what it needs.
const busyWait = 5 * time.Second

// liteEngine is SQLite: one connection that writes, some that only read.
type liteEngine struct {
	db      *DB
	writer  *writer
	readers *readers
	file    os.FileInfo // the open one
}

func parseSQLitePath(path string) (target, error) {
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.Contains(path, "?") || strings.Contains(path, "\x00") {
		return target{}, errors.New("database URL: sqlite: needs the path of a file, without parameters")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return target{}, fmt.Errorf("database path: %w", err)
	}
	return target{engine: SQLite, path: abs}, nil
}

// prepareSQLiteFile makes the file for its owner only, and its directory. An existing file is never
// opened here: closing it again would drop the POSIX locks that SQLite holds in this process.
func prepareSQLiteFile(path string) error {
	if err := refuseGone(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the database's directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the database file: %w", err)
	}
	return f.Close()
}

// pragmas are the settings of a connection that writes, and of one that only reads. A page that one
// connection writes throws the others' caches away: large ones would only hold memory, and twice what
// stands here, since a page with its head is a little more than a power of two. The log is
// folded in every 16 MB: a page that every payment writes goes into the file once for all of them.
func (t target) pragmas(readOnly bool) []string {
	waits := fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds())
	switch {
	case t.use == archived:
		return []string{"temp_store(2)", "cache_size(-20000)", "query_only(1)"}
	case t.use == staged:
		return []string{"journal_mode(DELETE)", "synchronous(OFF)", "foreign_keys(0)", "temp_store(2)", "cache_size(-20000)"}
	case readOnly:
		return []string{waits, "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)", "cache_size(-1000)", "query_only(1)"}
	}
	return []string{waits, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)", "cache_size(-2000)", "wal_autocheckpoint(4000)"}
}

// sqliteURI names an existing file. An empty one is as good as a missing one to SQLite, and mode=rw
// keeps it from making one that prepareSQLiteFile did not.
func (t target) sqliteURI() string {
	how := "?mode=rw"
	if t.use == archived {
		how = "?mode=ro&immutable=1"
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(t.path)}).EscapedPath() + how
}

// sqliteDSN is for what goes through database/sql: migrations and copies of whole tables.
func (t target) sqliteDSN() string {
	q := url.Values{"_pragma": t.pragmas(false)}
	if t.use != archived {
		q.Set("_txlock", "immediate")
	}
	return t.sqliteURI() + "&" + q.Encode()
}

// openAsItShouldBe opens a file whose schema is this program's already, which is nearly every one: its
// connection becomes the writer's, and nobody reads the whole schema just to see its number. nil for
// any other file, and for whatever goes wrong: settling finds out and says why.
func openAsItShouldBe(t target) *liteConn {
	if t.engine != SQLite {
		return nil
	}
	if info, err := os.Stat(t.path); err != nil || info.Size() == 0 {
		return nil // an empty one is turned to write-ahead logging under a lock
	}
	if mark, err := os.Stat(t.path + madeSuffix); err != nil || mark.Size() == 0 {
		return nil // it came from elsewhere, and what refuseGone goes by is written where it is settled
	}
	conn, err := openLite(t, false)
	if err != nil {
		return nil
	}
	var current int64
	st := newStatements(conn)
	err = st.row(context.Background(), versionQuery, nil).Scan(&current)
	st.close()
	if want, unknown := t.wanted(); err != nil || unknown != nil || current != want {
		_ = conn.close()
		return nil
	}
	return conn
}

// openSQLite opens the engine; conn is the writer's connection where there is one already.
func openSQLite(db *DB, conn *liteConn) (*liteEngine, error) {
	if conn == nil {
		var err error
		if conn, err = openLite(db.target, false); err != nil {
			return nil, fmt.Errorf("open %s: %w", db.target.path, err)
		}
	}
	st := newStatements(conn)
	failed := func(err error) (*liteEngine, error) {
		st.close()
		return nil, errors.Join(err, conn.close())
	}
	if err := checkSQLite(st, db.serve); err != nil {
		return failed(fmt.Errorf("open %s: %w", db.target.path, err))
	}
	rd, err := openReaders(db, max(4, 2*runtime.GOMAXPROCS(0)))
	if err != nil {
		return failed(err)
	}
	info, err := os.Stat(db.target.path)
	if err != nil {
		return failed(errors.Join(fmt.Errorf("open %s: %w", db.target.path, err), rd.close()))
	}
	return &liteEngine{db: db, writer: startWriter(db, st), readers: rd, file: info}, nil
}

// checkSQLite believes nothing: an ignored pragma would be found out by a power cut.
func checkSQLite(st *statements, serve bool) error {
	var version string
	if err := st.row(context.Background(), "SELECT sqlite_version()", nil).Scan(&version); err != nil {
		return fmt.Errorf("read SQLite's version: %w", err)
	}
	if olderVersion(version, oldestSQLite) {
		return fmt.Errorf("SQLite %s is older than %s, which may lose commits", version, oldestSQLite)
	}
	for _, want := range [][2]string{{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}, {"busy_timeout", strconv.FormatInt(busyWait.Milliseconds(), 10)}} {
		var got string
		if err := st.row(context.Background(), "PRAGMA "+want[0], nil).Scan(&got); err != nil {
			return fmt.Errorf("read pragma %s: %w", want[0], err)
		}
		if got != want[1] {
			return fmt.Errorf("pragma %s is %s, needed is %s", want[0], got, want[1])
		}
	}
	// A file that cannot be written (permissions, a read-only mount) must be found now, not when
	// the first payment comes back. The header's user_version is written with its own value.
	var user int64
	if err := st.row(context.Background(), "PRAGMA user_version", nil).Scan(&user); err != nil {
		return fmt.Errorf("read the file's header: %w", err)
	}
	// A command that finds another writing need not wait for its turn: a file that cannot be written says
	// so before it says that it is in use. A server wants it for itself.
	if !serve {
		st.conn.waits(0)
		defer st.conn.waits(busyWait)
	}
	err := st.conn.run("PRAGMA user_version = " + strconv.FormatInt(user, 10))
	if err != nil && (serve || !lockedSQLite(err)) {
		return fmt.Errorf("the file cannot be written: %w", err)
	}
	return nil
}

func olderVersion(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return len(as) < len(bs)
}

func (e *liteEngine) view(ctx context.Context, fn func(*Tx) error) error {
	return e.readers.view(ctx, fn)
}

func (e *liteEngine) update(ctx context.Context, fn func(*Tx) error) error {
	return e.writer.update(ctx, fn)
}

func (e *liteEngine) close() error {
	return errors.Join(e.writer.close(), e.readers.close())
}
