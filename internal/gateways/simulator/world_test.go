package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

// journal is what the application's database is to the simulator.
type journal struct {
	mu      sync.Mutex
	entries [][]byte
	broken  bool
}

func (j *journal) Record(_ context.Context, entry []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		return errors.New("disk full")
	}
	j.entries = append(j.entries, bytes.Clone(entry))
	return nil
}

// world is a simulator behind a real listener, with a clock that stands still and a shop that hears nothing.
type world struct {
	t       *testing.T
	sim     *simulator.Simulator
	server  *httptest.Server
	journal *journal
	client  *http.Client
}

var noon = time.Date(2026, 10, 6, 8, 30, 0, 0, time.UTC)

const (
	cardShop = "https://shop.example/callback/gardeshpay/abc"
	kindShop = "https://shop.example/callback/ghesta/abc"
)

func newWorld(t *testing.T, change func(*simulator.Options)) *world {
	t.Helper()
	w := &world{t: t, journal: &journal{}}
	opt := simulator.Options{
		PublicURL: "http://127.0.0.1:8080/simulator", Now: func() time.Time { return noon }, Journal: w.journal,
		Control: true, MaxHang: 50 * time.Millisecond, SlowBy: time.Millisecond,
	}
	if change != nil {
		change(&opt)
	}
	var err error
	if w.sim, err = simulator.New(opt); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(http.StripPrefix("/simulator", w.sim))
	t.Cleanup(w.server.Close)
	w.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

type reply struct {
	status int
	header http.Header
	raw    string
	err    error
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("not a JSON object: %q: %v", r.raw, err)
	}
	return m
}

func (w *world) do(method, path, body string, header ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.server.URL+"/simulator"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(raw), err}
}

func (w *world) post(path string, body any, header ...string) reply {
	w.t.Helper()
	raw, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		raw = string(b)
	}
	return w.do("POST", path, raw, append([]string{"Content-Type", "application/json"}, header...)...)
}

func (w *world) form(path string, fields ...string) reply {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.do("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (w *world) want(r reply, status int) reply {
	w.t.Helper()
	if r.err != nil || r.status != status {
		w.t.Fatalf("got status %d, error %v, body %q; want %d", r.status, r.err, r.raw, status)
	}
	return r
}

var invoices int

// card starts a GardeshPay payment and returns its token.
func (w *world) card(amount int64) string {
	w.t.Helper()
	invoices++
	r := w.want(w.post("/provider/payment/getToken", gpRequest(amount, fmt.Sprintf("inv-%d", invoices))), 200).json(w.t)
	return r["data"].(map[string]any)["token"].(string)
}

func gpRequest(amount int64, invoice string) map[string]any {
	return map[string]any{"amount": amount, "invoiceNumber": invoice, "invoiceDate": "2026-10-06T12:00:00", "callback": cardShop}
}

// code starts a PayPing payment and returns its code.
func (w *world) code(amount int64) string {
	w.t.Helper()
	invoices++
	body := map[string]any{"amount": amount, "returnUrl": kindShop, "clientRefId": fmt.Sprintf("ref-%d", invoices)}
	return w.want(w.post("/v2/pay", body, "Authorization", "bearer shop"), 200).json(w.t)["code"].(string)
}

// atBank posts nothing but an outcome, as a program does, and returns the answer.
func (w *world) atBank(token, outcome string) reply {
	w.t.Helper()
	return w.form("/provider/payment/redirect/"+token, "outcome", outcome)
}

func (w *world) atGhesta(code, outcome string) reply {
	w.t.Helper()
	return w.form("/installment/"+code+"?type=ghesta", "outcome", outcome)
}

// tracking reads the reference from GardeshPay's redirect.
func (w *world) tracking(r reply) string {
	w.t.Helper()
	w.want(r, 303)
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Query().Get("trackingNumber")
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputTag = regexp.MustCompile(`<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
)

// handover reads the form that takes a customer back to the shop.
func (w *world) handover(r reply) (action string, fields url.Values) {
	w.t.Helper()
	w.want(r, 200)
	m := formTag.FindStringSubmatch(r.raw)
	if m == nil {
		w.t.Fatalf("no form in %q", r.raw)
	}
	fields = url.Values{}
	for _, in := range inputTag.FindAllStringSubmatch(m[2], -1) {
		fields.Add(in[1], in[2])
	}
	return m[1], fields
}

func (w *world) gpVerify(tracking string) reply {
	w.t.Helper()
	return w.post("/provider/payment/verify", map[string]any{"trackingNumber": tracking})
}

func (w *world) ppVerify(refid string, amount int64) reply {
	w.t.Helper()
	return w.post("/v2/pay/verify", map[string]any{"refId": refid, "amount": amount}, "Authorization", "bearer shop")
}

// paidCard brings a payment to its callback and returns its tracking number.
func (w *world) paidCard(amount int64, outcome string) string {
	w.t.Helper()
	return w.tracking(w.atBank(w.card(amount), outcome))
}

func (w *world) paidGhesta(amount int64, outcome string) string {
	w.t.Helper()
	_, fields := w.handover(w.atGhesta(w.code(amount), outcome))
	return fields.Get("refid")
}

// state is where the money of the payment with this token or code is.
func (w *world) state(token string) simulator.State {
	w.t.Helper()
	for _, p := range w.sim.Ledger().Payments {
		if p.Token == token {
			return p.State
		}
	}
	w.t.Fatalf("no payment %s in the ledger", token)
	return ""
}

// last is the latest line of the ledger.
func (w *world) last() simulator.Payment {
	w.t.Helper()
	l := w.sim.Ledger().Payments
	if len(l) == 0 {
		w.t.Fatal("the ledger is empty")
	}
	return l[len(l)-1]
}

func (w *world) onlyCode(r reply, code string) {
	w.t.Helper()
	m := w.want(r, 400).json(w.t)
	if _, there := m[code]; !there || len(m) != 1 {
		w.t.Fatalf("got %v; want only code %s", m, code)
	}
}
