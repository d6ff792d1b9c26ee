package browsertest_test

import "testing"

// The first view on a slow line: what is allowed on the wire besides the font, and how many requests.
const (
	firstViewBytes    = 14 << 10
	firstViewRequests = 2
)

func TestFirstView_Budget(t *testing.T) {
	d := startDemo(t)
	for _, page := range []struct{ name, link string }{
		{"pay fa", d.PayableFA}, {"pay en", d.PayableEN}, {"receipt", d.state(t, "Paid by card")}, {"expired", d.state(t, "Expired")},
	} {
		t.Run(page.name, func(t *testing.T) {
			b := open(t, screen{locale: "fa", width: 360})
			b.goTo(page.link)
			ask[any](b, "document.fonts.ready.then(() => null)")
			var sum float64
			var others, fonts int
			for _, r := range b.asked() {
				if r.font {
					fonts++
					continue
				}
				others++
				sum += r.bytes
				if r.bytes == 0 {
					t.Errorf("%s weighed nothing; the measure is wrong", r.url)
				}
			}
			t.Logf("%.0f bytes in %d requests, besides %d fonts", sum, others, fonts)
			if sum > firstViewBytes || others > firstViewRequests {
				t.Errorf("the first view is %.0f bytes in %d requests, want at most %d in %d", sum, others, firstViewBytes, firstViewRequests)
			}
			b.alone(d.URL)
			b.quiet()
		})
	}
}
