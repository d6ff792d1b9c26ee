package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/web/static"
)

// While the customer types how much, the page is read aloud: nothing is pressed, nothing is found wrong,
// nothing is asked of the engine but the page. Only such a page may run a script.
func TestPayPage_ReadsAmount(t *testing.T) {
	open := workshop(func(p *checkout.PayPage) { p.Amount, p.Min, p.Max = 0, 10_000, 500_000_000 })
	engine := &fake{open: open}
	s := serve(t, engine)
	for typed, want := range map[string][]string{
		"250000":               {"۲۵۰٬۰۰۰ تومان", "۲٬۵۰۰٬۰۰۰ ریال", "دویست و پنجاه هزار تومان"},
		"۲۵۰٬۰۰۰":              {"دویست و پنجاه هزار تومان"},
		"1":                    {"یک تومان"}, // too little, but still being typed
		"12.5":                 nil,
		"-4":                   nil,
		"6037991234567893":     nil, // a card's number is not read back
		"99999999999999999999": nil,
		"":                     nil,
	} {
		w := do(s, request(http.MethodPost, "/p/meybod/workshop/pay?once="+strings.Repeat("a", 22), "act=count&gateway=ghesta&amount="+typed))
		body := w.Body.String()
		_, read, found := strings.Cut(body, `id="amount-reads"`)
		read, _, _ = strings.Cut(read, "</p>")
		if w.Code != http.StatusOK || !found || strings.Contains(body, "wrongs") || strings.Contains(body, "6037991234567893") || (len(want) == 0) != !strings.Contains(read, "<span>") {
			t.Errorf("%q: %d, reads %q", typed, w.Code, read)
		}
		for _, words := range want {
			if !strings.Contains(read, words) {
				t.Errorf("%q reads %q, want %q", typed, read, words)
			}
		}
	}
	if len(engine.presses) != 0 || len(engine.starts) != 0 {
		t.Errorf("typing pressed: %+v", engine.presses)
	}
	if w := do(s, request(http.MethodPost, "/p/meybod/workshop/pay", "act=count&amount=1", "Sec-Fetch-Site", "cross-site")); w.Code != http.StatusForbidden {
		t.Errorf("from another site: %d", w.Code)
	}
	for fixed, want := range map[bool]bool{false: true, true: false} {
		open.Page.Amount = 0
		if fixed {
			open.Page.Amount = 100_000
		}
		w := do(serve(t, &fake{open: open}), request(http.MethodGet, "/p/meybod/workshop", ""))
		if strings.Contains(w.Body.String(), static.Path("live.js")) != want || strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src") != want {
			t.Errorf("fixed amount %t: %s", fixed, w.Header().Get("Content-Security-Policy"))
		}
	}
}
