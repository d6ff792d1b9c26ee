package attacks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db/dbtest"
)

// house is the running server: a real listener, a real store, and a clock that a test may put
// forward.
type house struct {
	testing.TB
	app    *app.App
	base   string
	env    map[string]string
	log    *safeBuffer
	clock  *clock
	door   *door
	client *http.Client // follows nothing and keeps no cookie, as an attacker would have it
}

type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// trouble are the lines that are no mere account of requests.
func (b *safeBuffer) trouble() string {
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		if !strings.Contains(line, `"level":"INFO"`) && !strings.Contains(line, `"level":"DEBUG"`) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// door is the listener; it counts what the server really read.
type door struct {
	net.Listener
	read atomic.Int64
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &counted{Conn: c, read: &d.read}, nil
}

type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// open starts a house on a new SQLite file. env adds to the environment, or replaces.
func open(t testing.TB, env map[string]string) *house {
	t.Helper()
	return openOn(t, "sqlite:"+filepath.Join(t.TempDir(), "checkout.db"), env)
}

func openOn(t testing.TB, database string, env map[string]string) *house {
	t.Helper()
	return openWith(t, database, env, app.Options{})
}

// openWith is openOn with options of its own.
func openWith(t testing.TB, database string, env map[string]string, o app.Options) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{TB: t, log: &safeBuffer{}, clock: &clock{}, door: &door{Listener: l}, base: "http://" + l.Addr().String()}
	h.env = map[string]string{
		"CHECKOUT_BASE_URL": h.base, "CHECKOUT_DATABASE_URL": database, "CHECKOUT_SECRET_KEY": seal.NewKey(),
		// A bank of ours that is held back for a moment must not be taken for a silent one.
		"CHECKOUT_GATEWAY_TIMEOUT": "80s",
	}
	maps.Copy(h.env, env)
	cfg, err := app.Load(func(name string) string { return h.env[name] })
	if err != nil {
		t.Fatal(err)
	}
	o.Now, o.Log = h.clock.now, slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.app, err = app.Open(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	h.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       90 * time.Second,
	}
	ctx, stop := context.WithCancel(context.Background())
	h.app.Start(ctx)
	done := make(chan error, 1)
	go func() { done <- h.app.Serve(ctx, h.door) }()
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if trouble := h.log.trouble(); t.Failed() && trouble != "" {
			t.Logf("the server's log:\n%.8000s", trouble)
		}
	})
	return h
}

// onBoth runs a test where the database decides: on both engines.
func onBoth(t *testing.T, test func(t *testing.T, h *house, s *shop)) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		b := newBank(t)
		h := openOn(t, fresh(t), nil)
		test(t, h, h.shop(b))
	})
}

// onOne is a house on SQLite with one shop.
func onOne(t *testing.T) (*house, *shop) {
	t.Helper()
	t.Parallel()
	b := newBank(t)
	h := open(t, nil)
	return h, h.shop(b)
}

// shop is a merchant of the house in live mode, with both gateways at a bank.
type shop struct {
	*house
	bank  *bank
	scope payments.Scope
	slug  string
	key   string
}

var shops atomic.Int64

func (h *house) shop(b *bank) *shop {
	h.Helper()
	m, err := h.app.Access.CreateMerchant(h.Context(), access.NewMerchant{Name: "خانهٔ سفال", Slug: fmt.Sprintf("shop-%d", shops.Add(1))})
	if err != nil {
		h.Fatal(err)
	}
	_, key, err := h.app.Access.CreateKey(h.Context(), m.Slug, "attacks", true)
	if err != nil {
		h.Fatal(err)
	}
	s := &shop{house: h, bank: b, key: key, slug: m.Slug, scope: payments.Scope{MerchantID: m.ID, Live: true}}
	s.set("gardeshpay", "token_url", b.URL+"/gardeshpay/token", "verify_url", b.URL+"/gardeshpay/verify", "redirect_hosts", "127.0.0.1")
	s.set("ghesta", "token", "canary-bearer", "pay_url", b.URL+"/ghesta/pay", "verify_url", b.URL+"/ghesta/verify", "installment_url", b.URL+"/installment/{code}?type=ghesta")
	return s
}

// set is gateway set.
func (s *shop) set(gateway string, pairs ...string) {
	s.Helper()
	if err := s.trySet(gateway, pairs...); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) trySet(gateway string, pairs ...string) error {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return s.app.Engine.SetAccount(s.Context(), s.scope, gateway, values, checkout.Actor{})
}

// answer is what came back over the wire.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() string { return a.header.Get("Location") }

// do makes one request. Headers come in pairs; Host is among them.
func (h *house) do(method, address, body string, headers ...string) answer {
	h.Helper()
	a, err := h.try(method, address, body, headers...)
	if err != nil {
		h.Fatalf("%s %.200s: %v", method, address, err)
	}
	return a
}

func (h *house) try(method, address, body string, headers ...string) (answer, error) {
	if strings.HasPrefix(address, "/") {
		address = h.base + address
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, address, reader)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(raw)}, err
}

const formType = "application/x-www-form-urlencoded"

// post is a form.
func (h *house) post(address string, form url.Values, headers ...string) answer {
	h.Helper()
	return h.do(http.MethodPost, address, form.Encode(), append([]string{"Content-Type", formType}, headers...)...)
}

func (h *house) get(address string, headers ...string) answer {
	h.Helper()
	return h.do(http.MethodGet, address, "", headers...)
}

// api is one call of the merchant's program.
func (s *shop) api(method, path, body string, into any) int {
	s.Helper()
	a := s.do(method, "/api/v1"+path, body, "Authorization", "Bearer "+s.key, "Content-Type", "application/json")
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			s.Fatalf("%s %s: %d %.300s: %v", method, path, a.status, a.body, err)
		}
	}
	return a.status
}

// invoice is what the API says of one.
type invoice struct {
	ID          string
	Status      string
	Amount      int64
	Description *string
	Reference   *string
	Number      string
	Customer    *struct{ Name, Mobile, Email *string }
	PaymentURL  string  `json:"payment_url"`
	ReturnURL   *string `json:"return_url"`
	Payment     *struct {
		AttemptID      string  `json:"attempt_id"`
		RefNumber      *string `json:"ref_number"`
		TrackingNumber *string `json:"tracking_number"`
		CardMask       *string `json:"card_mask"`
		Gateway        string
		Amount         int64
	}
}

func (i invoice) path() string  { return i.PaymentURL[strings.LastIndex(i.PaymentURL, "/i/"):] }
func (i invoice) token() string { return strings.TrimPrefix(i.path(), "/i/") }

// attempt is what the API says of one.
type attempt struct {
	ID             string
	InvoiceID      string `json:"invoice_id"`
	Status         string
	Gateway        string
	TrackingNumber *string `json:"tracking_number"`
	RefNumber      *string `json:"ref_number"`
	CardMask       *string `json:"card_mask"`
	Failure        *struct{ Stage, Code, Message string }
	ReturnedAt     *time.Time `json:"returned_at"`
}

type event struct {
	ID        string
	Type      string
	Sequence  int64
	AttemptID *string `json:"attempt_id"`
	Actor     string
	Data      json.RawMessage
}

const price = 1_500_000

func (s *shop) invoice(amount int64) invoice {
	s.Helper()
	return s.create(fmt.Sprintf(`{"amount":%d,"customer":{"name":"نگار احمدی","mobile":"09121234567"}}`, amount))
}

func (s *shop) create(body string) invoice {
	s.Helper()
	var inv invoice
	if status := s.api("POST", "/invoices", body, &inv); status != http.StatusCreated {
		s.Fatalf("create %s: %d", body, status)
	}
	return inv
}

func (s *shop) read(inv invoice) invoice {
	s.Helper()
	var now invoice
	if status := s.api("GET", "/invoices/"+inv.ID, "", &now); status != http.StatusOK {
		s.Fatalf("read %s: %d", inv.ID, status)
	}
	return now
}

func (s *shop) attempts(inv invoice) []attempt {
	s.Helper()
	var page struct{ Data []attempt }
	if status := s.api("GET", "/invoices/"+inv.ID+"/attempts?limit=100", "", &page); status != http.StatusOK {
		s.Fatalf("attempts: %d", status)
	}
	return page.Data
}

// events are all of them, oldest first.
func (s *shop) events(inv invoice) []event {
	s.Helper()
	var all []event
	cursor := ""
	for {
		var page struct {
			Data       []event
			NextCursor *string `json:"next_cursor"`
		}
		if status := s.api("GET", "/invoices/"+inv.ID+"/events?limit=100"+cursor, "", &page); status != http.StatusOK {
			s.Fatalf("events: %d", status)
		}
		all = append(page.Data, all...) // newest first, page by page
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(*page.NextCursor)
	}
	sorted := make([]event, len(all))
	for _, e := range all {
		if e.Sequence < 1 || int(e.Sequence) > len(all) {
			s.Fatalf("event %s has number %d of %d", e.ID, e.Sequence, len(all))
		}
		sorted[e.Sequence-1] = e
	}
	return sorted
}

// out is a customer at a gateway: what our start told the bank.
type out struct {
	s             *shop
	inv           invoice
	gateway       string
	callback      string // absolute
	number, token string
	ref           string // once paid
}

func (s *shop) payer() url.Values {
	return url.Values{"payer_name": {"نگار احمدی"}, "payer_mobile": {"09121234567"}}
}

func (s *shop) start(inv invoice, gateway string) *out {
	s.Helper()
	form := s.payer()
	form.Set("gateway", gateway)
	a := s.post(inv.path()+"/pay", form)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), s.bank.URL) {
		s.Fatalf("start at %s: %d to %q\n%.2000s", gateway, a.status, a.location(), a.body)
	}
	u, err := url.Parse(a.location())
	if err != nil {
		s.Fatal(err)
	}
	token := u.Path[strings.LastIndex(u.Path, "/")+1:]
	sale := s.bank.sale(token)
	return &out{s: s, inv: inv, gateway: gateway, callback: sale.callback, number: sale.number, token: token}
}

// began is an invoice with a customer at a gateway.
func (s *shop) began(gateway string) *out {
	s.Helper()
	return s.start(s.invoice(price), gateway)
}

// pays lets the customer pay at the bank.
func (o *out) pays() *out {
	o.s.Helper()
	o.ref = o.s.bank.sell(o.token, "")
	return o
}

// claim is what a browser brings back; o.ref unless another reference is given.
func (o *out) claim(ref string) url.Values {
	if o.gateway == "gardeshpay" {
		return url.Values{"trackingNumber": {ref}, "invoiceNumber": {o.number}}
	}
	return url.Values{"code": {o.token}, "refid": {ref}, "clientrefid": {o.number}, "cardnumber": {""}, "cardhashpan": {""}}
}

// bring makes the callback with raw values, which stand in the query or the body as the gateway has it.
func (o *out) bring(raw string, headers ...string) answer {
	o.s.Helper()
	if o.gateway == "gardeshpay" {
		return o.s.get(o.callback+"?"+raw, headers...)
	}
	return o.s.do(http.MethodPost, o.callback, raw, append([]string{"Content-Type", formType}, headers...)...)
}

// back brings values.
func (o *out) back(values url.Values) answer {
	o.s.Helper()
	return o.bring(values.Encode())
}

// returns is the genuine callback, which ends at the payment link.
func (o *out) returns() answer {
	o.s.Helper()
	a := o.back(o.claim(o.ref))
	if a.status != http.StatusSeeOther || a.location() != o.inv.path() {
		o.s.Fatalf("the genuine callback: %d to %q\n%.2000s", a.status, a.location(), a.body)
	}
	return a
}

var mainTag = regexp.MustCompile(`<main[^>]*data-state="([^"]*)"`)

// state is what the customer's page says to machines.
func (h *house) state(inv invoice) string {
	h.Helper()
	a := h.get(inv.path())
	m := mainTag.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		h.Fatalf("the page of %s: %d\n%.500s", inv.ID, a.status, a.body)
	}
	return m[1]
}
