package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestRestore_KeepsServersOut: while a backup is being put back no server starts.
func TestRestore_KeepsServersOut(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		books(t, url)
		want := db.ErrServed // the lock file says no more
		if strings.HasPrefix(url, "postgres") {
			want = db.ErrRestored
		}
		looked := false
		_, err := db.Restore(context.Background(), db.RestoreOptions{From: backup(t, url), URL: url, Replace: true, Check: func(*db.DB) error {
			looked = true
			if err := tryOpen(db.Options{URL: url, Serve: true}); !errors.Is(err, want) {
				t.Errorf("a server: %v, want %v", err, want)
			}
			return nil
		}})
		if err != nil || !looked {
			t.Fatalf("restore: %v (looked: %v)", err, looked)
		}
		if err := tryOpen(db.Options{URL: url, Serve: true}); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

// TestPostgres_PresenceOutlivesItsConnection: a server whose connection was cut holds its lock again
// soon; and when a restore was quicker, it knows that it is over.
func TestPostgres_PresenceOutlivesItsConnection(t *testing.T) {
	url := dbtest.PostgresURL(t)
	books(t, url)
	file := backup(t, url)
	server, other := dbtest.Open(t, db.Options{URL: url, Serve: true}), dbtest.Open(t, db.Options{URL: url})
	// The lock by its own first number: a transaction that looks for a failover holds another for a moment.
	const lock = `FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 1147237991 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	cut := func() {
		view(t, other, func(tx *db.Tx) error { return tx.Exec(`SELECT pg_terminate_backend(pid) ` + lock) })
	}
	holder := func() int64 { return count(t, other, `SELECT COALESCE(MAX(pid), 0) `+lock) }
	restore := func(check func(*db.DB) error) error {
		_, err := db.Restore(context.Background(), db.RestoreOptions{From: file, URL: url, Replace: true, Check: check})
		return err
	}
	// Another connection's lock: the one that was told to end may hold its own for a moment more.
	before := holder()
	cut()
	for now, limit := before, time.Now().Add(time.Minute); now == 0 || now == before; now = holder() {
		if time.Now().After(limit) {
			t.Fatal("never held again")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := restore(nil); !errors.Is(err, db.ErrServed) {
		t.Fatalf("restored under a server: %v", err)
	}
	for try := range 20 {
		cut()
		err := restore(func(*db.DB) error {
			select {
			case <-server.Lost():
			case <-time.After(time.Minute):
				t.Error("the server does not notice that its database is being replaced")
			}
			return nil
		})
		if err == nil {
			break
		}
		if !errors.Is(err, db.ErrServed) || try == 19 { // the server was quicker
			t.Fatal(err)
		}
	}
	if err := server.LostBy(); !errors.Is(err, db.ErrLost) || !errors.Is(err, db.ErrRestored) {
		t.Errorf("lost by %v", err)
	}
	if err := server.Update(context.Background(), func(tx *db.Tx) error { return put(tx, "late", "1") }); !errors.Is(err, db.ErrLost) {
		t.Errorf("it writes into what was put back: %v", err)
	}
}
