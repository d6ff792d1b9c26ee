package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/api"
	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

// bank is a gateway at the edge: it takes every customer, and says of every payment that somebody
// verified it before, which only a person can judge (PayPing code 15).
type bank struct{ gateways.Gateway }

func (bank) Start(_ context.Context, _ gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	return gateways.Started{Token: "tok" + r.OurNumber, Redirect: "https://bank.example/" + r.OurNumber}, nil
}

func (bank) Verify(context.Context, gateways.Settings, gateways.VerifyRequest) gateways.Answer {
	return gateways.Answer{Outcome: gateways.AlreadyVerified, Code: "15", Sent: true, Status: 400}
}

// house is the API over the real engine and a real SQLite file.
type house struct {
	testing.TB
	http.Handler
	db      *db.DB
	engine  *payments.Engine
	access  *access.Access
	hooks   *webhooks.Hooks
	spawned sync.WaitGroup
	shop    payments.Scope
	// The keys of two shops.
	live, test, other string
}

func (h *house) spawn(fn func(context.Context)) bool {
	h.spawned.Go(func() { fn(context.Background()) })
	return true
}

// each runs a test on both engines.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) { test(t, build(t, fresh(t))) })
}

func open(t testing.TB, limits ...*access.Limits) *house {
	t.Helper()
	return build(t, dbtest.SQLiteURL(t), limits...)
}

func build(t testing.TB, url string, limits ...*access.Limits) *house {
	t.Helper()
	h := &house{TB: t, db: dbtest.Open(t, db.Options{URL: url})}
	t.Cleanup(h.spawned.Wait)
	box, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	client := gateways.NewClient(gateways.ClientOptions{Timeout: time.Second})
	both := map[string]gateways.Gateway{"ghesta": bank{ghesta.New(client)}, "gardeshpay": bank{gardeshpay.New(client)}}
	h.engine = payments.New(payments.Options{
		DB: h.db, Box: box, BaseURL: "https://pay.example", Live: both, Test: both, Breaker: &gateways.Breaker{},
		AttemptTTL: 30 * time.Minute, Now: time.Now, Random: rand.Reader, Log: quiet, Spawn: h.spawn,
	})
	h.hooks = webhooks.New(webhooks.Options{DB: h.db, Box: box, Now: time.Now, Random: rand.Reader, Log: quiet})
	h.access = access.New(access.Options{
		DB: h.db, Passwords: auth.NewPasswords(), Random: rand.Reader, Log: quiet, Spawn: h.spawn, Now: time.Now,
	})
	lim := access.NewLimits(1e6, 1e6, time.Now)
	if len(limits) > 0 {
		lim = limits[0]
	}
	e := echo.New()
	api.Mount(e, api.Options{Engine: h.engine, Webhooks: h.hooks, Keys: h.access, Limits: lim, BaseURL: "https://pay.example", Log: quiet})
	h.Handler = e
	h.live, h.test = h.merchant("pottery")
	h.other, _ = h.merchant("carpets")
	err = h.db.View(t.Context(), func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug("pottery")
		if err == nil {
			h.shop = payments.Scope{MerchantID: m.ID, Live: true}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.engine.SetAccount(t.Context(), h.shop, "ghesta", map[string]string{"token": "t"}, checkout.Actor{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// merchant makes a shop and its two keys.
func (h *house) merchant(slug string) (live, test string) {
	h.Helper()
	if _, err := h.access.CreateMerchant(h.Context(), access.NewMerchant{Name: slug, Slug: slug}); err != nil {
		h.Fatal(err)
	}
	return h.key(slug, true), h.key(slug, false)
}

func (h *house) key(slug string, live bool) string {
	h.Helper()
	_, secret, err := h.access.CreateKey(h.Context(), slug, "test", live)
	if err != nil {
		h.Fatal(err)
	}
	return secret
}

func request(method, path, key, body string) *http.Request {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(context.Background(), method, "/api/v1"+path, r)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// do sends a request and checks what is true of every answer.
func (h *house) do(req *http.Request) *httptest.ResponseRecorder {
	h.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Header().Get("X-Request-Id") == "" {
		h.Errorf("%s %s: no X-Request-ID", req.Method, req.URL.Path)
	}
	if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		h.Errorf("%s %s: headers %v", req.Method, req.URL.Path, rec.Header())
	}
	want := "application/json"
	if rec.Code >= 400 {
		want = "application/problem+json"
	}
	if got := rec.Header().Get("Content-Type"); got != want {
		h.Errorf("%s %s: %d is %s", req.Method, req.URL.Path, rec.Code, got)
	}
	if !json.Valid(rec.Body.Bytes()) {
		h.Errorf("%s %s: %q is not JSON", req.Method, req.URL.Path, rec.Body)
	}
	return rec
}

// want sends a request, wants a status, and reads the answer.
func (h *house) want(status int, method, path, key, body string) map[string]any {
	h.Helper()
	rec := h.do(request(method, path, key, body))
	if rec.Code != status {
		h.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, rec.Code, status, rec.Body)
	}
	return read(h, rec)
}

func read(t testing.TB, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	return v
}

// invoice makes an invoice and returns it as it was answered.
func (h *house) invoice(body string) map[string]any {
	h.Helper()
	return h.want(http.StatusCreated, "POST", "/invoices", h.live, body)
}

// inReview makes an invoice with an attempt in needs_review.
func (h *house) inReview() (invoice, attempt string) {
	h.Helper()
	made := h.invoice(`{"amount":1500000,"customer":{"name":"Sara","mobile":"09121234567"}}`)
	invoice = made["id"].(string)
	_, token, _ := strings.Cut(made["payment_url"].(string), "/i/")
	if _, err := h.engine.Start(h.Context(), payments.StartInput{Token: token, Gateway: "ghesta"}); err != nil {
		h.Fatal(err)
	}
	p, err := h.engine.Page(h.Context(), token)
	if err != nil {
		h.Fatal(err)
	}
	a := p.Attempts[0]
	values := url.Values{"refid": {"9" + made["number"].(string)}, "code": {a.GatewayToken}, "clientrefid": {a.OurNumber}}
	if _, err := h.engine.Callback(h.Context(), payments.CallbackInput{Gateway: "ghesta", Token: a.CallbackToken, Values: values}); err != nil {
		h.Fatal(err)
	}
	h.spawned.Wait()
	return invoice, a.ID
}

// fields are the wrong fields of a problem, "field=code" each.
func fields(t testing.TB, problem map[string]any) []string {
	t.Helper()
	var out []string
	list, _ := problem["errors"].([]any)
	for _, e := range list {
		f := e.(map[string]any)
		if message, _ := f["message"].(string); message == "" || strings.HasPrefix(message, "[") {
			t.Errorf("%v says %q", f["code"], message)
		}
		out = append(out, f["field"].(string)+"="+f["code"].(string))
	}
	return out
}
