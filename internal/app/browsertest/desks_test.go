package browsertest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/pages"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

// moreDesks are the pages that hang on one invoice, one payment page, one file.
func moreDesks(d *demo) []desk {
	below := func(reference, path string) func(*testing.T, *tab) {
		return func(t *testing.T, b *tab) {
			invoiceOf(d, reference)(t, b)
			here, _, _ := strings.Cut(b.address(), "?")
			b.goTo(here + path)
		}
	}
	page := func(path string) func(*testing.T, *tab) {
		return func(_ *testing.T, b *tab) {
			b.submit("main a[href^='/admin/pages/pag_']")
			here, _, _ := strings.Cut(b.address(), "?")
			b.goTo(here + path)
		}
	}
	return []desk{
		{name: "invoice-edit", path: "/admin", route: "/admin/invoices/:id/edit", show: below("MP-1217", "/edit")},
		{name: "invoice-share", path: "/admin", route: "/admin/invoices/:id/share", show: below("MP-1217", "/share")},
		{name: "invoice-slip", path: "/admin", route: "/admin/invoices/:id/slip", theirs: true, show: below("MP-1217", "/slip")},
		{name: "passkey", path: "/admin/account/passkey"},
		{name: "keyboard", path: "/admin/keyboard"},
		{name: "page-new", path: "/admin/pages/new"},
		{name: "page", path: "/admin/pages/new", route: "/admin/pages/:page", show: func(_ *testing.T, b *tab) {
			b.fill("#title", "کارگاه سفال، هر جمعه")
			b.fill("#slug", "workshop-"+ask[string](b, "document.documentElement.lang"))
			b.fill("#amount", "1200000")
			b.submit(".savebar button")
			b.goTo(d.URL + "/admin/pages")
			page("")(nil, b)
		}},
		{name: "pages", path: "/admin/pages"},
		{name: "page-edit", path: "/admin/pages", route: "/admin/pages/:page/edit", show: page("/edit")},
		{name: "page-share", path: "/admin/pages", route: "/admin/pages/:page/share", show: page("/share")},
		{name: "page-slip", path: "/admin/pages", route: "/admin/pages/:page/slip", theirs: true, show: page("/slip")},
		{name: "page-public", path: "/p/meybod/workshop-", route: "/p/:merchant/:page", gate: true},
		{name: "run", path: "/admin/many", route: "/admin/many/:run", show: func(_ *testing.T, b *tab) {
			b.press("[name=unit]")
			b.giveFile("customers.csv", "name,email,amount\nSara,sara@example.com,1500000\nAli,no address,0\n"+ask[string](b, "String(Math.random())")+",ali@example.com,250000\n")
			b.submit(".savebar button")
		}},
	}
}

// giveFile puts a file into the form.
func (b *tab) giveFile(name, text string) {
	b.t.Helper()
	ask[any](b, `(() => {
		const files = new DataTransfer();
		files.items.add(new File([`+quote(text)+`], `+quote(name)+`, {type: 'text/csv'}));
		document.getElementById('file').files = files.files;
	})()`)
}

// TestAdmin_MorePages looks at what hangs on one thing, like TestAdmin_Pages at the rest.
func TestAdmin_MorePages(t *testing.T) {
	d := startDemo(t)
	for _, locale := range []string{"fa", "en"} {
		t.Run(locale, func(t *testing.T) {
			b := open(t, screen{locale: locale, width: 360, scripts: true})
			b.signIn(d, locale)
			for _, p := range moreDesks(d) {
				if strings.HasSuffix(p.path, "-") {
					p.path += locale
				}
				b.goTo(d.URL + p.path + "?lang=" + locale)
				if p.show != nil {
					p.show(t, b)
				}
				b.look(p, locale)
				if !b.has(".test, .testbar") { // the demo is in test mode, and every page of it says so
					t.Errorf("%s looks like live mode", p.name)
				}
			}
			b.alone(d.URL)
		})
	}
}

// readerOnly is an engine that knows one reader of a reminder: the link of a real one stands in a letter,
// which nobody but its reader sees.
type readerOnly struct {
	pages.Payer
	pages.Links
	pages.PayPages
	pages.Returns
	pages.Logos
	pages.Statements
	pages.Looks
	stopped bool
}

func (r readerOnly) Reader(context.Context, string) (payments.Reader, error) {
	return payments.Reader{Merchant: checkout.Merchant{Name: "خانهٔ سفال میبد", Website: "https://meybodpottery.ir", Locale: "fa"}, Stopped: r.stopped}, nil
}

func (r readerOnly) StopReminders(context.Context, string, bool) error { return nil }

// stopPage serves the page at the end of a reminder's way out.
func stopPage(t *testing.T, stopped bool) string {
	t.Helper()
	var handler http.Handler
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(site.Close)
	s, err := server.New(server.Options{BaseURL: site.URL, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	pages.Mount(s, readerOnly{stopped: stopped}, site.URL, time.Now)
	handler = s
	return site.URL + "/m/c3RvcC1yZW1pbmRlcnM"
}
