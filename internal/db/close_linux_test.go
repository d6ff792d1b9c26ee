package db_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestClose_LeavesNothingOpen: database/sql does not close the statements of a *sql.Conn with it, and
// SQLite keeps a connection with living statements as a zombie: its files stay open and locked until
// the process ends, and the log is never folded into the file.
func TestClose_LeavesNothingOpen(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	path := strings.TrimPrefix(url, "sqlite:")
	d, err := db.Open(context.Background(), db.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Merchants(); return err }); err != nil {
		t.Error(err)
	}
	if err := d.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Merchants(); return err }); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range descriptors(t) {
		if strings.HasPrefix(name, path) {
			t.Errorf("still open: %s", filepath.Base(name))
		}
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the log was not folded into the file")
	}
}

// TestClose_FreesTheFileAtOnce: a child that is just being started has every descriptor until it becomes
// its program. The next server must not be told that this one still serves.
func TestClose_FreesTheFileAtOnce(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	d, err := db.Open(context.Background(), db.Options{URL: url, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	held := -1
	for fd, name := range descriptors(t) {
		if name == strings.TrimPrefix(url, "sqlite:")+".lock" {
			if held, err = syscall.Dup(fd); err != nil { // as fork does
				t.Fatal(err)
			}
		}
	}
	if held < 0 {
		t.Fatal("no lock file is open")
	}
	defer func() { _ = syscall.Close(held) }()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := db.Open(context.Background(), db.Options{URL: url, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
}

// descriptors are the files that this process holds.
func descriptors(t *testing.T) map[int]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			names[fd] = name
		}
	}
	return names
}
