package faults_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/gateways/simulator"
)

// account changes a gateway's settings beside the server, as the command does.
func (h *house) account(gateway string, values map[string]string) {
	h.Helper()
	o, err := app.OpenOffice(h.Context(), h.config())
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	if _, err := o.SetGateway(h.Context(), "pottery", gateway, true, values); err != nil {
		h.Fatal(err)
	}
}

// startAt and verifyAt are the settings that lead one of the two calls elsewhere.
func startAt(gateway, at string) map[string]string {
	if gateway == "ghesta" {
		return map[string]string{"pay_url": at + "/v2/pay"}
	}
	return map[string]string{"token_url": at + "/provider/payment/getToken"}
}

func verifyAt(gateway, at string) map[string]string {
	if gateway == "ghesta" {
		return map[string]string{"verify_url": at + "/v2/pay/verify"}
	}
	return map[string]string{"verify_url": at + "/provider/payment/verify"}
}

// page is where a customer pays for what the bank has on its ledger.
func (b *bank) page(p simulator.Payment) string {
	if p.Vendor == "payping" {
		return b.url + "/installment/" + p.Token + "?type=ghesta"
	}
	return b.url + "/provider/payment/redirect/" + p.Token
}

// TestF01_DieBeforeGetToken: the intent is in the books and the bank heard nothing of it. The
// customer starts again under another number; the old attempt is abandoned.
func TestF01_DieBeforeGetToken(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url, "CHECKOUT_ATTEMPT_TTL=5s")
		nobody := newDeaf(t)
		h.account(gateway, startAt(gateway, nobody.url()))
		var inv invoice
		// The knocking ends after three seconds, and with it the moment this row is about; a machine
		// that was busy with other things tries again.
		for try := 1; ; try++ {
			h.boot()
			inv = h.invoice()
			go func() { _, _ = h.choose(inv, gateway) }()
			h.until("the intent is in the books", func() bool { return len(h.attempts(inv)) == 1 })
			h.kill()
			if number(t, url, "SELECT COUNT(*) FROM attempts WHERE status = 'created'") == 1 {
				break
			}
			if try == 5 {
				t.Fatal("never killed while the gateway was being called")
			}
		}
		if n := len(h.bank.calls(start)); n != 0 {
			t.Fatalf("the bank heard %d calls", n)
		}
		h.account(gateway, startAt(gateway, h.bank.url))
		h.boot()
		h.mustTake(h.paidAt(inv, gateway))
		h.untilStatus(inv, "paid")
		h.until("the dead attempt is abandoned", func() bool {
			list := h.attempts(inv)
			return len(list) == 2 && list[0].Status == "paid" && list[1].Status == "abandoned"
		})
		h.oracle()
		h.stop()
		lawful(t, url)
	})
}

// TestF02_TokenReplyLost: the bank made a token, and we died before we heard it. The next attempt has
// a number of its own, and whoever pays under the old one all the same is served.
func TestF02_TokenReplyLost(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		g := newGate(t)
		h.bank.next(start, g.after())
		go func() { _, _ = h.choose(inv, gateway) }()
		g.wait(t)
		h.kill()
		g.open()
		h.boot()
		if list := h.attempts(inv); len(list) != 1 || list[0].Status != "created" {
			t.Fatalf("after the death: %+v", list)
		}
		second := h.paidAt(inv, gateway)
		lines := h.bank.sim.Ledger().Payments
		if len(lines) != 2 || lines[0].Number == lines[1].Number || lines[0].Token == lines[1].Token {
			t.Fatalf("the bank's ledger: %+v", lines)
		}
		first, err := h.settle(h.bank.page(lines[0]), "paid")
		if err != nil {
			t.Fatal(err)
		}
		h.mustTake(first)
		h.untilStatus(inv, "paid")
		h.mustTake(second)
		h.want(inv, "paid", "unclaimed")
		if p := h.bank.payment(second.reference); p.State != simulator.StatePaid {
			t.Errorf("the second payment is %s at the bank, which must give it back", p.State)
		}
		h.oracle()
	})
}

// TestF03_DieBeforeTokenIsStored: the token was heard and could not be written, because the database
// was another's; then we died. Nobody was sent to a token that is not in the books.
func TestF03_DieBeforeTokenIsStored(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		g := newGate(t)
		h.bank.next(start, g.after())
		sentTo := make(chan string, 1)
		go func() {
			r, _ := h.choose(inv, gateway)
			sentTo <- r.location()
		}()
		g.wait(t)
		release := lockOut(t, url)
		g.open()
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // wherever it is by then: nothing can be stored
		h.kill()
		release()
		if at := <-sentTo; at != "" {
			t.Errorf("the customer was sent to %s, which is not in the books", at)
		}
		h.boot()
		if list := h.attempts(inv); len(list) != 1 || list[0].Status != "created" {
			t.Fatalf("after the death: %+v", list)
		}
		h.mustTake(h.paidAt(inv, gateway))
		h.untilStatus(inv, "paid")
		if lines := h.bank.sim.Ledger().Payments; len(lines) != 2 || lines[0].Number == lines[1].Number {
			t.Errorf("the bank's ledger: %+v", lines)
		}
		h.oracle()
	})
}

// TestF04_DieBeforeRedirect: everything is stored, and the answer that sends the customer on never
// reaches him. The page says that he is elsewhere and lets him begin again.
func TestF04_DieBeforeRedirect(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		usual := h.client
		h.client = cut(h.now.kill)
		if r, err := h.choose(inv, gateway); err == nil {
			t.Fatalf("an answer came through: %d", r.status)
		}
		h.client = usual
		h.boot()
		h.want(inv, "open", "redirected")
		if r := h.get(inv.PaymentURL); r.state() != "elsewhere" || !strings.Contains(r.body, "/pay\"") {
			t.Errorf("the page says %q and must offer to begin again", r.state())
		}
		second := h.paidAt(inv, gateway)
		first, err := h.settle(h.bank.page(h.bank.sim.Ledger().Payments[0]), "paid")
		if err != nil {
			t.Fatal(err)
		}
		// Both come back at once: one claim lives.
		var both sync.WaitGroup
		for _, c := range []comeback{first, second} {
			both.Go(func() { h.mustTake(c) })
		}
		both.Wait()
		h.untilStatus(inv, "paid")
		h.oracle()
		if captured := h.bank.sim.Ledger().Shop; captured != amount {
			t.Errorf("%d rial were captured", captured)
		}
	})
}

// TestF05_ReturnsWhileDown: the customer pays while nobody is there, and comes back to an error of the
// browser's own. Reloading the same address is enough, however often.
func TestF05_ReturnsWhileDown(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		page := h.leave(inv, gateway)
		h.kill()
		back, err := h.settle(page, "paid")
		if err != nil {
			t.Fatal(err)
		}
		if r, err := h.take(back); err == nil {
			t.Fatalf("somebody answered with %d", r.status)
		}
		h.boot()
		h.want(inv, "open", "redirected")
		for range 3 {
			h.mustTake(back)
			h.untilStatus(inv, "paid")
		}
		if n := len(h.bank.calls(verify)); n != 1 {
			t.Errorf("asked %d times", n)
		}
		h.oracle()
	})
}

// TestF06_ReturnNeverComes: the attempt is abandoned, which is nobody's failure, and the bank gives the
// money back. Who comes back after that is asked about and not believed; who comes before it has paid.
func TestF06_ReturnNeverComes(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url, "CHECKOUT_ATTEMPT_TTL=1s")
		h.boot()
		late, later := h.invoice(), h.invoice()
		lateBack, laterBack := h.paidAt(late, gateway), h.paidAt(later, gateway)
		for _, inv := range []invoice{late, later} {
			h.until("abandoned", func() bool { return h.attempts(inv)[0].Status == "abandoned" })
			h.want(inv, "open", "abandoned")
			for _, e := range h.events(inv) {
				if e.Type == "attempt.failed" || strings.HasPrefix(e.Type, "verify.") {
					t.Errorf("an attempt that nobody came back from has %s", e.Type)
				}
			}
		}
		h.mustTake(lateBack)
		h.untilStatus(late, "paid")
		if err := h.bank.sim.Advance(16 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if p := h.bank.payment(laterBack.reference); p.State != simulator.StateReturned {
			t.Fatalf("the bank still has it: %s", p.State)
		}
		h.mustTake(laterBack)
		h.until("refused", func() bool { return h.attempts(later)[0].Status == "failed" })
		h.want(later, "open", "failed")
		h.oracle()
	})
}

// TestF21_GatewayDownAtStart: a plain sentence with status 502, the form and the other gateway on the
// same page, and the invoice as open as before. TestF21_BreakerRestsAndProbes is its other half.
func TestF21_GatewayDownAtStart(t *testing.T) {
	t.Parallel()
	downs := map[string]func(t *testing.T, h *house, gateway string){
		"refuses":  func(t *testing.T, h *house, g string) { h.account(g, startAt(g, "http://"+freePort(t))) },
		"is deaf":  func(t *testing.T, h *house, g string) { h.account(g, startAt(g, newDeaf(t).url())) },
		"hangs":    func(_ *testing.T, h *house, _ string) { h.bank.every(start, hangs) },
		"resets":   func(_ *testing.T, h *house, _ string) { h.bank.every(start, resets) },
		"is ill":   func(_ *testing.T, h *house, _ string) { h.bank.every(start, says(503, "")) },
		"is a zoo": func(_ *testing.T, h *house, _ string) { h.bank.every(start, says(200, "<html>hello</html>")) },
	}
	onBoth := map[string]string{"gardeshpay": "ghesta", "ghesta": "gardeshpay"}
	for what, down := range downs {
		for gateway, healthy := range onBoth {
			t.Run(gateway+" "+what, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, sqlite(t), "CHECKOUT_GATEWAY_TIMEOUT=1s")
				h.boot()
				down(t, h, gateway)
				inv := h.invoice()
				r, err := h.choose(inv, gateway)
				if err != nil || r.status != http.StatusBadGateway || r.state() != "payable" || !strings.Contains(r.body, `value="`+healthy+`"`) {
					t.Errorf("status %d, state %q, %v: want 502 and the form with %s\n%s", r.status, r.state(), err, healthy, r.body)
				}
				h.want(inv, "open", "failed")
				h.bank.every(start, nil)
				h.mustTake(h.paidAt(inv, healthy))
				h.untilStatus(inv, "paid")
				h.oracle()
			})
		}
	}
}

// TestF22_SlowTokenDoubleClick: ten clicks while the gateway takes its time are ten attempts, each with
// a number and a token of its own; no token serves two.
func TestF22_SlowTokenDoubleClick(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		const clicks = 10
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		var gates []*gate
		for range clicks {
			g := newGate(t)
			gates = append(gates, g)
			h.bank.next(start, g.before(answers))
		}
		var all sync.WaitGroup
		places := make([]string, clicks)
		for i := range clicks {
			all.Go(func() {
				r, err := h.choose(inv, gateway)
				if err != nil || r.status != http.StatusSeeOther {
					t.Errorf("click %d: status %d, %v", i, r.status, err)
				}
				places[i] = r.location()
			})
		}
		for _, g := range gates {
			g.wait(t)
		}
		for _, g := range gates {
			g.open()
		}
		all.Wait()
		tokens, numbers := map[string]bool{}, map[string]bool{}
		for _, p := range h.bank.sim.Ledger().Payments {
			tokens[h.bank.page(p)], numbers[p.Number] = true, true
		}
		sent := map[string]bool{}
		for _, at := range places {
			sent[at] = true
			if !tokens[at] {
				t.Errorf("sent to %s, which the bank does not know", at)
			}
		}
		if len(tokens) != clicks || len(numbers) != clicks || len(sent) != clicks {
			t.Errorf("%d clicks made %d tokens and %d numbers, and led to %d places", clicks, len(tokens), len(numbers), len(sent))
		}
		back, err := h.settle(places[0], "paid")
		if err != nil {
			t.Fatal(err)
		}
		h.mustTake(back)
		h.untilStatus(inv, "paid")
		h.oracle()
	})
}
