package attacks_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// bank is both vendors, by their documents, until a test tells it to lie. It keeps its own books,
// so that a test can say what money came in.
type bank struct {
	testing.TB
	*httptest.Server
	next atomic.Int64

	mu       sync.Mutex
	heard    []call
	sales    map[string]*sale // by token and by reference
	onStart  func(c call) *reply
	onVerify func(c call) *reply
	said     map[string]*reply // what is always said about a reference
	secured  []*httptest.Server
	inFlight map[string]int // verify calls under way, by reference
	most     int            // references under way at once, at most
}

// sale is what the bank knows of one customer.
type sale struct {
	gateway, token, number, callback string
	amount                           int64
	ref                              string
	captured                         int // how often verify succeeded first
}

// call is what the bank heard.
type call struct {
	kind, gateway string // start or verify
	ref           string
	amount        int64
	body          map[string]any
	header        http.Header
	nth           int // of this kind and reference, from 1
	r             *http.Request
	w             http.ResponseWriter
}

// reply is an answer beyond the documents.
type reply struct {
	status int // 200 when 0
	header map[string]string
	body   string
	// do answers by itself; body is not written then.
	do func(w http.ResponseWriter, r *http.Request)
	// capture says that the bank takes the money all the same.
	capture bool
}

func newBank(t testing.TB) *bank {
	t.Helper()
	b := &bank{TB: t, sales: map[string]*sale{}, inFlight: map[string]int{}}
	b.Server = httptest.NewServer(b.mux())
	t.Cleanup(b.Server.Close)
	return b
}

func (b *bank) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gardeshpay/token", b.serve("start", "gardeshpay"))
	mux.HandleFunc("POST /gardeshpay/verify", b.serve("verify", "gardeshpay"))
	mux.HandleFunc("POST /ghesta/pay", b.serve("start", "ghesta"))
	mux.HandleFunc("POST /ghesta/verify", b.serve("verify", "ghesta"))
	return mux
}

func (b *bank) serve(kind, gateway string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller went away
		}
		c := call{kind: kind, gateway: gateway, body: map[string]any{}, header: r.Header.Clone(), r: r, w: w}
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&c.body); err != nil {
			b.Errorf("the bank was asked %q", raw)
		}
		c.ref, _ = c.body[map[string]string{"gardeshpay": "trackingNumber", "ghesta": "refId"}[gateway]].(string)
		if n, ok := c.body["amount"].(json.Number); ok {
			c.amount, _ = n.Int64()
		}
		said, done := b.begin(&c)
		defer done()
		b.say(w, r, b.decide(c, said))
	}
}

// begin enters a call into the books and returns what the test wants said.
func (b *bank) begin(c *call) (script func(call) *reply, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.nth = 1
	for _, h := range b.heard {
		if h.kind == c.kind && h.ref == c.ref {
			c.nth++
		}
	}
	b.heard = append(b.heard, *c)
	if c.kind == "start" {
		return b.onStart, func() {}
	}
	ref := c.gateway + c.ref
	b.inFlight[ref]++
	b.most = max(b.most, len(b.inFlight))
	return b.onVerify, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.inFlight[ref]--; b.inFlight[ref] == 0 {
			delete(b.inFlight, ref)
		}
	}
}

func (b *bank) decide(c call, script func(call) *reply) *reply {
	if script != nil {
		if said := script(c); said != nil {
			if said.capture {
				b.document(c)
			}
			return said
		}
	}
	return b.document(c)
}

// document answers by the vendors' documents.
func (b *bank) document(c call) *reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.kind == "start" {
		return b.begun(c)
	}
	s := b.sales[c.gateway+"/"+c.ref]
	if c.gateway == "gardeshpay" {
		if s == nil {
			return &reply{body: `{"success":false,"code":2001,"message":"تراکنش یافت نشد","errors":[]}`}
		}
		s.captured++
		return &reply{body: verified(s.amount, s.captured > 1, s.number)}
	}
	switch {
	case s == nil:
		return &reply{status: 400, body: `{"44":"شماره پیگیری نامعتبر است"}`}
	case s.amount != c.amount:
		return &reply{status: 400, body: `{"47":"مبلغ برابر نیست"}`}
	case s.captured > 0:
		return &reply{status: 400, body: `{"15":"از قبل تایید شده است"}`}
	}
	s.captured++
	return &reply{body: fmt.Sprintf(`{"amount":%d,"cardNumber":"603799******1234","cardHashPan":"%s"}`, s.amount, strings.Repeat("AB", 32))}
}

// verified is GardeshPay's documented success.
func verified(amount int64, before bool, number string) string {
	return fmt.Sprintf(`{"success":true,"message":"","amount":%d,"verifiedBefore":%t,"data":{"cardNumber":"603799******1234","refNumber":"140208211234","message":"","invoiceNumber":%q,"invoiceDate":"2026-10-01T18:02:11"}}`,
		amount, before, number)
}

func (b *bank) begun(c call) *reply {
	s := &sale{gateway: c.gateway, amount: c.amount, token: fmt.Sprintf("t%06d", b.next.Add(1))}
	if c.gateway == "gardeshpay" {
		s.number, _ = c.body["invoiceNumber"].(string)
		s.callback, _ = c.body["callback"].(string)
		b.sales[s.token] = s
		return &reply{body: fmt.Sprintf(`{"success":true,"message":"","data":{"url":"%s/pay","token":%q}}`, b.at(c), s.token)}
	}
	s.number, _ = c.body["clientRefId"].(string)
	s.callback, _ = c.body["returnUrl"].(string)
	b.sales[s.token] = s
	return &reply{body: fmt.Sprintf(`{"code":%q}`, s.token)}
}

// at is the bank's own address as its caller knows it.
func (b *bank) at(c call) string {
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

func (b *bank) say(w http.ResponseWriter, r *http.Request, said *reply) {
	for name, value := range said.header {
		w.Header().Set(name, value)
	}
	if said.do != nil {
		said.do(w, r)
		return
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if said.status != 0 {
		w.WriteHeader(said.status)
	}
	_, _ = io.WriteString(w, said.body) // a caller that went away is the test's business
}

// reset drops a connection without a word.
func reset(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// lies makes the bank answer verify as a test wants; nil is by the documents.
func (b *bank) lies(script func(c call) *reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onVerify = script
}

// greets is lies for the start of a payment.
func (b *bank) greets(script func(c call) *reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onStart = script
}

// sale is the payment with a token.
func (b *bank) sale(token string) *sale {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sales[token]
	if s == nil {
		b.Fatalf("the bank knows no token %q", token)
	}
	return s
}

// sell lets the customer of a token pay, and returns the reference.
func (b *bank) sell(token, ref string) string {
	b.Helper()
	s := b.sale(token)
	if ref == "" {
		ref = fmt.Sprint(7_000_000 + b.next.Add(1))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.ref = ref
	b.sales[s.gateway+"/"+ref] = s
	return ref
}

// verifies counts the verify calls of a reference, of all with "".
func (b *bank) verifies(ref string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, c := range b.heard {
		if c.kind == "verify" && (ref == "" || c.ref == ref) {
			n++
		}
	}
	return n
}

// references are the different ones that the bank was asked to verify.
func (b *bank) references() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, c := range b.heard {
		if c.kind == "verify" && !slices.Contains(list, c.ref) {
			list = append(list, c.ref)
		}
	}
	return list
}

// income is what was captured, in the unit of the wire.
func (b *bank) income() (amount int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, s := range b.sales {
		if key == s.token && s.captured > 0 {
			amount += s.amount
		}
	}
	return amount
}

// calls are what the bank heard of one kind.
func (b *bank) calls(kind string) []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []call
	for _, c := range b.heard {
		if c.kind == kind {
			list = append(list, c)
		}
	}
	return list
}
