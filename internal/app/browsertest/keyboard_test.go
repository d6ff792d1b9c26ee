package browsertest_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A customer without a mouse pays: Tab, Space, Enter.
func TestKeyboard_Pays(t *testing.T) {
	d := startDemo(t)
	everywhere(t, func(t *testing.T, s screen) {
		for _, way := range []struct{ gateway, focus string }{{"gardeshpay", "#gateway-gardeshpay"}, {"ghesta", "#gateway-ghesta"}} {
			inv, b := d.api().create(t, usual(s.locale)), open(t, s)
			b.goTo(inv.Link)
			// One Tab reaches the group, the arrows walk within it.
			b.tabTo("[name=gateway]")
			b.key(" ")
			for range 3 {
				if ask[bool](b, "document.querySelector("+quote(way.focus)+").checked") {
					break
				}
				b.key(kb.ArrowDown)
			}
			if !ask[bool](b, "document.querySelector("+quote(way.focus)+").checked") {
				t.Fatalf("the keyboard does not choose %s", way.gateway)
			}
			b.tabTo(pay)
			b.leaving(func() { b.key("\r") })
			if way.gateway == "gardeshpay" {
				b.tabTo(bankPays)
				b.leaving(func() { b.key("\r") })
			} else {
				b.choose("paid")
				b.tabTo(toShop)
				b.leaving(func() { b.key("\r") })
			}
			b.receipt(s.locale)
		}
	})
}
