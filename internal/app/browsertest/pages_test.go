package browsertest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Where pictures are written to, for a person to look at; none are taken without it.
const picturesEnv = "CHECKOUT_TEST_PICTURES"

// TestPages looks at every page and state once in each language: as axe sees it in both schemes, on
// narrow and wide screens, for fingers, on paper; and takes the pictures.
func TestPages(t *testing.T) {
	d, a := startDemo(t), startAway(t)
	for _, sc := range scenes(d, a) {
		for _, locale := range []string{"fa", "en"} {
			t.Run(sc.name+"-"+locale, func(t *testing.T) {
				t.Parallel()
				b := open(t, screen{locale: locale, width: 360, scripts: true})
				sc.show(t, b, locale)
				ask[any](b, "document.fonts.ready.then(() => null)")
				ask[any](b, "window.stop(); null") // the waiting page must not go away under our eyes
				b.is(sc, locale)
				b.light(sc, locale)
				b.wide(sc, locale)
				b.darkened(sc, locale)
				if sc.print {
					b.onOneSheet(sc, locale)
				}
				b.quiet()
				b.alone(d.URL, a.api.base, a.simulator, ask[string](b, "location.origin"))
			})
		}
	}
}

// is fails unless this is the page that the scene means, in the right language, under one headline.
func (b *tab) is(sc scene, locale string) {
	b.t.Helper()
	type page struct {
		State, Lang, Title string
		Headlines          int
	}
	got := ask[page](b, `({State: document.querySelector('main')?.dataset.state ?? '', Lang: document.documentElement.lang,
		Title: document.title, Headlines: document.querySelectorAll('h1').length})`)
	if got.State != sc.state || got.Lang != locale || got.Headlines != 1 || got.Title == "" {
		b.t.Fatalf("this is %+v, want the state %q in %s\n%s", got, sc.state, locale, b.text())
	}
}

// light is the phone in the light scheme.
func (b *tab) light(sc scene, locale string) {
	b.t.Helper()
	b.picture(sc.name+"-phone", locale)
	b.fitForFingers()
	b.axe("light, 360")
}

// wide tries the widths; 640 is a screen of 1280 at 200 %.
func (b *tab) wide(sc scene, locale string) {
	b.t.Helper()
	for _, width := range []int64{320, 360, 640, 768, 1280} {
		b.resize(width, screen{width: width}.height())
		type overflow struct {
			Page, Window int
			Widest       string
		}
		o := ask[overflow](b, `(() => {
			const w = document.documentElement.clientWidth;
			const out = [...document.querySelectorAll('body *')].filter(e => { const r = e.getBoundingClientRect(); return r.width > 1 && (r.right > w + 1 || r.left < -1) });
			return {Page: document.documentElement.scrollWidth, Window: w, Widest: out.map(e => e.tagName + '.' + e.className).slice(0, 5).join(' ')};
		})()`)
		if o.Page > o.Window {
			b.t.Errorf("at %d px the page scrolls sideways: it is %d px wide; out of the window: %s", width, o.Page, o.Widest)
		}
	}
	b.picture(sc.name+"-desktop", locale)
	b.axe("light, 1280")
	b.resize(360, 780)
}

// darkened is the phone in the dark scheme.
func (b *tab) darkened(sc scene, locale string) {
	b.t.Helper()
	b.scheme(true)
	if sc.dark {
		b.picture(sc.name+"-phone-dark", locale)
	}
	b.axe("dark, 360", "color-contrast") // a scheme changes nothing else
	b.scheme(false)
}

// fitForFingers measures what is pressed: 44 px for what pays and chooses.
func (b *tab) fitForFingers() {
	b.t.Helper()
	small := ask[[]string](b, `[...document.querySelectorAll('button, a.button, .choice > label, .tick, input:not([type=radio]):not([type=checkbox])')]
		.filter(e => e.checkVisibility())
		.map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width < 44 || r.height < 44)
		.map(([e, r]) => e.tagName + '.' + e.className + ' ' + r.width + '×' + r.height)`)
	for _, s := range small {
		b.t.Errorf("too small for a finger: %s, want 44×44", s)
	}
}

// onOneSheet prints the page as the style sheet wants it: one page of A5.
func (b *tab) onOneSheet(sc scene, locale string) {
	b.t.Helper()
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		b.t.Fatal(err)
	}
	if n := len(onePage.FindAll(pdf, -1)); n != 1 {
		b.t.Errorf("printed it is %d pages, want 1", n)
	}
	if box := mediaBox.FindSubmatch(pdf); box == nil || !near(box[1], 419.5) || !near(box[2], 595.3) {
		b.t.Errorf("the sheet is %s, want A5 (419.5 × 595.3 points)", box)
	}
	b.keep(sc.name+"-print"+suffix(locale)+".pdf", pdf)
}

var (
	onePage  = regexp.MustCompile(`/Type\s*/Page\b`)
	mediaBox = regexp.MustCompile(`/MediaBox\s*\[\s*0 0 ([0-9.]+) ([0-9.]+)\s*\]`)
)

// near reports whether a number of a PDF is a length in points, give or take a screen's pixel.
func near(raw []byte, want float64) bool {
	got, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && got > want-1 && got < want+1
}

// alone fails when anything was asked of a host that is not ours or the gateway's.
func (b *tab) alone(hosts ...string) {
	b.t.Helper()
	for _, r := range b.asked() {
		ours := false
		for _, h := range hosts {
			ours = ours || strings.HasPrefix(r.url, h+"/")
		}
		if !ours {
			b.t.Errorf("the page asks a third party: %s", r.url)
		}
	}
}

// picture writes what the screen shows, the whole length of the page.
func (b *tab) picture(name, locale string) {
	b.t.Helper()
	if os.Getenv(picturesEnv) == "" {
		return
	}
	type size struct{ Width, Height, Full int64 }
	s := ask[size](b, "({Width: innerWidth, Height: innerHeight, Full: document.documentElement.scrollHeight})")
	b.resize(s.Width, max(s.Height, s.Full)) // a picture beyond the window is shifted when the page is right to left
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	b.resize(s.Width, s.Height)
	b.keep(name+suffix(locale)+".png", shot)
}

// keep stores a file beside the other pictures.
func (b *tab) keep(name string, content []byte) {
	b.t.Helper()
	dir := os.Getenv(picturesEnv)
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func suffix(locale string) string {
	if locale == "en" {
		return "-en"
	}
	return ""
}
