package browsertest_test

import (
	"strings"
	"testing"
)

// The keys of the admin: each does what the help says, none while somebody types, none after they were
// switched off; and copying puts Latin digits on the clipboard.
func TestAdmin_Shortcuts(t *testing.T) {
	d := startDemo(t)
	b := open(t, screen{locale: "fa", width: 1280, scripts: true})
	b.signIn(d, "fa")
	at := func(path string) {
		t.Helper()
		if got := strings.TrimPrefix(b.address(), d.URL); got != path {
			t.Fatalf("the page is %s, want %s", got, path)
		}
	}
	goes := func(path string, keys ...string) {
		t.Helper()
		for _, k := range keys[:len(keys)-1] {
			b.key(k)
		}
		b.leaving(func() { b.key(keys[len(keys)-1]) })
		at(path)
	}
	focused := func(what string) bool {
		return ask[bool](b, "document.activeElement.matches("+quote(what)+")")
	}
	goes("/admin/invoices", "g", "i")
	for i, step := range []struct{ key, row string }{{"j", "1"}, {"j", "2"}, {"j", "3"}, {"k", "2"}, {"k", "1"}, {"k", "1"}} {
		b.key(step.key)
		if !focused(".list tbody tr:nth-child(" + step.row + ") a") {
			t.Errorf("after %d keys the focus is not on row %s", i+1, step.row)
		}
	}
	b.leaving(func() { b.key("\r") })
	if !strings.Contains(b.address(), "/admin/invoices/inv_") {
		t.Errorf("Enter opens %s", b.address())
	}
	goes("/admin/invoices#q", "/") // a page without a search leads to the one that has it
	if !focused("#q") {
		t.Error("/ does not lead to the search")
	}
	for _, k := range []string{"n", "g", "s", "?"} {
		b.key(k)
	}
	if got := ask[string](b, "document.querySelector('#q').value"); got != "ngs?" {
		t.Errorf("while typing the keys are letters; the box holds %q", got)
	}
	ask[any](b, "document.activeElement.blur()")
	// e is the file of this very list.
	if got := ask[string](b, `(() => { let to = ''; document.addEventListener('click', e => { to = e.target.closest('a').getAttribute('href'); e.preventDefault() }, {once: true, capture: true});
		document.dispatchEvent(new KeyboardEvent('keydown', {key: 'e', code: 'KeyE', bubbles: true})); return to })()`); !strings.HasPrefix(got, "/admin/invoices/export.xlsx") {
		t.Errorf("e leads to %q", got)
	}
	goes("/admin/invoices/new", "n")
	ask[any](b, "document.activeElement.blur()")
	b.key("g")
	b.leaving(func() { // a Persian layout: the key stands where s does
		ask[any](b, "setTimeout(() => document.dispatchEvent(new KeyboardEvent('keydown', {key: 'س', code: 'KeyS', bubbles: true}))); null")
	})
	at("/admin/settings")
	goes("/admin/settings/webhooks", "g", "w")
	goes("/admin", "g", "h")
	b.key("?")
	if !ask[bool](b, "document.querySelector('dialog#keys').open") {
		t.Fatal("? opens nothing")
	}
	b.picture("admin-keys-desktop", "fa")
	b.axe("keys")
	b.key("g")
	b.key("i")
	at("/admin")
	b.press("#keys input")
	b.key("\x1b")
	b.key("g")
	b.key("i")
	b.key("j")
	at("/admin")
	b.quiet()

	// What is copied from an invoice is what a bank's form takes.
	b.goTo(d.URL + "/admin/invoices?q=MP-1208")
	for _, what := range []string{".link", ".facts > div:has(bdi.ltr)"} {
		got := ask[string](b, `(async () => {
			let text = '';
			navigator.clipboard.writeText = async (s) => { text = s };
			const at = document.querySelector(`+quote(what)+`);
			at.querySelector('button.copier').click();
			await new Promise(r => setTimeout(r));
			return text + '|' + at.querySelector('button.copier').textContent;
		})()`)
		text, said, _ := strings.Cut(got, "|")
		if text == "" || strings.ContainsAny(text, "۰۱۲۳۴۵۶۷۸۹") || said != "برداشته شد" {
			t.Errorf("%s copies %q and says %q", what, text, said)
		}
	}
	b.alone(d.URL)
}

// Without a script nothing is missing: the keys are listed, what would be copied can be selected, and
// no button stands there that does nothing.
func TestAdmin_NoScript(t *testing.T) {
	d := startDemo(t)
	b := open(t, screen{locale: "fa", width: 1280})
	b.signIn(d, "fa")
	b.submit("a[data-keys]")
	if !strings.HasSuffix(b.address(), "/admin/keyboard") || ask[int](b, "document.querySelectorAll('main kbd').length") < 10 {
		t.Errorf("the keys are not listed at %s", b.address())
	}
	b.goTo(d.URL + "/admin/invoices?q=MP-1208")
	if n := ask[int](b, "[...document.querySelectorAll('.copier, [data-print]')].filter(e => e.checkVisibility()).length"); n != 0 {
		t.Errorf("%d buttons do nothing", n)
	}
}
