package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"dargah/web/static"
)

// Pictures of every scene, to be looked at by a person before a page is called done:
//
//	SHOTS=$PWD/web/shots go test ./internal/app/pages -run Shots
//
// SHOTS_ONLY=paid-card limits them to scenes whose name holds the word.
func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		t.Skip("SHOTS names no folder")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, s := range scenes() {
		if !strings.Contains(s.name, os.Getenv("SHOTS_ONLY")) {
			continue
		}
		for _, lang := range []string{"fa", "en"} {
			_, _, bodies["/"+s.name+"."+lang] = show(t, s, lang)
		}
	}
	for _, lang := range []string{"fa", "en"} {
		for _, s := range statements() {
			if strings.Contains(s.name, os.Getenv("SHOTS_ONLY")) {
				bodies["/"+s.name+"."+lang] = s.show(t, lang).Body.String()
			}
		}
		if strings.Contains("statement-ask", os.Getenv("SHOTS_ONLY")) {
			bodies["/statement-ask."+lang] = do(serve(t, &fake{}), request(http.MethodGet, "/money?lang="+lang, "")).Body.String()
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", static.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(bodies[r.URL.Path]))
	})
	site := httptest.NewServer(mux)
	defer site.Close()

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	browser, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	for path := range bodies {
		file := filepath.Join(dir, strings.TrimPrefix(path, "/"))
		for _, k := range []view{{".phone", 360, "light"}, {".phone-dark", 360, "dark"}, {".desktop", 1280, "light"}, {".desktop-dark", 1280, "dark"}, {".print", 469, "print"}} {
			png, err := k.shoot(browser, site.URL+path)
			if err == nil {
				err = os.WriteFile(file+k.name+".png", png, 0o644)
			}
			if err != nil {
				t.Fatalf("%s%s: %v", path, k.name, err)
			}
		}
		if strings.HasPrefix(path, "/paid") {
			pdf, err := printed(browser, site.URL+path)
			if err == nil {
				err = os.WriteFile(file+".pdf", pdf, 0o644)
			}
			if n := strings.Count(string(pdf), "/Type /Page\n"); n != 1 && path != "/paid-unclaimed.fa" && path != "/paid-unclaimed.en" {
				t.Errorf("%s prints on %d pages", path, n)
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	}
}

type view struct {
	name   string
	width  int64
	scheme string
}

// shoot takes the whole page on a phone, the first screen on a desktop.
func (v view) shoot(ctx context.Context, url string) ([]byte, error) {
	phone, height := v.width < 600, int64(800)
	if phone {
		height = 640
	}
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: v.width, Height: height, DeviceScaleFactor: 1, Mobile: phone,
	}); err != nil {
		return nil, err
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}
	if v.scheme == "print" { // the inside of an A5 page's margins
		media = emulation.SetEmulatedMediaParams{Media: "print"}
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	var size struct{ Width, Height float64 }
	size, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ Width, Height float64 }](
		`document.fonts.ready.then(() => ({Width: document.documentElement.scrollWidth, Height: document.documentElement.scrollHeight}))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	if size.Width > float64(v.width) {
		return nil, fmt.Errorf("the page is %.0f wide and scrolls sideways", size.Width)
	}
	params := page.CaptureScreenshotParams{}
	if beyond := true; v.width < 600 {
		params = page.CaptureScreenshotParams{
			CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1},
		}
	}
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, params)
	return shot.Data, err
}

// printed is the page as it would leave a printer.
func printed(ctx context.Context, url string) ([]byte, error) {
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	ours := true
	pdf, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &ours})
	return pdf.Data, err
}
