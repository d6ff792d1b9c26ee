package mail_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Pictures of every letter, to be looked at by a person before it is called done:
//
//	SHOTS=$PWD/web/shots go test ./internal/app/mail -run Shots
//
// SHOTS_ONLY=receipt limits them to letters whose name holds the word.
func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		t.Skip("SHOTS names no folder")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, s := range samples() {
		for _, lang := range []string{"fa", "en"} {
			if strings.Contains(s.name+"."+lang, os.Getenv("SHOTS_ONLY")) {
				out, _ := s.written(t, lang)
				bodies["/letter-"+s.name+"."+lang] = out.HTML
				bodies["/reader-"+s.name+"."+lang] = inReader(out.HTML)
			}
		}
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(bodies[r.URL.Path]))
	}))
	defer site.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	browser, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	for path := range bodies {
		for _, v := range []struct {
			name, scheme string
			width        int64
		}{{"phone", "light", 320}, {"desktop", "light", 720}, {"phone-dark", "dark", 360}} {
			png, err := shoot(browser, site.URL+path, v.width, v.scheme)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, path[1:]+"."+v.name+".png"), png, 0o644)
			}
			if err != nil {
				t.Fatalf("%s %s: %v", path, v.name, err)
			}
		}
	}
}

var (
	styleParts = regexp.MustCompile(`(?s)<style>.*?</style>| class="[^"]*"`)
	bodyPart   = regexp.MustCompile(`(?s)<body[^>]*>(.*)</body>`)
)

// inReader is a letter as a mail reader shows it on a page of its own: without a head, a style element or
// classes, in a box that is written from left to right.
func inReader(page string) string {
	body := bodyPart.FindStringSubmatch(styleParts.ReplaceAllString(page, ""))
	return `<!DOCTYPE html><html dir="ltr"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><body style="margin:0;font-family:Arial;color:#222"><div>` + body[1] + `</div></body></html>`
}

func shoot(ctx context.Context, url string, width int64, scheme string) ([]byte, error) {
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 400, DeviceScaleFactor: 1, Mobile: width < 600,
	}); err != nil {
		return nil, err
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	size, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ Width, Height float64 }](
		`({Width: document.documentElement.scrollWidth, Height: document.documentElement.scrollHeight})`))
	if err != nil {
		return nil, err
	}
	if size.Width > float64(width) {
		return nil, fmt.Errorf("the letter is %.0f wide and scrolls sideways", size.Width)
	}
	beyond := true
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1},
	})
	return shot.Data, err
}
