package payments_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
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

// arrival is one who stands in a queue: what he is to say, and what he hears.
type arrival struct {
	begun chan struct{} // closed when his word goes into the store
	free  chan error    // what the store says
	done  chan struct{}
	home  string
	asks  bool
	err   error
}

func arrive(q *payments.Queue, token, says string) *arrival {
	a := &arrival{begun: make(chan struct{}), free: make(chan error, 1), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.home, a.asks, a.err = q.File(token, says, func() (string, error) {
			close(a.begun)
			err := <-a.free
			return "home of " + says, err
		})
	}()
	return a
}

var errBreakOff = errors.New("broke off")

// stands waits until so many stand at an address.
func stands(t *testing.T, q *payments.Queue, token string, n int) {
	t.Helper()
	for range 5000 {
		if q.Stand(token) == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d stand at %s, want %d", q.Stand(token), token, n)
}

// waits says that somebody's word is not in the store yet.
func (a *arrival) waits(t *testing.T, who string) {
	t.Helper()
	select {
	case <-a.begun:
		t.Fatalf("%s goes into the store while another is there", who)
	case <-time.After(20 * time.Millisecond):
	}
}

// TestQueue_OneAfterAnother: at one address different words go in one at a time, and each of them does;
// the same word that is on its way already is told what came of it, and asks nothing; once it has come,
// it is said anew. Another address waits for nobody, and nothing is kept of those who left.
func TestQueue_OneAfterAnother(t *testing.T) {
	var q payments.Queue
	one := arrive(&q, "a", "8001")
	<-one.begun
	two := arrive(&q, "a", "8002")
	same := arrive(&q, "a", "8001")
	stands(t, &q, "a", 3)
	elsewhere := arrive(&q, "b", "8001")
	elsewhere.free <- nil
	<-elsewhere.done
	two.waits(t, "another word")
	same.waits(t, "the same word")
	one.free <- nil
	for _, a := range []*arrival{one, same} {
		<-a.done
		if a.home != "home of 8001" || a.err != nil || a.asks != (a == one) {
			t.Errorf("heard %q, %v, asks %t", a.home, a.err, a.asks)
		}
	}
	<-two.begun
	stands(t, &q, "a", 1)
	three, again := arrive(&q, "a", "8003"), arrive(&q, "a", "8001")
	stands(t, &q, "a", 3)
	three.waits(t, "a third word")
	again.waits(t, "the first word again")
	lost := errors.New("not stored")
	two.free <- lost
	<-two.done
	if !errors.Is(two.err, lost) {
		t.Errorf("heard %v", two.err)
	}
	three.free <- nil
	again.free <- nil
	<-three.done
	<-again.done
	select {
	case <-again.begun:
	default:
		t.Error("a word was not stored because it had been said before")
	}
	if n := q.Addresses(); n != 0 {
		t.Errorf("%d addresses are kept", n)
	}
}

// TestQueue_TroubleIsToldToAll: who waited for another's word hears that it was not stored, also when
// the other broke off.
func TestQueue_TroubleIsToldToAll(t *testing.T) {
	lost := errors.New("not stored")
	var q payments.Queue
	one := arrive(&q, "a", "8001")
	<-one.begun
	same := arrive(&q, "a", "8001")
	stands(t, &q, "a", 2)
	one.free <- lost
	<-same.done
	if !errors.Is(same.err, lost) || same.asks {
		t.Errorf("heard %v, asks %t", same.err, same.asks)
	}
	<-one.done
	begun, free := make(chan struct{}), make(chan struct{})
	go func() {
		defer func() { _ = recover() }()
		_, _, _ = q.File("a", "8001", func() (string, error) { close(begun); <-free; panic(errBreakOff) })
	}()
	<-begun
	same = arrive(&q, "a", "8001")
	stands(t, &q, "a", 2)
	close(free)
	<-same.done
	if !errors.Is(same.err, checkout.Unavailable) || keyOf(same.err) != "error.unavailable" || !strings.Contains(same.err.Error(), "broke off") || same.home != "" {
		t.Errorf("heard %q, %v", same.home, same.err)
	}
	stands(t, &q, "a", 0)
}

// TestQueue_Words: two claims that differ in anything they say are two words.
func TestQueue_Words(t *testing.T) {
	seen := map[string]gateways.Claim{}
	for _, c := range []gateways.Claim{
		{}, {Reference: "1"}, {OurNumber: "1"}, {Token: "1"}, {Reference: "1", OurNumber: "1"}, {Reference: "1", Token: "1"}, {Reference: "11"}, {OurNumber: "1", Token: "1"},
	} {
		word := payments.WordOf(c)
		if other, ok := seen[word]; ok {
			t.Errorf("%+v and %+v say the same", c, other)
		}
		seen[word] = c
	}
}
