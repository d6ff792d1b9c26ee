package pages_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/server"
)

// The first view of a payment link, on the wire: the page and its sheet, at most 14 KB besides the
// font, two requests besides the font (the design's budget).
func TestBudget_FirstView(t *testing.T) {
	for _, accent := range []string{"", "#b45309"} {
		engine := &fake{page: payable()}
		engine.page.Merchant.Accent = accent
		s := serve(t, engine)
		html := fetch(t, s, link)
		body := unzip(t, html)
		files := regexp.MustCompile(`<link [^>]*href="(/[^"]*)"`).FindAllStringSubmatch(body, -1)
		total, requests := len(html)+600, 1 // 600: the response's headers, generously
		for _, f := range files {
			if strings.HasSuffix(f[1], ".woff2") {
				continue
			}
			sheet := fetch(t, s, f[1])
			if accent != "" && !strings.Contains(unzip(t, sheet), accent) {
				t.Errorf("the sheet does not hold %s", accent)
			}
			total, requests = total+len(sheet)+600, requests+1
		}
		if total > 14<<10 || requests != 2 {
			t.Errorf("accent %q: %d bytes in %d requests", accent, total, requests)
		}
		t.Logf("accent %q: %d bytes in %d requests, html %d", accent, total, requests, len(html))
	}
}

func fetch(t *testing.T, s *server.Server, path string) []byte {
	t.Helper()
	w := do(s, request(http.MethodGet, path, "", "Accept-Encoding", "gzip, br"))
	if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%s: %d, %q", path, w.Code, w.Header().Get("Content-Encoding"))
	}
	return w.Body.Bytes()
}

func unzip(t *testing.T, b []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// discard is a response that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func BenchmarkLink(b *testing.B) {
	for _, bench := range []struct {
		name    string
		engine  fake
		headers []string
	}{
		{"payable", fake{page: payable()}, nil},
		{"payable gzip", fake{page: payable()}, []string{"Accept-Encoding", "gzip"}},
		{"receipt", fake{page: paid("gardeshpay")}, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := serve(b, &bench.engine)
			r := request(http.MethodGet, link, "", bench.headers...)
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(&discard{header: http.Header{}}, r)
			}
		})
	}
}
