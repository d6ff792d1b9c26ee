package payments_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// narrow is a store that looks how many are in it at once. The first one stays until it is let go.
type narrow struct {
	payments.Store
	in, most, all atomic.Int64
	first         sync.Once
	letGo         chan struct{}
}

func (n *narrow) Update(ctx context.Context, fn func(*db.Tx) error) error {
	in := n.in.Add(1)
	defer n.in.Add(-1)
	n.all.Add(1)
	n.first.Do(func() { <-n.letGo })
	for most := n.most.Load(); in > most && !n.most.CompareAndSwap(most, in); most = n.most.Load() {
	}
	return n.Store.Update(ctx, fn)
}

// TestCrowd_AtOneAddress: five hundred returns to one attempt, the same and different ones, readable
// and not, are in the store one after another, so that they cannot take it from the others. Everyone
// has an answer, and what the books say of them is bounded.
func TestCrowd_AtOneAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		w.card.say("8841027365", refusal("", false, true))
		w.mustBack(a, "8841027365")
		w.spawned.Wait()
		store := &narrow{Store: w.DB, letGo: make(chan struct{})}
		w.DB = store
		var crowd sync.WaitGroup
		for i := range 500 {
			crowd.Go(func() {
				values := url.Values{"trackingNumber": {"8841027365"}, "invoiceNumber": {a.OurNumber}}
				switch {
				case i%4 == 1:
					values.Set("trackingNumber", "")
				case i%4 == 2:
					values.Set("invoiceNumber", fmt.Sprint(i))
				case i%4 == 3:
					values.Set("trackingNumber", "not one")
				}
				home, err := w.Callback(context.Background(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: values})
				// On a machine on which they do not all arrive within the five seconds some hear that they
				// are not in the books yet.
				if late := errors.Is(err, checkout.Unavailable); !late && ((err != nil) != (i%4 == 3) || home == "") {
					t.Errorf("return %d: home %q, %v", i, home, err)
				}
			})
		}
		for limit := time.Now().Add(90 * time.Second); w.Standing(a.CallbackToken) < 500 && time.Now().Before(limit); {
			time.Sleep(time.Millisecond)
		}
		if n := w.Standing(a.CallbackToken); n != 500 {
			t.Errorf("%d stand in the queue", n)
		}
		close(store.letGo)
		crowd.Wait()
		w.spawned.Wait()
		if store.most.Load() != 1 {
			t.Errorf("%d were in the store at once", store.most.Load())
		}
		if n := store.all.Load(); n != 128 { // 125 of each kind, of which one kind has 125 different words
			t.Errorf("500 returns were %d transactions, want 128", n)
		}
		if w.Standing(a.CallbackToken) != 0 {
			t.Errorf("%d still stand in the queue", w.Standing(a.CallbackToken))
		}
		w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		if n := len(w.types(inv)); n > 60 {
			t.Errorf("the crowd left %d events", n)
		}
	})
}
