package static_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"dargah/web/static"
)

func get(path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	for path, kind := range map[string]string{
		static.Checkout(""):                     "text/css; charset=utf-8",
		static.Checkout("#B45309"):              "text/css; charset=utf-8",
		static.Path("admin.css"):                "text/css; charset=utf-8",
		static.Path("vazirmatn-arabic.woff2"):   "font/woff2",
		static.Path("vazirmatn-latin.woff2"):    "font/woff2",
		static.Path("vazirmatn-persian.woff2"):  "font/woff2",
		static.Path("vazirmatn-plain.woff2"):    "font/woff2",
		static.Path("mark.svg"):                 "image/svg+xml",
		static.Checkout("url(//evil.example)"):  "text/css; charset=utf-8", // no colour: the house's own
		static.Checkout("#0e7490;}body{x:y}//"): "text/css; charset=utf-8",
	} {
		plain := get(path)
		if plain.Code != 200 || plain.Header().Get("Content-Type") != kind || plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", path, plain.Code, plain.Header())
		}
		zipped := get(path, "Accept-Encoding", "br, gzip")
		if zipped.Header().Get("Content-Encoding") == "" {
			if kind != "font/woff2" && kind != "image/svg+xml" {
				t.Errorf("%s is not compressed", path)
			}
			continue
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(body, plain.Body.Bytes()) || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: compressed it reads otherwise (%v)", path, err)
		}
	}
}

func TestHandler_NotFound(t *testing.T) {
	base := static.Checkout("#b45309")
	for _, path := range []string{
		"/static/", "/static/checkout.css", "/static/000000000000/checkout.css", "/static/../static.go",
		strings.Replace(base, "b45309", "b4530", 1), strings.Replace(base, "b45309", "B45309", 1),
		strings.Replace(base, "b45309", "%2e%2e", 1), "/static/fonts/LICENSE",
	} {
		if w := get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, base, nil)
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", w.Code)
	}
}

// Strangers may ask for every colour there is; what is kept stays bounded, and each is answered.
func TestHandler_ManyAccents(t *testing.T) {
	for i := range 300 {
		path := static.Checkout(fmt.Sprintf("#%06x", i*55_000))
		if w := get(path); w.Code != 200 || !strings.Contains(w.Body.String(), "--accent:") {
			t.Fatalf("%s: %d", path, w.Code)
		}
	}
}

// Squeezing must not change a rule: the sheet holds as many of them as its sources, and balances.
func TestSheet_Squeezed(t *testing.T) {
	comments := regexp.MustCompile(`(?s)/\*.*?\*/`)
	for name, sources := range map[string][]string{
		"checkout.css": {"base", "parts", "checkout", "print"},
		"admin.css":    {"base", "parts", "admin", "print"},
	} {
		var want string
		for _, s := range sources {
			raw, err := os.ReadFile("css/" + s + ".css")
			if err != nil {
				t.Fatal(err)
			}
			want += comments.ReplaceAllString(string(raw), "")
		}
		got := get(static.Path(name)).Body.String()
		for _, sign := range []string{"{", "}", ",", "(", "--", "@", ">", ":is("} {
			if strings.Count(got, sign) != strings.Count(want, sign) {
				t.Errorf("%s has %d of %q, its sources %d", name, strings.Count(got, sign), sign, strings.Count(want, sign))
			}
		}
		if strings.Count(got, "{") != strings.Count(got, "}") || strings.Contains(got, "/*") || len(got) >= len(want) {
			t.Errorf("%s is not squeezed well", name)
		}
		if m := regexp.MustCompile(`url\((?:[^/)]|/[^s])[^)]*\)|https?:|@import`).FindString(got); m != "" {
			t.Errorf("%s loads %s", name, m)
		}
	}
	if strings.Contains(get(static.Checkout("")).Body.String(), ".side") {
		t.Error("the admin's rules reach the customer")
	}
}

// The accent is corrected against the grounds that the sheet really paints.
func TestAccent_GroundsAreTheSheets(t *testing.T) {
	raw, err := os.ReadFile("css/base.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{
		"--paper: #fbfaf7", "--well: #f4f1ea", "--field: #fff", "--ink: #1b1f24", "--ink-2: #4d555e",
		"--paper: #16191c", "--well: #0f1214", "--field: #101315", "--ink: #edeae3", "--ink-2: #b3b1aa",
	} {
		if !strings.Contains(string(raw), token+";") {
			t.Errorf("css/base.css paints no %s", token)
		}
	}
}

func TestAccent_Readable(t *testing.T) {
	colours := []string{"", "#0e7490", "#ffffff", "#000000", "#ffd400", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff69b4", "#777777", "#abcdef"}
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				colours = append(colours, fmt.Sprintf("#%02x%02x%02x", r, g, b))
			}
		}
	}
	grounds := map[bool][]string{
		false: {"#fbfaf7", "#f4f1ea", "#ffffff"},
		true:  {"#16191c", "#0f1214", "#101315"},
	}
	inks := map[bool][]string{false: {"#1b1f24", "#4d555e"}, true: {"#edeae3", "#b3b1aa"}}
	for _, hex := range colours {
		c := static.Accent(hex)
		for dark, s := range map[bool]static.Scheme{false: c.Light, true: c.Dark} {
			if got := static.Contrast(s.Accent, s.OnAccent); got < 4.5 {
				t.Errorf("%s dark %t: text on the button %.2f", hex, dark, got)
			}
			for _, ground := range grounds[dark] {
				if got := static.Contrast(s.Accent, ground); got < 4.5 {
					t.Errorf("%s dark %t: link on %s %.2f", hex, dark, ground, got)
				}
			}
			for _, ink := range append(inks[dark], s.Accent) {
				if got := static.Contrast(s.Tint, ink); got < 4.5 {
					t.Errorf("%s dark %t: %s on the tint %s %.2f", hex, dark, ink, s.Tint, got)
				}
			}
		}
	}
	if got := static.Accent("#0e7490").Light.Accent; got != "#0e7490" {
		t.Errorf("a colour that passes was changed to %s", got)
	}
}

func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#777777", "#ffffff", 4.48}} {
		if got := static.Contrast(tt.a, tt.b); got < tt.want-0.01 || got > tt.want+0.01 {
			t.Errorf("Contrast(%s, %s) = %.3f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}
