package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// counted is a caller of a batch, and how often the writer ran it.
type counted struct {
	runs atomic.Int64
	do   func(tx *db.Tx) error
}

func (c *counted) call(tx *db.Tx) error { c.runs.Add(1); return c.do(tx) }

// putter stores one setting.
func putter(name string) *counted {
	return &counted{do: func(tx *db.Tx) error { return put(tx, name, "1") }}
}

// together runs the callers in one batch; it returns their errors, and how often each was run.
func together(t *testing.T, d *db.DB, callers ...*counted) (errs []error, runs []int64) {
	t.Helper()
	var calls []func(tx *db.Tx) error
	for _, c := range callers {
		calls = append(calls, c.call)
	}
	errs = batch(t, d, calls...)
	for _, c := range callers {
		runs = append(runs, c.runs.Load())
	}
	return errs, runs
}

// TestGroupCommit_WhoIsRunAgain: who fails before he has written anything costs the others nothing. One
// who has written first is undone: the batch begins anew, up to him and no further, each behind a
// savepoint, and is still one commit.
func TestGroupCommit_WhoIsRunAgain(t *testing.T) {
	reads := &counted{do: func(tx *db.Tx) error {
		_, err := tx.Setting("none")
		return err
	}}
	writes := &counted{do: func(tx *db.Tx) error { return errors.Join(put(tx, "x", "1"), errBoom) }}
	for name, c := range map[string]struct {
		fails *counted
		kind  error
		again int64
	}{
		"nothing was written": {reads, checkout.NotFound, 0},
		"something was":       {writes, errBoom, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := openSQLite(t)
			before := d.Stats()
			errs, runs := together(t, d, putter("a"), c.fails, putter("b"))
			if errs[0] != nil || !errors.Is(errs[1], c.kind) || errs[2] != nil {
				t.Fatal(errs)
			}
			if want := fmt.Sprint([]int64{1 + c.again, 1 + c.again, 1}); fmt.Sprint(runs) != want {
				t.Errorf("run %v times, want %s", runs, want)
			}
			now := d.Stats()
			if now.Reruns-before.Reruns != 2*c.again || now.Commits-before.Commits != 2 { // the holder's and the batch's
				t.Errorf("%d run again, %d commits", now.Reruns-before.Reruns, now.Commits-before.Commits)
			}
			if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 2 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// TestGroupCommit_WhoEndedItAll: the disk was full for one, and SQLite ended the transaction of all. He
// has his error, also when his fn kept it to itself: nothing of his is stored. The others are run again,
// each alone, and theirs is.
func TestGroupCommit_WhoEndedItAll(t *testing.T) {
	for _, apart := range []bool{false, true} {
		for _, swallows := range []bool{false, true} {
			t.Run(fmt.Sprintf("apart %v, swallowed %v", apart, swallows), func(t *testing.T) {
				d := openSQLite(t)
				update(t, d, func(tx *db.Tx) error {
					pages, err := tx.Int(`PRAGMA page_count`)
					if err == nil {
						_, err = tx.Int(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+4))
					}
					return err
				})
				greedy := &counted{do: func(tx *db.Tx) error {
					err := put(tx, "greedy", strings.Repeat("x", 1<<20))
					if swallows {
						return nil
					}
					return err
				}}
				callers := []*counted{putter("a"), greedy, putter("b")}
				if apart { // another's failure made the batch begin anew before it came to him
					callers = append([]*counted{{do: func(tx *db.Tx) error { return errors.Join(put(tx, "x", "1"), errBoom) }}}, callers...)
				}
				before := d.Stats().Reruns
				errs, runs := together(t, d, callers...)
				if again := d.Stats().Reruns - before; again != map[bool]int64{false: 2, true: 4}[apart] {
					t.Errorf("%d were run again", again)
				}
				if apart {
					if !errors.Is(errs[0], errBoom) {
						t.Error(errs[0])
					}
					errs, runs = errs[1:], runs[1:]
				}
				if errs[0] != nil || errs[2] != nil {
					t.Errorf("the others got %v, %v", errs[0], errs[2])
				}
				if !errors.Is(errs[1], checkout.Unavailable) || !strings.Contains(errs[1].Error(), "full") {
					t.Errorf("he got %v", errs[1])
				}
				if runs[0] != 2 || runs[1] != 1 || runs[2] != 1 {
					t.Errorf("run %v times", runs)
				}
				if n := count(t, d, `SELECT COUNT(*) FROM settings WHERE name IN ('a', 'b')`); n != 2 || n != count(t, d, `SELECT COUNT(*) FROM settings`) {
					t.Errorf("%d of the others' rows", n)
				}
			})
		}
	}
}

// TestGroupCommit_LostMeanwhile: once the storage is given up, nobody of a batch is told that anything
// is stored, and who has not run does not run: neither where the batch would begin, nor where it would
// begin anew.
func TestGroupCommit_LostMeanwhile(t *testing.T) {
	t.Run("before it began", func(t *testing.T) {
		d := openSQLite(t)
		release := hold(t, d)
		errs, callers := make(chan error, 2), []*counted{putter("a"), putter("b")}
		for i, c := range callers {
			go func() { errs <- d.Update(context.Background(), c.call) }()
			d.AwaitQueue(i + 1)
		}
		d.Give(errBoom)
		release()
		for range callers {
			if err := <-errs; !errors.Is(err, db.ErrLost) || !errors.Is(err, checkout.Unavailable) {
				t.Error(err)
			}
		}
		for i, c := range callers {
			if c.runs.Load() != 0 {
				t.Errorf("caller %d ran", i)
			}
		}
	})
	t.Run("before it began anew", func(t *testing.T) {
		d := openSQLite(t)
		last := putter("b")
		errs, runs := together(t, d, putter("a"), &counted{do: func(tx *db.Tx) error {
			d.Give(errBoom)
			return errors.Join(put(tx, "x", "1"), errors.New("and I fail"))
		}}, last)
		for i, err := range errs {
			if !errors.Is(err, db.ErrLost) {
				t.Errorf("caller %d got %v", i, err)
			}
		}
		if runs[2] != 0 || count(t, d, `SELECT COUNT(*) FROM settings`) != 0 {
			t.Errorf("run %v times, and something is stored", runs)
		}
	})
}

// TestGroupCommit_LostBeforeTheOthersAreAlone: the storage was given up when those of a batch that came to
// nothing are to be run alone. Each of them is told so.
func TestGroupCommit_LostBeforeTheOthersAreAlone(t *testing.T) {
	d := openSQLite(t)
	much := tooMuch(t, d)
	errs, runs := together(t, d, &counted{do: func(tx *db.Tx) error {
		d.Give(errBoom)
		return much(tx)
	}}, putter("a"), putter("b"))
	for i, err := range errs {
		if err == nil || i > 0 && !errors.Is(err, db.ErrLost) {
			t.Errorf("caller %d got %v", i, err)
		}
	}
	if runs[1]+runs[2] != 0 {
		t.Errorf("run %v times", runs)
	}
}

// TestGroupCommit_CloseServesWhoWaits: who stands in the queue when it is closed is served, who comes
// then is refused.
func TestGroupCommit_CloseServesWhoWaits(t *testing.T) {
	d := openSQLite(t)
	url := d.URL()
	release := hold(t, d)
	waiting, closed := make(chan error, 1), make(chan error, 1)
	go func() { waiting <- d.Update(context.Background(), putter("a").call) }()
	d.AwaitQueue(1)
	go func() { closed <- d.Close() }()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for !errors.Is(d.Update(gone, putter("late").call), db.ErrClosed) {
		runtime.Gosched()
	}
	release()
	if err := errors.Join(<-waiting, <-closed); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dbtest.Open(t, db.Options{URL: url}), `SELECT COUNT(*) FROM settings WHERE name = 'a'`); n != 1 {
		t.Error("who waited is not stored")
	}
}

// TestGroupCommit_RingsForAll: one commit, and the bell of each kind that somebody in it stored.
func TestGroupCommit_RingsForAll(t *testing.T) {
	d := openSQLite(t)
	bells := map[string]<-chan struct{}{}
	var callers []*counted
	for _, kind := range []string{"verify", "mail", "webhook"} {
		bells[kind] = d.Subscribe(kind)
		callers = append(callers, &counted{do: func(tx *db.Tx) error {
			return tx.EnqueueJob(checkout.Job{Kind: kind, Key: "k", RunAt: tx.Now()})
		}})
	}
	callers = append(callers, putter("a"))
	errs, _ := together(t, d, callers...)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for kind, bell := range bells {
		select {
		case <-bell:
		default:
			t.Errorf("not rung for %s", kind)
		}
	}
}

// TestGroupCommit_GoneBeforeHisTurn: who leaves while another of his batch is at work is not run, also
// where that one's failure makes the batch begin anew.
func TestGroupCommit_GoneBeforeHisTurn(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("the other fails %v", fails), func(t *testing.T) {
			d := openSQLite(t)
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			release, left, other, leaver := hold(t, d), make(chan error, 1), make(chan error, 1), putter("gone")
			go func() {
				other <- d.Update(context.Background(), func(tx *db.Tx) error {
					if err := put(tx, "a", "1"); err != nil {
						return err
					}
					leave()
					if err := <-left; !errors.Is(err, context.Canceled) {
						t.Errorf("he left with %v", err)
					}
					left <- context.Canceled // fn may run again
					if fails {
						return errBoom
					}
					return nil
				})
			}()
			d.AwaitQueue(1)
			go func() { left <- d.Update(ctx, leaver.call) }()
			d.AwaitQueue(2)
			release()
			if err := <-other; errors.Is(err, errBoom) != fails {
				t.Error(err)
			}
			if served := d.Stats().Updates; served != map[bool]int64{false: 2, true: 1}[fails] { // the holder, and the other
				t.Errorf("%d were served", served)
			}
			if leaver.runs.Load() != 0 || count(t, d, `SELECT COUNT(*) FROM settings WHERE name = 'gone'`) != 0 {
				t.Error("who had gone was run")
			}
		})
	}
}
