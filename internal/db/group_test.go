package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var errBoom = errors.New("boom")

func put(tx *db.Tx, name, value string) error {
	return tx.Exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, name, value)
}

func update(t testing.TB, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, d *db.DB, query string, args ...any) (n int64) {
	t.Helper()
	view(t, d, func(tx *db.Tx) (err error) {
		n, err = tx.Int(query, args...)
		return err
	})
	return n
}

func TestUpdate_RollsBackOnError(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		err := d.Update(context.Background(), func(tx *db.Tx) error {
			if err := put(tx, "a", "1"); err != nil {
				return err
			}
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			t.Fatalf("got %v", err)
		}
		if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 0 {
			t.Fatalf("%d rows remain", n)
		}
	})
}

// The commit of a batch is counted before anybody returns: a caller who has returned finds its row
// in a snapshot that began afterwards, and the number of commits has grown since it called.
func TestUpdate_Durable(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				name, before := fmt.Sprintf("k%d", i), d.Stats().Commits
				if err := d.Update(context.Background(), func(tx *db.Tx) error { return put(tx, name, "x") }); err != nil {
					t.Error(err)
					return
				}
				if d.Stats().Commits == before {
					t.Errorf("%s returned before a commit", name)
				}
				err := d.View(context.Background(), func(tx *db.Tx) error {
					_, err := tx.Setting(name)
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 200 {
			t.Fatalf("%d of 200 rows", n)
		}
		if s := d.Stats(); s.Updates != 200 || s.Commits > s.Updates {
			t.Fatalf("stats %+v", s)
		}
	})
}

// hold keeps the writer busy until release is called, so that all who call meanwhile share the
// next commit.
func hold(t testing.TB, d *db.DB) (release func()) {
	t.Helper()
	started, open, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err := d.Update(context.Background(), func(*db.Tx) error {
			close(started)
			<-open
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-started
	return func() {
		close(open)
		<-ended
	}
}

// batch runs the calls in one batch of SQLite's group commit and returns their errors.
func batch(t testing.TB, d *db.DB, calls ...func(tx *db.Tx) error) []error {
	t.Helper()
	release := hold(t, d)
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					errs[i] = fmt.Errorf("panic: %v", v)
				}
			}()
			errs[i] = d.Update(context.Background(), call)
		})
		d.AwaitQueue(i + 1) // in order
	}
	release()
	wg.Wait()
	return errs
}

func openSQLite(t testing.TB) *db.DB {
	t.Helper()
	return dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t)})
}

func TestGroupCommit_OneErrorRollsBackOnlyItself(t *testing.T) {
	d := openSQLite(t)
	commits := d.Stats().Commits
	errs := batch(t, d,
		func(tx *db.Tx) error { return put(tx, "a", "1") },
		func(tx *db.Tx) error { return errors.Join(put(tx, "b", "1"), errBoom) },
		func(tx *db.Tx) error {
			if err := put(tx, "c", "1"); err != nil {
				return err
			}
			panic("at the disco")
		},
		func(tx *db.Tx) error {
			if err := put(tx, "d", "1"); err != nil {
				return err
			}
			return put(tx, "a", "2") // a second a: refused
		},
		func(tx *db.Tx) error { return put(tx, "e", "1") },
	)
	if errs[0] != nil || errs[4] != nil {
		t.Fatalf("innocent callers got %v, %v", errs[0], errs[4])
	}
	if !errors.Is(errs[1], errBoom) || errs[2] == nil || !strings.Contains(errs[2].Error(), "at the disco") || !db.IsUnique(errs[3]) {
		t.Fatalf("got %v, %v, %v", errs[1], errs[2], errs[3])
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings WHERE name IN ('a', 'e') AND value = '1'`); n != 2 {
		t.Fatalf("%d of the two good rows", n)
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 2 {
		t.Fatalf("%d rows", n)
	}
	if got := d.Stats().Commits - commits; got != 2 { // the holder's and the batch's
		t.Fatalf("%d commits", got)
	}
}

// Who was served is counted, and a commit where somebody was: neither who failed nor a batch of such.
func TestGroupCommit_CountsWhoWasServed(t *testing.T) {
	d := openSQLite(t)
	for _, c := range []struct {
		calls            []func(*db.Tx) error
		updates, commits int64 // beside the holder's
	}{
		{[]func(*db.Tx) error{good("a"), failing("b"), good("c")}, 2, 1},
		{[]func(*db.Tx) error{failing("d"), failing("e")}, 0, 0},
	} {
		before := d.Stats()
		batch(t, d, c.calls...)
		after := d.Stats()
		if updates, commits := after.Updates-before.Updates-1, after.Commits-before.Commits-1; updates != c.updates || commits != c.commits {
			t.Errorf("%d of %d were served by %d commits, want %d by %d", updates, len(c.calls), commits, c.updates, c.commits)
		}
	}
}

// An error that ends the whole transaction is the error of the one who met it; what the others did
// before and after it is done again and stands.
func TestGroupCommit_FullDiskRunsTheOthersAgain(t *testing.T) {
	d := openSQLite(t)
	update(t, d, func(tx *db.Tx) error {
		pages, err := tx.Int(`PRAGMA page_count`)
		if err != nil {
			return err
		}
		_, err = tx.Int(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+4))
		return err
	})
	var runs atomic.Int64
	small := func(name string) func(*db.Tx) error {
		return func(tx *db.Tx) error {
			runs.Add(1)
			return put(tx, name, "1")
		}
	}
	greedy := func(swallow bool) func(*db.Tx) error {
		return func(tx *db.Tx) error {
			err := put(tx, "greedy", strings.Repeat("x", 1<<20))
			if err == nil {
				return errors.New("the disk was not full")
			}
			if again := put(tx, "after", "1"); again == nil {
				return errors.New("a statement ran outside the transaction")
			}
			if swallow {
				return nil
			}
			return err
		}
	}
	errs := batch(t, d, small("a"), greedy(false), small("b"), greedy(true), small("c"))
	for _, i := range []int{0, 2, 4} {
		if errs[i] != nil {
			t.Fatalf("caller %d got %v", i, errs[i])
		}
	}
	for _, i := range []int{1, 3} {
		if !errors.Is(errs[i], checkout.Unavailable) || !strings.Contains(errs[i].Error(), "full") {
			t.Fatalf("caller %d got %v", i, errs[i])
		}
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 3 {
		t.Fatalf("%d rows, want a, b, c", n)
	}
	if runs.Load() < 4 || d.Stats().Reruns == 0 {
		t.Fatalf("%d runs, %d reruns: nothing was run again", runs.Load(), d.Stats().Reruns)
	}
}

func TestGroupCommit_ContextCountsUntilItsTurn(t *testing.T) {
	d := openSQLite(t)
	release := hold(t, d)
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() { waiting <- d.Update(ctx, func(tx *db.Tx) error { return put(tx, "late", "1") }) }()
	d.AwaitQueue(1)
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	release()

	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	err := d.Update(ctx, func(tx *db.Tx) error {
		cancel()
		return put(tx, "begun", "1")
	})
	if err != nil {
		t.Fatalf("a transaction that had begun was cut: %v", err)
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings WHERE name = 'late'`); n != 0 {
		t.Fatal("a caller who had gone was served")
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings WHERE name = 'begun'`); n != 1 {
		t.Fatal("begun is not there")
	}
}

// t.FailNow inside fn ends its goroutine; that is the caller's here, and the writer goes on.
func TestGroupCommit_FnEndsItsGoroutine(t *testing.T) {
	d := openSQLite(t)
	release := hold(t, d)
	left := make(chan bool)
	go func() {
		returned := false
		defer func() { left <- returned }()
		_ = d.Update(context.Background(), func(tx *db.Tx) error {
			if err := put(tx, "gone", "1"); err != nil {
				return err
			}
			exitGoroutine()
			return nil
		})
		returned = true
	}()
	d.AwaitQueue(1)
	other := make(chan error)
	go func() {
		other <- d.Update(context.Background(), func(tx *db.Tx) error { return put(tx, "other", "1") })
	}()
	d.AwaitQueue(2)
	release()
	if <-left {
		t.Fatal("Update returned to a goroutine that fn had ended")
	}
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, `SELECT COUNT(*) FROM settings WHERE name IN ('gone', 'other')`); n != 1 {
		t.Fatalf("%d rows, want only the other's", n)
	}
}

// Rows left open by a panic must not spoil the statement or the next commit.
func TestGroupCommit_PanicWithOpenRows(t *testing.T) {
	d := openSQLite(t)
	update(t, d, func(tx *db.Tx) error { return errors.Join(put(tx, "a", "1"), put(tx, "b", "1")) })
	leak := func(tx *db.Tx, die bool) error {
		next, err := tx.OpenRows(`SELECT name FROM settings ORDER BY name`)
		if err != nil {
			return err
		}
		if !next() {
			return errors.New("no row")
		}
		if die {
			panic("with rows open")
		}
		for next() {
		}
		return put(tx, "c", "1")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_ = d.Update(context.Background(), func(tx *db.Tx) error { return leak(tx, true) })
	}()
	update(t, d, func(tx *db.Tx) error { return leak(tx, false) })
	func() {
		defer func() { _ = recover() }()
		_ = d.View(context.Background(), func(tx *db.Tx) error { return leak(tx, true) })
	}()
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 3 {
		t.Fatalf("%d rows", n)
	}
}

// Many callers, each moving money between two rows and some failing: the sum stays.
func TestUpdate_Concurrent(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		const rows, callers, each = 8, 16, 30
		update(t, d, func(tx *db.Tx) error {
			for i := range rows {
				if err := put(tx, fmt.Sprintf("r%d", i), "100"); err != nil {
					return err
				}
			}
			return nil
		})
		move := func(tx *db.Tx, from, to int) error {
			// In falling order now and then: PostgreSQL meets deadlocks and tries again.
			for _, step := range []struct{ row, by int }{{from, -1}, {to, 1}} {
				err := tx.Exec(`UPDATE settings SET value = CAST(CAST(value AS BIGINT) + $1 AS TEXT) WHERE name = $2`, step.by, fmt.Sprintf("r%d", step.row))
				if err != nil {
					return err
				}
			}
			return nil
		}
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range each {
					from, to, fail := rand.IntN(rows), rand.IntN(rows), rand.IntN(4) == 0
					if rand.IntN(8) > 0 && from > to {
						from, to = to, from
					}
					err := d.Update(context.Background(), func(tx *db.Tx) error {
						if err := move(tx, from, to); err != nil {
							return err
						}
						if fail {
							return tx.Exec(`UPDATE settings SET value = NULL WHERE name = 'r0'`)
						}
						return nil
					})
					if (err != nil) != fail {
						t.Errorf("fail %v, got %v", fail, err)
					}
				}
			})
		}
		wg.Wait()
		if sum := count(t, d, `SELECT CAST(SUM(CAST(value AS BIGINT)) AS BIGINT) FROM settings`); sum != rows*100 {
			t.Fatalf("sum %d", sum)
		}
	})
}

func TestView_OneSnapshot(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		view(t, d, func(tx *db.Tx) error {
			before, err := tx.Int(`SELECT COUNT(*) FROM settings`)
			if err != nil {
				return err
			}
			update(t, d, func(tx *db.Tx) error { return put(tx, "meanwhile", "1") })
			after, err := tx.Int(`SELECT COUNT(*) FROM settings`)
			if before != after {
				t.Errorf("%d rows, then %d", before, after)
			}
			return err
		})
		if err := d.View(context.Background(), func(tx *db.Tx) error { return put(tx, "x", "1") }); err == nil {
			t.Error("a view could write")
		}
		ctx, cancel := context.WithCancel(context.Background())
		err := d.View(ctx, func(tx *db.Tx) error {
			cancel()
			_, err := tx.Int(`SELECT COUNT(*) FROM settings`)
			if d.Engine() == db.PostgreSQL {
				return context.Canceled // there the connection alone heeds it
			}
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a reader who had gone was served: %v", err)
		}
	})
}

func TestNow_StandsStillAndNeverRunsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(db.Options) *db.DB) {
		clock := newClock()
		d := open(db.Options{Now: clock.now})
		var first, second int64
		update(t, d, func(tx *db.Tx) error {
			first = tx.Now().UnixMilli()
			clock.step(5000)
			if tx.Now().UnixMilli() != first {
				t.Error("the time moved within a transaction")
			}
			return nil
		})
		clock.step(-60_000)
		update(t, d, func(tx *db.Tx) error {
			second = tx.Now().UnixMilli()
			return nil
		})
		if second < first {
			t.Errorf("time ran back from %d to %d", first, second)
		}
	})
}

func TestClose_DrainsAndRefuses(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		d, err := db.Open(context.Background(), db.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		var ok atomic.Int64
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				err := d.Update(context.Background(), func(tx *db.Tx) error { return put(tx, fmt.Sprint(i), "1") })
				switch {
				case err == nil:
					ok.Add(1)
				case !errors.Is(err, checkout.Unavailable):
					t.Errorf("got %v", err)
				}
			})
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := d.Update(context.Background(), func(*db.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) || !errors.Is(err, checkout.Unavailable) {
			t.Errorf("update after close: %v", err)
		}
		if err := d.View(context.Background(), func(*db.Tx) error { return nil }); !errors.Is(err, checkout.Unavailable) {
			t.Errorf("view after close: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		again := dbtest.Open(t, db.Options{URL: url})
		if n := count(t, again, `SELECT COUNT(*) FROM settings`); n != ok.Load() {
			t.Errorf("%d rows, %d callers were told that theirs is stored", n, ok.Load())
		}
	})
}
