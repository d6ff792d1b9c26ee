package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A reference that paid one invoice is brought to another of the same amount. The row leaves B open;
// by the contract (§6, needs_review) a person looks at it, and nobody is asked.
func TestT01_GhestaRefidReuse(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		a, b := s.began("ghesta").pays(), s.began("ghesta")
		a.returns()
		s.paidOnce(a.inv)
		b.back(b.claim(a.ref))
		s.ends(b.inv, "review")
		b.is("needs_review", "reference_used")
		s.unpaid(b.inv)
		s.says(b.inv, "attempt.needs_review", 1)
		if n := s.bank.verifies(a.ref); n != 1 {
			t.Errorf("the bank was asked %d times about it", n)
		}
		s.paidOnce(a.inv)
	})
}

// The same at once, fifty times on each side. Ghesta's answer names no order, so whoever is first
// has it; what must hold is that one sale pays one invoice.
func TestT02_GhestaRefidRace(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		a, b := s.began("ghesta").pays(), s.began("ghesta")
		var all sync.WaitGroup
		ready := make(chan struct{})
		for range 50 {
			for _, o := range []*out{a, b} {
				all.Go(func() {
					<-ready
					if got, err := o.insists(t.Context(), a.ref); err != nil || got.status != http.StatusSeeOther {
						t.Errorf("a callback: %d %v", got.status, err)
					}
				})
			}
		}
		close(ready)
		all.Wait()
		until(t, "both are settled", func() bool {
			return final(s.read(a.inv).Status) && final(s.read(b.inv).Status)
		})
		oneSale(t, s, a, b)
	})
}

func final(status string) bool { return status == "paid" || status == "review" }

// oneSale demands that one of two invoices is paid, the other is with a person, and the bank took
// the money of one sale in one call.
func oneSale(t *testing.T, s *shop, a, b *out) {
	t.Helper()
	first, second := a.inv, b.inv
	if s.read(first).Status != "paid" {
		first, second = second, first
	}
	s.paidOnce(first)
	s.stands(second, "review")
	s.unpaid(second)
	s.says(second, "attempt.needs_review", 1)
	if got := s.bank.income(); got != price || s.bank.verifies("") != 1 {
		t.Errorf("%d came in, by %d calls", got, s.bank.verifies(""))
	}
}

// A's return is withheld; its reference pays B first and comes to A later.
func TestT03_GhestaRefidBeforeItsOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		a, b := s.began("ghesta").pays(), s.began("ghesta")
		b.back(b.claim(a.ref))
		s.paidOnce(b.inv)
		a.returns()
		s.ends(a.inv, "review")
		oneSale(t, s, a, b)
	})
}

// GardeshPay's verify names the invoice, so a trackingNumber of another sale proves itself foreign.
func TestT04_GardeshPayForeignTrackingNumber(t *testing.T) {
	t.Run("that paid already", func(t *testing.T) {
		_, s := onOne(t)
		a, b := s.began("gardeshpay").pays(), s.began("gardeshpay")
		a.returns()
		b.back(b.claim(a.ref))
		s.ends(b.inv, "review")
		b.is("needs_review", "reference_used")
		s.unpaid(b.inv)
		s.paidOnce(a.inv)
		if n := s.bank.verifies(a.ref); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
	t.Run("before its owner returned", func(t *testing.T) {
		_, s := onOne(t)
		a, b := s.began("gardeshpay").pays(), s.began("gardeshpay")
		b.back(b.claim(a.ref))
		s.ends(b.inv, "review")
		b.is("needs_review", "invoice_mismatch")
		s.unpaid(b.inv)
		// The bank answered a success for it once, so it stays bound (CONTRACT §6.1) and a person gives
		// A its money; nothing is paid by itself.
		a.returns()
		s.ends(a.inv, "review")
		s.unpaid(a.inv)
		if n := s.bank.verifies(""); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A cheap payment for a dear invoice: only the amount we asked for pays, in any way it may be said.
func TestT05_CheapPaymentForDearInvoice(t *testing.T) {
	_, s := onOne(t)
	const dear = 1_000_000
	said := map[string]string{ // what stands for the amount → how the invoice ends
		"1000": "review", "10000000": "review", "100000": "review", "1000001": "review", "999999": "review", "0": "review", "-1000000": "review",
		`"1000"`: "review", "": "processing", "null": "processing", "1000000.0": "processing", "1e6": "processing", "true": "processing", `"۱۰۰۰۰۰۰"`: "processing", "[1000000]": "processing",
	}
	s.bank.lies(func(c call) *reply {
		amount := strings.SplitN(c.ref, "-", 2)[1]
		amount, err := url.PathUnescape(strings.ReplaceAll(amount, "~", "%"))
		if err != nil {
			t.Errorf("reference %q: %v", c.ref, err)
		}
		if amount != "" {
			amount = `"amount":` + amount + `,`
		}
		if c.gateway == "ghesta" {
			return &reply{body: `{` + amount + `"cardNumber":"603799******1234"}`}
		}
		number := ""
		for _, sold := range s.bank.soldAs(c.ref) {
			number = sold.number
		}
		return &reply{body: `{"success":true,"message":"",` + amount + `"verifiedBefore":false,"data":{"refNumber":"1","invoiceNumber":"` + number + `"}}`}
	})
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		for amount, end := range said {
			o := s.start(s.invoice(dear), gateway)
			o.ref = s.bank.sell(o.token, gateway[:2]+"-"+strings.ReplaceAll(url.PathEscape(amount), "%", "~"))
			o.returns()
			if end == "review" {
				s.stands(o.inv, "review")
				o.is("needs_review", "amount_mismatch")
				s.says(o.inv, "attempt.needs_review", 1)
			} else {
				// Not the documented answer: asked at once a second time, then on, until the window closes.
				until(t, gateway+" was asked again", func() bool { return s.bank.verifies(o.ref) >= 2 })
			}
			s.unpaid(o.inv)
		}
	}
}

// soldAs are the sales of a reference.
func (b *bank) soldAs(ref string) (list []*sale) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		if s := b.sales[gateway+"/"+ref]; s != nil {
			list = append(list, s)
		}
	}
	return list
}

// What a client says about amount and status is not even read.
func TestT06_ClientSuppliesAmountAndStatus(t *testing.T) {
	_, s := onOne(t)
	lie := url.Values{
		"amount": {"1"}, "Amount1": {"1"}, "status": {"OK"}, "success": {"true"}, "price": {"1"}, "payment_status": {"completed"},
		"verifiedBefore": {"true"}, "return_url": {"https://evil.example"}, "callback": {"https://evil.example"}, "payer_amount": {"1"},
	}
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		inv := s.invoice(price)
		form := s.payer()
		for k, v := range lie {
			form[k] = v
		}
		form.Set("gateway", gateway)
		if a := s.post(inv.path()+"/pay?amount=1&gateway=evil", form); a.status != http.StatusSeeOther {
			t.Fatalf("%s: the start: %d", gateway, a.status)
		}
		starts := s.bank.calls("start")
		last := starts[len(starts)-1]
		if last.amount != price || strings.Contains(fmt.Sprint(last.body), "evil") {
			t.Errorf("%s: the bank was asked for %v", gateway, last.body)
		}

		// Without a reference such a callback is a cancellation, whatever it says.
		o := s.start(s.invoice(price), gateway)
		o.back(lie)
		o.is("canceled", "")
		s.stands(o.inv, "open")
		s.unpaid(o.inv)
		if n := s.bank.verifies(""); n != map[string]int{"gardeshpay": 0, "ghesta": 1}[gateway] {
			t.Errorf("%s: asked %d times", gateway, n)
		}

		// And with one it is asked for our amount.
		o.pays()
		claim := o.claim(o.ref)
		for k, v := range lie {
			claim[k] = v
		}
		o.back(claim)
		s.paidOnce(o.inv)
		verifies := s.bank.calls("verify")
		if last := verifies[len(verifies)-1]; gateway == "ghesta" && last.amount != price {
			t.Errorf("verify was asked for %d", last.amount)
		}
	}
}

// verifiedBefore is a success only beside our own number and amount.
func TestT07_VerifiedBeforeReplay(t *testing.T) {
	_, s := onOne(t)
	for name, c := range map[string]struct {
		number func(o *out) string
		amount int64
		status string
		code   string
	}{
		"another invoice": {func(*out) string { return "10000000000000000001" }, price, "review", "invoice_mismatch"},
		"no invoice":      {func(*out) string { return "" }, price, "review", "invoice_mismatch"},
		"another amount":  {func(o *out) string { return o.number }, price + 10, "review", "amount_mismatch"},
		"our own":         {func(o *out) string { return o.number }, price, "paid", ""},
	} {
		o := s.began("gardeshpay").pays()
		s.bank.lies(func(call) *reply { return &reply{body: verified(c.amount, true, c.number(o))} })
		o.returns()
		s.stands(o.inv, c.status)
		if c.status == "paid" {
			s.paidOnce(o.inv)
			continue
		}
		o.is("needs_review", c.code)
		s.unpaid(o.inv)
		s.says(o.inv, "attempt.needs_review", 1)
		if n := s.bank.verifies(o.ref); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// PayPing's 15 before we ever asked: somebody else's payment, as far as anybody can know.
func TestT08_AlreadyVerifiedWithoutOurOwnAsk(t *testing.T) {
	_, s := onOne(t)
	o := s.began("ghesta").pays()
	s.bank.lies(func(call) *reply { return &reply{status: 400, body: `{"15":"از قبل تایید شده است"}`} })
	o.returns()
	s.stands(o.inv, "review")
	o.is("needs_review", "already_verified")
	s.unpaid(o.inv)
	s.says(o.inv, "attempt.needs_review", 1)
	if n := s.bank.verifies(o.ref); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// The same after our own answer was lost: it was us, and the money is taken once.
func TestT09_AlreadyVerifiedAfterALostAnswer(t *testing.T) {
	for name, lost := range map[string]*reply{
		"reset":     {do: reset, capture: true},
		"503":       {status: 503, capture: true},
		"empty 200": {status: 200, capture: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := onOne(t)
			o := s.began("ghesta").pays()
			s.bank.lies(func(c call) *reply {
				if c.nth == 1 {
					return lost
				}
				return nil // by the documents: 15
			})
			o.returns()
			s.ends(o.inv, "paid")
			s.paidOnce(o.inv)
			if s.bank.income() != price || s.bank.verifies(o.ref) != 2 {
				t.Errorf("%d came in by %d calls", s.bank.income(), s.bank.verifies(o.ref))
			}
		})
	}
	t.Run("and a second 200", func(t *testing.T) {
		_, s := onOne(t)
		o := s.began("ghesta").pays()
		s.bank.lies(func(c call) *reply {
			if c.nth == 1 {
				return &reply{do: reset}
			}
			return &reply{body: fmt.Sprintf(`{"amount":%d,"cardNumber":null,"cardHashPan":null}`, price)}
		})
		o.returns()
		s.ends(o.inv, "paid")
		s.paidOnce(o.inv)
	})
}

// Spellings of a used reference. What is not strict ASCII is refused whole; digits are compared
// without leading zeros; letters of another case are another reference, of which the bank says that
// it is not ours.
func TestT10_SpellingsOfAUsedReference(t *testing.T) {
	_, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		a := s.began(gateway)
		a.ref = s.bank.sell(a.token, "1234567")
		a.returns()
		s.paidOnce(a.inv)
		for _, spelling := range []string{"01234567", "00000000001234567"} {
			b := s.began(gateway)
			asked := s.bank.verifies("")
			b.back(b.claim(spelling))
			s.stands(b.inv, "review")
			b.is("needs_review", "reference_used")
			s.unpaid(b.inv)
			if now := s.bank.verifies(""); now != asked {
				t.Errorf("%s %q: asked %d times", gateway, spelling, now-asked)
			}
		}
		for _, spelling := range []string{
			" 1234567", "1234567 ", "1234567\n", "1234567\r\n", "\t1234567", "۱۲۳۴۵۶۷", "١٢٣٤٥٦٧", "１２３４５６７", "1234567\u200f", "\ufeff1234567",
			"+1234567", "1234567.0/", "1,234,567", "12345\u200c67", "1234567%20", "1234567;", "'1234567'", strings.Repeat("0", 64) + "1234567",
		} {
			b := s.began(gateway)
			s.unmoved(b.inv, "callback.rejected", func() {
				if got := b.back(b.claim(spelling)); got.status != http.StatusBadRequest {
					t.Errorf("%s %q: %d", gateway, spelling, got.status)
				}
			})
		}
	}
	t.Run("letters", func(t *testing.T) {
		a := s.began("gardeshpay")
		a.ref = s.bank.sell(a.token, "AbCdEf12")
		a.returns()
		s.paidOnce(a.inv)
		b := s.began("gardeshpay")
		// A bank that ignores case finds A's sale, and says so.
		s.bank.lies(func(c call) *reply { return &reply{body: verified(price, true, a.number)} })
		b.back(b.claim("abcdef12"))
		s.stands(b.inv, "review")
		b.is("needs_review", "invoice_mismatch")
		s.unpaid(b.inv)
	})
}

// A stranger posts bogus references first. The true one pays all the same, as long as it is among
// the first five; after these a person looks, and nothing more is asked.
func TestT11_PoisonedWithBogusReferences(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			o := s.began(gateway).pays()
			for i := range 4 {
				o.back(o.claim(fmt.Sprintf("99%d0001", i)))
				o.is("failed", "")
				s.unpaid(o.inv)
			}
			o.returns()
			s.ends(o.inv, "paid")
			s.paidOnce(o.inv)
			if n := s.bank.verifies(o.ref); n != 1 {
				t.Errorf("%s: asked %d times about the true one", gateway, n)
			}

			flooded := s.began(gateway).pays()
			asked := s.bank.verifies("")
			for i := range 12 {
				flooded.back(flooded.claim(fmt.Sprintf("88%d0001%d", i, len(gateway))))
			}
			s.ends(flooded.inv, "review")
			flooded.is("needs_review", "too_many_references")
			flooded.returns()
			s.unpaid(flooded.inv)
			if n := s.bank.verifies("") - asked; n != 5 || s.bank.verifies(flooded.ref) != 0 {
				t.Errorf("%s: %d references were asked about", gateway, n)
			}
		}
	})
}

// A forged failure. What is paid stays paid; what is open stays payable, and the genuine return
// after the forged one still pays.
func TestT12_ForgedFailure(t *testing.T) {
	_, s := onOne(t)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		forged := map[string]func(o *out) url.Values{
			"empty":       func(*out) url.Values { return url.Values{} },
			"no ref":      func(o *out) url.Values { v := o.claim(""); return v },
			"status":      func(*out) url.Values { return url.Values{"status": {"-1"}, "payment_status": {"canceled"}} },
			"zero":        func(o *out) url.Values { return o.claim("000") },
			"only number": func(o *out) url.Values { return url.Values{"invoiceNumber": {o.number}, "clientrefid": {o.number}} },
		}
		if gateway == "ghesta" {
			for _, sign := range []string{"1", "-1", "1000", "0001", "-7654321"} {
				forged["sign "+sign] = func(o *out) url.Values { return o.claim(sign) }
			}
		}
		for name, forge := range forged {
			paid := s.began(gateway).pays()
			paid.returns()
			s.paidOnce(paid.inv)
			s.unmoved(paid.inv, "callback.received", func() {
				if got := paid.back(forge(paid)); got.status != http.StatusSeeOther {
					t.Errorf("%s, %s on a paid one: %d", gateway, name, got.status)
				}
			})
			s.paidOnce(paid.inv)

			open := s.began(gateway)
			asked := s.bank.verifies("")
			open.back(forge(open))
			open.is("canceled", "")
			s.stands(open.inv, "open")
			s.says(open.inv, "attempt.canceled", 1)
			if state := s.state(open.inv); state != "payable" {
				t.Errorf("%s, %s: the page is %s", gateway, name, state)
			}
			if now := s.bank.verifies(""); now != asked {
				t.Errorf("%s, %s: asked %d times", gateway, name, now-asked)
			}
			open.pays().returns()
			s.paidOnce(open.inv)
		}
		// A refusal that the bank itself invents for a paid one is never asked for.
		paid := s.began(gateway).pays()
		paid.returns()
		s.bank.lies(func(call) *reply { return &reply{body: `{"success":false,"code":1,"message":"","errors":[]}`} })
		for range 3 {
			paid.returns()
		}
		s.bank.lies(nil)
		s.paidOnce(paid.inv)
		if n := s.bank.verifies(paid.ref); n != 1 {
			t.Errorf("%s: a paid one was asked about %d times", gateway, n)
		}
	}
}
