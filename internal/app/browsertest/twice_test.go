package browsertest_test

import (
	"net/url"
	"strings"
	"testing"
)

// Two tabs, both at a gateway: whoever comes second is told that it is paid already, that its money
// was not taken, and by which number to ask for it.
func TestTwice_TwoTabs(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		for _, second := range []struct{ method, gateway string }{{card, "gardeshpay"}, {instalments, "ghesta"}} {
			inv, first := d.api().create(t, usual(s.locale)), open(t, s)
			other := first.beside(s)
			first.leave(inv.Link, card)
			other.goTo(inv.Link)
			other.stands("elsewhere", "redirected", s.locale)
			other.leave(inv.Link, second.method)

			first.submit(bankPays)
			first.stands("paid", "redirected", s.locale) // the other try is still out
			first.stepsOn("h1")
			if second.method == card {
				other.submit(bankPays)
			} else {
				other.choose("paid")
				other.home()
			}
			other.stands("paid", "unclaimed", s.locale)
			other.quiet()
			told := ask[string](other, "document.querySelector('.unclaimed')?.innerText ?? ''")
			number := ""
			for _, a := range d.api().attempts(t, inv.ID) {
				if a.Status == "unclaimed" && a.Gateway == second.gateway {
					number = a.TrackingNumber
				}
			}
			if number == "" || !strings.Contains(told, number) {
				t.Errorf("the second payer reads %q, which does not name the number %q", told, number)
			}
			if n := d.api().events(t, inv.ID)["verify.asked"]; n != 1 {
				t.Errorf("%d verifies were sent, want 1: the second payment must not be captured", n)
			}
		}
	})
}

// A page that was left open while the invoice was paid leads to the receipt, not to the bank.
func TestTwice_StalePage(t *testing.T) {
	d := startDemo(t)
	s := screen{locale: "fa", width: 360}
	inv, first := d.api().create(t, usual(s.locale)), open(t, s)
	stale := first.beside(s)
	stale.goTo(inv.Link)
	stale.press(card)
	first.leave(inv.Link, card)
	first.submit(bankPays)
	stale.submit(pay)
	stale.stands("paid", "paid", s.locale)
	if got := d.api().attempts(t, inv.ID); len(got) != 1 {
		t.Errorf("%d attempts, want 1", len(got))
	}
}

// Back from the bank is never an error: the link says that it is being paid, and can be paid.
func TestBack_FromTheBank(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		inv, b := d.api().create(t, usual(s.locale)), open(t, s)
		for _, method := range []string{card, instalments} {
			b.leave(inv.Link, method)
			b.back()
			if got := b.state(); got != "elsewhere" && got != "payable" {
				t.Fatalf("Back from the bank leads to %q at %s\n%s", got, b.address(), b.text())
			}
		}
		b.reload()
		b.stands("elsewhere", "redirected", s.locale)
		b.press(card)
		b.submit(pay)
		b.submit(bankPays)
		b.receipt(s.locale)

		// Back from the receipt is the bank's own page; once more is the link, which says paid.
		b.back()
		b.back()
		b.reload()
		b.stands("paid", "paid", s.locale)
	})
}

// Who reads English on a Persian invoice goes on in English, also through a form that came back with
// a complaint, and through the bank: the attempt remembers the choice, since a callback cannot carry it.
func TestLanguage_Switch(t *testing.T) {
	d := startDemo(t)
	for _, way := range []struct{ from, to string }{{"fa", "en"}, {"en", "fa"}} {
		t.Run(way.from+" to "+way.to, func(t *testing.T) {
			t.Parallel()
			inv, b := d.api().create(t, usual(way.from).without("customer")), open(t, screen{locale: way.from, width: 360})
			b.goTo(inv.Link)
			b.stands("payable", "", way.from)
			b.submit(".foot a[hreflang]")
			b.stands("payable", "", way.to)
			b.press(instalments)
			b.submit(pay)
			b.stands("payable", "", way.to)
			b.press(card)
			b.submit(pay)
			b.submit(bankPays)
			b.stands("paid", "paid", way.to) // the choice lasted through the bank and back
			b.submit(".foot a[hreflang]")
			b.stands("paid", "paid", way.from)
		})
	}
}

// Ghesta posts from its own site, without any session of ours, into a browser that never saw us.
func TestGhesta_PostFromAnotherSite(t *testing.T) {
	a := startAway(t)
	everywhere(t, func(t *testing.T, s screen) {
		inv, b := a.api.create(t, usual(s.locale)), open(t, s)
		b.leave(inv.Link, instalments)
		if host := hostOf(t, b.address()); host == hostOf(t, a.api.base) {
			t.Fatalf("the gateway must be on another site, it is at %s", b.address())
		}
		b.choose("paid")
		// The way back is walked by a browser that has nothing of the first.
		form := ask[string](b, `(() => { const f = document.querySelector('form.back'); return f.outerHTML })()`)
		elsewhere := open(t, s)
		elsewhere.goTo(a.simulator + "/")
		ask[any](elsewhere, "document.body.innerHTML = "+quote(form)+"; null")
		elsewhere.home()
		elsewhere.receipt(s.locale)
		b.home()
		b.stands("paid", "paid", s.locale)
		if n := a.api.events(t, inv.ID)["verify.asked"]; n != 1 {
			t.Errorf("%d verifies were sent, want 1", n)
		}
	})
}

// The card's way there and back crosses sites too: the policy of our pages must let the form follow.
func TestCard_FromAnotherSite(t *testing.T) {
	a := startAway(t)
	s := screen{locale: "en", width: 360}
	inv, b := a.api.create(t, usual(s.locale)), open(t, s)
	b.leave(inv.Link, card)
	b.submit(bankPays)
	b.receipt(s.locale)
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Hostname()
}
