package attacks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Five hundred identical returns at once: one question, one payment, one word in the books, and all
// browsers end at the same page. (Mail and webhooks hang on the one event; they come later.)
func TestT22_FiveHundredReturns(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		const crowd = 500
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			o := s.began(gateway).pays()
			var sent atomic.Int64
			all := make(chan struct{})
			var once sync.Once
			s.bank.lies(func(call) *reply {
				select { // hold the answer until the whole crowd stands at the door
				case <-all:
				case <-time.After(60 * time.Second):
				}
				return nil
			})
			trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
				if sent.Add(1) == crowd {
					once.Do(func() { close(all) })
				}
			}}
			var wait sync.WaitGroup
			ready := make(chan struct{})
			for range crowd {
				wait.Go(func() {
					<-ready
					a, err := o.insists(httptrace.WithClientTrace(t.Context(), trace), o.ref)
					if err != nil || a.status != http.StatusSeeOther || a.location() != o.inv.path() {
						t.Errorf("a return: %d to %q, %v", a.status, a.location(), err)
					}
				})
			}
			close(ready)
			wait.Wait()
			s.bank.lies(nil)
			s.ends(o.inv, "paid")
			s.paidOnce(o.inv)
			s.says(o.inv, "verify.asked", 1)
			if n := s.bank.verifies(o.ref); n != 1 {
				t.Errorf("%s: asked %d times", gateway, n)
			}
			if n := s.count(o.inv, "callback.received"); n > 11 {
				t.Errorf("%s: %d events of callbacks", gateway, n)
			}
		}
		s.bank.alone()
	})
}

// request is the callback as a request.
func (o *out) request(ctx context.Context, raw string) *http.Request {
	o.s.Helper()
	method, address, body := http.MethodGet, o.callback+"?"+raw, ""
	if o.gateway == "ghesta" {
		method, address, body = http.MethodPost, o.callback, raw
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		o.s.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", formType)
	}
	return req
}

// Two attempts, both truly paid, both returned at once: the first that is verified wins, the other
// is not captured and says so.
func TestT23_BothAttemptsPaid(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for _, pair := range [][2]string{{"gardeshpay", "ghesta"}, {"ghesta", "ghesta"}, {"gardeshpay", "gardeshpay"}, {"ghesta", "gardeshpay"}} {
			inv := s.invoice(price)
			a, b := s.start(inv, pair[0]).pays(), s.start(inv, pair[1]).pays()
			came, asked := s.bank.income(), len(s.bank.references())
			var both sync.WaitGroup
			ready := make(chan struct{})
			for _, o := range []*out{a, b} {
				both.Go(func() {
					<-ready
					o.returns()
				})
			}
			close(ready)
			both.Wait()
			s.ends(inv, "paid")
			until(t, "the other one is unclaimed", func() bool { return s.count(inv, "attempt.unclaimed") == 1 })
			s.paidOnce(inv)
			if got := s.bank.income() - came; got != price {
				t.Errorf("%v: %d came in", pair, got)
			}
			if n := len(s.bank.references()) - asked; n != 1 {
				t.Errorf("%v: %d references were asked about", pair, n)
			}
			winner := s.read(inv).Payment
			loser := b
			if winner.TrackingNumber == nil || *winner.TrackingNumber == b.ref {
				loser = a
			}
			loser.is("unclaimed", "")
			// The page tells the customer which money comes back.
			if page := s.get(inv.path()); !strings.Contains(page.body, loser.ref) {
				t.Errorf("%v: the page does not name the payment that is not taken", pair)
			}
			loser.returns()
			if n := s.bank.verifies(loser.ref); n != 0 {
				t.Errorf("%v: the loser was asked about %d times", pair, n)
			}
		}
		s.bank.alone()
	})
}

// A second return while the first is not answered waits; there are never two questions at once.
func TestT24_SecondReturnWhileTheFirstIsUnknown(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for name, c := range map[string]struct {
			first         func(*out) *reply
			winner, other string
		}{
			"the first is paid":    {func(*out) *reply { return nil }, "first", "unclaimed"},
			"the first is refused": {func(*out) *reply { return &reply{body: `{"success":false,"code":5,"message":"","errors":[]}`} }, "second", "failed"},
			"the first is lost":    {func(*out) *reply { return &reply{do: reset, capture: true} }, "first", "unclaimed"},
		} {
			inv := s.invoice(price)
			one, two := s.start(inv, "gardeshpay").pays(), s.start(inv, "ghesta").pays()
			word := make(chan *reply)
			s.bank.lies(func(call call) *reply {
				if call.ref != one.ref || call.nth > 1 {
					return nil
				}
				select {
				case r := <-word:
					return r
				case <-time.After(60 * time.Second):
					t.Error("nobody let the first call go on")
					return nil
				}
			})
			var both sync.WaitGroup
			both.Go(func() { one.returns() })
			until(t, "the first is asked about", func() bool { return s.bank.verifies(one.ref) == 1 })
			both.Go(func() { two.returns() })
			until(t, "the second waits", func() bool {
				for _, a := range s.attempts(inv) {
					if a.Gateway == "ghesta" && a.Status == "returned" {
						return true
					}
				}
				return false
			})
			if n := s.bank.verifies(two.ref); n != 0 {
				t.Errorf("%s: the second was asked about %d times meanwhile", name, n)
			}
			if state := s.state(inv); state != "confirming" {
				t.Errorf("%s: the page is %s meanwhile", name, state)
			}
			word <- c.first(one)
			both.Wait()
			s.ends(inv, "paid")
			winner, other := one, two
			if c.winner == "second" {
				winner, other = two, one
			}
			winner.is("paid", "")
			until(t, name+": the other one is "+c.other, func() bool {
				for _, a := range s.attempts(inv) {
					if a.Gateway == other.gateway {
						return a.Status == c.other
					}
				}
				return false
			})
			s.paidOnce(inv)
			s.bank.alone()
		}
	})
}

// What came meanwhile decides whether the money is taken: canceled or of another price is not,
// expired is, however late (the row has a grace; by CONTRACT §6 there is none to run out).
func TestT25_ReturnAfterTheInvoiceChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			canceled := s.began(gateway).pays()
			if status := s.api("POST", "/invoices/"+canceled.inv.ID+"/cancel", "", nil); status != http.StatusOK {
				t.Fatalf("cancel: %d", status)
			}
			canceled.returns()
			s.stands(canceled.inv, "canceled")
			canceled.is("unclaimed", "")
			s.says(canceled.inv, "attempt.unclaimed", 1)

			edited := s.began(gateway).pays()
			if status := s.api("PATCH", "/invoices/"+edited.inv.ID, `{"amount":2000000}`, nil); status != http.StatusConflict {
				t.Errorf("a price was changed while a customer is out: %d", status)
			}
			late := s.create(fmt.Sprintf(`{"amount":%d,"expires_at":%q,"customer":{"name":"نگار","mobile":"09121234567"}}`, price, h.clock.now().Add(time.Hour).Format(time.RFC3339)))
			away := s.start(late, gateway).pays()
			h.clock.forward(2 * time.Hour)
			for _, o := range []*out{edited, away} {
				until(t, "the customer has been gone too long", func() bool { return s.count(o.inv, "attempt.abandoned") == 1 })
			}
			if status := s.api("PATCH", "/invoices/"+edited.inv.ID, `{"amount":2000000}`, nil); status != http.StatusOK {
				t.Fatalf("edit: %d", status)
			}
			edited.returns()
			edited.is("unclaimed", "")
			s.says(edited.inv, "attempt.unclaimed", 1)
			s.stands(edited.inv, "open")
			if n := s.bank.verifies(canceled.ref) + s.bank.verifies(edited.ref); n != 0 {
				t.Errorf("%s: asked %d times", gateway, n)
			}
			for _, o := range []*out{canceled, edited} {
				s.unpaid(o.inv)
			}

			s.ends(late, "expired")
			starts := len(s.bank.calls("start"))
			form := s.payer()
			form.Set("gateway", gateway)
			if a := s.post(late.path()+"/pay", form); a.status != http.StatusSeeOther || a.location() != late.path() {
				t.Errorf("%s: a start after the end: %d to %q", gateway, a.status, a.location())
			}
			if now := len(s.bank.calls("start")); now != starts {
				t.Errorf("%s: the bank was asked for a token of an expired invoice", gateway)
			}
			away.returns()
			s.paidOnce(late)
		}
	})
}

// Ghesta's refids are numbers, so a stranger with an invoice of the same amount can try his
// neighbours'. Five are asked about, then a person looks. (The row also wants an alarm about many
// misses and a mark on the invoice that won; the contract has neither, only the review.)
func TestT26_RefSniping(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		spray := func(o *out, from, n int) {
			var all sync.WaitGroup
			work := make(chan int)
			for range 8 {
				all.Go(func() {
					for ref := range work {
						if a, err := o.insists(t.Context(), strconv.Itoa(ref)); err != nil || a.status != http.StatusSeeOther {
							t.Errorf("a spray: %d %v", a.status, err)
						}
					}
				})
			}
			for i := range n {
				work <- from + i
			}
			close(work)
			all.Wait()
		}
		rest := 994
		if strings.HasPrefix(h.env["CHECKOUT_DATABASE_URL"], "postgres") {
			rest = 194 // nothing new comes after the sixth, and each is a round trip
		}
		// The victim's refid is among a thousand, and not among the first five.
		victim, sniper := s.began("ghesta"), s.began("ghesta")
		victim.ref = s.bank.sell(victim.token, "5000500")
		spray(sniper, 5_000_000, 6)
		s.ends(sniper.inv, "review")
		spray(sniper, 5_000_006, rest)
		sniper.is("needs_review", "too_many_references")
		s.unpaid(sniper.inv)
		if n := s.bank.verifies(""); n > 5 {
			t.Errorf("%d verify calls for a thousand refids", n)
		}
		if n := len(s.events(sniper.inv)); n > 100 {
			t.Errorf("a thousand refids left %d events", n)
		}
		victim.returns()
		s.paidOnce(victim.inv)

		// Named before the victim paid: the bank refuses it hard, and it yields to its owner.
		victim, sniper = s.began("ghesta"), s.began("ghesta")
		spray(sniper, 6_000_000, 3)
		until(t, "all three are refused", func() bool { return s.count(sniper.inv, "attempt.failed") == 3 })
		s.unpaid(sniper.inv)
		victim.ref = s.bank.sell(victim.token, "6000001")
		victim.returns()
		s.ends(victim.inv, "paid") // it may have to wait for the stranger's last question
		s.paidOnce(victim.inv)

		// Hit: by Ghesta's answer it is a payment of this amount, and nobody can know better. One sale
		// pays one invoice, and when the owner comes a person looks.
		victim, sniper = s.began("ghesta"), s.began("ghesta")
		victim.ref = s.bank.sell(victim.token, "7000002")
		came := s.bank.income()
		spray(sniper, 7_000_000, 4)
		s.ends(sniper.inv, "paid")
		victim.returns()
		s.ends(victim.inv, "review")
		victim.is("needs_review", "reference_used")
		s.unpaid(victim.inv)
		s.paidOnce(sniper.inv)
		if got := s.bank.income() - came; got != price {
			t.Errorf("%d came in", got)
		}
	})
}

// A flood of returns on one attempt: few questions, nobody is turned away, others are served.
func TestT28_FloodOnOneAttempt(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			x := s.began(gateway)
			asked := s.bank.verifies("")
			var flood sync.WaitGroup
			var next, shut atomic.Int64
			stop := make(chan struct{})
			for range 16 {
				flood.Go(func() {
					for {
						n := next.Add(1)
						select {
						case <-stop:
							if n > 1000 {
								return
							}
						default:
						}
						a, err := x.insists(t.Context(), strconv.FormatInt(3_000_000+n, 10))
						if err != nil || a.status != http.StatusSeeOther {
							shut.Add(1)
							t.Errorf("return %d: %d %v", n, a.status, err)
							return
						}
					}
				})
			}
			until(t, "the flood is on", func() bool { return next.Load() > 100 })
			y := s.began(map[string]string{"gardeshpay": "ghesta", "ghesta": "gardeshpay"}[gateway]).pays()
			y.returns()
			s.ends(y.inv, "paid")
			close(stop)
			flood.Wait()
			s.paidOnce(y.inv)
			s.unpaid(x.inv)
			if n := s.bank.verifies("") - asked - s.bank.verifies(y.ref); n > 5 {
				t.Errorf("%s: %d questions about the flooded one", gateway, n)
			}
			if n := len(s.events(x.inv)); n > 150 {
				t.Errorf("%s: the flood left %d events", gateway, n)
			}
		}
	})
}

// insists brings a reference as a crowd does. A server that has more at its door than it can write
// down within the five seconds says 503, and the browser comes again.
func (o *out) insists(ctx context.Context, ref string) (answer, error) {
	for limit := time.Now().Add(90 * time.Second); ; {
		resp, err := o.s.client.Do(o.request(ctx, o.claim(ref).Encode()))
		if err != nil {
			return answer{}, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || time.Now().After(limit) {
			return answer{status: resp.StatusCode, header: resp.Header}, err
		}
	}
}

// The browser goes away in the middle of verify; verify goes on.
func TestT29_BrowserLeavesDuringVerify(t *testing.T) {
	h, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		o := s.began(gateway).pays()
		word := make(chan struct{})
		s.bank.lies(func(call) *reply {
			select {
			case <-word:
			case <-time.After(60 * time.Second):
				t.Error("nobody let the call go on")
			}
			return nil
		})
		c := h.dial()
		if err := o.request(t.Context(), o.claim(o.ref).Encode()).Write(c); err != nil {
			t.Fatal(err)
		}
		until(t, "the bank is asked", func() bool { return s.bank.verifies(o.ref) == 1 })
		if err := c.SetLinger(0); err != nil { // a reset, not a polite end
			t.Fatal(err)
		}
		_ = c.Close()
		close(word)
		s.ends(o.inv, "paid")
		s.paidOnce(o.inv)
		s.bank.lies(nil)
		if n := s.bank.verifies(o.ref); n != 1 {
			t.Errorf("%s: asked %d times", gateway, n)
		}
	}
}
