package attacks_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
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

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// hook is a webhook endpoint of a shop.
type hook struct{ ID, Secret string }

// hooked adds an endpoint, or returns the status that refused it.
func (s *shop) hooked(url string) (hook, int) {
	s.Helper()
	var h hook
	body, err := json.Marshal(map[string]string{"url": url})
	if err != nil {
		s.Fatal(err)
	}
	status := s.api("POST", "/webhook-endpoints", string(body), &h)
	return h, status
}

func (s *shop) mustHook(url string) hook {
	s.Helper()
	h, status := s.hooked(url)
	if status != http.StatusCreated {
		s.Fatalf("%s: %d", url, status)
	}
	return h
}

type tried struct {
	ID, Status string
	Tries      []struct {
		StatusCode *int `json:"status_code"`
		Failure    *string
		Answer     string
	}
}

// probe sends a test message and returns what came of the nth try of it.
func (s *shop) probe(h hook) tried {
	s.Helper()
	var d tried
	if status := s.api("POST", "/webhook-endpoints/"+h.ID+"/test", "{}", &d); status != http.StatusAccepted {
		s.Fatalf("test: %d", status)
	}
	return s.untilTried(d.ID, 1)
}

func (s *shop) untilTried(id string, n int) (d tried) {
	s.Helper()
	until(s.TB, fmt.Sprintf("try %d of %s", n, id), func() bool {
		s.api("GET", "/deliveries/"+id, "", &d)
		return len(d.Tries) >= n
	})
	return d
}

// victim is a service that nobody may reach through us. It counts who tries.
type victim struct {
	net.Listener
	met atomic.Int64
}

func newVictim(t testing.TB, address string) *victim {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	v := &victim{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			v.met.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return v
}

func (v *victim) port() string {
	_, port, _ := net.SplitHostPort(v.Addr().String())
	return port
}

// T70: whatever a webhook's address says, or a name server says of it, now or the second time: no
// connection leads to us, to our network, to a cloud's metadata, or to what some translation makes of
// it. What the contract lets save (loopback) is refused when we connect.
func TestT70_WebhookSSRF(t *testing.T) {
	t.Parallel()
	// One address of this machine is allowed, to redirect from.
	h := open(t, map[string]string{"CHECKOUT_WEBHOOK_ALLOW": "127.0.0.2"})
	s := h.shop(newBank(t))
	v := newVictim(t, "127.0.0.1:0")
	port := ":" + v.port()

	for _, literal := range []string{
		"127.1" + port, "2130706433" + port, "0177.0.0.1" + port, "0x7f.0.0.1" + port, "0x7f000001" + port, "017700000001" + port, "１２７.０.０.１" + port, "127.0.0.1." + port,
		"0.0.0.0" + port, "[::]" + port, "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254/latest/meta-data/", "[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:169.254.169.254]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "192.0.2.1", "198.18.0.1",
		"224.0.0.1", "255.255.255.255", "[ff02::1]", "8.8.8.8:25", "user@shop.example", "shop.example#@127.0.0.1", "shop.example\\@127.0.0.1", "shop.example:0", "", "shop .example",
	} {
		if made, status := s.hooked("https://" + literal); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: saved as %+v, %d", literal, made, status)
		}
	}
	for _, plain := range []string{"http://shop.example/", "http://10.0.0.1/", "http://8.8.8.8/", "ftp://shop.example/", "javascript:alert(1)", "file:///etc/passwd", "//shop.example/", "https:shop.example"} {
		if _, status := s.hooked(plain); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", plain, status)
		}
	}

	refused := func(what, url, why string) {
		t.Helper()
		made := s.mustHook(url)
		d := s.probe(made)
		if got := d.Tries[0]; got.StatusCode != nil || got.Failure == nil || *got.Failure != why {
			t.Errorf("%s: %+v", what, d)
		}
		if status := s.api("DELETE", "/webhook-endpoints/"+made.ID, "", nil); status != http.StatusOK {
			t.Errorf("remove: %d", status)
		}
	}
	for _, loopback := range []string{"http://127.0.0.1" + port, "https://127.0.0.1" + port, "http://localhost" + port, "https://[::ffff:7f00:1]" + port, "https://[::1]" + port, "http://127.0.0.3" + port} {
		refused(loopback, loopback, "address_refused")
	}
	const name = "hook.attacks.test"
	for _, address := range []string{
		"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.1.2.3", "169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"2002:7f00:1::", "192.168.0.1", "224.0.0.1", "::127.0.0.1",
	} {
		names.point(name, address)
		refused("a name of "+address, "https://"+name+port+"/", "address_refused")
	}
	refused("no name", "https://nobody.attacks.test/", "dns")

	// NXDOMAIN first, then private: that the name failed does not skip the check.
	late := s.mustHook("https://later.attacks.test" + port)
	d := s.probe(late)
	names.point("later.attacks.test", "127.0.0.1")
	h.clock.forward(6 * time.Second)
	if d = s.untilTried(d.ID, 2); d.Tries[0].Failure == nil || *d.Tries[0].Failure != "dns" || d.Tries[1].Failure == nil || *d.Tries[1].Failure != "address_refused" {
		t.Errorf("NXDOMAIN, then private: %+v", d)
	}
	// A name that was in an allowed network when it was saved, and is elsewhere when we connect.
	names.point("rebinds.attacks.test", "127.0.0.2")
	rebinds := s.mustHook("http://rebinds.attacks.test" + port)
	names.point("rebinds.attacks.test", "127.0.0.1")
	if d := s.probe(rebinds); d.Tries[0].Failure == nil || *d.Tries[0].Failure != "address_refused" {
		t.Errorf("rebinding: %+v", d)
	}
	// An allowed receiver that sends us on to a forbidden one.
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	sends := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1"+port+"/", http.StatusTemporaryRedirect)
	})}}
	sends.Start()
	t.Cleanup(sends.Close)
	if d := s.probe(s.mustHook(sends.URL)); d.Tries[0].StatusCode == nil || *d.Tries[0].StatusCode != http.StatusTemporaryRedirect || d.Status != "pending" {
		t.Errorf("redirect: %+v", d)
	}
	if n := v.met.Load(); n != 0 {
		t.Errorf("the victim was reached %d times", n)
	}
}

// ear hears what a shop is told.
type ear struct {
	*httptest.Server
	mu    sync.Mutex
	heard []heard
}

type heard struct {
	header http.Header
	body   []byte
}

func listens(t testing.TB) *ear {
	t.Helper()
	e := &ear{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.heard = append(e.heard, heard{r.Header.Clone(), body})
		e.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *ear) all() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

var allowed = map[string]string{"CHECKOUT_WEBHOOK_ALLOW": "127.0.0.0/8"}

// T71: what is not signed by this endpoint's secret over exactly these bytes, this id and this time is
// refused by the standard's own library; an old message is stale; there is no empty secret.
func TestT71_WebhookForgingAndReplay(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	s := h.shop(newBank(t))
	e, other := listens(t), listens(t)
	mine, second := s.mustHook(e.URL), s.mustHook(other.URL)
	var rotated hook
	if status := s.api("POST", "/webhook-endpoints/"+mine.ID+"/rotate-secret", `{"overlap_hours":1}`, &rotated); status != http.StatusOK {
		t.Fatalf("rotate: %d", status)
	}
	s.invoice(price)
	until(t, "both told", func() bool { return len(e.all()) == 1 && len(other.all()) == 1 })
	m := e.all()[0]
	verify := func(secret string, header http.Header, body []byte) error {
		wh, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return err
		}
		return wh.Verify(body, header)
	}
	for _, secret := range []string{mine.Secret, rotated.Secret} {
		if err := verify(secret, m.header, m.body); err != nil {
			t.Errorf("the genuine message: %v", err)
		}
	}
	if verify(second.Secret, m.header, m.body) == nil || string(m.body) != string(other.all()[0].body) {
		t.Error("another endpoint's secret fits, or another endpoint hears another thing")
	}
	for at := range m.body {
		changed := slices.Clone(m.body)
		changed[at] ^= 0x20
		if verify(mine.Secret, m.header, changed) == nil {
			t.Fatalf("byte %d changed, and nobody notices", at)
		}
	}
	for _, body := range [][]byte{{}, m.body[1:], append(slices.Clone(m.body), ' '), []byte(strings.Replace(string(m.body), ":", " :", 1))} {
		if verify(mine.Secret, m.header, body) == nil {
			t.Errorf("taken: %.60s", body)
		}
	}
	for name, value := range map[string]string{
		"webhook-id": "evt_other", "webhook-timestamp": fmt.Sprint(time.Now().Unix() + 1), "webhook-signature": "v1,AAAA",
	} {
		forged := m.header.Clone()
		forged.Set(name, value)
		if verify(mine.Secret, forged, m.body) == nil {
			t.Errorf("another %s is taken", name)
		}
	}
	stale := m.header.Clone()
	stale.Set("webhook-timestamp", fmt.Sprint(time.Now().Add(-6*time.Minute).Unix()))
	if verify(mine.Secret, stale, m.body) == nil {
		t.Error("a stale one is taken")
	}
	for _, secret := range []string{mine.Secret, second.Secret, rotated.Secret} {
		if len(secret) != len("whsec_")+44 || strings.Contains(h.log.String(), secret) || strings.Contains(h.log.String(), secret[6:]) {
			t.Errorf("secret of %d characters, or in the log", len(secret))
		}
	}
}

// T72: a thousand messages for a receiver that takes them and never answers, and one that answers at
// once and then drips for ever. Payments go on, others are told, and the connections are few.
func TestT72_SlowWebhookReceiver(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	b := newBank(t)
	s, neighbour := h.shop(b), h.shop(b)
	var now, most atomic.Int64
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(release) })
	drips := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-release:
				return
			case <-r.Context().Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(drips.Close)
	e := listens(t)
	slow := s.mustHook(hangs.URL)
	neighbour.mustHook(e.URL)
	for range 1000 {
		if _, _, err := h.app.Engine.CreateInvoice(t.Context(), s.scope, payments.NewInvoice{Amount: money.Rial(price)}, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "it hangs", func() bool { return now.Load() > 0 })
	o := s.began("gardeshpay").pays()
	o.returns()
	s.paidOnce(o.inv)
	neighbour.invoice(price)
	until(t, "the neighbour told", func() bool { return len(e.all()) == 1 })
	if most.Load() > 64 {
		t.Errorf("%d connections to one receiver", most.Load())
	}
	var page struct{ Data []tried }
	if s.api("GET", "/webhook-endpoints/"+slow.ID+"/deliveries?status=pending&limit=100", "", &page); len(page.Data) != 100 {
		t.Errorf("%d wait", len(page.Data))
	}
	// A 200 that never ends is a 200.
	if d := s.probe(s.mustHook(drips.URL)); d.Status != "succeeded" || len(d.Tries[0].Answer) > 1024 {
		t.Errorf("drips: %+v", d)
	}
	// A flood is cut off.
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		for range 64 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	t.Cleanup(flood.Close)
	if d := s.probe(s.mustHook(flood.URL)); d.Status != "succeeded" || len(d.Tries[0].Answer) > 1024 {
		t.Errorf("flood: %+v", d)
	}
}

// T73: no card number, card hash, credential, callback or gateway token in what is sent; and each says
// which state it is of.
func TestT73_WebhookContent(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	s := h.shop(newBank(t))
	e := listens(t)
	made := s.mustHook(e.URL)
	secrets := []string{"canary-bearer", strings.Repeat("AB", 32), made.Secret, s.key, "card_hash", "cardHashPan", "merchant_id", "verify_url"}
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		o := s.began(gateway)
		secrets = append(secrets, o.callback[strings.LastIndex(o.callback, "/")+1:], `"`+o.token+`"`, o.number)
		o.pays().returns()
		s.paidOnce(o.inv)
	}
	until(t, "told", func() bool { return len(e.all()) == 6 })
	type body struct {
		ID, Type  string
		Timestamp time.Time
		Livemode  *bool
		Sequence  int64
		Data      struct {
			ID, Object, Status string
			InvoiceID          string `json:"invoice_id"`
		}
	}
	for _, m := range e.all() {
		for _, secret := range secrets {
			if strings.Contains(string(m.body), secret) {
				t.Errorf("it tells %q: %s", secret, m.body)
			}
		}
		var b body
		if err := json.Unmarshal(m.body, &b); err != nil {
			t.Fatal(err)
		}
		invoice := b.Data.ID
		if b.Data.Object == "attempt" {
			invoice = b.Data.InvoiceID
		}
		if b.ID != m.header.Get("webhook-id") || b.ID != strings.Replace(invoice, "inv_", "evt_", 1)+fmt.Sprint(b.Sequence) || b.Livemode == nil || !*b.Livemode || b.Timestamp.IsZero() || b.Sequence < 1 ||
			!slices.Contains(checkout.WebhookTypes(), b.Type) || !strings.HasPrefix(b.Type, b.Data.Object+".") {
			t.Errorf("%s", m.body)
		}
		want := strings.TrimPrefix(b.Type, b.Data.Object+".")
		if want == "created" {
			want = "open"
		}
		if b.Data.Status != want {
			t.Errorf("a %s of one that is %s", b.Type, b.Data.Status)
		}
	}
	// A certificate that proves nothing is no receiver, even where the operator allowed the network.
	self := httptest.NewUnstartedServer(http.NotFoundHandler())
	self.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, time.Now().Add(-time.Hour), "127.0.0.1")}}
	self.StartTLS()
	t.Cleanup(self.Close)
	if d := s.probe(s.mustHook(self.URL)); d.Tries[0].Failure == nil || *d.Tries[0].Failure != "tls" {
		t.Errorf("an expired certificate: %+v", d)
	}
}
