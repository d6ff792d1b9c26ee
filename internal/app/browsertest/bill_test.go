package browsertest_test

import (
	"strings"
	"testing"
)

// The form of a new invoice reads the amount aloud while it is typed, counts its items, gives more lines
// without losing what stands in the others, and makes one invoice of two presses. Enter saves.
func TestAdmin_NewInvoice(t *testing.T) {
	d := startDemo(t)
	b := open(t, screen{locale: "fa", width: 1280, scripts: true})
	b.signIn(d, "fa")
	b.goTo(d.URL + "/admin/invoices/new")
	reads := func(selector, want string) {
		t.Helper()
		b.until(want, "(document.querySelector("+quote(selector)+")?.innerText ?? '').includes("+quote(want)+")")
	}
	b.fill("#amount", "250000")
	reads("#amount-reads", "دویست و پنجاه هزار تومان")
	reads("#amount-reads", "۲٬۵۰۰٬۰۰۰")
	ask[any](b, "document.querySelector('#amount').value = ''; null")
	b.fill("#item_title_1", "کاسه")
	b.fill("#item_quantity_1", "3")
	b.fill("#item_price_1", "150000")
	reads("#line-1", "۴۵۰٬۰۰۰")
	reads("#amount-reads", "چهارصد و پنجاه هزار تومان")
	b.press("button[value=more]")
	b.until("more lines", "!!document.querySelector('#item_title_4')")
	if got := ask[string](b, "document.querySelector('#item_title_1').value"); got != "کاسه" {
		t.Errorf("the first line says %q now", got)
	}
	b.picture("admin-invoice-items-desktop", "fa")
	b.axe("items")
	b.press("#description")
	b.leaving(func() { b.key("\r") })
	if !strings.Contains(b.address(), "done=created") {
		t.Fatalf("Enter leads to %s\n%s", b.address(), b.text())
	}
	b.quiet()

	// The same without a script, by a press.
	plain := open(t, screen{locale: "fa", width: 360})
	plain.signIn(d, "fa")
	plain.goTo(d.URL + "/admin/invoices/new")
	plain.fill("#item_title_1", "کاسه")
	plain.fill("#item_price_1", "150000")
	plain.submit("button[value=count]")
	if said := plain.text(); !strings.Contains(said, "صد و پنجاه هزار تومان") {
		t.Errorf("the server does not read it aloud:\n%s", said)
	}
	plain.picture("admin-invoice-items-phone", "fa")
}
