package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestPooler: a server whose transactions go through PgBouncer in transaction mode writes and reads what
// it would without, many at once on the four connections there are, and holds its lock on the direct way.
func TestPooler(t *testing.T) {
	direct := dbtest.PostgresURL(t)
	opts := db.Options{URL: direct, PoolURL: dbtest.Pooler(t, direct), Serve: true}
	one := dbtest.Open(t, opts)
	other := dbtest.Open(t, opts)
	var all sync.WaitGroup
	const writers, each = 16, 8
	for w := range writers {
		d := []*db.DB{one, other}[w%2]
		all.Go(func() {
			for n := range each {
				key := fmt.Sprintf("w%d-%d", w, n)
				if err := d.Update(context.Background(), func(tx *db.Tx) error { return put(tx, key, key) }); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	all.Wait()
	if got := count(t, one, `SELECT COUNT(*) FROM settings WHERE name LIKE 'w%'`); got != writers*each {
		t.Errorf("%d rows, want %d", got, writers*each)
	}
	if _, err := db.Restore(context.Background(), db.RestoreOptions{From: backup(t, direct), URL: direct, Replace: true}); err == nil {
		t.Error("restored under a server")
	}
}

// TestPooler_Refuses: a pooler that leads elsewhere, and a database that answers before it has written.
func TestPooler_Refuses(t *testing.T) {
	direct, elsewhere := dbtest.PostgresURL(t), dbtest.PostgresURL(t)
	err := tryOpen(db.Options{URL: direct, PoolURL: dbtest.Pooler(t, elsewhere), Serve: true})
	if err == nil || !strings.Contains(err.Error(), "another database") {
		t.Errorf("led to another database: %v", err)
	}
	way := dbtest.Pooler(t, direct)
	if err := tryOpen(db.Options{URL: direct, PoolURL: way, Serve: true}); err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", direct)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	var name string
	if err := admin.QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec("ALTER DATABASE " + name + " SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	err = tryOpen(db.Options{URL: direct, PoolURL: dbtest.Pooler(t, direct), Serve: true})
	if err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("with synchronous_commit off: %v", err)
	}
}
