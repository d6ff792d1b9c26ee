package payments_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

func (w *world) looks(id string) (l db.Looks) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		l, err = tx.LooksAt(id)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return l
}

func (w *world) keepLooks(engines ...*payments.Engine) {
	w.Helper()
	var all sync.WaitGroup
	for _, e := range engines {
		all.Go(func() {
			if err := e.KeepLooks(w.Context()); err != nil {
				w.Error(err)
			}
		})
	}
	all.Wait()
}

// Looks are counted a minute apart, whoever counts them, and change nothing of the invoice. They are
// forgotten with the customer.
func TestLooks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv, other := w.invoice(1_500_000), w.invoice(1_500_000)
		before := w.everything(inv)
		second := payments.New(w.Options) // another server of the same shop
		first := w.clock.now().Truncate(time.Millisecond)
		for range 3 {
			w.Looked(inv.ID)
			second.Looked(inv.ID)
			second.Looked(other.ID)
		}
		if got := w.looks(inv.ID); got.Times != 0 {
			t.Errorf("a look is written down while the page is shown: %+v", got)
		}
		w.keepLooks(w.Engine, second, w.Engine)
		w.clock.add(59 * time.Second)
		w.Looked(inv.ID)
		w.keepLooks(w.Engine)
		if got := w.looks(inv.ID); got != (db.Looks{Times: 1, First: first, Last: first}) {
			t.Errorf("looked twice in a minute: %+v", got)
		}
		w.clock.add(time.Second)
		w.Looked(inv.ID)
		second.Looked(inv.ID)
		w.keepLooks(w.Engine, second)
		if got := w.looks(inv.ID); got != (db.Looks{Times: 2, First: first, Last: first.Add(time.Minute)}) {
			t.Errorf("looked again: %+v", got)
		}
		if after := w.everything(inv); after != before {
			t.Errorf("looking changed\n%s\nto\n%s", before, after)
		}
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		w.clock.add(10 * 24 * time.Hour)
		for _, act := range []func(context.Context) error{w.Sweep, w.Forget} {
			if err := act(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.looks(inv.ID); got.Times != 0 {
			t.Errorf("after forgetting: %+v", got)
		}
	})
}

// A look that cannot be written is let go, and the page's reader never hears of it.
func TestLooks_StoreDown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.Looked(inv.ID)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.KeepLooks(gone); err == nil {
			t.Error("kept without a store")
		}
		w.keepLooks(w.Engine)
		if got := w.looks(inv.ID); got.Times != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// How many links' looks wait has an end: what is beyond it is let go, and who waits already waits with the
// last look.
func TestLooks_HaveAnEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 10_001 {
			w.Looked(strconv.Itoa(i))
		}
		w.clock.add(time.Hour)
		w.Looked("0")
		w.Looked("one more")
		if all := w.Looking(); len(all) != 10_000 || !all["0"].Equal(w.clock.now()) || all["1"].Equal(w.clock.now()) {
			t.Errorf("%d wait, the first since %s, the second since %s", len(all), all["0"], all["1"])
		}
	})
}
