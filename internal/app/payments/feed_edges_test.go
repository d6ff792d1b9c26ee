package payments_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// TestEvents_WrongQuestion: what is wrong is told field by field, and an event that is not the shop's is
// as unknown as one that never was.
func TestEvents_WrongQuestion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1000)
		theirs := w.invoiceOf(w.shop(1, true), 1000)
		other := w.invoiceOf(payments.Scope{MerchantID: w.scope.MerchantID}, 1000)
		_, broken, err := w.Events(t.Context(), w.scope, payments.EventFilter{Limit: 1})
		if err != nil || broken != "" {
			t.Fatalf("one event: behind it %q, %v", broken, err)
		}
		w.invoice(1000)
		_, next, err := w.Events(t.Context(), w.scope, payments.EventFilter{Limit: 1, Forward: true})
		if err != nil || next == "" {
			t.Fatalf("two events: behind the first %q, %v", next, err)
		}
		first := db.EventID(inv.ID, 1)
		for name, c := range map[string]struct {
			f    payments.EventFilter
			want string
		}{
			"no limit":                     {payments.EventFilter{}, "limit=out_of_range"},
			"a limit below nothing":        {payments.EventFilter{Limit: -1}, "limit=out_of_range"},
			"too much at once":             {payments.EventFilter{Limit: 101}, "limit=out_of_range"},
			"a broken cursor":              {payments.EventFilter{Limit: 1, Cursor: "x"}, "cursor=broken_cursor"},
			"a cursor of nothing":          {payments.EventFilter{Limit: 1, Cursor: "\n"}, "cursor=broken_cursor"},
			"a cursor of the other way":    {payments.EventFilter{Limit: 1, Cursor: next}, "cursor=broken_cursor"},
			"both":                         {payments.EventFilter{Limit: 101, Cursor: "x"}, "limit=out_of_range cursor=broken_cursor"},
			"behind no event":              {payments.EventFilter{Limit: 1, Forward: true, After: "x"}, "after=unknown_value"},
			"behind an invoice":            {payments.EventFilter{Limit: 1, Forward: true, After: inv.ID}, "after=unknown_value"},
			"behind one that is not there": {payments.EventFilter{Limit: 1, Forward: true, After: db.EventID(inv.ID, 2)}, "after=unknown_value"},
			"behind another spelling":      {payments.EventFilter{Limit: 1, Forward: true, After: strings.TrimSuffix(first, "1") + "01"}, "after=unknown_value"},
			"behind another shop's":        {payments.EventFilter{Limit: 1, Forward: true, After: db.EventID(theirs.ID, 1)}, "after=unknown_value"},
			"behind the other mode's":      {payments.EventFilter{Limit: 1, Forward: true, After: db.EventID(other.ID, 1)}, "after=unknown_value"},
		} {
			list, cursor, err := w.Events(t.Context(), w.scope, c.f)
			if wrong(err) != c.want || len(list) != 0 || cursor != "" {
				t.Errorf("%s: %v, want %s; %d events, cursor %q", name, err, c.want, len(list), cursor)
			}
		}
		for _, limit := range []int{1, 100} {
			if got := w.follow(w.scope, first, limit); len(got) != 1 {
				t.Errorf("behind the first by %d: %v", limit, got)
			}
		}
	})
}

// writes counts a store's changes.
type writes struct {
	*db.DB
	n atomic.Int64
}

func (s *writes) Update(ctx context.Context, fn func(*db.Tx) error) error {
	s.n.Add(1)
	return s.DB.Update(ctx, fn)
}

// TestEvents_ReadersWriteOnlyNews: a shop that looks every second for what is new writes nothing while there
// is nothing, and once when there is: readers take no turn away from payments.
func TestEvents_ReadersWriteOnlyNews(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		store := &writes{DB: w.db}
		reader := w.rewired(func(o *payments.Options) { o.DB = store })
		for i, news := range []int64{0, 3, 0, 1, 0} {
			for range news {
				w.invoice(1000)
			}
			store.n.Store(0)
			if _, _, err := reader.Events(t.Context(), w.scope, payments.EventFilter{Limit: 100}); err != nil {
				t.Fatal(err)
			}
			if n := store.n.Load(); n != min(news, 1) {
				t.Errorf("look %d: %d invoices are new, and it wrote %d times", i, news, n)
			}
		}
	})
}

// TestEvents_StoreAway: whoever reads while places cannot be given is told so once, and not what was known
// before; the next look has all.
func TestEvents_StoreAway(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.invoice(1000)
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.invoice(1000)
		store := &flaky{DB: w.db, with: errAway}
		store.left.Store(1)
		reader := w.rewired(func(o *payments.Options) { o.DB = store })
		for i, want := range []int{0, 2} {
			list, _, err := reader.Events(t.Context(), w.scope, payments.EventFilter{Limit: 100})
			if len(list) != want || errors.Is(err, checkout.Unavailable) != (i == 0) {
				t.Errorf("look %d: %d events, %v", i, len(list), err)
			}
		}
	})
}

// placed is how many events of a feed have their places.
func (w *world) placed(sc payments.Scope) (n int) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		list, _, err := tx.Feed(db.FeedQuery{MerchantID: sc.MerchantID, Live: sc.Live, Limit: 10_000})
		n = len(list)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// TestFeedNews_ATurnEach: a reader waits for so many turns and no longer, each of so many invoices, and what
// is left then has its places afterwards, however many there are.
func TestFeedNews_ATurnEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const all = 350
		for range all {
			w.invoice(1000)
		}
		feed := checkout.Feed{MerchantID: w.scope.MerchantID, Live: w.scope.Live}
		want := 0
		for _, turns := range []int{0, 1, 2} {
			if err := w.FeedNewsOnly(t.Context(), feed, turns); err != nil {
				t.Fatal(err)
			}
			want += turns * payments.NewsBatch
			if got := w.placed(w.scope); got != want {
				t.Errorf("after %d turns more %d have their places, want %d", turns, got, want)
			}
		}
		if err := w.FeedNewsOnly(t.Context(), feed, 9); err != nil || w.placed(w.scope) != all {
			t.Errorf("%d have their places, %v", w.placed(w.scope), err)
		}
	})
}

// TestFeedNews_EveryFeed: the schedule gives places in the feeds of all merchants and modes, before anybody
// reads.
func TestFeedNews_EveryFeed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		scopes := []payments.Scope{w.scope, {MerchantID: w.scope.MerchantID}, w.shop(1, true), w.shop(1, false), w.shop(2, true)}
		for i, sc := range scopes {
			for range i + 1 {
				w.clock.add(time.Second)
				w.invoiceOf(sc, 1000)
			}
		}
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, sc := range scopes {
			if got := w.placed(sc); got != i+1 {
				t.Errorf("%+v: %d of %d have their places", sc, got, i+1)
			}
		}
	})
}
