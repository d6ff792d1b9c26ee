package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// served is the store of a server, or of a command, and what another process does with its file.
func served(t *testing.T, serve bool) (d *db.DB, other func(query string) error) {
	t.Helper()
	addr := dbtest.SQLiteURL(t)
	d = dbtest.Open(t, db.Options{URL: addr, Serve: serve})
	plain, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(addr, "sqlite:")+"?_pragma=busy_timeout(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	conn, err := plain.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return d, func(query string) error { _, err := conn.ExecContext(context.Background(), query); return err }
}

// TestGroupCommit_CannotBegin: who cannot get his turn before another process is told so, and is not run
// without a transaction. The next one has his turn.
func TestGroupCommit_CannotBegin(t *testing.T) {
	t.Run("a server", func(t *testing.T) { cannotBegin(t, true) })
	t.Run("a command", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it waits ten seconds")
		}
		t.Parallel()
		cannotBegin(t, false)
	})
}

func cannotBegin(t *testing.T, serve bool) {
	t.Helper()
	d, other := served(t, serve)
	update(t, d, func(tx *db.Tx) error { return tx.Exec(`PRAGMA busy_timeout = 0`) }) // a server waits five seconds otherwise
	if err := other("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	late := putter("late")
	if err := d.Update(context.Background(), late.call); err == nil || !strings.Contains(err.Error(), "begin") || late.runs.Load() != 0 {
		t.Errorf("run %d times: %v", late.runs.Load(), err)
	}
	if err := other("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	update(t, d, good("next"))
	if names := stored(t, d); names != "next" {
		t.Errorf("stored: %s", names)
	}
}

// TestGroupCommit_LeavesWhileAnotherProcessWrites: a batch that is run again waits for another process that
// came in between. Who leaves meanwhile is not run at all, and who stays is served. When the other comes in
// nobody can say, so it is tried until it does.
func TestGroupCommit_LeavesWhileAnotherProcessWrites(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor: nobody comes in between there")
	}
	d, other := served(t, true)
	for i := range 2000 {
		if cameBetween(t, d, other, i) {
			return
		}
	}
	t.Fatal("the other process never came in between")
}

// cameBetween runs a batch of three again, whose first ends its goroutine, and reports whether the other
// process wrote before the second's turn.
func cameBetween(t *testing.T, d *db.DB, other func(string) error, i int) bool {
	t.Helper()
	leaver, stayer := fmt.Sprint("leaver", i), fmt.Sprint("stayer", i)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	left, stayed, begun := make(chan error, 1), make(chan error, 1), make(chan struct{})
	release := hold(t, d)
	go func() {
		_ = d.Update(context.Background(), func(*db.Tx) error {
			close(begun)
			exitGoroutine()
			return nil
		})
	}()
	d.AwaitQueue(1)
	go func() { left <- d.Update(ctx, good(leaver)) }()
	d.AwaitQueue(2)
	go func() { stayed <- d.Update(context.Background(), good(stayer)) }()
	d.AwaitQueue(3)
	go release()
	<-begun
	for other("BEGIN IMMEDIATE") != nil {
		runtime.Gosched()
	}
	early := stored(t, d)
	leave()
	err := <-left
	if err := other("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-stayed:
		if err != nil {
			t.Errorf("who stayed: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("who stayed is not served")
	}
	between := errors.Is(err, context.Canceled) && !slices.Contains(strings.Fields(early), leaver)
	if between && slices.Contains(strings.Fields(stored(t, d)), leaver) {
		t.Errorf("who had left was run: round %d", i)
	}
	return between
}
