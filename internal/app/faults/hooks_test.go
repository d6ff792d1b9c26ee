package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"dargah/internal/app"
	"dargah/internal/app/seal"
	"dargah/internal/db/dbtest"
)

// ear is a shop's program that is told what happens. at is called with each message before it is
// answered.
type ear struct {
	testing.TB
	secret string
	at     func(n int) int // the status to answer, 0 is 204

	mu    sync.Mutex
	heard []message
}

type message struct {
	id   string
	body []byte
	said struct {
		ID, Type string
		Sequence int64
		Data     struct{ ID, Status string }
	}
}

// hear takes one message as a careful receiver does, but for the age of its time.
func (e *ear) hear(header http.Header, body []byte) int {
	m := message{id: header.Get("webhook-id"), body: body}
	if err := json.Unmarshal(body, &m.said); err != nil {
		e.Errorf("not JSON: %s", body)
	}
	wh, err := standardwebhooks.NewWebhook(e.secret)
	if err == nil {
		err = wh.VerifyIgnoringTimestamp(body, header)
	}
	if err != nil {
		e.Errorf("%s: %v", m.id, err)
	}
	e.mu.Lock()
	for _, before := range e.heard {
		if before.id == m.id && !bytes.Equal(before.body, body) {
			e.Errorf("%s says two things:\n%s\n%s", m.id, before.body, body)
		}
	}
	e.heard = append(e.heard, m)
	n := len(e.heard)
	e.mu.Unlock()
	status := 0
	if e.at != nil {
		status = e.at(n)
	}
	if status == 0 {
		return http.StatusNoContent
	}
	return status
}

// ServeHTTP is hear on a port.
func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender died over it
	}
	w.WriteHeader(e.hear(r.Header, body))
}

func (e *ear) all() []message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

// ids are those heard of a type, in the order in which they were heard.
func (e *ear) ids(kind string) []string {
	var list []string
	for _, m := range e.all() {
		if m.said.Type == kind {
			list = append(list, m.id)
		}
	}
	return list
}

// listens adds an endpoint for an ear.
func (s *shop) listens(e *ear, address string) (id string) {
	s.Helper()
	var made struct{ ID, Secret string }
	s.calls(http.MethodPost, "/webhook-endpoints", `{"url":"`+address+`"}`, http.StatusCreated, &made)
	e.secret = made.Secret
	return made.ID
}

// calls is a call of the API by the shop's program.
func (s *shop) calls(method, path, body string, want int, into any) {
	s.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := s.send(method, s.base+"/api/v1"+path, in, "Authorization", "Bearer "+s.key, "Content-Type", "application/json")
	if err != nil || r.status != want {
		s.Fatalf("%s %s: %s, %v", method, path, r, err)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(r.body), into); err != nil {
			s.Fatal(err)
		}
	}
}

// TestF16_WebhooksAfterDeath: whoever dies after the commit and before a message has left finds it
// after the restart, and so does the receiver, under the id that the event has for ever.
func TestF16_WebhooksAfterDeath(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url, "CHECKOUT_WEBHOOK_ALLOW=127.0.0.0/8")
		at := freePort(t)
		e := &ear{TB: t}
		h.boot()
		h.listens(e, "http://"+at+"/hook")
		inv := h.invoice()
		h.mustTake(h.paidAt(inv, gateway))
		h.untilStatus(inv, "paid")
		h.kill() // nobody was there to hear anything
		lawful(t, url)
		listenAt(t, at, e)
		h.boot()
		h.until("told", func() bool {
			return len(e.ids("invoice.paid")) > 0 && len(e.ids("invoice.created")) > 0 && len(e.ids("attempt.redirected")) > 0
		})
		if n := number(t, url, "SELECT COUNT(*) FROM webhook_messages"); n != 3 {
			t.Errorf("%d messages", n)
		}
	})
}

// listenAt puts an ear to an address.
func listenAt(t testing.TB, address string, e *ear) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}}
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
}

// TestF17_DieBeforeItIsMarked: the receiver has heard and says so, and we die before it is written
// down. It is told again, once more and under the same id.
func TestF17_DieBeforeItIsMarked(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		url := fresh(t)
		h := newHouse(t, url, "CHECKOUT_WEBHOOK_ALLOW=127.0.0.0/8")
		e := &ear{TB: t}
		srv := httptest.NewServer(e)
		t.Cleanup(srv.Close)
		h.boot()
		life := h.now
		e.at = func(n int) int {
			if n == 1 {
				life.kill() // with our 2xx on the way
			}
			return http.StatusOK
		}
		h.listens(e, srv.URL)
		h.invoice()
		h.until("dead", func() bool {
			select {
			case <-life.ended:
				return true
			default:
				return false
			}
		})
		h.boot()
		h.until("told again", func() bool { return len(e.all()) == 2 })
		if ids := e.ids("invoice.created"); len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("told %v", ids)
		}
		h.until("marked", func() bool {
			return number(t, url, "SELECT COUNT(*) FROM webhook_deliveries WHERE status = 'succeeded'") == 1
		})
		if n := number(t, url, "SELECT COUNT(*) FROM webhook_tries"); n != 1 {
			t.Errorf("%d tries on record: of the first one nobody can know", n)
		}
	})
}

// days is the whole house in memory, with its real workers, under a clock that the test moves from
// one try to the next.
type days struct {
	*shop
	app   *app.App
	ear   *ear
	ahead atomic.Int64
}

func (d *days) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

// RoundTrip carries what the shop's program sends to the house, and what the house tells it.
func (d *days) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	out := httptest.NewRecorder()
	if req.URL.Host == houseHost {
		in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), bytes.NewReader(body))
		in.Header = req.Header.Clone()
		d.app.Server.ServeHTTP(out, in)
	} else {
		out.WriteHeader(d.ear.hear(req.Header, body))
	}
	resp := out.Result()
	resp.Request = req
	return resp, nil
}

func newDays(t *testing.T, address string) *days {
	t.Helper()
	d := &days{ear: &ear{TB: t}}
	d.shop = &shop{TB: t, base: "http://" + houseHost, bank: newBank(t), client: browser(d), pause: 10 * time.Millisecond, most: patience}
	vars := map[string]string{
		"CHECKOUT_BASE_URL": d.base, "CHECKOUT_DATABASE_URL": address, "CHECKOUT_SECRET_KEY": seal.NewKey(),
	}
	cfg, err := app.Load(func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	d.key = furnish(t, cfg, d.bank.url)
	o, err := app.OpenOffice(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.CreateUser(context.Background(), app.NewUser{Email: "owner@example.ir", Password: "a long enough password", Merchant: "pottery", Role: "owner"})
	if err != nil || o.Close() != nil {
		t.Fatal(err)
	}
	d.app, err = app.Open(context.Background(), cfg, app.Options{Now: d.now, Live: d, Hooks: d, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d.app.Start(context.Background())
	t.Cleanup(func() {
		if err := d.app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

type delivery struct {
	ID, Status    string
	EventID       string `json:"event_id"`
	Attempts      int
	NextAttemptAt *time.Time `json:"next_attempt_at"`
}

func (d *days) delivery(id string) (got delivery) {
	d.Helper()
	d.calls(http.MethodGet, "/deliveries/"+id, "", http.StatusOK, &got)
	return got
}

// TestF31_EndpointDownForDays: the schedule of the contract to its end, then the endpoint is disabled
// and a letter says so. What happens meanwhile is held; a delivery that is sent again by hand keeps
// its id; the order is not promised, and the numbers within an invoice tell it.
func TestF31_EndpointDownForDays(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		url := fresh(t)
		d := newDays(t, url)
		d.ear.at = func(int) int { return http.StatusBadGateway }
		endpoint := d.listens(d.ear, "https://shop.example.ir/hook")
		began := d.now()
		inv := d.invoice()
		var list struct{ Data []delivery }
		d.calls(http.MethodGet, "/webhook-endpoints/"+endpoint+"/deliveries", "", http.StatusOK, &list)
		first := list.Data[0]
		for try := 1; try <= 11; try++ {
			var now delivery
			d.until(fmt.Sprintf("try %d on record", try), func() bool { now = d.delivery(first.ID); return now.Attempts == try })
			if try == 11 {
				if now.Status != "failed" || now.NextAttemptAt != nil {
					t.Errorf("after the last try: %+v", now)
				}
				break
			}
			if now.Status != "pending" || now.NextAttemptAt == nil {
				t.Fatalf("after try %d: %+v", try, now)
			}
			d.ahead.Add(int64(now.NextAttemptAt.Sub(d.now())))
		}
		if down := d.now().Sub(began); down < 75*time.Hour || down > 80*time.Hour {
			t.Errorf("given up after %s", down)
		}
		var e struct {
			Status, DisabledReason string
			Reason                 string `json:"disabled_reason"`
		}
		d.calls(http.MethodGet, "/webhook-endpoints/"+endpoint, "", http.StatusOK, &e)
		if e.Status != "disabled" || e.Reason != "failing" {
			t.Errorf("endpoint %+v", e)
		}
		if n := number(t, url, "SELECT COUNT(*) FROM letters WHERE kind = 'endpoint_disabled' AND recipient = 'owner@example.ir'"); n != 1 {
			t.Errorf("%d letters to the owner", n)
		}
		tried := len(d.ear.all())
		d.calls(http.MethodPost, "/invoices/"+inv.ID+"/cancel", `{}`, http.StatusOK, nil)
		d.ear.at = nil
		d.calls(http.MethodPost, "/deliveries/"+first.ID+"/redeliver", `{}`, http.StatusAccepted, nil)
		d.until("by hand", func() bool { return d.delivery(first.ID).Status == "succeeded" })
		d.calls(http.MethodPost, "/webhook-endpoints/"+endpoint+"/enable", `{}`, http.StatusOK, nil)
		d.until("what was held", func() bool { return len(d.ear.ids("invoice.canceled")) == 1 })
		all := d.ear.all()
		if len(all) != tried+2 {
			t.Errorf("told %d times, %d of them before", len(all), tried)
		}
		if again := all[tried]; again.id != all[0].id || again.id != first.EventID {
			t.Errorf("by hand under another id: %s", again.id)
		}
		if created, canceled := all[0].said, all[tried+1].said; created.Sequence >= canceled.Sequence || created.Data.Status != "open" || canceled.Data.Status != "canceled" {
			t.Errorf("the numbers do not tell the order: %+v %+v", created, canceled)
		}
	})
}
