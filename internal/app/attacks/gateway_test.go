package attacks_test

import (
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// notStarted demands that a start ended with the page again: the customer was sent nowhere, the
// attempt is closed, and the books say why.
func (s *shop) notStarted(name, gateway string) {
	s.Helper()
	inv := s.invoice(price)
	form := s.payer()
	form.Set("gateway", gateway)
	a := s.post(inv.path()+"/pay", form)
	if a.status != http.StatusBadGateway || a.location() != "" || !strings.Contains(a.body, `action="`+inv.path()+`/pay"`) {
		s.Errorf("%s: %d to %q", name, a.status, a.location())
	}
	if strings.Contains(a.body, "evil") {
		s.Errorf("%s: the page repeats the gateway's words", name)
	}
	list := s.attempts(inv)
	if len(list) != 1 || list[0].Status != "failed" || list[0].Failure == nil || list[0].Failure.Stage != "create" {
		s.Errorf("%s: %+v", name, list)
	}
	s.stands(inv, "open")
	s.says(inv, "attempt.failed", 1)
	s.says(inv, "attempt.redirected", 0)
}

// startsAt demands that a start sends the customer to an address.
func (s *shop) startsAt(gateway, address string) {
	s.Helper()
	inv := s.invoice(price)
	form := s.payer()
	form.Set("gateway", gateway)
	if a := s.post(inv.path()+"/pay", form); a.status != http.StatusSeeOther || a.location() != address {
		s.Errorf("%d to %q, want %q", a.status, a.location(), address)
	}
}

// Where the gateway sends the customer is believed only on the account's own hosts.
func TestT30_HostileRedirect(t *testing.T) {
	h, s := onOne(t)
	says := func(data string) func(call) *reply {
		return func(call) *reply { return &reply{body: `{"success":true,"message":"","data":` + data + `}`} }
	}
	for _, url := range []string{
		`"https://ipg.gardeshpay.ir.evil.tld/p"`, `"https://x@evil.tld/p"`, `"https://ipg.gardeshpay.ir@evil.tld/p"`, `"https://x@ipg.gardeshpay.ir/p"`, `"//evil.tld/p"`, `"//ipg.gardeshpay.ir/p"`,
		`"http://ipg.gardeshpay.ir/p"`, `"javascript:alert(1)//ipg.gardeshpay.ir"`, `"data:text/html,evil"`, `"https://ipg.gardeshpay.ir/p\r\nSet-Cookie: evil=1"`, `"https://ipg.gardeshpay.ir/p?evil=1"`,
		`"https://ipg.gardeshpay.ir/p#evil"`, `"https://ipg.gardeshpay.ir\\@evil.tld/p"`, `"https://evil.tld\\.gardeshpay.ir/p"`, `"https:\\\\evil.tld/p"`, `"\\\\evil.tld/p"`, `"/\\evil.tld"`,
		`"https://127.0.0.1/p"`, `"http://127.0.0.1:1/p"`, `"https://[::1]/p"`, `"https://localhost/p"`, `"https://ipg.gardeshpay.ir:8443/p"`, `"https://gardeshpay.ir./p"`, `"https://evilgardeshpay.ir/p"`,
		`"https://gаrdeshpay.ir/p"`, `"https://ｇardeshpay.ir/p"`, `"https://ipg.gardeshpay.ir%2eevil.tld/p"`, `"https://evil.tld%2f.gardeshpay.ir/p"`, `" https://ipg.gardeshpay.ir/p"`, `"https:/ipg.gardeshpay.ir/p"`,
		`"https:ipg.gardeshpay.ir/p"`, `"ipg.gardeshpay.ir/p"`, `"https://ir/p"`, `"https://2130706433/p"`, `"ftp://ipg.gardeshpay.ir/p"`, `""`, `null`, `5`, `["https://ipg.gardeshpay.ir/p"]`,
		`"https://ipg.gardeshpay.ir/` + strings.Repeat("a", 3000) + `"`,
	} {
		one := h.shop(s.bank) // a gateway in trouble five times is given a rest
		one.set("gardeshpay", "redirect_hosts", "gardeshpay.ir,gardeshpay.com")
		s.bank.greets(says(`{"url":` + url + `,"token":"t1"}`))
		one.notStarted(url, "gardeshpay")
	}
	s.bank.greets(says(`{"url":"https://IPG.gardeshpay.ir:443/p/","token":"t1"}`))
	s.set("gardeshpay", "redirect_hosts", "gardeshpay.ir")
	s.startsAt("gardeshpay", "https://IPG.gardeshpay.ir:443/p/t1")
}

// The token stands in an address, so it is one of a strict alphabet. An integer is taken digit for
// digit from GardeshPay (CONTRACT §5; the row refuses it), and is no code of PayPing's.
func TestT31_HostileToken(t *testing.T) {
	h, s := onOne(t)
	tokens := []string{
		`"../x"`, `"a/../../evil"`, `"a?b"`, `"a#b"`, `"a b"`, `" a"`, `"a\n"`, `""`, `null`, `true`, `{}`, `["a"]`, `".."`, `"."`, `"a%2fb"`, `"a\\b"`, `"a;b"`, `"a@evil.tld"`, `"//evil.tld"`, `"\u06f1\u06f2"`,
		`"a\u0000"`, `"a\u202eb"`, `1.5`, `1e3`, `-`, `"` + strings.Repeat("a", 257) + `"`, `"` + strings.Repeat("a", 1<<20) + `"`,
	}
	for _, token := range append(tokens, "5") {
		one := h.shop(s.bank)
		s.bank.greets(func(c call) *reply {
			if c.gateway == "ghesta" {
				return &reply{body: `{"code":` + token + `}`}
			}
			return &reply{body: `{"success":true,"message":"","data":{"url":"` + s.bank.URL + `/pay","token":` + token + `}}`}
		})
		one.notStarted(token[:min(len(token), 40)], "ghesta")
		if token != "5" {
			one.notStarted(token[:min(len(token), 40)], "gardeshpay")
		}
	}
	const longer = "1403121807581998242" // above 2^53, as one was seen in the field
	s.bank.greets(func(c call) *reply {
		return &reply{body: `{"success":true,"message":"","data":{"url":"` + s.bank.URL + `/pay","token":` + longer + `}}`}
	})
	s.startsAt("gardeshpay", s.bank.URL+"/pay/"+longer)
	for _, token := range []string{"a", "82a4f72", "A.b_c~d-e", strings.Repeat("a", 256)} {
		s.bank.greets(func(call) *reply { return &reply{body: `{"code":"` + token + `"}`} })
		s.startsAt("ghesta", s.bank.URL+"/installment/"+token+"?type=ghesta")
	}
}

// secure serves the bank under TLS as told, and returns its address.
func (b *bank) secure(config *tls.Config) string {
	b.Helper()
	server := httptest.NewUnstartedServer(b.mux())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // broken handshakes are what it is for
	server.TLS = config
	server.StartTLS()
	b.Cleanup(server.Close)
	b.secured = append(b.secured, server)
	return server.URL
}

// hangUp closes every connection under TLS.
func (b *bank) hangUp() {
	for _, server := range b.secured {
		server.CloseClientConnections()
	}
}

// A gateway that cannot prove who it is is not asked, and what was not heard is not known.
func TestT32_WrongTLS(t *testing.T) {
	h, s := onOne(t)
	day := time.Now().Add(24 * time.Hour)
	good := &tls.Config{Certificates: []tls.Certificate{certificate(t, day, "127.0.0.1")}}
	selfSigned := httptest.NewTLSServer(s.bank.mux()) // with the library's own certificate
	selfSigned.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(selfSigned.Close)
	for name, address := range map[string]string{
		"self-signed":  selfSigned.URL,
		"expired":      s.bank.secure(&tls.Config{Certificates: []tls.Certificate{certificate(t, time.Now().Add(-time.Hour), "127.0.0.1")}}),
		"another host": s.bank.secure(&tls.Config{Certificates: []tls.Certificate{certificate(t, day, "pay.example.ir")}}),
		"TLS 1.0":      s.bank.secure(&tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}),
		"TLS 1.1":      s.bank.secure(&tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
		"no TLS":       strings.Replace(s.bank.URL, "http:", "https:", 1),
	} {
		one := h.shop(s.bank)
		one.set("gardeshpay", "verify_url", address+"/gardeshpay/verify")
		one.set("ghesta", "verify_url", address+"/ghesta/verify")
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			o := one.began(gateway).pays()
			o.returns()
			one.stands(o.inv, "processing")
			o.is("verifying", "")
			one.unpaid(o.inv)
			if one.count(o.inv, "verify.answered") == 0 || !strings.Contains(one.story(o.inv), `"outcome":"unknown"`) {
				t.Errorf("%s: the books say\n%s", name, one.story(o.inv))
			}
			if n := s.bank.verifies(o.ref); n != 0 {
				t.Errorf("%s: the bank heard %d questions", name, n)
			}
		}
		one.set("gardeshpay", "token_url", address+"/gardeshpay/token")
		one.set("ghesta", "pay_url", address+"/ghesta/pay")
		heard := len(s.bank.calls("start"))
		one.notStarted(name, "gardeshpay")
		one.notStarted(name, "ghesta")
		if now := len(s.bank.calls("start")); now != heard {
			t.Errorf("%s: the bank heard a start", name)
		}
	}
	fine := s.bank.secure(good)
	s.set("gardeshpay", "verify_url", fine+"/gardeshpay/verify")
	o := s.began("gardeshpay").pays()
	o.returns()
	s.paidOnce(o.inv)
	for _, key := range []string{"insecure", "skip_verify", "tls"} {
		if err := s.trySet("gardeshpay", key, "true"); err == nil {
			t.Errorf("there is a switch %q", key)
		}
	}
}

// A redirect from a gateway's API is an answer without meaning; nothing is sent after it.
func TestT33_RedirectFromTheAPI(t *testing.T) {
	h, s := onOne(t)
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen.Add(1)
		t.Errorf("sent on to %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(thief.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{thief.URL + "/x", "//" + thief.Listener.Addr().String(), s.bank.URL + "/gardeshpay/verify", "%zz", ""} {
			moved := &reply{status: status, header: map[string]string{"Location": to}, body: `{"success":true}`}
			one := h.shop(s.bank)
			for _, gateway := range []string{"gardeshpay", "ghesta"} {
				s.bank.lies(func(c call) *reply {
					if c.nth == 1 {
						return moved
					}
					return nil
				})
				o := one.began(gateway).pays()
				o.returns()
				one.ends(o.inv, "paid")
				if n := s.bank.verifies(o.ref); n != 2 {
					t.Errorf("%d to %q: asked %d times", status, to, n)
				}
				if !strings.Contains(one.story(o.inv), `"outcome":"unknown"`) {
					t.Errorf("%d was believed:\n%s", status, one.story(o.inv))
				}
				s.bank.greets(func(call) *reply { return moved })
				one.notStarted(fmt.Sprint(status), gateway)
				s.bank.greets(nil)
			}
		}
	}
	if stolen.Load() != 0 {
		t.Errorf("%d requests went elsewhere", stolen.Load())
	}
}

// endless writes until nobody reads any more, and counts.
func endless(written *atomic.Int64, zipped bool) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var to io.Writer = &counting{w, written}
		if zipped {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(to)
			defer func() { _ = packed.Close() }()
			to = packed
		}
		block := []byte(`{"success":true,"x":"` + strings.Repeat(" ", 1<<20))
		for range 200 {
			if _, err := to.Write(block); err != nil {
				return
			}
		}
	}
}

type counting struct {
	w io.Writer
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// Answers without an end are read for 64 KiB, after unpacking, and prove nothing.
func TestT34_SizeBombs(t *testing.T) {
	_, s := onOne(t)
	for name, bomb := range map[string]func(written *atomic.Int64) *reply{
		"200 MB of JSON": func(n *atomic.Int64) *reply { return &reply{do: endless(n, false)} },
		"gzip bomb":      func(n *atomic.Int64) *reply { return &reply{do: endless(n, true)} },
		"1 MB of header": func(*atomic.Int64) *reply {
			return &reply{header: map[string]string{"X-Filler": strings.Repeat("x", 1<<20)}, body: verified(price, false, "")}
		},
		"a thousand headers": func(*atomic.Int64) *reply {
			many := map[string]string{}
			for i := range 1000 {
				many[fmt.Sprintf("X-Filler-%d", i)] = strings.Repeat("x", 100)
			}
			return &reply{header: many, body: verified(price, false, "")}
		},
	} {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			var written atomic.Int64
			s.bank.lies(func(c call) *reply {
				if c.nth == 1 {
					return bomb(&written)
				}
				return nil
			})
			o := s.began(gateway).pays()
			o.returns()
			s.ends(o.inv, "paid")
			if n := s.bank.verifies(o.ref); n != 2 || !strings.Contains(s.story(o.inv), `"outcome":"unknown"`) {
				t.Errorf("%s: asked %d times\n%s", name, n, s.story(o.inv))
			}
			for _, e := range s.events(o.inv) {
				if len(e.Data) > 4<<10 {
					t.Errorf("%s: an event of %d bytes", name, len(e.Data))
				}
			}
			// What sockets hold on both sides is more than was read, and far less than was meant.
			if written.Load() > 16<<20 {
				t.Errorf("%s: %d bytes were taken", name, written.Load())
			}
		}
	}
}

// A gateway that is slow in every way. The row's ten seconds are CHECKOUT_GATEWAY_TIMEOUT by the
// contract; the customers of other gateways do not feel it.
func TestT35_SlowGateway(t *testing.T) {
	t.Parallel()
	slow, quick := newBank(t), newBank(t)
	h := open(t, map[string]string{"CHECKOUT_GATEWAY_TIMEOUT": "2s"})
	s := h.shop(slow)
	s.set("ghesta", "pay_url", quick.URL+"/ghesta/pay", "verify_url", quick.URL+"/ghesta/verify", "installment_url", quick.URL+"/installment/{code}?type=ghesta")
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never reads
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() })
	waits := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drips := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
	halts := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	var all []*out
	slow.lies(func(c call) *reply {
		if c.nth > 1 {
			return nil
		}
		switch c.ref[0] {
		case '1':
			return &reply{do: waits}
		case '2':
			return &reply{do: drips}
		}
		return &reply{do: halts}
	})
	for i := range 60 {
		o := s.began("gardeshpay")
		o.ref = slow.sell(o.token, fmt.Sprintf("%d%05d", 1+i%3, i))
		all = append(all, o)
	}
	one := h.shop(slow)
	one.set("gardeshpay", "verify_url", "http://"+deaf.Addr().String()+"/verify")
	unheard := one.began("gardeshpay").pays()
	var crowd sync.WaitGroup
	for _, o := range append(all, unheard) {
		crowd.Go(func() { o.returns() })
	}
	until(t, "the gateway hangs", func() bool { return slow.verifies("") >= 60 })

	// Meanwhile others pay, at another gateway.
	s.bank = quick
	other := s.began("ghesta").pays()
	other.returns()
	s.paidOnce(other.inv)
	s.bank = slow
	crowd.Wait()
	for _, o := range all {
		s.ends(o.inv, "paid") // the second question was heard
		s.paidOnce(o.inv)
	}
	one.stands(unheard.inv, "processing")
	one.unpaid(unheard.inv)

	slow.greets(func(call) *reply { return &reply{do: waits} })
	h.shop(slow).notStarted("a start that hangs", "gardeshpay")
	slow.greets(func(call) *reply { return &reply{do: drips} })
	h.shop(slow).notStarted("a start that drips", "gardeshpay")
}

// neverPays brings a payment whose every answer is the given one, on a window of a second, and
// demands how it ends.
func (s *shop) neverPays(name, gateway, end, code string, answer func(o *out) *reply) {
	s.Helper()
	o := s.began(gateway).pays()
	said := answer(o)
	s.bank.answers(o.ref, said)
	o.returns()
	s.ends(o.inv, end)
	o.is(map[string]string{"review": "needs_review", "open": "failed", "processing": "verifying"}[end], code)
	s.unpaid(o.inv)
	if s.count(o.inv, "verify.answered") != s.bank.verifies(o.ref) {
		s.Errorf("%s: %d questions\n%s", name, s.bank.verifies(o.ref), s.story(o.inv))
	}
	if end == "review" && s.bank.verifies(o.ref) < 2 {
		s.Errorf("%s: given up after %d questions", name, s.bank.verifies(o.ref))
	}
}

// answers makes the bank say the same thing about a reference, every time.
func (b *bank) answers(ref string, said *reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.said == nil {
		b.said = map[string]*reply{}
		b.onVerify = func(c call) *reply {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.said[c.ref]
		}
	}
	b.said[ref] = said
}

// closely is a shop whose questions end after a second.
func closely(t *testing.T) *shop {
	t.Helper()
	_, s := onOne(t)
	s.set("gardeshpay", "verify_window", "1s")
	s.set("ghesta", "verify_window", "1s")
	return s
}

// crowd runs cases side by side: each waits a second for its window.
func crowd[T any](list []T, run func(T)) {
	var all sync.WaitGroup
	for _, c := range list {
		all.Go(func() { run(c) })
	}
	all.Wait()
}

// What is not the documented JSON decides nothing, least of all by its status. It is asked again,
// and the documented answer then pays.
func TestT36_NotJSON(t *testing.T) {
	bodies := []string{
		"", " ", "OK", "null", "[]", "{}", "true", "1500000", `"success"`, "<html><title>Login to the hotel's network</title>success:true</html>",
		"\ufeff" + `{"success":true}`, `{"success":true`, `{"success":true,"amount":1500000,"data":{"invoiceNumber":`, "success=true&amount=1500000", "\x00\x01\x02", "\xff\xfe{}", `{"success":true}\n`,
	}
	t.Run("at first", func(t *testing.T) {
		_, s := onOne(t)
		for _, body := range bodies {
			for _, gateway := range []string{"gardeshpay", "ghesta"} {
				o := s.began(gateway).pays()
				s.bank.lies(func(c call) *reply {
					if c.nth == 1 {
						return &reply{body: body, header: map[string]string{"Content-Type": "text/html"}}
					}
					return nil
				})
				o.returns()
				s.ends(o.inv, "paid")
				s.paidOnce(o.inv)
				if n := s.bank.verifies(o.ref); n != 2 {
					t.Errorf("%s %q: asked %d times", gateway, body, n)
				}
			}
		}
	})
	t.Run("for ever", func(t *testing.T) {
		s := closely(t)
		crowd(bodies, func(body string) {
			for _, gateway := range []string{"gardeshpay", "ghesta"} {
				s.neverPays(body, gateway, "review", "outcome_unknown", func(*out) *reply { return &reply{body: body} })
			}
		})
	})
}

// JSON that two readers could read in two ways.
func TestT37_JSONTricks(t *testing.T) {
	s := closely(t)
	card := func(change func(body string) string) func(o *out) *reply {
		return func(o *out) *reply { return &reply{body: change(verified(price, false, o.number))} }
	}
	swap := func(from, to string) func(o *out) *reply {
		return card(func(body string) string {
			if !strings.Contains(body, from) {
				t.Errorf("%s has no %s", body, from)
			}
			return strings.Replace(body, from, to, 1)
		})
	}
	type trick struct {
		name   string
		answer func(o *out) *reply
	}
	crowd([]trick{
		{"false, then true", swap(`"success":true`, `"success":false,"success":true`)},
		{"true, then false", swap(`"success":true`, `"success":true,"success":false`)},
		{"true twice", swap(`"success":true`, `"success":true,"success":true`)},
		{"escaped twin", swap(`"success":true`, `"success":false,"\u0073uccess":true`)},
		{"upper case", swap(`"success"`, `"SUCCESS"`)},
		{"in two cases", swap(`"success":true`, `"success":true,"Success":false`)},
		{"as text", swap(`true`, `"true"`)},
		{"as number", swap(`true`, `1`)},
		{"amount with exponent", swap("1500000", "15e5")},
		{"amount with fraction", swap("1500000", "1500000.0")},
		{"amount too large", swap("1500000", "9223372036854775808")},
		{"amount wraps to ours", swap("1500000", "18446744073711051616")},
		{"amount with a space", swap("1500000", `"1500000 "`)},
		{"amount with a sign", swap("1500000", `"+1500000"`)},
		{"amount in Persian", swap("1500000", `"۱۵۰۰۰۰۰"`)},
		{"amount twice", swap(`"amount":1500000`, `"amount":1500000,"amount":1500000`)},
		{"two amounts", swap(`"invoiceNumber"`, `"amount":1000,"invoiceNumber"`)},
		{"amount in another case", swap(`"amount"`, `"Amount"`)},
		{"number twice", swap(`"invoiceNumber"`, `"invoiceNumber":"1","invoiceNumber"`)},
		{"number in another case", swap(`"invoiceNumber"`, `"InvoiceNumber"`)},
		{"two numbers", swap(`"verifiedBefore"`, `"invoiceNumber":"1","verifiedBefore"`)},
		{"number as a number", func(o *out) *reply {
			return &reply{body: strings.Replace(verified(price, false, o.number), `"`+o.number+`"`, o.number, 1)}
		}},
		{"data twice", swap(`"data":{`, `"data":{"invoiceNumber":"1"},"data":{`)},
		{"data as a list", card(func(body string) string {
			return strings.Replace(strings.Replace(body, `"data":{`, `"data":[{`, 1), `"}}`, `"}]}`, 1)
		})},
		{"junk behind", card(func(body string) string { return body + "{}" })},
		{"NUL behind", card(func(body string) string { return body + "\x00" })},
		{"BOM before", card(func(body string) string { return "\ufeff" + body })},
		{"comment", card(func(body string) string { return "/* */" + body })},
		{"in a list", card(func(body string) string { return "[" + body + "]" })},
		{"broken UTF-8", swap(`"message":""`, "\"message\":\"\xff\"")},
		{"deep", swap(`"message":""`, `"message":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000))},
	}, func(c trick) { s.neverPays(c.name, "gardeshpay", "review", "outcome_unknown", c.answer) })
	crowd([]string{
		`{"amount":1500000,"amount":1500000}`, `{"amount":1,"amount":1500000}`, `{"Amount":1500000}`, `{"AMOUNT":1500000}`, `{"amount":1500000,"Amount":1}`, `{"amount":1500000.0}`, `{"amount":15e5}`,
		`{"amount":true}`, `{"amount":null}`, `{"amount":[1500000]}`, `{"amount":"1500000 "}`, `{"amount":"۱۵۰۰۰۰۰"}`, `{"amount":18446744073711051616}`, `[{"amount":1500000}]`, `{"amount":1500000}x`,
		`{"amount":1500000}{"amount":1500000}`, `{"amount":01500000}`, `{'amount':1500000}`, `{"amount":1500000,}`, `{"amount":0x16E360}`, `{"amount":1500000,"cardNumber":{}}`, "\ufeff" + `{"amount":1500000}`,
	}, func(body string) {
		s.neverPays(body, "ghesta", "review", "outcome_unknown", func(*out) *reply { return &reply{body: body} })
	})
}

// Answers that say yes and no. None pays. The row gives them to a person at once; by CONTRACT §6.4
// they decide nothing, are asked again, and go to a person when the window closes. A plain
// success:false with 200 is a documented refusal.
func TestT38_Contradictions(t *testing.T) {
	s := closely(t)
	type word struct {
		name, gateway, end, code string
		status                   int
		body                     func(o *out) string
	}
	whole := func(o *out) string { return verified(price, false, o.number) }
	with := func(from, to string) func(*out) string {
		return func(o *out) string { return strings.Replace(whole(o), from, to, 1) }
	}
	said := func(body string) func(*out) string { return func(*out) string { return body } }
	words := []word{
		{"code", "gardeshpay", "review", "outcome_unknown", 200, with(`"message":""`, `"code":5,"message":""`)},
		{"code as text", "gardeshpay", "review", "outcome_unknown", 200, with(`"message":""`, `"code":"E","message":""`)},
		{"errors", "gardeshpay", "review", "outcome_unknown", 200, with(`"message":""`, `"errors":["no"],"message":""`)},
		{"errors as an object", "gardeshpay", "review", "outcome_unknown", 200, with(`"message":""`, `"errors":{"x":1},"message":""`)},
		{"code and errors", "gardeshpay", "review", "outcome_unknown", 200, with(`"message":""`, `"code":5,"errors":["no"],"message":""`)},
		{"false, but verified before", "gardeshpay", "review", "outcome_unknown", 200, said(`{"success":false,"verifiedBefore":true,"message":"","errors":[]}`)},
		{"plain refusal", "gardeshpay", "open", "", 200, said(`{"success":false,"message":"","errors":[]}`)},
	}
	for _, status := range []int{300, 304, 404, 409, 500, 502, 503} {
		words = append(words,
			word{fmt.Sprint("success with ", status), "gardeshpay", "review", "outcome_unknown", status, whole},
			word{fmt.Sprint("success with ", status), "ghesta", "review", "outcome_unknown", status, said(`{"amount":1500000}`)})
	}
	words = append(words, word{"success with 201", "ghesta", "review", "outcome_unknown", 201, said(`{"amount":1500000}`)})
	for _, body := range []string{`{"amount":1500000,"15":"x"}`, `{"15":"x"}`, `{"amount":1500000,"47":"x"}`, `{"code":"x"}`} {
		words = append(words, word{"200 " + body, "ghesta", "review", "outcome_unknown", 200, said(body)})
	}
	for _, body := range []string{`{"15":"x","7":"y"}`, `{" 15":"x"}`, `{"015":"x"}`, `{}`, `{"15":"x","15":"x"}`, `{"amount":1500000,"cardNumber":""}`} {
		words = append(words, word{"400 " + body, "ghesta", "review", "outcome_unknown", 400, said(body)})
	}
	words = append(words, word{"400 with an amount", "ghesta", "open", "amount", 400, said(`{"amount":1500000}`)}) // a field's error by the documents
	crowd(words, func(w word) {
		s.neverPays(w.name, w.gateway, w.end, w.code, func(o *out) *reply { return &reply{status: w.status, body: w.body(o)} })
	})
}

// Hostile text in everything a gateway may say. Nothing of it acts on a page, and no card number is
// kept, wherever it was put and however it is written.
func TestT39_HostileText(t *testing.T) {
	h, s := onOne(t)
	const pan, pan2, persian = "6037991234567890", "6219861034567895", "۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۰"
	hostile := `<script>alert(1)</script><img src=x onerror=alert(2)>\u202egpj.exe\u2066 ` + pan + ` 6037-9912-3456-7890 ` + persian + `\u0000\u001b[2J` + strings.Repeat("ض", 5000)
	var told []*out
	for name, answer := range map[string]func(o *out) *reply{
		"message": func(o *out) *reply {
			return &reply{body: strings.ReplaceAll(verified(price, false, o.number), `"message":""`, `"message":"`+hostile+`"`)}
		},
		"cards": func(o *out) *reply {
			return &reply{body: strings.NewReplacer("603799******1234", pan2, "140208211234", pan2).Replace(verified(price, false, o.number))}
		},
		"card with markup": func(o *out) *reply {
			return &reply{body: strings.NewReplacer("603799******1234", hostile, "140208211234", "<blink>"+hostile).Replace(verified(price, false, o.number))}
		},
		"refusal": func(*out) *reply {
			return &reply{body: `{"success":false,"code":"` + hostile + `","message":"` + hostile + `","errors":["` + hostile + `"],"` + pan + `":1}`}
		},
	} {
		o := s.began("gardeshpay").pays()
		s.bank.answers(o.ref, answer(o))
		o.returns()
		told = append(told, o)
		if want := map[bool]string{true: "open", false: "paid"}[name == "refusal"]; s.read(o.inv).Status != want {
			t.Errorf("%s: %s\n%s", name, s.read(o.inv).Status, s.story(o.inv))
		}
	}
	for _, reply := range []*reply{
		{body: `{"amount":1500000,"cardNumber":"` + pan + `","cardHashPan":"` + pan2 + `","x":"` + hostile + `"}`},
		{status: 400, body: `{"4":"` + hostile + `"}`},
		{status: 400, body: `{"` + pan + `":"` + hostile + `"}`},
	} {
		o := s.began("ghesta").pays()
		s.bank.answers(o.ref, reply)
		o.returns()
		told = append(told, o)
	}
	s.bank.greets(func(call) *reply {
		return &reply{body: `{"success":false,"code":"` + hostile + `","message":"` + hostile + `","errors":[]}`}
	})
	inv := s.invoice(price)
	form := s.payer()
	form.Set("gateway", "gardeshpay")
	refused := s.post(inv.path()+"/pay", form)
	s.bank.greets(nil)

	pages, data := refused.body, ""
	for _, o := range append(told, &out{inv: inv}) {
		page := s.get(o.inv.path() + "?lang=en")
		// Digits of our own language show as Persian ones on a Persian page, so both are looked at.
		for _, body := range []string{page.body, s.get(o.inv.path()).body} {
			pages += body
		}
		for _, what := range []string{"", "/attempts", "/events?limit=100"} {
			a := s.get("/api/v1/invoices/"+o.inv.ID+what, "Authorization", "Bearer "+s.key)
			data += a.body
			if kind := a.header.Get("Content-Type"); kind != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("the API answers as %q", kind)
			}
		}
		for _, a := range s.attempts(o.inv) {
			if a.Failure != nil && (len(a.Failure.Message) > 500 || len(a.Failure.Code) > 64) {
				t.Errorf("a failure of %d and %d bytes", len(a.Failure.Code), len(a.Failure.Message))
			}
		}
		for _, e := range s.events(o.inv) {
			if len(e.Data) > 4<<10 {
				t.Errorf("an event of %d bytes", len(e.Data))
			}
		}
	}
	for _, banned := range []string{"<script", "<img src=x", "<blink>"} { // in JSON they are text
		if strings.Contains(pages, banned) {
			t.Errorf("%q came through", banned)
		}
	}
	for _, banned := range []string{"\u202e", "\u2066", "\x1b", "\x00"} {
		if strings.Contains(pages+data, banned) {
			t.Errorf("%q came through", banned)
		}
	}
	stored := h.disk()
	for place, text := range map[string]string{"shown": pages + data, "logged": h.log.String(), "stored": stored} {
		for _, number := range []string{pan, pan2, persian, "6037-9912-3456-7890", "6037991234567890"} {
			if strings.Contains(text, number) {
				t.Errorf("the card number %s is %s", number, place)
			}
		}
	}
	if !strings.Contains(stored, told[0].ref) {
		t.Error("the database is not where this test looks for it")
	}
}

// disk is everything the database's files hold, raw.
func (h *house) disk() string {
	h.Helper()
	file := strings.TrimPrefix(h.env["CHECKOUT_DATABASE_URL"], "sqlite:")
	files, err := filepath.Glob(file + "*")
	if err != nil {
		h.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			h.Fatal(err)
		}
		all.Write(raw)
	}
	return all.String()
}

// What speaks of our credentials or our pace says nothing of the payment.
func TestT40_Unauthorized(t *testing.T) {
	h, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		for _, status := range []int{401, 403, 429} {
			for _, body := range []string{"", `{"success":false,"code":403,"message":"IpAddressNotAllowed","errors":[]}`, `{"44":"x"}`, `{"15":"x"}`, `{"success":true,"amount":1500000}`} {
				o := s.began(gateway).pays()
				s.bank.lies(func(c call) *reply {
					if c.nth == 1 {
						return &reply{status: status, body: body}
					}
					return nil
				})
				o.returns()
				s.ends(o.inv, "paid")
				s.paidOnce(o.inv)
				s.says(o.inv, "attempt.failed", 0)
				if !strings.Contains(s.story(o.inv), fmt.Sprintf(`"http_status":%d`, status)) {
					t.Errorf("%s %d: the books do not say it\n%s", gateway, status, s.story(o.inv))
				}
			}
			s.bank.greets(func(call) *reply { return &reply{status: status} })
			h.shop(s.bank).notStarted(fmt.Sprint(status), gateway)
			s.bank.greets(nil)
		}
		// Asked to wait, we wait, but never past what the window leaves.
		o := s.began(gateway).pays()
		s.bank.lies(func(c call) *reply {
			if c.nth == 1 {
				return &reply{status: 429, header: map[string]string{"Retry-After": "3600"}}
			}
			return nil
		})
		o.returns()
		s.stands(o.inv, "processing")
		if n := s.bank.verifies(o.ref); n != 1 {
			t.Errorf("%s: asked %d times, though told to wait", gateway, n)
		}
		h.clock.forward(61 * time.Second)
		s.ends(o.inv, "paid")
		s.paidOnce(o.inv)
	}
}

// A name that leads into the cloud's own network, at once or later. (Private addresses stay
// possible: the operator sets addresses, by CONTRACT §5, and a relay inside is common.)
func TestT41_ForbiddenAddresses(t *testing.T) {
	h, s := onOne(t)
	const name = "gateway.attacks.test"
	names.point(name, "127.0.0.1")
	address := s.bank.secure(&tls.Config{Certificates: []tls.Certificate{certificate(t, time.Now().Add(time.Hour), name, "0.0.0.0", "127.0.0.1")}})
	port := address[strings.LastIndex(address, ":"):]
	s.set("gardeshpay", "verify_url", "https://"+name+port+"/gardeshpay/verify")
	o := s.began("gardeshpay").pays()
	o.returns()
	s.paidOnce(o.inv)

	for _, metadata := range []string{"169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"} {
		names.point(name, metadata)
		// Idle connections to the old address are gone, as after half a minute.
		s.bank.hangUp()
		o := s.began("gardeshpay").pays()
		o.returns()
		s.forbidden(metadata, o)
	}
	for _, literal := range []string{"169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0" + port, "[::]" + port, "[ff02::1]"} {
		one := h.shop(s.bank)
		one.set("gardeshpay", "verify_url", "https://"+literal+"/gardeshpay/verify")
		o := one.began("gardeshpay").pays()
		o.returns()
		one.forbidden(literal, o)
	}
}

// forbidden demands that a question was never sent, and is not taken for an answer.
func (s *shop) forbidden(name string, o *out) {
	s.Helper()
	s.stands(o.inv, "processing")
	s.unpaid(o.inv)
	if n := s.bank.verifies(o.ref); n != 0 {
		s.Errorf("%s: the bank was asked %d times", name, n)
	}
	if story := s.story(o.inv); !strings.Contains(story, "no gateway can have") {
		s.Errorf("%s: it was not refused for its address:\n%s", name, story)
	}
}
