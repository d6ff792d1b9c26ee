package payments_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// TestCountExactly: a list is counted to its end beside everything else, once however often it is asked
// for; what comes meanwhile is not in it, and a server that stops counts no more.
func TestCountExactly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 7 {
			inv := w.invoice(1_500_000)
			if i%2 == 0 {
				w.mustBack(w.start(inv, "ghesta"), "880"+string(rune('0'+i))+"0")
			}
		}
		all, paid := payments.InvoiceFilter{}, payments.InvoiceFilter{Status: "paid"}
		if _, asked := w.Counted(w.scope, all); asked {
			t.Error("counted before anybody asked")
		}
		// One that is under way is not begun again, and another one has to wait.
		o := w.engine().Options
		var held []func(context.Context)
		o.Spawn = func(fn func(context.Context)) bool { held = append(held, fn); return true }
		e := payments.New(o)
		for range 2 {
			if err := e.CountExactly(w.scope, all); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.CountExactly(w.scope, paid); !errors.Is(err, checkout.Conflict) || keyOf(err) != "error.counting" {
			t.Errorf("two lists at once: %v", err)
		}
		if c, _ := e.Counted(w.scope, all); !c.Running || len(held) != 1 {
			t.Errorf("%+v, begun %d times", c, len(held))
		}
		held[0](t.Context())
		c, asked := e.Counted(w.scope, all)
		if !asked || c.Running || c.Failed || c.Totals.Count != 7 || c.Totals.Paid != 4 || c.Totals.PaidTotal != 6_000_000 || !c.At.Equal(w.clock.now()) {
			t.Errorf("counted %+v", c)
		}
		w.invoice(1000)
		if again, _ := e.Counted(w.scope, all); again != c {
			t.Errorf("it changed: %+v", again)
		}
		if err := e.CountExactly(w.scope, paid); err != nil {
			t.Fatal(err)
		}
		held[1](t.Context())
		if c, _ := e.Counted(w.scope, paid); c.Totals.Count != 4 {
			t.Errorf("paid: %+v", c)
		}
		if _, asked := e.Counted(payments.Scope{MerchantID: w.scope.MerchantID}, all); asked {
			t.Error("the other mode sees it")
		}
		// A server that stops.
		if err := e.CountExactly(w.scope, all); err != nil {
			t.Fatal(err)
		}
		e.StopCounts()
		held[2](t.Context())
		if c, _ := e.Counted(w.scope, all); !c.Failed {
			t.Errorf("stopped: %+v", c)
		}
		if err := e.CountExactly(w.scope, paid); !errors.Is(err, checkout.Conflict) {
			t.Errorf("after the stop: %v", err)
		}
		if err := w.CountExactly(w.scope, payments.InvoiceFilter{Status: "nope"}); !errors.Is(err, checkout.Invalid) {
			t.Errorf("a wrong filter: %v", err)
		}
	})
}

// panicky is a store whose reading panics.
type panicky struct{ payments.Store }

// View panics.
func (panicky) View(context.Context, func(*db.Tx) error) error { panic("boom") }

// What is searched by words, and where in the list somebody stands, is not part of what is counted. Counts
// of other lists stay, the oldest go, and one that breaks is one that failed.
func TestCountExactly_ManyLists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			w.invoice(1000, func(in *payments.NewInvoice) { in.Reference = "A-1" })
			w.invoice(2000)
		}
		var work func(context.Context)
		count := func(e *payments.Engine, f payments.InvoiceFilter) {
			t.Helper()
			if err := e.CountExactly(w.scope, f); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = recover() }()
			work(t.Context())
		}
		o := w.engine().Options
		o.Spawn = func(fn func(context.Context)) bool { work = fn; return true }
		e := payments.New(o)
		since := func(n int) payments.InvoiceFilter {
			return payments.InvoiceFilter{From: w.clock.now().Add(-time.Duration(n) * time.Minute)}
		}
		count(e, payments.InvoiceFilter{Query: "nobody", Reference: "A-1", Cursor: "nowhere", Limit: 100_000})
		if c, asked := e.Counted(w.scope, payments.InvoiceFilter{}); !asked || c.Running || c.Totals.Count != 6 {
			t.Errorf("%t, %+v", asked, c)
		}
		for n := 1; n < payments.MostCounts; n++ {
			count(e, since(n))
		}
		if _, asked := e.Counted(w.scope, payments.InvoiceFilter{}); !asked {
			t.Error("the first one is forgotten too early")
		}
		count(e, since(1)) // again: it takes no other place
		count(e, since(payments.MostCounts))
		for n, want := range map[int]bool{1: true, payments.MostCounts: true} {
			if _, asked := e.Counted(w.scope, since(n)); asked != want {
				t.Errorf("%d is known: %t", n, asked)
			}
		}
		if _, asked := e.Counted(w.scope, payments.InvoiceFilter{}); asked {
			t.Error("the oldest one is not forgotten")
		}
		count(e, since(payments.MostCounts+1))
		for n, want := range map[int]bool{1: false, 2: true} { // one goes for one that comes
			if _, asked := e.Counted(w.scope, since(n)); asked != want {
				t.Errorf("%d is known after one more: %t", n, asked)
			}
		}
		o.DB = panicky{w.db}
		e = payments.New(o)
		count(e, payments.InvoiceFilter{})
		if c, asked := e.Counted(w.scope, payments.InvoiceFilter{}); !asked || c.Running || !c.Failed {
			t.Errorf("broken: %t, %+v", asked, c)
		}
		count(e, payments.InvoiceFilter{Status: "paid"}) // the next one is not kept waiting by it
	})
}

// A process that takes no more work says so, and remembers nothing that nobody counts. One that has counted
// nothing can stop too.
func TestCountExactly_NobodyCounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := payments.InvoiceFilter{}
		var work func(context.Context)
		takes := false
		e := w.rewired(func(o *payments.Options) {
			o.Spawn = func(fn func(context.Context)) bool { work = fn; return takes }
		})
		if err := e.CountExactly(w.scope, all); !errors.Is(err, checkout.Conflict) || keyOf(err) != "error.counting" {
			t.Errorf("refused: %v", err)
		}
		if c, asked := e.Counted(w.scope, all); asked {
			t.Errorf("it remembers %+v", c)
		}
		takes = true
		if err := e.CountExactly(w.scope, all); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		work(t.Context())
		if c, asked := e.Counted(w.scope, all); !asked || c.Running || c.Failed {
			t.Errorf("afterwards: %t, %+v", asked, c)
		}
		w.engine().StopCounts()
	})
}

// reader is a store whose reading goes another way.
type reader struct {
	*db.DB
	view func(ctx context.Context, fn func(*db.Tx) error) error
}

// View reads that way.
func (r reader) View(ctx context.Context, fn func(*db.Tx) error) error { return r.view(ctx, fn) }

// A count that does not come to its end has failed, whatever it had found, and the log says why.
func TestCountExactly_Fails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.invoice(1_500_000)
		for name, c := range map[string]struct {
			view func(e *payments.Engine) func(ctx context.Context, fn func(*db.Tx) error) error
			says string
		}{
			"the store": {func(*payments.Engine) func(context.Context, func(*db.Tx) error) error {
				return func(context.Context, func(*db.Tx) error) error { return errDisk }
			}, "the disk failed"},
			"the store, at the end": {func(*payments.Engine) func(context.Context, func(*db.Tx) error) error {
				return func(ctx context.Context, fn func(*db.Tx) error) error {
					return errors.Join(w.db.View(ctx, fn), errDisk)
				}
			}, "the disk failed"},
			"a stop in its middle": {func(e *payments.Engine) func(context.Context, func(*db.Tx) error) error {
				return func(ctx context.Context, fn func(*db.Tx) error) error {
					e.StopCounts()
					return w.db.View(context.WithoutCancel(ctx), fn)
				}
			}, "context canceled"},
		} {
			var log bytes.Buffer
			r := &reader{DB: w.db}
			var work func(context.Context)
			e := w.rewired(func(o *payments.Options) {
				o.DB, o.Log = r, slog.New(slog.NewTextHandler(&log, nil))
				o.Spawn = func(fn func(context.Context)) bool { work = fn; return true }
			})
			r.view = c.view(e)
			if err := e.CountExactly(w.scope, payments.InvoiceFilter{}); err != nil {
				t.Fatal(err)
			}
			work(t.Context())
			if got, asked := e.Counted(w.scope, payments.InvoiceFilter{}); !asked || got != (payments.Counted{Failed: true}) {
				t.Errorf("%s: %t, %+v", name, asked, got)
			}
			if !strings.Contains(log.String(), "a list was not counted to its end") || !strings.Contains(log.String(), c.says) {
				t.Errorf("%s: the log says %q", name, log.String())
			}
		}
	})
}

// A count ends with the work of the process that began it: nobody waits for figures.
func TestCountExactly_EndsWithTheProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := &reader{DB: w.db}
		r.view = func(ctx context.Context, _ func(*db.Tx) error) error {
			select {
			case <-ctx.Done():
			case <-time.After(30 * time.Second):
				t.Error("it goes on")
			}
			return ctx.Err()
		}
		var work func(context.Context)
		e := w.rewired(func(o *payments.Options) {
			o.DB, o.Spawn = r, func(fn func(context.Context)) bool { work = fn; return true }
		})
		if err := e.CountExactly(w.scope, payments.InvoiceFilter{}); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		work(gone)
		if c, _ := e.Counted(w.scope, payments.InvoiceFilter{}); !c.Failed {
			t.Errorf("%+v", c)
		}
	})
}
