package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/pages"
)

// Whatever a browser brings, a callback is answered, sets no cookie, and reaches the engine only when
// it can be read in one way.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"trackingNumber=88&invoiceNumber=1", "a=1?trackingNumber=2", "refid=1&refid=2", "RefId=1&refid=1",
		"a;b", "%zz", "%ff%fe", "%00", "", "&&==", "refid=" + strings.Repeat("9", 300), "code=1&refid=\u06f1\u06f2",
	} {
		f.Add(seed)
	}
	engine := &fake{page: payable()}
	s := serve(f, engine)
	f.Fuzz(func(t *testing.T, raw string) {
		engine.rejects = nil
		post := request(http.MethodPost, loan, raw)
		get := request(http.MethodGet, card, "")
		get.URL.RawQuery = raw
		for _, r := range []*http.Request{post, get} {
			engine.claims = nil
			w := do(s, r)
			switch w.Code {
			case http.StatusSeeOther:
				if len(engine.claims) != 1 {
					t.Fatalf("%d claims", len(engine.claims))
				}
				for key, list := range engine.claims[0].Values {
					if len(list) != 1 || strings.ContainsRune(key+list[0], 0) || strings.ToValidUTF8(key+list[0], "") != key+list[0] {
						t.Fatalf("the engine got %q=%q", key, list)
					}
				}
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
				if len(engine.claims) != 0 {
					t.Fatal("a malformed callback reached the engine")
				}
			default:
				t.Fatalf("status %d", w.Code)
			}
			if w.Header().Get("Set-Cookie") != "" {
				t.Fatal("a cookie")
			}
		}
	})
}

var wrongName = checkout.WrongField("payer_name", "required")

// A form is read strictly, and what was typed comes back escaped.
func FuzzPay(f *testing.F) {
	for _, seed := range [][2]string{
		{"gardeshpay", "Ali"}, {"ghesta", "<script>alert(1)</script>"}, {"", "\u202eevil"}, {"ghesta", `"><svg onload=x>`}, {"x\x00", "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	engine := &fake{page: payable(), startErr: wrongName}
	engine.page.Methods[1].NeedsName = true
	s := serve(f, engine)
	f.Fuzz(func(t *testing.T, gateway, name string) {
		engine.starts = nil
		form := url.Values{"gateway": {gateway}, "payer_name": {name}, "payer_mobile": {name}}
		r := request(http.MethodPost, payForm, form.Encode())
		r.RemoteAddr = "127.0.0.1:4711" // whose starts are not counted
		w := do(s, r)
		switch w.Code {
		case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("status %d", w.Code)
		}
		body := w.Body.String()
		if strings.Contains(body, "<script") || strings.Contains(body, "<svg onload") || strings.ContainsRune(body, '\u202e') {
			t.Fatalf("unescaped: %s", body)
		}
	})
}

var plainToken = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)

// A token is looked up only if it could be one of ours, so no path walks anywhere.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{linkToken, callbackToken, "", "..", "a/b", "a%2fb", "a\x00", "\u06f1", strings.Repeat("a", 129), "a\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := pages.CheckToken(s)
		if (err == nil) != plainToken.MatchString(s) || (err == nil && got != s) {
			t.Fatalf("%q: %q, %v", s, got, err)
		}
	})
}

// Whatever is pasted as a link or a number, what is looked for could be one of ours, or is "-" or nothing.
func FuzzMoney(f *testing.F) {
	for _, seed := range []string{"https://pay.meybodpottery.ir/i/" + linkToken + "?lang=en", linkToken, "/i/", "-", "", "۸۸۴۱ ۰۲۷", "0000", "x y", "\u202e/i/a/i/b", "6037991234567893"} {
		f.Add(seed)
	}
	engine := &fake{page: payable()}
	s := serve(f, engine)
	ours := regexp.MustCompile(`^[A-Za-z0-9._~-]{0,128}$`)
	f.Fuzz(func(t *testing.T, said string) {
		engine.questions = nil
		r := request(http.MethodPost, "/money", url.Values{"link": {said}, "number": {said}, "last4": {said}}.Encode())
		r.RemoteAddr = "127.0.0.1:1"
		w := do(s, r)
		for _, q := range engine.questions {
			if !ours.MatchString(q.Token) || !ours.MatchString(q.Number) || len(q.Number) > 64 {
				t.Fatalf("the engine was asked %+q", q)
			}
		}
		if w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge && w.Code != http.StatusTooManyRequests {
			t.Fatalf("status %d", w.Code)
		}
	})
}
