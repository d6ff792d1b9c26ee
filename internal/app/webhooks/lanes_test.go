package webhooks_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/webhooks"
	"dargah/internal/app/worker"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// The width of a lane: four at first, twice as many after each success, up to 64, one after a failure;
// the ailing lanes together leave half of the places to the others.
func TestLanes_Width(t *testing.T) {
	h := webhooks.New(webhooks.Options{})
	if h.Free("a") != 4 {
		t.Errorf("at first %d", h.Free("a"))
	}
	h.Began("a")
	for _, want := range []int{8, 16, 32, 64, 64} {
		h.Began("a")
		h.Ended("a", true)
		if got := h.Free("a") + 1; got != want {
			t.Errorf("width %d, want %d", got, want)
		}
	}
	h.Began("a")
	h.Ended("a", false)
	if got := h.Free("a"); got != 0 { // one is still on its way
		t.Errorf("after a failure %d more", got)
	}
	h.Ended("a", true)
	if h.Known() != 1 || h.Free("a") != 2 {
		t.Errorf("after a first success %d, known %d", h.Free("a"), h.Known())
	}
	h.Began("a")
	h.Ended("a", true)
	if h.Known() != 0 {
		t.Error("a healthy lane at rest is remembered")
	}
	for i := range webhooks.Places {
		id := strconv.Itoa(i)
		h.Began(id)
		h.Ended(id, false)
	}
	taken := 0
	for i := range webhooks.Places {
		if id := strconv.Itoa(i); h.Free(id) > 0 {
			h.Began(id)
			taken++
		}
	}
	if taken != webhooks.Places/2 || h.Free("well") != 4 {
		t.Errorf("the ailing ones took %d, a new one gets %d", taken, h.Free("well"))
	}
}

// A claim gives each endpoint what its lane takes, oldest first, and leaves the rest where it is.
func TestClaim_EachEndpointItsShare(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		slow, quick := h.endpoint("https://slow.example/"), h.endpoint("https://quick.example/", checkout.EventInvoiceCanceled)
		for range 20 {
			h.invoice()
			h.forward(time.Millisecond)
		}
		h.cancel(h.invoice())
		jobs, err := h.Claim(context.Background(), 100)
		of := map[string]int{}
		for _, j := range jobs {
			of[j.Payload[:len(slow.Endpoint.ID)]]++
		}
		if err != nil || of[slow.Endpoint.ID] != 4 || of[quick.Endpoint.ID] != 1 {
			t.Errorf("claimed %v: %v", of, err)
		}
		oldest := h.deliveries(slow.Endpoint.ID)
		for _, j := range jobs {
			if at := indexOf(oldest, j.Key); at > 3 {
				t.Errorf("the %dth was claimed first", at+1)
			}
		}
		if more, err := h.Claim(context.Background(), 100); err != nil || len(more) != 0 {
			t.Errorf("claimed %d more: %v", len(more), err)
		}
		if at, err := h.NextAt(context.Background()); err != nil || at.IsZero() {
			// The quick one's lane is free, and its own is leased until later.
			t.Errorf("next at %s: %v", at, err)
		}
	})
}

func indexOf(list []checkout.Delivery, id string) int {
	for i := range list {
		if list[i].ID == id {
			return i
		}
	}
	return -1
}

// The real worker: one receiver hangs with all its lane can hold, and another hears at once.
func TestWorker_AHangingReceiverStarvesNobody(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := open(t, fresh(t))
		release := make(chan struct{})
		hangs := hear(t, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
		quick := hear(t, nil)
		h.endpoint(hangs.URL)
		h.endpoint(quick.URL)
		w := worker.New(worker.Options{DB: h.db, Now: h.now})
		w.Register(worker.Kind{Name: webhooks.Kind, Concurrency: webhooks.Places, Handle: h.Deliver, Source: h})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		t.Cleanup(func() { stop(); <-done })
		for range 30 {
			h.invoice()
		}
		for limit := time.Now().Add(time.Minute); len(quick.all()) < 30; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("the quick one heard %d of 30", len(quick.all()))
			}
		}
		if n := len(hangs.all()); n != 4 {
			t.Errorf("%d are on their way to the one that hangs", n)
		}
		close(release)
		if err := w.Drain(time.Minute); err != nil {
			t.Error(err)
		}
	})
}

// A database that is away at the record is waited for; what cannot be recorded is sent again.
func TestRecord_LostIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		h.endpoint(r.URL)
		h.invoice()
		jobs, err := h.Claim(context.Background(), 9)
		if err != nil || len(jobs) != 1 {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(context.Background())
		r.answer(func(w http.ResponseWriter, _ *http.Request) { cancel(); w.WriteHeader(200) })
		if err := h.Deliver(over, jobs[0]); err != nil { // cut off by a drain that lost patience
			t.Error(err)
		}
		h.forward(31 * time.Second)
		h.drain()
		if n := len(r.all()); n != 2 || r.all()[0].id() != r.all()[1].id() {
			t.Errorf("heard %d", n)
		}
		var pending int
		err = h.db.View(context.Background(), func(tx *db.Tx) error {
			lanes, err := tx.WebhookLanes()
			pending = len(lanes)
			return err
		})
		if err != nil || pending != 0 {
			t.Errorf("%d lanes with work: %v", pending, err)
		}
	})
}
