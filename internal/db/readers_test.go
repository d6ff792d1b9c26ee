package db_test

import (
	"sync"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

func TestReaders_OnlyWhatIsNeeded(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t)})
	one := func(tx *db.Tx) error { return tx.Exec("SELECT 1") }
	for range 20 {
		if err := d.View(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.OpenReaders(); n != 1 {
		t.Errorf("%d connections for one reader after the other", n)
	}
	// Whoever would wait for the others gets one of his own, up to all of them; then they wait.
	const callers = 50
	var all, inside sync.WaitGroup
	gate := make(chan struct{})
	inside.Add(4)
	for i := range callers {
		all.Go(func() {
			err := d.View(t.Context(), func(tx *db.Tx) error {
				if i < 4 {
					inside.Done()
					<-gate
				}
				return one(tx)
			})
			if err != nil {
				t.Error(err)
			}
		})
		if i == 3 {
			inside.Wait() // four at once
		}
	}
	close(gate)
	all.Wait()
	if n := d.OpenReaders(); n < 4 {
		t.Errorf("%d connections for four at once", n)
	}
}

// A connection on which somebody panicked is not used again, and another takes its place, however many
// panic and wait.
func TestReaders_BrokenOnesAreReplaced(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t)})
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			defer func() { _ = recover() }()
			err := d.View(t.Context(), func(tx *db.Tx) error {
				if i%2 == 0 {
					panic("a bug")
				}
				return tx.Exec("SELECT 1")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := d.View(t.Context(), func(tx *db.Tx) error { return tx.Exec("SELECT 1") }); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
