package payments_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// follow reads forward from an event to the end, by pages of limit, and returns the ids.
func (w *world) follow(sc payments.Scope, after string, limit int) []string {
	w.Helper()
	return w.leaf(sc, payments.EventFilter{Forward: true, After: after, Limit: limit})
}

// leaf reads all pages.
func (w *world) leaf(sc payments.Scope, f payments.EventFilter) []string {
	w.Helper()
	var ids []string
	for {
		list, next, err := w.Events(context.Background(), sc, f)
		if err != nil {
			w.Error(err)
			return ids
		}
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		if next == "" {
			return ids
		}
		f.Cursor = next
	}
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.invoice(1_500_000)
		w.clock.add(time.Millisecond)
		two := w.invoice(1_500_000)
		w.clock.add(time.Millisecond)
		w.mustBack(w.start(one, "gardeshpay"), "1001")
		w.clock.add(time.Millisecond)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, two.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		all := w.follow(w.scope, "", 100)
		var want []string
		for _, inv := range []checkout.Invoice{one, two} {
			for _, e := range w.events(inv) {
				want = append(want, e.ID)
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(all)); len(all) < 8 || !slices.Equal(got, want) {
			t.Fatalf("the feed has %v, the invoices %v", got, want)
		}
		if all[0] != db.EventID(one.ID, 1) || all[1] != db.EventID(two.ID, 1) || all[len(all)-1] != db.EventID(two.ID, 2) {
			t.Errorf("the order: %v", all)
		}
		newest := slices.Clone(all)
		slices.Reverse(newest)
		for _, limit := range []int{1, 2, 3, 100} {
			if got := w.leaf(w.scope, payments.EventFilter{Limit: limit}); !slices.Equal(got, newest) {
				t.Errorf("newest first by %d: %v", limit, got)
			}
			for i, id := range all {
				if got := w.follow(w.scope, id, limit); !slices.Equal(got, all[i+1:]) {
					t.Errorf("behind %s by %d: %v", id, limit, got)
				}
			}
		}
		// While rows are added, the page that was begun goes on where it was.
		list, next, err := w.Events(t.Context(), w.scope, payments.EventFilter{Limit: 3})
		if err != nil || len(list) != 3 {
			t.Fatal(list, err)
		}
		w.invoice(1000)
		if got := w.leaf(w.scope, payments.EventFilter{Limit: 4, Cursor: next}); !slices.Equal(got, newest[3:]) {
			t.Errorf("while rows were added: %v", got)
		}
		for name, sc := range map[string]payments.Scope{"other mode": {MerchantID: w.scope.MerchantID}, "stranger": {MerchantID: "mer_other", Live: true}} {
			if got, _, err := w.Events(t.Context(), sc, payments.EventFilter{Limit: 100, Forward: true}); (name == "other mode" && err != nil) || len(got) > 0 {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			if _, _, err := w.Events(t.Context(), sc, payments.EventFilter{Limit: 100, Forward: true, After: all[0]}); checkout.KindOf(err) != checkout.Invalid && checkout.KindOf(err) != checkout.NotFound {
				t.Errorf("%s behind an event that is not theirs: %v", name, err)
			}
		}
		for _, after := range []string{"evt_", "x", one.ID, all[0] + "0", all[0] + "99", db.EventID(one.ID, 0), strings.ToUpper(all[0])} {
			if _, _, err := w.Events(t.Context(), w.scope, payments.EventFilter{Limit: 1, Forward: true, After: after}); checkout.KindOf(err) != checkout.Invalid {
				t.Errorf("behind %q: %v", after, err)
			}
		}
	})
}

// TestEvents_NoneIsMissed: a shop reads forward from the last event it has seen, while many others
// write. In the end it has seen every event once, those of each invoice in their order.
func TestEvents_NoneIsMissed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var writers, reader sync.WaitGroup
		var done atomic.Bool
		for n := range 6 {
			writers.Go(func() {
				for range 12 {
					inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Reference = fmt.Sprint("w", n) })
					more := "x"
					if _, err := w.UpdateInvoice(context.Background(), w.scope, inv.ID, payments.InvoiceChange{Description: &more}, checkout.Actor{}); err != nil {
						t.Error(err)
					}
					if _, _, err := w.CancelInvoice(context.Background(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var seen []string
		reader.Go(func() {
			last := ""
			for {
				over := done.Load() // before the look, so that the last look sees all
				got := w.follow(w.scope, last, 5)
				seen = append(seen, got...)
				if len(got) > 0 {
					last = got[len(got)-1]
				} else if over {
					return
				}
			}
		})
		writers.Wait()
		done.Store(true)
		reader.Wait()
		if all := w.follow(w.scope, "", 100); len(all) != 6*12*3 || !slices.Equal(seen, all) {
			t.Errorf("%d events, the reader saw %d", len(all), len(seen))
		}
		next := map[string]int64{}
		for _, id := range seen {
			invoice := id[:len("evt_")+checkout.IDDigits]
			next[invoice]++
			if id != fmt.Sprint(invoice, next[invoice]) {
				t.Fatalf("%s came as number %d", id, next[invoice])
			}
		}
	})
}

// TestEvents_CommitsOutOfOrder: a transaction that began earlier and commits later than another one
// stands behind it for a shop that has read in between, and holds up neither the other nor the shop.
// (SQLite has one writer, so there is nothing to meet there.)
func TestEvents_CommitsOutOfOrder(t *testing.T) {
	dbtest.NeedPostgres(t)
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	hold := newGate("INSERT INTO events ")
	w := newWorld(t, dbtest.Open(t, db.Options{URL: dbtest.PostgresURL(t), Now: c.now, Watch: hold.watch}), c)
	first := w.invoice(1000)
	hold.armed.Store(true)
	var slow sync.WaitGroup
	slow.Go(func() { w.invoice(2000) })
	<-hold.reached
	c.add(time.Minute)
	if _, _, err := w.CancelInvoice(context.Background(), w.scope, first.ID, checkout.Actor{}, nil); err != nil {
		t.Error(err)
	}
	seen := w.follow(w.scope, "", 100)
	if want := []string{db.EventID(first.ID, 1), db.EventID(first.ID, 2)}; !slices.Equal(seen, want) {
		t.Errorf("while one is slow: %v", seen)
	}
	close(hold.free)
	slow.Wait()
	if got := w.follow(w.scope, seen[1], 100); len(got) != 1 {
		t.Errorf("then, behind what was seen: %v", got)
	}
	if got := w.follow(w.scope, "", 100); len(got) != 3 || !slices.Equal(got[:2], seen) {
		t.Errorf("then, from the start: %v", got)
	}
}

// TestEvents_TwoReadersAtOnce: who gives places while another one does waits for it, and goes on behind.
func TestEvents_TwoReadersAtOnce(t *testing.T) {
	dbtest.NeedPostgres(t)
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	hold := newGate("INSERT INTO feed ")
	w := newWorld(t, dbtest.Open(t, db.Options{URL: dbtest.PostgresURL(t), Now: c.now, Watch: hold.watch}), c)
	w.invoice(1000)
	hold.armed.Store(true)
	got := make([][]string, 2)
	var both sync.WaitGroup
	both.Go(func() { got[0] = w.follow(w.scope, "", 100) })
	<-hold.reached
	w.invoice(2000) // no payment waits for a reader
	both.Go(func() { got[1] = w.follow(w.scope, "", 100) })
	close(hold.free)
	both.Wait()
	all := w.follow(w.scope, "", 100)
	if len(all) != 2 || len(got[1]) != 2 || !slices.Equal(got[1], all) || len(got[0]) == 0 || got[0][0] != all[0] {
		t.Errorf("two readers saw %v and %v, later %v", got[0], got[1], all)
	}
}

// TestEvents_ManyAtOnce: more invoices than get places in one transaction, and in one reading; those
// that wait are placed by the schedule, and nothing changes its place.
func TestEvents_ManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 205 {
			w.clock.add(time.Millisecond)
			w.invoice(1000)
		}
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := w.follow(w.scope, "", 100)
		if len(seen) != 205 || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 205 {
			t.Fatalf("%d events", len(seen))
		}
		w.invoice(1000)
		if err := errors.Join(w.FeedNews(t.Context()), w.FeedNews(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got := w.follow(w.scope, "", 100); len(got) != 206 || !slices.Equal(got[:205], seen) {
			t.Errorf("one more, and %d stand there", len(got))
		}
	})
}

// gate holds up the first statement that begins so, once it is armed.
type gate struct {
	begins        string
	armed         atomic.Bool
	reached, free chan struct{}
}

func newGate(begins string) *gate {
	return &gate{begins: begins, reached: make(chan struct{}), free: make(chan struct{})}
}

func (g *gate) watch(query string) error {
	if strings.HasPrefix(query, g.begins) && g.armed.CompareAndSwap(true, false) {
		close(g.reached)
		<-g.free
	}
	return nil
}

func TestInvoices_Search(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		make := func(reference, name, mobile, email string) checkout.Invoice {
			w.clock.add(time.Millisecond)
			return w.invoice(1_500_000, func(in *payments.NewInvoice) {
				in.Reference, in.Customer = reference, checkout.Customer{Name: name, Mobile: mobile, Email: email}
			})
		}
		sara := make("Order ۱۰۲۴", "سارا احمدی", "۰۹۱۲۱۲۳۴۵۶۷", "Sara@Example.com")
		ali := make("MP-7/b", "علي‌اكبر كریمی", "", "")
		bought := make("", "سارا رستمی", "09351112233", "")
		w.card.say("00987654", paid("RRN0042"))
		w.mustBack(w.start(bought, "gardeshpay"), "00987654")
		moved := make("before", "Nobody", "", "")
		next, who := "after", checkout.Customer{Name: "نگار"}
		if _, err := w.UpdateInvoice(t.Context(), w.scope, moved.ID, payments.InvoiceChange{Reference: &next, Customer: &who}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		find := func(f payments.InvoiceFilter) (ids []string) {
			f.Limit = 100
			list, _, err := w.Invoices(t.Context(), w.scope, f)
			if err != nil {
				t.Errorf("%+v: %v", f, err)
			}
			for _, inv := range list {
				ids = append(ids, inv.ID)
			}
			return ids
		}
		for query, want := range map[string][]string{
			"1024": {sara.ID}, "۱۰۲۴": {sara.ID}, "order 1024": {sara.ID}, "ORD": {sara.ID}, "rder": nil, "or": nil,
			"سارا": {bought.ID, sara.ID}, "سارا احم": {sara.ID}, "احمدی سارا": {sara.ID}, "احمدي": {sara.ID}, "سار": {bought.ID, sara.ID}, "سا": nil,
			"علی اکبر": {ali.ID}, "علی‌اکبر کریمی": {ali.ID}, "mp-7/B": {ali.ID}, "MP-": {ali.ID},
			"+98 912 123 4567": {sara.ID}, "09121234": {sara.ID}, "0935": {bought.ID}, "sara@example.com": {sara.ID}, "SARA@": {sara.ID},
			"987654": {bought.ID}, "00987654": {bought.ID}, "rrn0042": {bought.ID}, "RRN": {bought.ID},
			sara.Number: {sara.ID}, " " + ali.ID + " ": {ali.ID}, "before": nil, "nobody": nil, "after": {moved.ID}, "نگار": {moved.ID},
			"%": nil, "_": nil, "' OR 1=1 --": nil, "\u200c": nil, "؟": nil, "سارا nothing": nil,
		} {
			if got := find(payments.InvoiceFilter{Query: query}); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", query, got, want)
			}
		}
		for reference, want := range map[string][]string{"Order ۱۰۲۴": {sara.ID}, "Order 1024": nil, "order ۱۰۲۴": nil, "Order": nil, "MP-7/b": {ali.ID}, "after": {moved.ID}, "before": nil} {
			if got := find(payments.InvoiceFilter{Reference: reference}); !slices.Equal(got, want) {
				t.Errorf("reference %q: %v, want %v", reference, got, want)
			}
		}
		if got := find(payments.InvoiceFilter{Query: "سارا", Status: "paid"}); !slices.Equal(got, []string{bought.ID}) {
			t.Errorf("in one state: %v", got)
		}
		if got := find(payments.InvoiceFilter{Query: "سارا", Reference: "Order ۱۰۲۴"}); !slices.Equal(got, []string{sara.ID}) {
			t.Errorf("both: %v", got)
		}
		other := payments.Scope{MerchantID: w.scope.MerchantID}
		if list, _, err := w.Invoices(t.Context(), other, payments.InvoiceFilter{Query: "سارا", Limit: 9}); err != nil || len(list) > 0 {
			t.Errorf("in the other mode: %v %v", list, err)
		}
		if page, next, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Query: "سارا", Limit: 1}); err != nil || len(page) != 1 || next == "" {
			t.Errorf("a page of one: %v %v", page, err)
		} else if rest := find(payments.InvoiceFilter{Query: "سارا", Cursor: next}); !slices.Equal(rest, []string{sara.ID}) {
			t.Errorf("the next page: %v", rest)
		}
	})
}
