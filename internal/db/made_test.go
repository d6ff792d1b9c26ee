package db_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestOpen_BroughtFromElsewhere: a file that was copied here without its neighbours is known from its first
// opening on. When it is gone, nobody makes an empty one in its place.
func TestOpen_BroughtFromElsewhere(t *testing.T) {
	from := strings.TrimPrefix(dbtest.SQLiteURL(t), "sqlite:")
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkout.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // settled, and then as it should be
		d, err := db.Open(t.Context(), db.Options{URL: "sqlite:" + path})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.View(t.Context(), func(tx *db.Tx) error { return tx.Exec("SELECT 1") }), d.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Open(t.Context(), db.Options{URL: "sqlite:" + path, CreateIfEmpty: true, Migrate: true}); !errors.Is(err, db.ErrGone) {
		t.Errorf("the file is gone: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something stands in its place: %v", err)
	}
}
