package browsertest_test

import (
	"strings"
	"testing"
)

// Every journey is walked in both languages, on a phone and on a desk, with scripts off.
func everywhere(t *testing.T, walk func(t *testing.T, s screen)) {
	t.Helper()
	theBrowser(t)
	for _, s := range []screen{
		{locale: "fa", width: 360},
		{locale: "fa", width: 1280},
		{locale: "en", width: 360},
		{locale: "en", width: 1280},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			walk(t, s)
		})
	}
}

// The places that are pressed on the way. Those of the simulator are plain forms.
const (
	card        = ".choice:has(#gateway-gardeshpay) > label"
	instalments = ".choice:has(#gateway-ghesta) > label"
	pay         = "form button.button"

	bankPays    = "form.card button[name=outcome][value=paid]"
	bankCancels = "form button[name=outcome][value=canceled]"
	toShop      = "form.back button"
)

// leave goes from a payment link to the gateway.
func (b *tab) leave(link, method string) {
	b.t.Helper()
	b.goTo(link)
	b.press(method)
	b.submit(pay)
	if b.state() != "" || !strings.Contains(b.text(), "6037") && !b.has("[name=national_id]") && !b.has("[name=card]") {
		b.t.Fatalf("this is not the gateway's page: %s\n%s", b.address(), b.text())
	}
}

// choose ends the visit at the simulator by its short form, as any outcome it knows.
func (b *tab) choose(outcome string) {
	b.t.Helper()
	b.press("details.choose > summary")
	radio := "details.choose [name=outcome][value=" + outcome + "]"
	if !b.has(radio) { // in a group that is folded
		fold := ask[int](b, "[...document.querySelectorAll('details.fold')].findIndex(d => d.querySelector('[value="+outcome+"]'))")
		ask[any](b, "document.querySelectorAll('details.fold')["+string(rune('0'+fold))+"].id = 'wanted'; null")
		b.press("#wanted > summary")
	}
	b.press("label.way:has([value=" + outcome + "])")
	b.submit("details.choose form > button")
}

// home presses the way back to the shop. Ghesta's is a form, which scripts would send by themselves.
func (b *tab) home() {
	b.t.Helper()
	b.submit(toShop)
}

// receipt fails unless the page is a receipt on which the reader stands.
func (b *tab) receipt(locale string) {
	b.t.Helper()
	b.stands("paid", "paid", locale)
	b.stepsOn("h1")
	if !b.has(".seal") || !b.has(".qr") || !b.has(".facts") {
		b.t.Error("the receipt lacks its seal, its code or its facts")
	}
	b.quiet()
}

func TestJourney_Card(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		inv, b := d.api().create(t, usual(s.locale)), open(t, s)
		b.leave(inv.Link, card)
		b.submit(bankPays)
		b.receipt(s.locale)
		if b.address() != inv.Link {
			t.Errorf("the receipt is at %s, want the payment link", b.address())
		}
		if text := b.text(); !strings.Contains(text, "603799******0000") || !strings.Contains(text, inv.Number) {
			t.Errorf("the receipt names no card or no invoice number:\n%s", text)
		}
		// Reloading the result, or coming to the link again, asks no gateway anything.
		before := d.api().events(t, inv.ID)
		b.reload()
		b.stands("paid", "paid", s.locale)
		open(t, s).goTo(inv.Link)
		if after := d.api().events(t, inv.ID); after["verify.asked"] != 1 || len(after) != len(before) {
			t.Errorf("looking again changed the events from %v to %v", before, after)
		}
	})
}

func TestJourney_Instalments(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		// The invoice knows no customer: the form has to ask.
		inv, b := d.api().create(t, usual(s.locale).without("customer")), open(t, s)
		b.goTo(inv.Link)
		b.press(instalments)
		b.submit(pay)
		b.stands("payable", "", s.locale)
		if !b.has("[role=alert]") || len(d.api().attempts(t, inv.ID)) != 0 {
			t.Fatalf("a missing name and number: want a page that says so and no attempt\n%s", b.text())
		}
		b.fill("#payer_name", "Negar Ahmadi")
		b.fill("#payer_mobile", "۰۹۱۲۱۲۳۴۵۶۷")
		b.submit(pay)

		b.submit("button[name=step][value=identify]")
		b.fill("#otp", ask[string](b, "document.querySelector('[data-otp]').dataset.otp"))
		b.submit("button[name=step][value=otp]")
		b.submit("button[name=step][value=plan]")
		b.submit(bankPays)
		b.home()
		b.receipt(s.locale)
		if got := d.api().attempts(t, inv.ID); len(got) != 1 || got[0].Gateway != "ghesta" || got[0].Status != "paid" {
			t.Errorf("the attempts are %+v", got)
		}
	})
}

func TestJourney_InstalmentsShortForm(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		inv, b := d.api().create(t, usual(s.locale)), open(t, s)
		b.leave(inv.Link, instalments)
		b.choose("paid")
		b.home()
		b.receipt(s.locale)
	})
}

func TestJourney_CancelThenPay(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		inv, b := d.api().create(t, usual(s.locale)), open(t, s)
		b.leave(inv.Link, instalments)
		b.submit(bankCancels)
		b.home()
		b.stands("payable", "canceled", s.locale)
		b.heading()

		// GardeshPay sends a tracking number after a cancellation too: only verify tells.
		b.press(card)
		b.submit(pay)
		b.submit(bankCancels)
		b.stands("payable", "failed", s.locale)
		b.heading()

		// Canceled is not the end: the same page pays.
		b.press(card)
		b.submit(pay)
		b.submit(bankPays)
		b.receipt(s.locale)
	})
}

func TestJourney_Declined(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		for _, method := range []string{card, instalments} {
			inv, b := d.api().create(t, usual(s.locale)), open(t, s)
			b.leave(inv.Link, method)
			b.choose("declined")
			if method == instalments {
				b.home()
			}
			b.stands("payable", "failed", s.locale)
			b.heading()
			if got := d.api().invoice(t, inv.ID); got.Status != "open" {
				t.Errorf("the invoice is %s, want open", got.Status)
			}
		}
	})
}

// heading fails unless the reader stands on the headline of the news.
func (b *tab) heading() {
	b.t.Helper()
	b.stepsOn("h1, h2")
	b.quiet()
}
