package faults_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dargah/internal/db/dbtest"
	"dargah/internal/gateways/simulator"
)

// paidOnce holds what must be true of an invoice whose money was taken: once, at the bank and with us.
func (s *shop) paidOnce(inv invoice, reference string) {
	s.Helper()
	s.paidOnceBut(inv, reference)
}

func (s *shop) paidOnceBut(inv invoice, reference string, inNoBook ...comeback) {
	s.Helper()
	s.untilStatus(inv, "paid")
	if p := s.bank.payment(reference); p.State != simulator.StateCaptured {
		s.Errorf("the bank says %q of %s", p.State, reference)
	}
	paid := 0
	for _, e := range s.events(inv) {
		if e.Type == "invoice.paid" {
			paid++
		}
	}
	if paid != 1 {
		s.Errorf("%d invoice.paid events", paid)
	}
	s.oracle(inNoBook...)
}

// TestF07_ReturnStoredVerifyNotSent: the claim and the intent are in the books, the bank has not heard
// one byte. The next life asks by itself.
func TestF07_ReturnStoredVerifyNotSent(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		nobody := newDeaf(t)
		h.account(gateway, verifyAt(gateway, nobody.url()))
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		go func() { _, _ = h.take(back) }()
		h.untilStatus(inv, "processing")
		h.kill()
		if n := len(h.bank.calls(verify)); n != 0 {
			t.Fatalf("the bank heard %d calls", n)
		}
		nobody.hear(h.bank)
		h.boot()
		h.paidOnce(inv, back.reference)
		h.stop()
		lawful(t, url)
	})
}

// TestF08_DieBeforeReturnIsStored: the return arrived while the database was another's. No claim was
// made, and coming back again is enough.
func TestF08_DieBeforeReturnIsStored(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		release := lockOut(t, url)
		r, err := h.take(back) // answered within five seconds, stored or not
		if err != nil || r.status != http.StatusServiceUnavailable {
			t.Errorf("status %d, %v: want 503", r.status, err)
		}
		h.kill()
		release()
		h.boot()
		h.want(inv, "open", "redirected")
		for _, e := range h.events(inv) {
			if strings.HasPrefix(e.Type, "callback.") {
				t.Errorf("a claim is in the books: %s", e.Type)
			}
		}
		if n := len(h.bank.calls(verify)); n != 0 {
			t.Errorf("asked %d times", n)
		}
		h.mustTake(back)
		h.paidOnce(inv, back.reference)
	})
}

// TestF09_SameReturnFiveHundredTimes: all at once, all led to the same page, one verify.
func TestF09_SameReturnFiveHundredTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		gate := make(chan struct{})
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				<-gate
				h.mustTake(back)
			})
		}
		close(gate)
		all.Wait()
		h.paidOnce(inv, back.reference)
		if n := len(h.bank.calls(verify)); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if n := len(h.events(inv)); n > 30 {
			t.Errorf("%d events: repeats are counted, not kept one by one", n)
		}
	})
}

// TestF10_TwoInstances: the same return at both, a hundred times. And one of the two stands still, as a
// machine does that is being moved, while its verify is out: the other takes over when the lease has
// run out, and the late word changes nothing.
func TestF10_TwoInstances(t *testing.T) {
	t.Parallel()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		t.Run(gateway, func(t *testing.T) {
			t.Parallel()
			a := newHouse(t, dbtest.PostgresURL(t))
			b := *a
			b.set("CHECKOUT_ADDR", freePort(t))
			b.shop = &shop{TB: t, base: a.base, key: a.key, bank: a.bank, client: through(func() string { return b.getenv("CHECKOUT_ADDR") }), pause: a.pause, most: a.most}
			a.boot()
			b.boot()

			inv := a.invoice()
			back := a.paidAt(inv, gateway)
			gate := make(chan struct{})
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					<-gate
					[]*house{a, &b}[i%2].mustTake(back)
				})
			}
			close(gate)
			all.Wait()
			a.paidOnce(inv, back.reference)
			if n := len(a.bank.calls(verify)); n != 1 {
				t.Errorf("asked %d times", n)
			}

			inv = a.invoice()
			back = a.paidAt(inv, gateway)
			g := newGate(t)
			a.bank.next(verify, g.before(answers))
			late := make(chan error, 1)
			go func() { _, err := a.take(back); late <- err }()
			g.wait(t)
			if err := a.now.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			b.paidOnce(inv, back.reference) // nobody came back to it: the stored job is its own
			before := fmt.Sprint(b.events(inv))
			g.open()
			if err := a.now.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if err := <-late; err != nil {
				t.Error(err)
			}
			b.paidOnce(inv, back.reference)
			if after := fmt.Sprint(b.events(inv)); after != before {
				t.Errorf("the late word changed the books:\n%s\n%s", before, after)
			}
			a.stop()
			b.stop()
			lawful(t, a.url)
		})
	}
}

// TestF11_VerifyLostUnprocessed: the bank never saw the call. Unknown, asked again, paid.
func TestF11_VerifyLostUnprocessed(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		h.bank.next(verify, resets)
		h.mustTake(back)
		h.paidOnce(inv, back.reference)
		if n := len(h.bank.calls(verify)); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestF12_VerifyLostProcessed: the bank took the money and we did not hear it. Asked again it says that
// it has been verified before, each vendor in its own way, and that is our own call.
func TestF12_VerifyLostProcessed(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		h.bank.next(verify, losesAnswer)
		h.mustTake(back)
		h.paidOnce(inv, back.reference)
		if n := len(h.bank.calls(verify)); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestF13_KilledWhileVerifying: SIGKILL with the call out, before the bank processed it and after.
func TestF13_KilledWhileVerifying(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		for _, processed := range []bool{false, true} {
			inv := h.invoice()
			back := h.paidAt(inv, gateway)
			g := newGate(t)
			if processed {
				h.bank.next(verify, g.after())
			} else {
				h.bank.next(verify, g.before(resets))
			}
			go func() { _, _ = h.take(back) }()
			g.wait(t)
			h.kill()
			g.open()
			h.boot()
			h.paidOnce(inv, back.reference)
		}
	})
}

// TestF14_DieBeforeAnswerIsStored: success was heard and could not be written, because the database was
// another's; then we died.
func TestF14_DieBeforeAnswerIsStored(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		g := newGate(t)
		h.bank.next(verify, g.after())
		go func() { _, _ = h.take(back) }()
		g.wait(t)
		release := lockOut(t, url)
		g.open()
		answered := h.get(inv.PaymentURL).state() // readers go on, and must not be told more than is stored
		h.kill()
		release()
		if answered != "confirming" {
			t.Errorf("the page says %q", answered)
		}
		h.boot()
		h.paidOnce(inv, back.reference)
	})
}

// TestF15_DieBeforeBrowserIsAnswered: all is stored, and the browser hears nothing. The page says paid
// in the next life, and nobody is asked again.
func TestF15_DieBeforeBrowserIsAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		usual := h.client
		h.client = cut(h.now.kill)
		if r, err := h.take(back); err == nil {
			t.Fatalf("an answer came through: %d", r.status)
		}
		h.client = usual
		h.boot()
		if got := h.get(inv.PaymentURL).state(); got != "paid" {
			t.Errorf("the page says %q", got)
		}
		h.mustTake(back)
		h.paidOnce(inv, back.reference)
		if n := len(h.bank.calls(verify)); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestF16_DieBeforeTheOutboxIsSent: letters and webhooks are to be sent from rows of the transaction
// that made the change. What there is of it today: the events, which survive the death right after the
// commit with the ids that every later life gives them, and there is no event without its change.
func TestF16_DieBeforeTheOutboxIsSent(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		usual := h.client
		h.client = cut(h.now.kill)
		_, _ = h.take(back)
		h.client = usual
		lawful(t, url) // as death left it
		var before string
		for range 2 {
			h.boot()
			after := fmt.Sprint(h.events(inv))
			if !strings.Contains(after, "invoice.paid") || before != "" && after != before {
				t.Errorf("the events are\n%s\nand were\n%s", after, before)
			}
			before = after
			h.kill()
		}
		// The other side of the same law: a death before the commit leaves no event of what was to be.
		h.boot()
		second := h.invoice()
		back = h.paidAt(second, gateway)
		g := newGate(t)
		h.bank.next(verify, g.after())
		go func() { _, _ = h.take(back) }()
		g.wait(t)
		release := lockOut(t, url)
		g.open()
		h.kill()
		release()
		if n := number(t, url, "SELECT COUNT(*) FROM events WHERE type IN ('ip', 'invoice.paid')"); n != 1 {
			t.Errorf("%d invoice.paid events before the second payment is in the books", n)
		}
		h.boot()
		h.paidOnce(second, back.reference)
		h.stop()
		lawful(t, url)
	})
}

// TestF20_AnswerOfAnotherPayment: success for another amount or another invoice. A person decides, the
// customer reads that it is being checked, and nothing is delivered.
func TestF20_AnswerOfAnotherPayment(t *testing.T) {
	t.Parallel()
	faults := map[string][]string{
		"gardeshpay": {"verify_wrong_amount", "verify_amount_x10", "verify_wrong_invoice"},
		"ghesta":     {"verify_wrong_amount", "verify_amount_x10", "verify_code_47"},
	}
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		h.boot()
		for gateway, list := range faults {
			for _, fault := range list {
				inv := h.invoice()
				h.mustTake(h.outcome(inv, gateway, fault))
				h.untilStatus(inv, "review")
				h.want(inv, "review", "needs_review")
				if got := h.get(inv.PaymentURL).state(); got != "review" {
					t.Errorf("%s %s: the page says %q", gateway, fault, got)
				}
				listed := false
				for _, a := range all[attempt](h.shop, "/attempts?status=needs_review&") {
					listed = listed || a.InvoiceID == inv.ID
				}
				if !listed {
					t.Errorf("%s %s: nobody is told", gateway, fault)
				}
			}
		}
		h.oracle()
	})
}

// TestF43_BothGatewaysOnOneInvoice: paid at both, back from both at once. One claim across gateways; the
// other's money is left for the bank to give back.
func TestF43_BothGatewaysOnOneInvoice(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		h.boot()
		for range 8 {
			inv := h.invoice()
			backs := []comeback{h.paidAt(inv, "gardeshpay"), h.paidAt(inv, "ghesta")}
			gate := make(chan struct{})
			var both sync.WaitGroup
			for _, back := range backs {
				both.Go(func() { <-gate; h.mustTake(back) })
			}
			close(gate)
			both.Wait()
			h.untilStatus(inv, "paid")
			statuses := map[string]int{}
			for _, a := range h.attempts(inv) {
				statuses[a.Status]++
			}
			states := map[simulator.State]int{}
			for _, back := range backs {
				states[h.bank.payment(back.reference).State]++
			}
			if statuses["paid"] != 1 || statuses["unclaimed"] != 1 || states[simulator.StateCaptured] != 1 || states[simulator.StatePaid] != 1 {
				t.Errorf("with us %v, at the bank %v", statuses, states)
			}
		}
		h.oracle()
	})
}
