// Package dbtest runs one behaviour suite on both engines: SQLite always, PostgreSQL when its
// programs are installed. It starts a throwaway server, one per test process, and gives each test
// a database of its own.
package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dargah/internal/db"
)

// RequireEnv lists what must not be skipped, as in CHECKOUT_TEST_REQUIRE=postgres,browser: where a
// missing program would otherwise turn a suite green without running it.
const RequireEnv = "CHECKOUT_TEST_REQUIRE"

// Missing skips the test because what is not there, or fails it where what is required.
func Missing(t testing.TB, what, why string) {
	t.Helper()
	if strings.Contains(os.Getenv(RequireEnv), what) {
		t.Fatalf("%s is required by %s: %s", what, RequireEnv, why)
	}
	t.Skipf("SKIPPED without %s: %s", what, why)
}

// Run runs suite on each engine. open gives a new, migrated database, closed with the test.
func Run(t *testing.T, suite func(t *testing.T, open func(t testing.TB) *db.DB)) {
	t.Helper()
	URLs(t, func(t *testing.T, fresh func(t testing.TB) string) {
		suite(t, func(t testing.TB) *db.DB { return Open(t, db.Options{URL: fresh(t)}) })
	})
}

// Each is Run for tests with a clock of their own: open takes options, and fills in the URL of a
// new, migrated database when they name none.
func Each(t *testing.T, suite func(t *testing.T, open func(opts db.Options) *db.DB)) {
	t.Helper()
	URLs(t, func(t *testing.T, fresh func(t testing.TB) string) {
		suite(t, func(opts db.Options) *db.DB {
			if opts.URL == "" {
				opts.URL = fresh(t)
			}
			return Open(t, opts)
		})
	})
}

// URLs runs suite on each engine. fresh gives the URL of a new, migrated database: for tests with
// a clock of their own, or that open one database twice.
func URLs(t *testing.T, suite func(t *testing.T, fresh func(t testing.TB) string)) {
	t.Helper()
	t.Run(db.SQLite, func(t *testing.T) { suite(t, SQLiteURL) })
	t.Run(db.PostgreSQL, func(t *testing.T) {
		NeedPostgres(t)
		suite(t, PostgresURL)
	})
}

// Open opens a database for the length of a test.
func Open(t testing.TB, opts db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), opts)
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return d
}

// SQLiteURL gives the URL of a new, migrated SQLite file: a copy of one that this process migrated.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	made.Do(func() {
		path := filepath.Join(t.TempDir(), "checkout.db")
		migrate(t, "sqlite:"+path)
		var err error
		if empty, err = os.ReadFile(path); err != nil {
			t.Fatalf("read the new database: %v", err)
		}
	})
	if len(empty) == 0 {
		t.Fatal("the first database of this process could not be made")
	}
	path := filepath.Join(t.TempDir(), "checkout.db")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatalf("copy the new database: %v", err)
	}
	return "sqlite:" + path
}

var (
	made  sync.Once
	empty []byte
)

func migrate(t testing.TB, url string) {
	t.Helper()
	d, err := db.Open(context.Background(), db.Options{URL: url, CreateIfEmpty: true})
	if err != nil {
		t.Fatalf("make a database: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatalf("close the new database: %v", err)
	}
}
