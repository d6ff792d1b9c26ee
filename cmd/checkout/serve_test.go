package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// running is a checkout that runs.
type running struct {
	*house
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs *safeBuffer
}

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

func (h *house) start(args ...string) *running {
	h.Helper()
	p := &running{house: h, cmd: h.command(args...), errs: &safeBuffer{}}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	p.out, p.cmd.Stderr = bufio.NewReader(pipe), p.errs
	if err := p.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// stop asks politely and expects a clean end.
func (p *running) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.Fatalf("did not end well: %v\n%s", err, p.errs)
	}
}

// serving starts checkout serve on a free port and waits until it is ready.
func (h *house) serving() (p *running, base string) {
	h.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	base = "http://" + addr
	return h.servingAs(addr, base), base
}

// servingAs starts checkout serve behind an address that customers know it by.
func (h *house) servingAs(addr, base string) *running {
	h.Helper()
	h.env = append(h.env, "CHECKOUT_ADDR="+addr, "CHECKOUT_BASE_URL="+base)
	p := h.start("serve")
	p.until("ready", func() bool {
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

func (p *running) until(what string, done func() bool) {
	p.Helper()
	for limit := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			p.Fatalf("never: %s\n%s", what, p.errs)
		}
	}
}

// api is one call of the API with a key.
func (h *house) api(method, address, key, body string, v any) int {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), method, address, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		h.Fatal(err)
	}
	return resp.StatusCode
}

// shop makes a merchant and a test key, with commands beside the running server.
func (h *house) shop() (key string) {
	h.Helper()
	h.must(nil, "merchant", "create", "--name", "خانهٔ سفال میبد", "--slug", "meybod")
	var made struct{ Secret string }
	h.must(&made, "apikey", "create", "--merchant", "meybod", "--name", "shop", "--test", "--json")
	return made.Secret
}

type answer struct {
	status int
	at     *url.URL
	body   string
}

// read takes an answer of one of the two clients.
func (h *house) read(resp *http.Response, err error) answer {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Request.URL, string(raw)}
}

var (
	mainTag   = regexp.MustCompile(`<main[^>]*data-state="([^"]*)"`)
	formTag   = regexp.MustCompile(`<form class="back" method="post" action="([^"]*)">`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

func state(body string) string {
	if m := mainTag.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// leave chooses a gateway and arrives at the simulator's page.
func (h *house) leave(link, gateway string) answer {
	h.Helper()
	at := h.read(h.client.PostForm(link+"/pay", url.Values{"gateway": {gateway}, "payer_name": {"نگار احمدی"}, "payer_mobile": {"09120000000"}}))
	if at.status != http.StatusOK || !strings.HasPrefix(at.at.Path, "/simulator/") {
		h.Fatalf("%s: arrived at %s with %d", gateway, at.at.Path, at.status)
	}
	return at
}

// pay takes a customer all the way and returns the page at the end.
func (h *house) pay(link, gateway, outcome string) answer {
	h.Helper()
	at := h.leave(link, gateway)
	end := h.read(h.client.PostForm(at.at.String(), url.Values{"outcome": {outcome}}))
	if form := formTag.FindStringSubmatch(end.body); form != nil {
		fields := url.Values{}
		for _, m := range hiddenTag.FindAllStringSubmatch(end.body, -1) {
			fields.Set(m[1], m[2])
		}
		end = h.read(h.client.PostForm(form[1], fields))
	}
	return end
}

func TestServe_BothGatewaysPay(t *testing.T) {
	h := newHouse(t)
	p, base := h.serving()
	key := h.shop()
	var links []string
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		var inv invoice
		if status := h.api("POST", base+"/api/v1/invoices", key, `{"amount":1500000,"description":"سفارش ۱۰۲۴"}`, &inv); status != http.StatusCreated {
			t.Fatalf("create: %d", status)
		}
		if end := h.pay(inv.PaymentURL, gateway, "paid"); end.status != http.StatusOK || state(end.body) != "paid" {
			t.Errorf("%s: ended at %s with %d, state %q", gateway, end.at.Path, end.status, state(end.body))
		}
		h.api("GET", base+"/api/v1/invoices/"+inv.ID, key, "", &inv)
		if inv.Status != "paid" || inv.Livemode {
			t.Errorf("%s: %+v", gateway, inv)
		}
		links = append(links, inv.PaymentURL)
	}
	// A command beside the server takes effect at once.
	var made invoice
	h.must(&made, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "2000000", "--json")
	if page := h.read(http.Get(made.PaymentURL)); state(page.body) != "payable" {
		t.Errorf("the command's invoice is %q", state(page.body))
	}
	// The simulator's calls are for us alone; strangers get its pages only.
	if got := h.read(http.Post(base+"/simulator/provider/payment/getToken", "application/json", strings.NewReader(`{}`))); got.status < 400 {
		t.Errorf("getToken is public: %d", got.status)
	}
	if got := h.read(http.Get(base + "/simulator/control/state")); got.status != http.StatusNotFound {
		t.Errorf("the control API is public: %d", got.status)
	}
	left := h.leave(made.PaymentURL, "gardeshpay")
	p.stop()
	h.start("serve")
	p.until("ready again", func() bool { resp, err := http.Get(base + "/readyz"); return err == nil && resp.Body.Close() == nil })
	for _, link := range links {
		if page := h.read(http.Get(link)); state(page.body) != "paid" {
			t.Errorf("after a restart %q", state(page.body))
		}
	}
	// The simulator's ledger survived too: the customer who was out there comes back and has paid.
	if end := h.read(http.PostForm(left.at.String(), url.Values{"outcome": {"paid"}})); state(end.body) != "paid" {
		t.Errorf("who was out over the restart: %q", state(end.body))
	}
}

// A live invoice can never be paid with test money: without an account no gateway takes it, and the
// simulator does not know its attempts.
func TestServe_LiveHasNoSimulator(t *testing.T) {
	h := newHouse(t)
	_, _ = h.serving()
	h.shop()
	var live invoice
	h.must(&live, "invoice", "create", "--merchant", "meybod", "--amount", "2000000", "--json")
	if page := h.read(http.Get(live.PaymentURL)); !live.Livemode || state(page.body) != "unavailable" {
		t.Errorf("a live invoice without an account is %q", state(page.body))
	}
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		got := h.read(http.PostForm(live.PaymentURL+"/pay", url.Values{"gateway": {gateway}, "payer_name": {"نگار"}, "payer_mobile": {"09120000000"}}))
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", gateway, got.status)
		}
	}
}

// SIGTERM while a verify is under way: the callback still gets its answer, and the payment is kept.
func TestServe_FinishesWhatIsUnderWay(t *testing.T) {
	h := newHouse(t)
	p, base := h.serving()
	key := h.shop()
	var inv invoice
	h.must(&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "2000000", "--json")
	at := h.leave(inv.PaymentURL, "gardeshpay")
	still := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sent, err := still.PostForm(at.at.String(), url.Values{"outcome": {"verify_slow"}}) // three seconds late
	if err != nil {
		t.Fatal(err)
	}
	_ = sent.Body.Close()
	came := make(chan error, 1)
	go func() {
		resp, err := still.Get(sent.Header.Get("Location"))
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusSeeOther {
				err = fmt.Errorf("status %d", resp.StatusCode)
			}
		}
		came <- err
	}()
	p.until("verifying", func() bool {
		h.api("GET", base+"/api/v1/invoices/"+inv.ID, key, "", &inv)
		return inv.Status == "processing"
	})
	p.stop()
	if err := <-came; err != nil {
		t.Errorf("the callback was cut off: %v", err)
	}
	h.start("serve")
	p.until("paid", func() bool {
		resp, err := http.Get(inv.PaymentURL)
		if err != nil {
			return false
		}
		return state(h.read(resp, nil).body) == "paid"
	})
}

func TestServe_OnlyOneHoldsTheFile(t *testing.T) {
	h := newHouse(t)
	h.serving()
	h.env = append(h.env, "CHECKOUT_ADDR=127.0.0.1:0")
	h.refused(h.run("serve"), 1, "another server")
}

func TestServe_PortTaken(t *testing.T) {
	h := newHouse(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	h.env = append(h.env, "CHECKOUT_ADDR="+l.Addr().String())
	h.refused(h.run("serve", "--json"), 1, l.Addr().String(), "taken", "CHECKOUT_ADDR")
}

type demoLinks struct {
	URL       string `json:"url"`
	PayableFA string `json:"payable_fa"`
	PayableEN string `json:"payable_en"`
	States    []struct{ State, URL string }
	Docs      string `json:"docs"`
	APIKey    string `json:"api_key"`
}

func (h *house) demo(args ...string) (*running, demoLinks) {
	h.Helper()
	p := h.start(append([]string{"demo", "--json", "--addr", "127.0.0.1:0"}, args...)...)
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		h.Fatalf("demo: %v\n%s", err, p.errs)
	}
	var d demoLinks
	if err := json.Unmarshal(line, &d); err != nil {
		h.Fatal(err)
	}
	return p, d
}

func TestDemo_EveryLinkWorksTwice(t *testing.T) {
	h := newHouse(t)
	h.env = h.env[:2] // nothing configured
	p, first := h.demo()
	want := map[string]string{
		"Expired": "expired", "Paid by card": "paid", "Card declined": "payable", "Paid, instalments": "paid", "Given up": "payable",
		"Canceled at Ghesta": "payable", "Withdrawn": "canceled", "Unclaimed payment": "canceled", "Needs a person": "review",
		"Too small to pay": "unavailable", "Being confirmed": "confirming",
	}
	for _, s := range first.States {
		// A refusal that the bank may take back is asked about again, and while that question is out the
		// page rightly says so.
		p.until(s.State+" shows "+want[s.State], func() bool {
			page := h.read(http.Get(s.URL))
			if page.status != http.StatusOK {
				t.Fatalf("%s: status %d", s.State, page.status)
			}
			return state(page.body) == want[s.State]
		})
		delete(want, s.State)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if page := h.read(http.Get(first.Docs)); page.status != http.StatusOK {
		t.Errorf("the docs: %d", page.status)
	}
	if end := h.pay(first.PayableFA, "ghesta", "paid"); state(end.body) != "paid" {
		t.Errorf("paying: %q", state(end.body))
	}
	if end := h.pay(first.PayableEN, "gardeshpay", "paid"); state(end.body) != "paid" || !strings.Contains(end.body, `lang="en"`) {
		t.Errorf("paying in English: %q", state(end.body))
	}
	p.stop()

	p, second := h.demo()
	if second.APIKey != first.APIKey || len(second.States) != len(first.States) {
		t.Errorf("another house: %+v", second)
	}
	path := func(link string) string { return link[strings.LastIndex(link, "/"):] }
	for i, s := range second.States {
		if path(s.URL) != path(first.States[i].URL) {
			t.Errorf("%s was made again", s.State)
		}
	}
	// What was paid stays paid; there is something to pay again.
	if page := h.read(http.Get(second.PayableFA)); path(second.PayableFA) == path(first.PayableFA) || state(page.body) != "payable" {
		t.Errorf("the payable one: %q", state(page.body))
	}
	var list struct{ Data []invoice }
	if status := h.api("GET", second.URL+"/api/v1/invoices?limit=100", second.APIKey, "", &list); status != http.StatusOK || len(list.Data) < 15 {
		t.Errorf("%d invoices, status %d", len(list.Data), status)
	}
	p.stop()

	p, third := h.demo("--fresh")
	if third.APIKey == first.APIKey || path(third.PayableFA) == path(second.PayableFA) {
		t.Error("--fresh kept something")
	}
	p.stop()
	if p.errs.String() != "" {
		t.Errorf("stderr: %s", p.errs)
	}
}

func TestDemo_PortTaken(t *testing.T) {
	h := newHouse(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	h.refused(h.run("demo", "--addr", l.Addr().String()), 1, l.Addr().String(), "--addr")
	h.refused(h.run("demo", "--addr", "192.0.2.1:8080"), 1, "--addr")
	if _, err := os.Stat(filepath.Join(h.dir, "data")); !os.IsNotExist(err) {
		t.Error("a demo that could not start left something behind")
	}
}

func TestSimulator_Alone(t *testing.T) {
	h := newHouse(t)
	h.env = h.env[:2]
	p := h.start("simulator", "--addr", "127.0.0.1:0", "--json")
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at struct{ URL string }
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatal(err)
	}
	token := h.read(http.Post(at.URL+"/provider/payment/getToken", "application/json",
		strings.NewReader(`{"amount":10000,"invoiceNumber":"1","invoiceDate":"2026-10-01T12:00:00","callback":"https://shop.example.ir/back"}`)))
	if token.status != http.StatusOK || !strings.Contains(token.body, `"success":true`) || !strings.Contains(token.body, at.URL) {
		t.Errorf("getToken: %d %s", token.status, token.body)
	}
	p.stop()
}
