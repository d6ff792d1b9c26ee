package db_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// orphan writes what only COMMIT refuses: a row whose merchant is not there.
func orphan(name string) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		return errors.Join(
			tx.Exec(`PRAGMA defer_foreign_keys = 1`), put(tx, name, "1"),
			tx.Exec(`INSERT INTO invoice_numbers (merchant_id, live, last_number) VALUES ('mer_none', 1, 1)`),
		)
	}
}

func good(name string) func(*db.Tx) error {
	return func(tx *db.Tx) error { return put(tx, name, "1") }
}

func failing(name string) func(*db.Tx) error {
	return func(tx *db.Tx) error { return errors.Join(put(tx, name, "1"), errBoom) }
}

// tooMuch bounds the file of a store; its caller writes more than that.
func tooMuch(t testing.TB, d *db.DB) func(*db.Tx) error {
	t.Helper()
	update(t, d, func(tx *db.Tx) error {
		pages, err := tx.Int(`PRAGMA page_count`)
		return errors.Join(err, tx.Exec(`PRAGMA max_page_count = `+strconv.FormatInt(pages+8, 10)))
	})
	return func(tx *db.Tx) error { return put(tx, "much", strings.Repeat("x", 1<<20)) }
}

// stored are the names that stand in the store, in order.
func stored(t testing.TB, d *db.DB) string {
	t.Helper()
	var names string
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		names, err = tx.Text(`SELECT COALESCE(GROUP_CONCAT(name, ' '), '') FROM (SELECT name FROM settings ORDER BY name)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestGroupCommit_CommitRefused: a COMMIT that fails has stored nothing of anybody. Whoever it was that it
// failed for is told so; the others are run again, each alone, and stand. So it is for one who comes alone,
// and where somebody of the batch was undone before.
func TestGroupCommit_CommitRefused(t *testing.T) {
	for name, calls := range map[string][]func(*db.Tx) error{
		"alone":                   {orphan("x")},
		"in a batch":              {good("a"), orphan("x"), good("b")},
		"after one was undone":    {good("a"), failing("y"), orphan("x"), good("b")},
		"before one is undone":    {orphan("x"), good("a"), failing("y"), good("b")},
		"two of them":             {orphan("x"), good("a"), orphan("z"), good("b")},
		"and nothing is left out": {good("a"), good("b"), orphan("x")},
	} {
		t.Run(name, func(t *testing.T) {
			d := openSQLite(t)
			errs := batch(t, d, calls...)
			want := ""
			if len(calls) > 1 {
				want = "a b"
			}
			told := 0
			for _, err := range errs {
				if err != nil {
					told++
				}
			}
			if n := len(calls) - len(strings.Fields(want)); told != n {
				t.Errorf("%d were told that nothing is stored, want %d: %v", told, n, errs)
			}
			if got := stored(t, d); got != want {
				t.Errorf("stored: %q, want %q", got, want)
			}
			update(t, d, good("later"))
			if got := stored(t, d); got != strings.TrimSpace(want+" later") {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
}

// TestGroupCommit_WhoHasGone: somebody who leaves before his turn holds nobody up, where the batch is run
// again for the sake of another.
func TestGroupCommit_WhoHasGone(t *testing.T) {
	for name, first := range map[string]func(t testing.TB, d *db.DB) func(*db.Tx) error{
		"a caller is undone": func(testing.TB, *db.DB) func(*db.Tx) error { return failing("y") },
		"the disk is full":   tooMuch,
		"nothing else":       func(testing.TB, *db.DB) func(*db.Tx) error { return func(*db.Tx) error { return nil } },
	} {
		t.Run(name, func(t *testing.T) {
			d := openSQLite(t)
			act := first(t, d)
			ctx, leave := context.WithCancel(context.Background())
			var left, after atomic.Pointer[error]
			start := func(ctx context.Context, result *atomic.Pointer[error], fn func(*db.Tx) error) {
				go func() {
					err := d.Update(ctx, fn)
					result.Store(&err)
				}()
			}
			var errs [2]atomic.Pointer[error]
			release := hold(t, d)
			start(context.Background(), &errs[0], good("a"))
			d.AwaitQueue(1)
			start(context.Background(), &errs[1], func(tx *db.Tx) error {
				leave()
				for left.Load() == nil {
					time.Sleep(time.Millisecond)
				}
				return act(tx)
			})
			d.AwaitQueue(2)
			start(ctx, &left, good("gone"))
			d.AwaitQueue(3)
			start(context.Background(), &after, good("b"))
			d.AwaitQueue(4)
			release()
			for end := time.Now().Add(20 * time.Second); after.Load() == nil || errs[0].Load() == nil; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("those behind him wait for ever")
				}
			}
			if *after.Load() != nil || *errs[0].Load() != nil || !errors.Is(*left.Load(), context.Canceled) {
				t.Errorf("told: %v, %v, %v", *errs[0].Load(), *left.Load(), *after.Load())
			}
			if got := stored(t, d); got != "a b" {
				t.Errorf("stored: %q", got)
			}
		})
	}
}

// TestGroupCommit_PanicOnce: whoever panicked in a run that was undone, and not in the one that counts, is
// told what that one came to.
func TestGroupCommit_PanicOnce(t *testing.T) {
	d := openSQLite(t)
	runs := 0
	errs := batch(t, d, good("a"), func(tx *db.Tx) error {
		if runs++; runs == 1 {
			return errors.Join(put(tx, "b", "1"), panicked())
		}
		return put(tx, "b", "1")
	}, good("c"))
	if err := errors.Join(errs...); err != nil || runs != 2 {
		t.Errorf("run %d times, told %v", runs, err)
	}
	if got := stored(t, d); got != "a b c" {
		t.Errorf("stored: %q", got)
	}
}

func panicked() error { panic("at the disco") }

// TestGroupCommit_GoneWhileAlone: fn ends its goroutine where it is run once more, alone. He does not come
// back, and those behind him are served.
func TestGroupCommit_GoneWhileAlone(t *testing.T) {
	d := openSQLite(t)
	release := hold(t, d)
	told := make(chan string, 9)
	start := func(name string, fn func(*db.Tx) error) {
		go func() {
			word := name + " has gone"
			defer func() { told <- word }()
			if err := d.Update(context.Background(), fn); err != nil {
				word = name + " failed"
			} else {
				word = name
			}
		}()
	}
	runs := 0
	for i, c := range []struct {
		name string
		fn   func(*db.Tx) error
	}{{"x", orphan("x")}, {"y", func(tx *db.Tx) error {
		if runs++; runs == 2 {
			exitGoroutine()
		}
		return put(tx, "y", "1")
	}}, {"z", good("z")}} {
		start(c.name, c.fn)
		d.AwaitQueue(i + 1)
	}
	release()
	var got []string
	for range 3 {
		select {
		case word := <-told:
			got = append(got, word)
		case <-time.After(20 * time.Second):
			t.Fatalf("only %v were told", got)
		}
	}
	slices.Sort(got)
	if want := "x failed, y has gone, z"; strings.Join(got, ", ") != want {
		t.Errorf("told: %v", got)
	}
	if names := stored(t, d); names != "z" {
		t.Errorf("stored: %q", names)
	}
}

// TestTx_NotBeyondItsEnd: a transaction that is kept beyond its end does nothing any more.
func TestTx_NotBeyondItsEnd(t *testing.T) {
	d := openSQLite(t)
	var kept *db.Tx
	update(t, d, func(tx *db.Tx) error { kept = tx; return nil })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it wrote")
			}
		}()
		_ = put(kept, "late", "1")
	}()
	if names := stored(t, d); names != "" {
		t.Errorf("stored: %q", names)
	}
}

// TestUpdate_WaitsForItsOutcome: whoever stops waiting when his turn has come is told what came of it, not
// before it is known.
func TestUpdate_WaitsForItsOutcome(t *testing.T) {
	d := openSQLite(t)
	ctx, leave := context.WithCancel(context.Background())
	var ended atomic.Bool
	err := d.Update(ctx, func(tx *db.Tx) error {
		leave()
		time.Sleep(20 * time.Millisecond)
		ended.Store(true)
		return put(tx, "a", "1")
	})
	if err != nil || !ended.Load() {
		t.Errorf("told %v, at the end: %v", err, ended.Load())
	}
}

// TestUpdate_PanicSaysWhere: what goes on in the caller's goroutine still knows where it began.
func TestUpdate_PanicSaysWhere(t *testing.T) {
	d := openSQLite(t)
	defer func() {
		p, ok := recover().(*db.Panic)
		if !ok || p.Value != "here" || !strings.Contains(string(p.Stack), "commit_test.go") {
			t.Errorf("the panic is %+v", p)
		}
	}()
	_ = d.Update(context.Background(), func(*db.Tx) error { panic("here") })
}

// TestInvoiceOfEvent is the other way of EventID.
func TestInvoiceOfEvent(t *testing.T) {
	inv := checkout.PrefixInvoice + strings.Repeat("0", checkout.IDDigits)
	for event, want := range map[string]string{
		db.EventID(inv, 1): inv, db.EventID(inv, 1234): inv, "evt_12": checkout.PrefixInvoice + "12", "": checkout.PrefixInvoice,
	} {
		if got := db.InvoiceOfEvent(event); got != want {
			t.Errorf("%q is of %q, want %q", event, got, want)
		}
	}
}

// TestInvoice_UnreadableIsSaid: of what cannot be read nothing is shown as if it were not there.
func TestInvoice_UnreadableIsSaid(t *testing.T) {
	tills(t, func(s *till) {
		for column, text := range map[string]string{"items": "[{", "metadata": "[]"} {
			inv := s.newInvoice()
			s.must(func(tx *db.Tx) error {
				return tx.Exec(`UPDATE invoices SET `+column+` = '`+text+`' WHERE id = $1`, inv.ID)
			})
			err := s.View(s.t.Context(), func(tx *db.Tx) error { _, err := tx.Invoice(inv.ID); return err })
			if err == nil || !strings.Contains(err.Error(), column+" of "+inv.ID) {
				s.t.Errorf("%s: %v", column, err)
			}
		}
	})
}

// TestAttempts_ByStateAndPage: a list of attempts is of one shop in one mode, newest first, and goes on where
// the last page ended. What failed or was resolved says so when it is read again.
func TestAttempts_ByStateAndPage(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		var ids []string
		for i := range 3 {
			a := s.attemptOf(inv)
			a.ID = checkout.PrefixAttempt + strings.Repeat(strconv.Itoa(i+1), checkout.IDDigits)
			s.must(func(tx *db.Tx) error { return tx.InsertAttempt(a) })
			ids = append([]string{a.ID}, ids...)
			if i == 1 {
				a.Status, a.Failure = checkout.AttemptFailed, &checkout.Failure{Stage: checkout.StageCreate, Code: "7", Message: "no"}
				a.Resolved = true
				s.must(func(tx *db.Tx) error { return tx.MoveAttempt(a, checkout.AttemptCreated) })
			}
		}
		for _, c := range []struct {
			query db.AttemptQuery
			want  []string
		}{
			{db.AttemptQuery{}, ids},
			{db.AttemptQuery{Status: "created"}, []string{ids[0], ids[2]}},
			{db.AttemptQuery{Status: "failed"}, ids[1:2]},
			{db.AttemptQuery{BeforeID: ids[0]}, ids[1:]},
			{db.AttemptQuery{BeforeID: ids[0], Limit: 1}, ids[1:2]},
			{db.AttemptQuery{Status: "created", BeforeID: ids[0]}, ids[2:]},
			{db.AttemptQuery{BeforeID: ids[2]}, nil},
		} {
			q := c.query
			q.MerchantID, q.Live = pottery, true
			if q.Limit == 0 {
				q.Limit = 9
			}
			var got []string
			err := s.View(s.t.Context(), func(tx *db.Tx) error {
				list, err := tx.Attempts(q)
				for _, a := range list {
					got = append(got, a.ID)
					if failed := a.Failure != nil && *a.Failure == (checkout.Failure{Stage: checkout.StageCreate, Code: "7", Message: "no"}); failed != (a.ID == ids[1]) || a.Resolved != failed {
						s.t.Errorf("%s: %+v, resolved %v", a.ID, a.Failure, a.Resolved)
					}
				}
				return err
			})
			if err != nil || !slices.Equal(got, c.want) {
				s.t.Errorf("%+v: %v %v, want %v", c.query, got, err, c.want)
			}
		}
		if err := s.View(s.t.Context(), func(tx *db.Tx) error { _, err := tx.Invoice("inv_none"); return err }); !errors.Is(err, checkout.NotFound) {
			s.t.Errorf("no such invoice: %v", err)
		}
	})
}
