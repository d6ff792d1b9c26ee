package browsertest_test

import (
	"net/url"
	"strings"
	"testing"
)

// scene is one page in one state that a customer can meet.
type scene struct {
	name  string
	state string // data-state, "" for pages that are no payment link
	// show brings a tab to the page.
	show  func(t *testing.T, b *tab, locale string)
	dark  bool   // a dark picture too
	print bool   // it must fit one sheet of paper
	route string // what the page comes of, /i/:token when it is not said
}

// scenes are every page and state of CONTRACT §4 and of the design's table of states.
func scenes(d *demo, a *away) []scene {
	list := []scene{
		{name: "pay", state: "payable", dark: true, show: func(t *testing.T, b *tab, locale string) {
			link := d.PayableFA
			if locale == "en" {
				link = d.PayableEN
			}
			b.goTo(link)
		}},
		{name: "pay-instalments", state: "payable", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, usual(locale).without("customer")).Link)
			b.press(instalments)
		}},
		{name: "pay-missing", state: "payable", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, usual(locale).without("customer")).Link)
			b.press(instalments)
			b.submit(pay)
		}},
		{name: "pay-items", state: "payable", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, longOrder(locale, 499_999_990)).Link)
		}},
		{name: "unavailable-long", state: "unavailable", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, longOrder(locale, 9_999_999_999_990)).Link)
		}},
		{name: "pay-one-off", state: "payable", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, usual(locale).with("amount", 500_000)).Link) // below Ghesta's limit
		}},
		{name: "elsewhere", state: "elsewhere", show: func(t *testing.T, b *tab, locale string) {
			inv := d.api().create(t, usual(locale))
			b.leave(inv.Link, card)
			b.goTo(inv.Link)
		}},
		{name: "receipt", state: "paid", dark: true, print: true, show: func(t *testing.T, b *tab, locale string) {
			inv := d.api().create(t, usual(locale).with("return_url", "https://meybodpottery.ir/thanks"))
			b.leave(inv.Link, card)
			b.submit(bankPays)
		}},
		{name: "receipt-twice", state: "paid", print: true, show: paidTwice(d)},
		{name: "gateway-down", state: "payable", show: func(t *testing.T, b *tab, locale string) {
			key, err := a.house.shop("down-"+locale, nobody)
			if err != nil {
				t.Fatal(err)
			}
			b.goTo(api{a.api.base, key}.create(t, usual(locale)).Link)
			b.press(card)
			b.submit(pay)
		}},
		{name: "gateway-trouble", state: "unavailable", show: inTrouble(a)},
		{name: "missing", show: func(_ *testing.T, b *tab, locale string) {
			b.goTo(d.URL + "/i/" + strings.Repeat("A", 22) + "?lang=" + locale)
		}},
		{name: "problem-callback", show: func(t *testing.T, b *tab, locale string) {
			inv := d.api().create(t, usual(locale))
			b.leave(inv.Link, instalments)
			b.choose("delayed_callback") // the way back waits for a press, scripts or not
			// Ghesta's callback comes by POST; opened by hand it is a page that leads back.
			b.goTo(ask[string](b, "document.querySelector('form.back').action"))
			if back := ask[string](b, "document.querySelector('a.button')?.href ?? ''"); !strings.HasPrefix(back, inv.Link) {
				t.Errorf("the page leads back to %q, want the payment link", back)
			}
		}},
		{name: "money-ask", route: "/money", state: "asked", dark: true, show: func(_ *testing.T, b *tab, locale string) { b.goTo(d.URL + "/money?lang=" + locale) }},
		{name: "money-link", route: "/i/:token/money", state: "asked", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.api().create(t, usual(locale)).Link + "/money?lang=" + locale)
		}},
		{name: "money", state: "statement", dark: true, print: true, show: func(t *testing.T, b *tab, locale string) {
			inv := d.api().create(t, usual(locale))
			b.leave(inv.Link, card)
			b.choose("declined")
			b.goTo(d.URL + "/money?lang=" + locale)
			b.fill("#link", inv.Link)
			b.fill("#last4", "4567")
			b.submit("main form button")
		}},
		{name: "stop", route: "/m/:token", state: "reminded", dark: true, show: func(t *testing.T, b *tab, locale string) { b.goTo(stopPage(t, false) + "?lang=" + locale) }},
		{name: "stopped", route: "/m/:token", state: "stopped", show: func(t *testing.T, b *tab, locale string) { b.goTo(stopPage(t, true) + "?lang=" + locale) }},
		{name: "help", route: "/help", show: func(_ *testing.T, b *tab, locale string) { b.goTo(d.URL + "/help?lang=" + locale) }},
	}
	for _, s := range []struct{ name, state, demo string }{
		{"receipt-instalments", "paid", "Paid, instalments"},
		{"confirming", "confirming", "Being confirmed"},
		{"canceled-payer", "payable", "Canceled at Ghesta"},
		{"declined", "payable", "Card declined"},
		{"abandoned", "payable", "Given up"},
		{"expired", "expired", "Expired"},
		{"closed", "canceled", "Withdrawn"},
		{"closed-unclaimed", "canceled", "Unclaimed payment"},
		{"review", "review", "Needs a person"},
		{"unavailable", "unavailable", "Too small to pay"},
	} {
		list = append(list, scene{name: s.name, state: s.state, print: s.state == "paid", show: func(t *testing.T, b *tab, locale string) {
			b.goTo(d.state(t, s.demo) + "?lang=" + locale)
		}})
	}
	return list
}

// longOrder is an order that tries the layout: many items, long words, a long reference.
func longOrder(locale string, amount int64) order {
	o := usual(locale).with("amount", amount).with("reference", "MP-2026-ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789").
		with("description", strings.Repeat("کاسهٔ‌نقش‌ماهی‌فیروزه‌ای", 4)+" Donaudampfschifffahrtsgesellschaftskapitän")
	items := []map[string]any{{"title": "ظرف", "quantity": 1, "unit_amount": amount - 7*1_000_000}}
	for range 7 {
		items = append(items, map[string]any{"title": "Khorshid-Khanom-vase-with-a-very-long-unbroken-name", "quantity": 1, "unit_amount": 1_000_000})
	}
	return o.with("items", items)
}

func paidTwice(d *demo) func(t *testing.T, b *tab, locale string) {
	return func(t *testing.T, b *tab, locale string) {
		inv := d.api().create(t, usual(locale))
		other := b.beside(screen{locale: locale, width: 360})
		other.leave(inv.Link, card)
		b.leave(inv.Link, card)
		other.submit(bankPays)
		b.submit(bankPays)
	}
}

// inTrouble is a shop whose gateways failed five times in a row: both are shown as having trouble.
func inTrouble(a *away) func(t *testing.T, b *tab, locale string) {
	return func(t *testing.T, b *tab, locale string) {
		key, err := a.house.shop("trouble-"+locale, nobody)
		if err != nil {
			t.Fatal(err)
		}
		shop := api{a.api.base, key}
		inv := shop.create(t, usual(locale))
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			for range 5 {
				shop.post(t, inv.Link+"/pay", url.Values{"gateway": {gateway}})
			}
		}
		b.goTo(inv.Link)
	}
}
