package faults_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/seal"
)

// hours is the whole house in memory, with its bank, under a clock that jumps from one timer to the
// next as soon as nobody has anything to do: the real schedules, leases and time-outs of twenty
// minutes pass in a moment. It is on SQLite, since nobody can wait for a network in there.
type hours struct {
	*shop
	cfg   app.Config
	app   *app.App
	wrong atomic.Int64 // how far the machine's clock is off
	said  *notes
	wire  func(*http.Request) // sees what the house sends to the bank, and may panic over it
}

// inHours runs a test in a world of its own time, in which the house has already started.
func inHours(t *testing.T, test func(t *testing.T, h *hours), env ...string) {
	t.Helper()
	address := sqlite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHours(t, address, env...)
		h.open()
		test(t, h)
		h.close()
		lawful(t, address)
	})
}

const (
	houseHost = "127.0.0.1:8080"
	bankHost  = "127.0.0.1:9090"
)

func newHours(t *testing.T, address string, env ...string) *hours {
	t.Helper()
	h := &hours{said: &notes{}}
	h.shop = &shop{TB: t, base: "http://" + houseHost, bank: bankAt(t, "http://"+bankHost, nil), client: browser(h), pause: time.Second, most: 20 * time.Minute}
	vars := map[string]string{
		"CHECKOUT_BASE_URL": h.base, "CHECKOUT_DATABASE_URL": address, "CHECKOUT_SECRET_KEY": seal.NewKey(),
	}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		vars[name] = value
	}
	var err error
	if h.cfg, err = app.Load(func(name string) string { return vars[name] }); err != nil {
		t.Fatal(err)
	}
	h.key = furnish(t, h.cfg, h.bank.url)
	t.Cleanup(func() {
		h.close() // a test that failed leaves nobody behind
		if t.Failed() {
			t.Logf("the house said:\n%s", h.said)
		}
	})
	return h
}

// open starts a life of the house, close ends it as SIGTERM does.
func (h *hours) open() {
	h.Helper()
	a, err := app.Open(context.Background(), h.cfg, app.Options{
		Machine: func() time.Time { return time.Now().Add(time.Duration(h.wrong.Load())) },
		Live:    h, Log: slog.New(slog.NewTextHandler(h.said, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		h.Fatal(err)
	}
	h.app = a
	a.Start(context.Background())
}

func (h *hours) close() {
	h.Helper()
	if h.app == nil {
		return
	}
	if err := h.app.Stop(context.Background()); err != nil {
		h.Error(err)
	}
	h.app = nil
}

// RoundTrip carries what customers and programs send to the house, and what the house sends to the
// bank. A handler that gives up its connection breaks it here as well.
func (h *hours) RoundTrip(req *http.Request) (*http.Response, error) {
	var to http.Handler = h.bank
	if req.URL.Host == houseHost {
		to = h.app.Server
	}
	if h.wire != nil && req.URL.Host != houseHost {
		h.wire(req)
	}
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), bytes.NewReader(body))
	in.Header = req.Header.Clone()
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		out := httptest.NewRecorder()
		defer func() {
			if recover() != nil {
				out = nil
			}
			answer <- out
		}()
		to.ServeHTTP(out, in)
	}()
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case out := <-answer:
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		if out == nil {
			return nil, errBroken
		}
		resp := out.Result()
		resp.Request = req
		return resp, nil
	}
}

var errBroken = errors.New("the connection broke")

// step sets the machine's clock, as somebody with the wrong idea or a time server does.
func (h *hours) step(d time.Duration) { h.wrong.Add(int64(d)) }

// refused are answers that refuse a payment in a way that the vendor may take back.
func refused(gateway string) deed {
	if gateway == "ghesta" {
		return says(400, `{"12":"خطای داخلی بانک"}`)
	}
	return says(200, `{"success":false,"message":"failed","errors":[]}`)
}

// eachGateway runs a test for both.
func eachGateway(t *testing.T, test func(t *testing.T, gateway string)) {
	t.Parallel()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		t.Run(gateway, func(t *testing.T) {
			t.Parallel()
			test(t, gateway)
		})
	}
}
