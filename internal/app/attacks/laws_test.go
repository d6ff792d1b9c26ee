package attacks_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// stands waits until an invoice has a status, in the API and on its page.
func (s *shop) stands(inv invoice, status string) {
	s.Helper()
	s.ends(inv, status)
	if (s.state(inv) == "paid") != (status == "paid") {
		s.Errorf("invoice %s is %s and its page says %s", inv.ID, status, s.state(inv))
	}
}

// ends waits until an invoice has a status. A callback answers without the word of verify when that
// takes long, so a test that looked once would depend on how busy the machine is. What no machine
// moves any more is not waited for.
func (s *shop) ends(inv invoice, status string) {
	s.Helper()
	for limit := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := s.read(inv).Status
		if now == status {
			return
		}
		if now == "paid" || now == "review" || now == "canceled" || time.Now().After(limit) {
			s.Fatalf("invoice %s is %s, want %s\n%s", inv.ID, now, status, s.story(inv))
		}
	}
}

// unpaid demands that an invoice was never paid: not now, not in its books, not on its page.
func (s *shop) unpaid(inv invoice) {
	s.Helper()
	now := s.read(inv)
	if now.Status == "paid" || now.Payment != nil || s.count(inv, "invoice.paid") > 0 || s.state(inv) == "paid" {
		s.Errorf("invoice %s is paid\n%s", inv.ID, s.story(inv))
	}
	for _, a := range s.attempts(inv) {
		if a.Status == "paid" {
			s.Errorf("attempt %s of %s is paid", a.ID, inv.ID)
		}
	}
}

// paidOnce demands one payment of the whole amount.
func (s *shop) paidOnce(inv invoice) {
	s.Helper()
	s.stands(inv, "paid")
	now := s.read(inv)
	paid := 0
	for _, a := range s.attempts(inv) {
		if a.Status == "paid" {
			paid++
		}
	}
	if now.Payment == nil || now.Payment.Amount != inv.Amount || paid != 1 || s.count(inv, "invoice.paid") != 1 {
		s.Errorf("invoice %s: payment %+v, %d paid attempts, %d events\n%s", inv.ID, now.Payment, paid, s.count(inv, "invoice.paid"), s.story(inv))
	}
}

// is waits until an attempt has a status, and the code of its failure if one is given.
func (o *out) is(status, code string) {
	o.s.Helper()
	for limit := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		a := o.attempt()
		got := ""
		if a.Failure != nil {
			got = a.Failure.Code
		}
		if a.Status == status && (code == "" || got == code) {
			return
		}
		if a.Status == "paid" || a.Status == "unclaimed" || a.Status == "needs_review" || time.Now().After(limit) {
			o.s.Errorf("attempt %s is %s (%s), want %s (%s)\n%s", a.ID, a.Status, got, status, code, o.s.story(o.inv))
			return
		}
	}
}

// attempt is ours in the API.
func (o *out) attempt() attempt {
	o.s.Helper()
	for _, a := range o.s.attempts(o.inv) {
		if o.same(a) {
			return a
		}
	}
	o.s.Fatalf("no attempt of %s", o.inv.ID)
	return attempt{}
}

// same finds an attempt by our number, which its first event holds.
func (o *out) same(a attempt) bool {
	for _, e := range o.s.events(o.inv) {
		if e.Type == "attempt.created" && e.AttemptID != nil && *e.AttemptID == a.ID {
			return strings.Contains(string(e.Data), o.number)
		}
	}
	return false
}

// count is how often the books say something of an invoice.
func (s *shop) count(inv invoice, kind string) int {
	s.Helper()
	n := 0
	for _, e := range s.events(inv) {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// says demands that the books tell something exactly so often.
func (s *shop) says(inv invoice, kind string, times int) {
	s.Helper()
	if n := s.count(inv, kind); n != times {
		s.Errorf("invoice %s has %d events %s, want %d\n%s", inv.ID, n, kind, times, s.story(inv))
	}
}

// story is an invoice's timeline, for a test that failed.
func (s *shop) story(inv invoice) string {
	s.Helper()
	var b strings.Builder
	for _, e := range s.events(inv) {
		fmt.Fprintf(&b, "%3d %-22s %-10s %s\n", e.Sequence, e.Type, e.Actor, e.Data)
	}
	return b.String()
}

// unmoved runs an attack, and demands that it moved nothing: the invoice and its attempts stand as
// before, the bank was not asked, and the books hold one event more, of the given kind. An attack
// on an address that leads to no attempt leaves no event: kind is "" then.
func (s *shop) unmoved(inv invoice, kind string, attack func()) {
	s.Helper()
	before, told, asked := s.stand(inv), s.events(inv), s.bank.verifies("")
	attack()
	if after := s.stand(inv); after != before {
		s.Errorf("it stood so:\n%s\nand now so:\n%s\n%s", before, after, s.story(inv))
	}
	if now := s.bank.verifies(""); now != asked {
		s.Errorf("the bank was asked %d times to verify\n%s", now-asked, s.story(inv))
	}
	more := s.events(inv)[len(told):]
	kinds := make([]string, 0, 1)
	for _, e := range more {
		kinds = append(kinds, e.Type)
	}
	want := []string{kind}
	if kind == "" {
		want = []string{}
	}
	if !slices.Equal(kinds, want) {
		s.Errorf("the books say %q, want %q\n%s", kinds, want, s.story(inv))
	}
}

// stand is where an invoice and its attempts stand, as one text.
func (s *shop) stand(inv invoice) string {
	s.Helper()
	now := s.read(inv)
	text := fmt.Sprintf("%s %d paid=%t", now.Status, now.Amount, now.Payment != nil)
	for _, a := range s.attempts(inv) {
		text += fmt.Sprintf("; %s %s", a.ID, a.Status)
	}
	return text
}

// alone demands that the bank was never asked about two references at once.
func (b *bank) alone() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 1 {
		b.Errorf("%d references were being verified at once", b.most)
	}
}
