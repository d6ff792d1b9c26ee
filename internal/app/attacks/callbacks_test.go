package attacks_test

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var switchLink = regexp.MustCompile(`href="[^"]*[?]lang=[a-z]+"`)

// An address that leads to no attempt: one page for all of them, whatever was wrong with it. There
// is no attempt, so there is nothing in whose books it could stand.
func TestT13_UnknownAttempt(t *testing.T) {
	h, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		o := s.began(gateway).pays()
		own := o.callback[strings.LastIndex(o.callback, "/")+1:]
		other := s.began(map[string]string{"gardeshpay": "ghesta", "ghesta": "gardeshpay"}[gateway])
		tokens := []string{
			strings.Repeat("A", len(own)), own[:len(own)-1], own + "A", own[1:] + own[:1], strings.ToUpper(own), strings.Repeat("a", 10_000),
			other.callback[strings.LastIndex(other.callback, "/")+1:], o.inv.token(), o.number, o.token, o.inv.ID, "..%2f..%2fadmin", "%00", "x", own + "/", own + "/x", own + "%20",
		}
		for i := range own { // one character off, at every place
			tokens = append(tokens, own[:i]+string(alphabet[(strings.IndexByte(alphabet, own[i])+1)%64])+own[i+1:])
		}
		page := ""
		s.unmoved(o.inv, "", func() {
			for _, token := range tokens {
				stray := *o
				stray.callback = h.base + "/cb/" + gateway + "/" + token
				a := stray.back(o.claim(o.ref))
				if a.status != http.StatusNotFound {
					t.Errorf("%s %.60q: %d", gateway, token, a.status)
					continue
				}
				// The page leads back to its own address in the other language, and says nothing else of it.
				body := switchLink.ReplaceAllString(a.body, "")
				if page == "" {
					page = body
				}
				if body != page {
					t.Errorf("%s %.60q: another page than the others:\n%s\n%s", gateway, token, body, page)
				}
				if strings.Contains(body, o.inv.token()) || strings.Contains(body, o.ref) {
					t.Errorf("%s %.60q: the page knows the payment", gateway, token)
				}
			}
		})
		o.returns()
		s.paidOnce(o.inv)
	}
}

// The addresses of two thousand attempts: no two alike, every one of the 128 random bits a coin of
// its own, the rest a MAC; nothing in them of the invoice, its number or the moment.
func TestT14_AttemptAddressesAreRandom(t *testing.T) {
	_, s := onOne(t)
	const invoices, each = 100, 20
	var mu sync.Mutex
	var all sync.WaitGroup
	work := make(chan invoice)
	tokens, numbers := map[string]bool{}, map[string]bool{}
	for range 32 {
		all.Go(func() {
			for inv := range work {
				for range each {
					o := s.start(inv, "gardeshpay")
					token := o.callback[strings.LastIndex(o.callback, "/")+1:]
					if strings.Contains(token, o.number) || strings.Contains(token, inv.token()) || strings.Contains(token, inv.ID[4:]) || len(token) < 43 {
						t.Errorf("token %s of %+v", token, o.inv)
					}
					mu.Lock()
					tokens[token], numbers[o.number] = true, true
					mu.Unlock()
				}
			}
		})
	}
	for range invoices {
		work <- s.invoice(price)
	}
	close(work)
	all.Wait()
	const n = invoices * each
	if len(tokens) != n || len(numbers) != n {
		t.Fatalf("%d tokens and %d numbers of %d attempts", len(tokens), len(numbers), n)
	}
	if t.Failed() {
		return
	}
	ones := make([]int, 6*22)
	for token := range tokens {
		for i := range 22 {
			v := strings.IndexByte(alphabet, token[i])
			for bit := range 6 {
				ones[6*i+bit] += v >> (5 - bit) & 1
			}
		}
	}
	for i, count := range ones[:128] {
		// Six standard deviations: an honest coin fails once in five hundred million runs.
		if far := count - n/2; far*far > 36*n/4 {
			t.Errorf("random bit %d is set in %d of %d", i, count, n)
		}
	}
	first := map[string]bool{}
	for token := range tokens {
		first[token[:8]] = true // 48 bits: no two alike, unless they count up or share a beginning
	}
	if len(first) != n {
		t.Errorf("only %d different beginnings", len(first))
	}
	lead := 0
	for number := range numbers {
		lead |= 1 << (number[1] - '0')
		if len(number) != 20 {
			t.Errorf("number %s", number)
		}
	}
	if bits.OnesCount(uint(lead)) != 10 {
		t.Errorf("the numbers begin with few digits: %b", lead)
	}
}

// Each field that names a payment, swapped for another payment's. The row sends the customer to a
// page that says so; by the contract (§4) it changes nothing, so the page is what it was.
func TestT15_FieldsOfAnotherPayment(t *testing.T) {
	_, s := onOne(t)
	for _, c := range []struct{ gateway, field string }{{"gardeshpay", "invoiceNumber"}, {"ghesta", "code"}, {"ghesta", "clientrefid"}} {
		other := s.began(c.gateway)
		for _, foreign := range []string{other.claim("")[c.field][0], "1", "x'\"<", strings.Repeat("9", 20), "\u200f", "NULL"} {
			o := s.began(c.gateway).pays()
			state := s.state(o.inv)
			s.unmoved(o.inv, "callback.mismatch", func() {
				claim := o.claim(o.ref)
				claim.Set(c.field, foreign)
				if a := o.back(claim); a.status != http.StatusSeeOther || a.location() != o.inv.path() {
					t.Errorf("%s %q: %d to %q", c.field, foreign, a.status, a.location())
				}
			})
			if now := s.state(o.inv); now != state {
				t.Errorf("%s: the page went from %s to %s", c.field, state, now)
			}
			o.returns()
			s.paidOnce(o.inv)
		}
	}
}

// A field twice means what the reader likes, so it means nothing.
func TestT16_RepeatedFields(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for gateway, list := range map[string][]string{
			"gardeshpay": {
				"trackingNumber=%[1]s&trackingNumber=%[1]s", "trackingNumber=1&trackingNumber=%s", "trackingNumber=%[1]s&trackingnumber=%[1]s", "trackingNumber=%[1]s&tracking%%4eumber=2",
				"trackingNumber=%s&invoiceNumber=1&invoiceNumber=2", "trackingNumber=%s&x=1&x=2", "trackingNumber=%s?trackingNumber=2",
			},
			"ghesta": {
				"refid=%[1]s&refid=%[1]s", "refid=1&refid=%s", "refid=%[1]s&RefId=%[1]s", "refid=%[1]s&r%%65fid=%[1]s", "refid=%s&code=1&code=2", "refid=%s&clientrefid=a&CLIENTREFID=b", "refid=%s&&x&x",
			},
		} {
			o := s.began(gateway).pays()
			for _, raw := range list {
				s.unmoved(o.inv, "callback.rejected", func() {
					a := o.bring(fmt.Sprintf(raw, o.ref))
					if a.status != http.StatusBadRequest || !strings.Contains(a.body, o.inv.path()) {
						t.Errorf("%s %s: %d, way back %t", gateway, raw, a.status, strings.Contains(a.body, o.inv.path()))
					}
				})
			}
			o.returns()
			s.paidOnce(o.inv)
		}
		inv := s.invoice(price)
		starts := len(s.bank.calls("start"))
		s.unmoved(inv, "", func() {
			if a := s.do("POST", inv.path()+"/pay", "gateway=gardeshpay&gateway=ghesta", "Content-Type", formType); a.status != http.StatusBadRequest {
				t.Errorf("a start with two gateways: %d", a.status)
			}
		})
		if now := len(s.bank.calls("start")); now != starts {
			t.Error("a start with two gateways was made")
		}
	})
}

// A reference in the query of a POST, or in the body of a GET, was not brought by the gateway. What
// is left then is a callback without a reference, which is a cancellation (CONTRACT §4), never a
// verify; the genuine one afterwards pays.
func TestT17_BodyAndQuery(t *testing.T) {
	_, s := onOne(t)
	o := s.began("ghesta").pays()
	o.callback += "?" + o.claim(o.ref).Encode()
	o.bring("")
	o.callback, _, _ = strings.Cut(o.callback, "?")
	o.is("canceled", "")
	s.says(o.inv, "attempt.canceled", 1)
	s.stands(o.inv, "open")

	card := s.began("gardeshpay").pays()
	s.do(http.MethodGet, card.callback, card.claim(card.ref).Encode(), "Content-Type", formType)
	card.is("canceled", "")
	s.says(card.inv, "attempt.canceled", 1)
	s.stands(card.inv, "open")
	if n := s.bank.verifies(""); n != 0 {
		t.Fatalf("asked %d times", n)
	}

	// The other way round the query does not disturb what the body says.
	o.callback += "?refid=9999999&refid=2&code=x;y&clientrefid=%zz"
	o.bring(o.claim(o.ref).Encode())
	s.paidOnce(o.inv)
	if got := s.bank.references(); len(got) != 1 || got[0] != o.ref {
		t.Errorf("asked about %q", got)
	}
	card.returns()
	s.paidOnce(card.inv)
}

// Only the gateway's own method is a callback; a look at a page starts nothing.
func TestT18_WrongMethod(t *testing.T) {
	_, s := onOne(t)
	for gateway, own := range map[string]string{"gardeshpay": "GET", "ghesta": "POST"} {
		o := s.began(gateway).pays()
		claim := o.claim(o.ref).Encode()
		s.unmoved(o.inv, "", func() {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD", "OPTIONS", "PROPFIND", "BREW", "get"} {
				if method == own {
					continue
				}
				a := s.do(method, o.callback+"?"+claim, claim, "Content-Type", formType)
				if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != own {
					t.Errorf("%s %s: %d, Allow %q", gateway, method, a.status, a.header.Get("Allow"))
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
				if a := s.do(method, o.inv.path()+"/pay?gateway=ghesta", ""); a.status != http.StatusMethodNotAllowed && method != "OPTIONS" {
					t.Errorf("%s pay: %d", method, a.status)
				}
			}
			for range 3 {
				s.do("HEAD", o.inv.path(), "")
				s.get(o.inv.path(), "Sec-Purpose", "prefetch;prerender", "Purpose", "prefetch")
			}
		})
		o.returns()
		s.paidOnce(o.inv)
	}
}

// A body that is no urlencoded form is not read. It stands in the books all the same: a gateway that
// changed its ways must not go unseen.
func TestT19_WrongContentType(t *testing.T) {
	_, s := onOne(t)
	o := s.began("ghesta").pays()
	claim := o.claim(o.ref).Encode()
	for kind, body := range map[string]string{
		"application/json":                fmt.Sprintf(`{"refid":%q,"code":%q}`, o.ref, o.token),
		"multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=\"refid\"\r\n\r\n" + o.ref + "\r\n--x--\r\n",
		"text/plain":                      claim,
		"":                                claim,
		"application/x-www-form-urlencoded, text/plain": claim,
		"application/x-www-form-urlencodedx":            claim,
		"*/*":                                           claim,
	} {
		s.unmoved(o.inv, "callback.rejected", func() {
			headers := []string{"Content-Type", kind}
			if kind == "" {
				headers = nil
			}
			if a := s.do("POST", o.callback, body, headers...); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%q: %d", kind, a.status)
			}
		})
	}
	a := s.do("POST", o.callback, claim, "Content-Type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8")
	if a.status != http.StatusSeeOther {
		t.Errorf("the right one: %d", a.status)
	}
	s.paidOnce(o.inv)
}

// Bodies without an end. The server reads little of them, answers, and serves the others meanwhile.
func TestT20_HugeAndSlowBodies(t *testing.T) {
	t.Run("huge", func(t *testing.T) {
		h, s := onOne(t)
		o := s.began("ghesta").pays()
		for name, head := range map[string]string{"chunked": "Transfer-Encoding: chunked", "with its length": "Content-Length: 1073741824"} {
			s.unmoved(o.inv, "callback.rejected", func() {
				before := h.door.read.Load()
				status := h.pour(o.callback, head, 64<<20)
				if status != http.StatusRequestEntityTooLarge {
					t.Errorf("%s: status %d", name, status)
				}
				// net/http reads on for a moment, so that the answer is not lost in a reset.
				if took := h.door.read.Load() - before; took > 2<<20 {
					t.Errorf("%s: the server read %d bytes", name, took)
				}
			})
		}
		fields := make([]string, 0, 100_000)
		for i := range 100_000 {
			fields = append(fields, fmt.Sprintf("f%d=%d", i, i))
		}
		s.unmoved(o.inv, "callback.rejected", func() {
			if a := o.bring(o.claim(o.ref).Encode() + "&" + strings.Join(fields, "&")); a.status != http.StatusRequestEntityTooLarge {
				t.Errorf("a hundred thousand fields: %d", a.status)
			}
		})
		// As many as fit are merely many.
		if a := o.bring(o.claim(o.ref).Encode() + "&" + strings.Join(fields[:1000], "&")); a.status != http.StatusSeeOther {
			t.Errorf("a thousand fields: %d", a.status)
		}
		s.paidOnce(o.inv)
	})
	t.Run("slow", func(t *testing.T) {
		h, s := onOne(t)
		o, others := s.began("ghesta").pays(), s.began("ghesta").pays()
		s.unmoved(o.inv, "callback.rejected", func() {
			c := h.dial()
			claim := o.claim(o.ref).Encode()
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path(o.callback), host(h.base), formType, len(claim))
			ended := make(chan answer, 1)
			go func() {
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					ended <- answer{}
					return
				}
				raw, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				ended <- answer{resp.StatusCode, resp.Header, string(raw)}
			}()
			for i := 0; ; i++ {
				if i == 1 {
					if a := s.get(others.inv.path()); a.status != http.StatusOK { // who comes meanwhile is served
						t.Errorf("another customer meanwhile: %d", a.status)
					}
				}
				select {
				case a := <-ended:
					if a.status != http.StatusBadRequest || !strings.Contains(a.body, o.inv.path()) {
						t.Errorf("half a claim was answered with %d, a way back %t", a.status, strings.Contains(a.body, o.inv.path()))
					}
					return
				case <-time.After(time.Second):
					if i > 90 {
						t.Error("the server waits for ever")
						return
					}
					if i < len(claim)-30 { // it never gets to the end
						_, _ = c.Write([]byte{claim[i]})
					}
				}
			}
		})
		o.returns()
		s.paidOnce(o.inv)
		others.returns()
		s.paidOnce(others.inv)
	})
}

// pour sends a body until the server answers or most bytes are through, and returns the status.
func (h *house) pour(address, head string, most int) int {
	h.Helper()
	c := h.dial()
	defer func() { _ = c.Close() }()
	status := make(chan int, 1)
	go func() {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s\r\n\r\n", path(address), host(h.base), formType, head)
	block := strings.Repeat("a=1&", 8<<10)
	for sent := 0; sent < most; sent += len(block) {
		text := block
		if strings.HasPrefix(head, "Transfer") {
			text = fmt.Sprintf("%x\r\n%s\r\n", len(block), block)
		}
		if _, err := io.WriteString(c, text); err != nil {
			break // it hung up: that is the point
		}
	}
	select {
	case got := <-status:
		return got
	case <-time.After(90 * time.Second):
		h.Fatal("no answer to a body without an end")
		return 0
	}
}

func (h *house) dial() *net.TCPConn {
	h.Helper()
	c, err := net.Dial("tcp", host(h.base))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		h.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func host(base string) string { return strings.TrimPrefix(base, "http://") }

func path(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.RequestURI()
}

// What is no text is refused. The row wants the bytes, escaped, in the books; what cannot be read
// cannot be redacted either, so the books say only what was wrong (CONTRACT §6.7).
func TestT21_BadEncoding(t *testing.T) {
	_, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		field := map[string]string{"gardeshpay": "trackingNumber", "ghesta": "refid"}[gateway]
		o := s.began(gateway).pays()
		for i, raw := range []string{
			field + "=%ff%fe", field + "=" + o.ref + "%00", field + "=%zz", field + "=%", field + "=a;b", field + "=" + o.ref + ";x=1", field + "=%c0%af", field + "=%ed%a0%80",
			"%ff=1&" + field + "=" + o.ref, field + "%00=" + o.ref,
		} {
			if i == 6 {
				o = s.began(gateway).pays() // the books tell ten of one kind, and then no more
			}
			s.unmoved(o.inv, "callback.rejected", func() {
				if a := o.bring(raw); a.status != http.StatusBadRequest {
					t.Errorf("%s %s: %d", gateway, raw, a.status)
				}
			})
			for _, e := range s.events(o.inv) {
				if strings.ContainsRune(string(e.Data), 0) || !utf8.Valid(e.Data) {
					t.Errorf("event %s holds raw bytes: %q", e.Type, e.Data)
				}
			}
		}
		o.returns()
		s.paidOnce(o.inv)
	}
}

// The callback works for a browser that comes from the gateway's site without a cookie, and gives
// it none.
func TestT27_CallbackWithoutSession(t *testing.T) {
	_, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		for _, origin := range []string{"null", "https://api.payping.ir", "https://evil.example", ""} {
			o := s.began(gateway).pays()
			headers := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Referer", "https://api.payping.ir/", "Cookie", "session=someone-elses"}
			if origin != "" {
				headers = append(headers, "Origin", origin)
			}
			a := o.bring(o.claim(o.ref).Encode(), headers...)
			if a.status != http.StatusSeeOther || a.location() != o.inv.path() {
				t.Errorf("%s from %q: %d", gateway, origin, a.status)
			}
			for _, answered := range []answer{a, s.get(o.inv.path()), s.get(o.inv.path() + "/pay"), o.bring("x=%zz")} {
				if got := answered.header.Values("Set-Cookie"); len(got) != 0 {
					t.Errorf("%s: cookies %q", gateway, got)
				}
			}
			s.paidOnce(o.inv)
		}
	}
}
