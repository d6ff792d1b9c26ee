package browsertest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The first view on a slow line: what is allowed on the wire with the font, and for a customer besides it;
// and in how many requests besides the font.
const (
	firstViewWhole    = 52 << 10
	firstViewBytes    = 14 << 10
	firstViewRequests = 2
)

func TestFirstView_Budget(t *testing.T) {
	d := startDemo(t)
	for _, page := range []struct {
		name, link string
		admin      bool
	}{
		{name: "pay fa", link: d.PayableFA},
		{name: "pay en", link: d.PayableEN},
		{name: "receipt", link: d.state(t, "Paid by card")},
		{name: "expired", link: d.state(t, "Expired")},
		{name: "sign in", link: d.URL + "/admin/login", admin: true},
		{name: "home", link: d.URL + "/admin", admin: true},
		{name: "invoices", link: d.URL + "/admin/invoices", admin: true},
	} {
		t.Run(page.name, func(t *testing.T) {
			b := open(t, screen{locale: "fa", width: 360, scripts: page.admin})
			if page.admin && page.name != "sign in" {
				b.signIn(d, "fa")
				b = b.beside(screen{locale: "fa", width: 360, scripts: true})
				b.uncached()
			}
			b.goTo(page.link)
			ask[any](b, "document.fonts.ready.then(() => null)")
			var sum, whole float64
			var others, fonts int
			for _, r := range b.weighed() {
				whole += r.bytes
				if r.font {
					fonts++
					continue
				}
				others++
				sum += r.bytes
			}
			t.Logf("%.0f bytes, of them %.0f in %d requests besides %d fonts", whole, sum, others, fonts)
			if whole > firstViewWhole || fonts == 0 || fonts > 2 {
				t.Errorf("the first view is %.0f bytes with %d fonts, want at most %d", whole, fonts, firstViewWhole)
			}
			if !page.admin && (sum > firstViewBytes || others > firstViewRequests) {
				t.Errorf("besides the font the first view is %.0f bytes in %d requests, want at most %d in %d", sum, others, firstViewBytes, firstViewRequests)
			}
			b.alone(d.URL)
			b.quiet()
		})
	}
}

// weighed returns the requests when all of them are answered: the picture in the browser's tab comes last.
func (b *tab) weighed() []request {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		list := b.asked()
		open := slices.IndexFunc(list, func(r request) bool { return r.bytes == 0 })
		if open < 0 {
			return list
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s weighed nothing; the measure is wrong", list[open].url)
		}
	}
}

// uncached makes the tab load everything anew, as one who comes for the first time.
func (b *tab) uncached() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}); err != nil {
		b.t.Fatal(err)
	}
}
