package db_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
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
	for _, name := range open(t) {
		if strings.HasPrefix(name, path) {
			t.Errorf("still open: %s", filepath.Base(name))
		}
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the log was not folded into the file")
	}
}

// open lists the files that this process holds.
func open(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			names = append(names, name)
		}
	}
	return names
}
