package webhooks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

// house is the room on a real store, with an engine that makes things happen, under a clock that only
// the test moves.
type house struct {
	testing.TB
	*webhooks.Hooks
	db     *db.DB
	engine *payments.Engine
	scope  webhooks.Scope
	key    string
	log    *bytes.Buffer
	ahead  *atomic.Int64
}

var origin = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func (h *house) now() time.Time          { return origin.Add(time.Duration(h.ahead.Load())) }
func (h *house) forward(d time.Duration) { h.ahead.Add(int64(d)) }

// each runs a test on both engines.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		test(t, open(t, fresh(t)))
	})
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func open(t testing.TB, url string) *house {
	t.Helper()
	h := &house{TB: t, log: &bytes.Buffer{}, ahead: &atomic.Int64{}}
	h.db = dbtest.Open(t, db.Options{URL: url, Now: h.now})
	h.key = seal.NewKey()
	box, err := seal.New(h.key)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.Hooks = webhooks.New(webhooks.Options{DB: h.db, Box: box, Allow: loopback, Now: h.now, Random: rand.Reader, Log: log})
	client := gateways.NewClient(gateways.ClientOptions{Timeout: time.Second})
	both := map[string]gateways.Gateway{"ghesta": ghesta.New(client), "gardeshpay": gardeshpay.New(client)}
	h.engine = payments.New(payments.Options{
		DB: h.db, Box: box, BaseURL: "https://pay.example", Live: both, Test: both, Breaker: &gateways.Breaker{},
		AttemptTTL: 30 * time.Minute, Now: h.now, Random: rand.Reader, Log: log, Spawn: func(func(context.Context)) bool { return false },
	})
	h.scope = h.merchant("pottery")
	return h
}

func (h *house) merchant(slug string) webhooks.Scope {
	h.Helper()
	m := &checkout.Merchant{
		ID: checkout.NewID(checkout.PrefixMerchant, h.now(), rand.Reader), Slug: slug, Name: slug, Email: slug + "@example.com", Locale: "fa", CreatedAt: h.now(),
	}
	h.must(func(tx *db.Tx) error { return tx.InsertMerchant(m) })
	return webhooks.Scope{MerchantID: m.ID, Live: true}
}

func (h *house) must(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Update(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

// endpoint adds an endpoint.
func (h *house) endpoint(url string, types ...string) webhooks.Issued {
	h.Helper()
	made, _, err := h.Create(context.Background(), h.scope, webhooks.NewEndpoint{URL: url, Types: types}, nil)
	if err != nil {
		h.Fatal(err)
	}
	return made
}

// invoice makes something happen: an invoice.created.
func (h *house) invoice() checkout.Invoice {
	h.Helper()
	inv, _, err := h.engine.CreateInvoice(context.Background(), payments.Scope(h.scope), payments.NewInvoice{Amount: money.Rial(1_500_000), Description: "<گلدان> & کاسه"}, checkout.Actor{}, nil)
	if err != nil {
		h.Fatal(err)
	}
	return inv
}

func (h *house) cancel(inv checkout.Invoice) {
	h.Helper()
	if _, _, err := h.engine.CancelInvoice(context.Background(), payments.Scope(h.scope), inv.ID, checkout.Actor{}, nil); err != nil {
		h.Fatal(err)
	}
}

// work claims and sends what is due, once, and returns how much it was.
func (h *house) work() int {
	h.Helper()
	jobs, err := h.Claim(context.Background(), 100)
	if err != nil {
		h.Fatal(err)
	}
	var all sync.WaitGroup
	for _, job := range jobs {
		all.Go(func() {
			if err := h.Deliver(context.Background(), job); err != nil {
				h.Error(err)
			}
		})
	}
	all.Wait()
	return len(jobs)
}

// drain works until nothing is due.
func (h *house) drain() {
	h.Helper()
	for h.work() > 0 {
	}
}

// until moves the clock to the next thing that is due and does it, and returns how long that took;
// zero when nothing is left.
func (h *house) next() time.Duration {
	h.Helper()
	at, err := h.NextAt(context.Background())
	if err != nil {
		h.Fatal(err)
	}
	if at.IsZero() {
		return 0
	}
	pause := at.Sub(h.now())
	h.forward(max(pause, 0))
	h.drain()
	return pause
}

// deliveries of an endpoint, oldest first.
func (h *house) deliveries(endpointID string) []checkout.Delivery {
	h.Helper()
	list, _, err := h.Deliveries(context.Background(), h.scope, endpointID, webhooks.DeliveryFilter{Limit: 100})
	if err != nil {
		h.Fatal(err)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func (h *house) tries(id string) []checkout.Try {
	h.Helper()
	_, tries, err := h.Delivery(context.Background(), h.scope, id)
	if err != nil {
		h.Fatal(err)
	}
	return tries
}

// receiver is a merchant's program.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []got
	says func(w http.ResponseWriter, r *http.Request)
}

type got struct {
	header http.Header
	body   []byte
}

func (g got) id() string { return g.header.Get("webhook-id") }

// hear starts a receiver that answers as says does; nil is 204.
func hear(t testing.TB, says func(w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{says: says}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		r.mu.Lock()
		r.got = append(r.got, got{req.Header.Clone(), body})
		says := r.says
		r.mu.Unlock()
		if says == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		says(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(says func(w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says = says
}

func (r *receiver) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.got...)
}

func status(code int) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
