package db_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// scissors stands between us and PostgreSQL and cuts the line at the next COMMIT: after the server
// has had it, or before.
type scissors struct {
	net.Listener
	server string
	armed  atomic.Int32
}

const (
	cutBefore int32 = iota + 1
	cutAfter
)

func newScissors(t *testing.T, server string) *scissors {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scissors{Listener: l, server: server}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(client)
		}
	}()
	return s
}

func (s *scissors) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", s.server)
	if err != nil {
		return
	}
	defer server.Close()
	var mute atomic.Bool
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 && mute.Load() {
				return // the answer to COMMIT: it is done, and nobody hears
			}
			if n > 0 {
				_, _ = client.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 && bytes.Contains(buf[:n], []byte("commit\x00")) {
			switch s.armed.Swap(0) {
			case cutBefore:
				return
			case cutAfter:
				mute.Store(true)
				_, _ = server.Write(buf[:n])
				<-gone
				return
			}
		}
		if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// A connection lost at COMMIT is neither done nor not done: Update says so and does not try again.
func TestPostgres_CutAtCommit(t *testing.T) {
	direct := dbtest.PostgresURL(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	line := newScissors(t, u.Host)
	u.Host = line.Addr().String()
	d, plain := dbtest.Open(t, db.Options{URL: u.String()}), dbtest.Open(t, db.Options{URL: direct})
	for name, cut := range map[string]int32{"before": cutBefore, "after": cutAfter} {
		runs := 0
		err := d.Update(context.Background(), func(tx *db.Tx) error {
			runs++
			line.armed.Store(cut)
			return put(tx, name, "1")
		})
		if !errors.Is(err, db.ErrOutcomeUnknown) || !errors.Is(err, checkout.Unavailable) || runs != 1 {
			t.Errorf("%s: %v after %d runs", name, err, runs)
		}
		want := int64(0)
		if cut == cutAfter {
			want = 1
		}
		if n := count(t, plain, `SELECT COUNT(*) FROM settings WHERE name = $1`, name); n != want {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	update(t, d, func(tx *db.Tx) error { return put(tx, "the line is back", "1") })
}

// A server that stops in the middle of fn has committed nothing.
func TestPostgres_CutBeforeCommit(t *testing.T) {
	url := dbtest.PostgresURL(t)
	d, other := dbtest.Open(t, db.Options{URL: url}), dbtest.Open(t, db.Options{URL: url})
	err := d.Update(context.Background(), func(tx *db.Tx) error {
		pid, err := tx.Int(`SELECT pg_backend_pid()`)
		if err != nil {
			return err
		}
		if err := put(tx, "a", "1"); err != nil {
			return err
		}
		view(t, other, func(tx *db.Tx) error { return tx.Exec(`SELECT pg_terminate_backend(CAST($1 AS INTEGER))`, pid) })
		return put(tx, "b", "1")
	})
	if !errors.Is(err, checkout.Unavailable) || errors.Is(err, db.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// An error in answer to COMMIT is a no only where its code proves it. The codes of the others are those that
// CockroachDB (40003) and YugabyteDB (XX000) give a commit of which they do not know themselves.
func TestPostgres_RefusedAtCommit(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.PostgresURL(t)})
	update(t, d, func(tx *db.Tx) error {
		for _, text := range []string{
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = NEW.value, MESSAGE = NEW.value; END'`,
			`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON settings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.value <> '') EXECUTE FUNCTION refuse()`,
		} {
			if err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	for code, want := range map[string]struct {
		unknown, again bool
	}{"23514": {}, "40001": {again: true}, "40P01": {again: true}, "40003": {unknown: true}, "XX000": {unknown: true}, "57014": {unknown: true}} {
		runs := 0
		err := d.Update(context.Background(), func(tx *db.Tx) error {
			if runs++; runs == 2 {
				return put(tx, code, "")
			}
			return put(tx, code, code)
		})
		if errors.Is(err, db.ErrOutcomeUnknown) != want.unknown || (err == nil) != want.again || (runs == 2) != want.again {
			t.Errorf("%s: %v after %d runs", code, err, runs)
		}
	}
}

// PostgreSQL ends a transaction at its first error; fn that hides the error must not look committed.
func TestPostgres_SwallowedError(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.PostgresURL(t)})
	err := d.Update(context.Background(), func(tx *db.Tx) error {
		if err := put(tx, "a", "1"); err != nil {
			return err
		}
		_ = put(tx, "a", "2")
		return nil
	})
	if err == nil || errors.Is(err, db.ErrOutcomeUnknown) || errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 0 {
		t.Errorf("%d rows", n)
	}
}
