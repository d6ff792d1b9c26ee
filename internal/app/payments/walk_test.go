package payments_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// walk is somebody who leafs through a list, a page now and then.
type walk struct {
	list   string
	limit  int
	cursor string
	over   bool
	found  []string // what there was when the walk began
	seen   []string
}

// leafed are the lists by name: a page of ids and the next cursor.
func leafed(w *world, sc payments.Scope) map[string]func(limit int, cursor string) ([]string, string, error) {
	ctx := context.Background()
	invoices := func(f payments.InvoiceFilter) func(int, string) ([]string, string, error) {
		return func(limit int, cursor string) (ids []string, next string, err error) {
			f.Limit, f.Cursor = limit, cursor
			list, next, err := w.Invoices(ctx, sc, f)
			for _, inv := range list {
				ids = append(ids, inv.ID)
			}
			return ids, next, err
		}
	}
	return map[string]func(int, string) ([]string, string, error){
		"invoices":  invoices(payments.InvoiceFilter{}),
		"reference": invoices(payments.InvoiceFilter{Reference: "r"}),
		"search":    invoices(payments.InvoiceFilter{Query: "sara"}),
		"attempts": func(limit int, cursor string) (ids []string, next string, err error) {
			list, next, err := w.Attempts(ctx, sc, payments.AttemptFilter{Limit: limit, Cursor: cursor})
			for _, a := range list {
				ids = append(ids, a.ID)
			}
			return ids, next, err
		},
		"events": func(limit int, cursor string) (ids []string, next string, err error) {
			list, next, err := w.Events(ctx, sc, payments.EventFilter{Limit: limit, Cursor: cursor})
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			return ids, next, err
		},
	}
}

// TestLists_WhileRowsAreAdded: whatever is made meanwhile, and however long the pages are, a walk sees
// exactly what there was when it began, each once, in order.
func TestLists_WhileRowsAreAdded(t *testing.T) {
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	w := newWorld(t, dbtest.Open(t, db.Options{URL: quickSQLite(t)(t), Now: c.now}), c)
	merchants := 0
	rapid.Check(t, func(rt *rapid.T) {
		merchants++
		sc := payments.Scope{MerchantID: fmt.Sprintf("mer_%025d", merchants), Live: true}
		m := checkout.Merchant{ID: sc.MerchantID, Slug: fmt.Sprintf("m-%d", merchants), Name: "M", Locale: "fa", CreatedAt: c.now()}
		if err := w.db.Update(context.Background(), func(tx *db.Tx) error { return tx.InsertMerchant(&m) }); err != nil {
			rt.Fatal(err)
		}
		if err := w.SetAccount(context.Background(), sc, "gardeshpay", map[string]string{"enabled": "true"}, checkout.Actor{}); err != nil {
			rt.Fatal(err)
		}
		lists := leafed(w, sc)
		names := []string{"invoices", "reference", "search", "attempts", "events"}
		var walks []*walk
		var tokens []string
		add := func() {
			c.add(time.Duration(rapid.IntRange(0, 1).Draw(rt, "later")) * time.Millisecond) // also within one
			in := payments.NewInvoice{Amount: 1_500_000, Reference: "r", Customer: checkout.Customer{Name: "Sara"}}
			inv, _, err := w.CreateInvoice(context.Background(), sc, in, checkout.Actor{}, nil)
			if err != nil {
				rt.Fatal(err)
			}
			tokens = append(tokens, inv.Token)
		}
		for range rapid.IntRange(0, 6).Draw(rt, "at first") {
			add()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"make": func(*rapid.T) { add() },
			"start": func(rt *rapid.T) {
				if len(tokens) == 0 {
					rt.Skip("nothing to pay")
				}
				c.add(time.Millisecond) // ids of one millisecond are in no order
				if _, err := w.Start(context.Background(), payments.StartInput{Token: rapid.SampledFrom(tokens).Draw(rt, "of"), Gateway: "gardeshpay"}); err != nil && checkout.KindOf(err) != checkout.TooMany {
					rt.Fatal(err)
				}
			},
			"begin": func(rt *rapid.T) {
				// What is made later is later, in every list: the clock has moved on.
				c.add(time.Millisecond)
				k := &walk{list: rapid.SampledFrom(names).Draw(rt, "list"), limit: rapid.IntRange(1, 4).Draw(rt, "limit")}
				var err error
				if k.found, _, err = lists[k.list](100, ""); err != nil {
					rt.Fatal(err)
				}
				walks = append(walks, k)
				k.step(rt, lists)
				c.add(time.Millisecond)
			},
			"turn": func(rt *rapid.T) {
				if len(walks) == 0 {
					rt.Skip("nobody leafs")
				}
				rapid.SampledFrom(walks).Draw(rt, "walk").step(rt, lists)
			},
		})
		for _, k := range walks {
			for !k.over {
				k.step(rt, lists)
			}
			if len(k.found) < 100 && !slices.Equal(k.seen, k.found) {
				rt.Fatalf("%s by %d: there was %v, seen was %v", k.list, k.limit, k.found, k.seen)
			}
		}
	})
}

func (k *walk) step(rt *rapid.T, lists map[string]func(int, string) ([]string, string, error)) {
	if k.over {
		return
	}
	ids, next, err := lists[k.list](k.limit, k.cursor)
	if err != nil || len(ids) > k.limit || (len(ids) < k.limit && next != "") {
		rt.Fatalf("%s: %d on a page of %d, then %q: %v", k.list, len(ids), k.limit, next, err)
	}
	k.seen, k.cursor, k.over = append(k.seen, ids...), next, next == ""
}
