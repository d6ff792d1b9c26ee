package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
)

const (
	link    = "/i/" + linkToken
	payForm = link + "/pay"
	card    = "/cb/gardeshpay/" + callbackToken
	loan    = "/cb/ghesta/" + callbackToken
)

// A malformed claim, as an adapter reports it.
type badClaim struct{}

func (badClaim) Error() string { return "trackingNumber: outside the alphabet" }
func (badClaim) Malformed()    {}

func TestRoutes(t *testing.T) {
	big := "refid=" + strings.Repeat("1", server.MaxForm)
	tests := []struct {
		name         string
		method, path string
		body         string
		headers      []string
		engine       fake
		status       int
		location     string
		allow        string
		home         bool // a way back to the payment link
		acts         int  // starts and claims that reached the engine
	}{
		{name: "link", method: "GET", path: link, status: 200},
		{name: "link HEAD", method: "HEAD", path: link, status: 200},
		{name: "link POST", method: "POST", path: link, status: 405, allow: "OPTIONS, GET, HEAD"},
		{name: "link with slash", method: "GET", path: link + "/", status: 404},
		{name: "unknown link", method: "GET", path: "/i/aaaaaaaaaaaaaaaaaaaaaa", status: 404},
		{name: "case of a link", method: "GET", path: strings.ToUpper(link), status: 404},
		{name: "long link", method: "GET", path: "/i/" + strings.Repeat("a", 10_000), status: 404},
		{name: "odd link", method: "GET", path: "/i/%2e%2e%2fadmin", status: 404},
		{name: "no link", method: "GET", path: "/i/", status: 404},
		{name: "picture POST", method: "POST", path: pictureName.Path(), status: 405, allow: "OPTIONS, GET, HEAD"},
		{name: "picture of nobody", method: "GET", path: "/logo/none.png", status: 404},
		{name: "picture as a page", method: "GET", path: "/logo/" + string(pictureName) + ".html", status: 404},
		{name: "picture without a name", method: "GET", path: "/logo/.png", status: 404},
		{name: "picture of a long name", method: "GET", path: "/logo/" + strings.Repeat("a", 10_000) + ".png", status: 404},

		{name: "nowhere", method: "GET", path: "/wp-login.php", status: 404},
		{name: "store down", method: "GET", path: link, engine: fake{pageErr: checkout.Unavailable}, status: 503},

		{name: "pay", method: "POST", path: payForm, body: "gateway=gardeshpay", engine: fake{redirect: "https://ipg.gardeshpay.ir/x"}, status: 303, location: "https://ipg.gardeshpay.ir/x", acts: 1},
		{name: "pay GET", method: "GET", path: payForm, status: 405, allow: "OPTIONS, POST"},
		{name: "pay by query", method: "POST", path: payForm + "?gateway=gardeshpay", engine: fake{startErr: checkout.WrongField("gateway", "unknown_gateway")}, status: 422, acts: 1},
		{name: "pay unknown link", method: "POST", path: "/i/aaaaaaaaaaaaaaaaaaaaaa/pay", body: "gateway=gardeshpay", status: 404},
		{name: "pay twice the field", method: "POST", path: payForm, body: "gateway=gardeshpay&gateway=ghesta", status: 400, home: true},
		{name: "pay bad escape", method: "POST", path: payForm, body: "gateway=%zz", status: 400, home: true},
		{name: "pay semicolon", method: "POST", path: payForm, body: "gateway=gardeshpay;x=1", status: 400, home: true},
		{name: "pay bad letters", method: "POST", path: payForm, body: "gateway=gardeshpay&payer_name=%ff%fe", status: 400, home: true},
		{name: "pay NUL", method: "POST", path: payForm, body: "gateway=gardeshpay&payer_name=a%00b", status: 400, home: true},
		{name: "pay too large", method: "POST", path: payForm, body: big, status: 413, home: true},
		{name: "pay JSON", method: "POST", path: payForm, body: `{"gateway":"gardeshpay"}`, headers: []string{"Content-Type", "application/json"}, status: 415, home: true},
		{name: "pay cross-site", method: "POST", path: payForm, body: "gateway=gardeshpay", headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, home: true},
		{name: "pay foreign origin", method: "POST", path: payForm, body: "gateway=gardeshpay", headers: []string{"Origin", "https://evil.example"}, status: 403, home: true},
		{name: "pay null origin", method: "POST", path: payForm, body: "gateway=gardeshpay", headers: []string{"Origin", "null"}, status: 403, home: true},
		{name: "pay http origin", method: "POST", path: payForm, body: "gateway=gardeshpay", headers: []string{"Origin", "http://pay.meybodpottery.ir"}, status: 403, home: true},
		{name: "pay our origin", method: "POST", path: payForm, body: "gateway=gardeshpay", headers: []string{"Origin", "https://pay.meybodpottery.ir", "Sec-Fetch-Site", "same-origin"}, engine: fake{redirect: "https://x.example/"}, status: 303, location: "https://x.example/", acts: 1},
		{name: "pay conflict", method: "POST", path: payForm, body: "gateway=gardeshpay", engine: fake{startErr: checkout.Fail(checkout.Conflict, "error.not_payable")}, status: 303, location: link, acts: 1},
		{name: "pay conflict in English", method: "POST", path: payForm + "?lang=en", body: "gateway=gardeshpay", engine: fake{startErr: checkout.Fail(checkout.Conflict, "error.not_payable")}, status: 303, location: link + "?lang=en", acts: 1},
		{name: "pay gateway down", method: "POST", path: payForm, body: "gateway=gardeshpay", engine: fake{startErr: checkout.Fail(checkout.GatewayDown, "error.gateway_down")}, status: 502, acts: 1},
		{name: "pay too many", method: "POST", path: payForm, body: "gateway=gardeshpay", engine: fake{startErr: checkout.Fail(checkout.TooMany, "error.too_many_attempts")}, status: 429, acts: 1},
		{name: "pay with a card number for a name", method: "POST", path: payForm, body: "gateway=ghesta&payer_name=6037991234567893&payer_mobile=09121234567", status: 422},
		{name: "pay our fault", method: "POST", path: payForm, body: "gateway=gardeshpay", engine: fake{startErr: context.DeadlineExceeded}, status: 500, acts: 1},

		{name: "card back", method: "GET", path: card + "?trackingNumber=88&invoiceNumber=1", status: 303, location: link, acts: 1},
		{name: "card back empty", method: "GET", path: card, status: 303, location: link, acts: 1},
		{name: "card back with a second mark", method: "GET", path: card + "?a=1?trackingNumber=88", status: 303, location: link, acts: 1},
		{name: "card twice", method: "GET", path: card + "?trackingNumber=1&trackingNumber=2", status: 400, home: true},
		{name: "card twice in two cases", method: "GET", path: card + "?trackingNumber=1&trackingnumber=1", status: 400, home: true},
		{name: "card bad escape", method: "GET", path: card + "?trackingNumber=%zz", status: 400, home: true},
		{name: "card semicolon", method: "GET", path: card + "?a=1;b=2", status: 400, home: true},
		{name: "card bad claim", method: "GET", path: card + "?trackingNumber=a%20b", engine: fake{cbErr: badClaim{}}, status: 400, home: true, acts: 1},
		{name: "card store down", method: "GET", path: card + "?trackingNumber=1", engine: fake{cbErr: checkout.Unavailable}, status: 503, home: true, acts: 1},
		{name: "card POST", method: "POST", path: card + "?trackingNumber=88", status: 405, allow: "GET", home: true},
		{name: "card HEAD", method: "HEAD", path: card + "?trackingNumber=88", status: 405, allow: "GET"},
		{name: "card OPTIONS", method: "OPTIONS", path: card, status: 405, allow: "GET", home: true},
		{name: "card PROPFIND", method: "PROPFIND", path: card, status: 405, allow: "GET", home: true},
		{name: "card odd method", method: "BREW", path: card, status: 405, allow: "GET", home: true},
		{name: "card unknown", method: "GET", path: "/cb/gardeshpay/nobody?trackingNumber=1", status: 404},
		{name: "card with more path", method: "GET", path: card + "/x?trackingNumber=1", status: 404},
		{name: "card with escaped path", method: "GET", path: "/cb/gardeshpay/..%2f..%2fadmin?trackingNumber=1", status: 404},

		{name: "loan back", method: "POST", path: loan, body: "code=a&refid=8841&clientrefid=1", headers: []string{"Origin", "https://api.payping.ir", "Sec-Fetch-Site", "cross-site"}, status: 303, location: link, acts: 1},
		{name: "loan back, null origin", method: "POST", path: loan, body: "refid=8841", headers: []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, status: 303, location: link, acts: 1},
		{name: "loan back with charset", method: "POST", path: loan, body: "refid=8841", headers: []string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}, status: 303, location: link, acts: 1},
		{name: "loan GET", method: "GET", path: loan + "?refid=8841", status: 405, allow: "POST", home: true},
		{name: "loan PUT", method: "PUT", path: loan, body: "refid=1", status: 405, allow: "POST", home: true},
		{name: "loan JSON", method: "POST", path: loan, body: `{"refid":"1"}`, headers: []string{"Content-Type", "application/json"}, status: 415, home: true},
		{name: "loan no type", method: "POST", path: loan, body: "refid=1", headers: []string{"Content-Type", ""}, status: 415, home: true},
		{name: "loan multipart", method: "POST", path: loan, body: "x", headers: []string{"Content-Type", "multipart/form-data; boundary=x"}, status: 415, home: true},
		{name: "loan too large", method: "POST", path: loan, body: big, status: 413, home: true},
		{name: "loan twice", method: "POST", path: loan, body: "refid=1&RefId=1", status: 400, home: true},
		{name: "loan bad letters", method: "POST", path: loan, body: "refid=%ff", status: 400, home: true},
		{name: "loan unknown", method: "POST", path: "/cb/ghesta/nobody", body: "refid=1", status: 404},
		{name: "unknown gateway", method: "GET", path: "/cb/zarinpal/" + callbackToken, status: 404},

		{name: "help", method: "GET", path: "/help", status: 200},
		{name: "health", method: "GET", path: "/healthz", status: 200},
		{name: "ready", method: "GET", path: "/readyz", status: 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			engine := tt.engine
			engine.page = payable()
			w := do(serve(t, &engine), request(tt.method, tt.path, tt.body, tt.headers...))
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d\n%s", w.Code, tt.status, w.Body)
			}
			if got := w.Header().Get("Location"); got != tt.location {
				t.Errorf("Location %q, want %q", got, tt.location)
			}
			if got := w.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow %q, want %q", got, tt.allow)
			}
			if got := strings.Contains(w.Body.String(), `class="button" href="`+link+`"`); got != tt.home {
				t.Errorf("way back to the link: %t, want %t\n%s", got, tt.home, w.Body)
			}
			if got := len(engine.starts) + len(engine.claims); got != tt.acts {
				t.Errorf("%d calls reached the engine, want %d", got, tt.acts)
			}
			if (tt.status == 400 || tt.status == 413 || tt.status == 415) && strings.HasPrefix(tt.path, "/cb/") && len(engine.claims) == 0 && len(engine.rejects) != 1 {
				t.Error("the malformed callback was not recorded")
			}
			if strings.HasPrefix(tt.path, "/cb/") && tt.home && strings.Contains(w.Body.String(), `href="/cb/`) {
				t.Error("the page leads to the callback's own address, which without a reference is a cancellation")
			}
			checkHeaders(t, w)
		})
	}
}

// checkHeaders holds for every answer of ours, errors included.
func checkHeaders(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	for name, want := range map[string]string{
		"X-Content-Type-Options":    "nosniff",
		"Referrer-Policy":           "strict-origin",
		"Cache-Control":             "no-store",
		"X-Robots-Tag":              "noindex",
		"Strict-Transport-Security": "max-age=31536000",
		"Set-Cookie":                "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' https:"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %q", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "127.0.0.1") {
		t.Errorf("the policy is %q", policy)
	}
	if !strings.HasPrefix(h.Get("X-Request-Id"), "req_") {
		t.Errorf("no request id")
	}
}

// What a stranger adds changes nothing: only three fields of the form are read.
func TestPay_IgnoresTheRest(t *testing.T) {
	engine := &fake{page: payable(), redirect: "https://ipg.gardeshpay.ir/x"}
	do(serve(t, engine), request("POST", payForm+"?payer_mobile=09120000000&lang=en",
		"gateway=ghesta&payer_mobile=%D9%A0%DB%B9%DB%B1%DB%B21234567&payer_name=%E2%80%AEAli+&amount=1&status=paid&success=true"))
	if len(engine.starts) != 1 {
		t.Fatalf("%d starts", len(engine.starts))
	}
	in := engine.starts[0]
	if in.Gateway != "ghesta" || in.PayerMobile != "٠۹۱۲1234567" || in.PayerName != "Ali" || in.Token != linkToken || in.RequestID == "" {
		t.Errorf("the engine was asked %+v", in)
	}
}

// The language that the address asks for is kept by the form and by its answer.
func TestPay_KeepsTheLanguage(t *testing.T) {
	engine := &fake{page: payable(), startErr: checkout.WrongField("payer_mobile", "required")}
	s := serve(t, engine)
	for _, tt := range []struct{ path, action, lang string }{
		{link, `action="` + payForm + `"`, "fa"},
		{link + "?lang=en", `action="` + payForm + `?lang=en"`, "en"},
		{link + "?lang=de", `action="` + payForm + `"`, "fa"},
	} {
		body := do(s, request("GET", tt.path, "")).Body.String()
		if !strings.Contains(body, tt.action) || !strings.Contains(body, `<html lang="`+tt.lang+`"`) {
			t.Errorf("%s: no %s in %s", tt.path, tt.action, tt.lang)
		}
	}
	body := do(s, request("POST", payForm+"?lang=en", "gateway=ghesta&payer_mobile=x")).Body.String()
	if !strings.Contains(body, "Enter your mobile number.") || !strings.Contains(body, `value="x"`) || !strings.Contains(body, `action="`+payForm+`?lang=en"`) {
		t.Errorf("the English answer is\n%s", body)
	}
}

// The waiting page asks again by a header: soon at first, slower later; no other page does.
func TestLink_Refresh(t *testing.T) {
	for waited, want := range map[time.Duration]string{0: "2", 19 * time.Second: "2", 20 * time.Second: "4", 2 * time.Minute: "8", time.Hour: "15"} {
		a := attempt("ghesta", checkout.AttemptVerifying)
		a.ReturnedAt = now.Add(-waited)
		w := do(serve(t, &fake{page: with(checkout.InvoiceProcessing, a)}), request("GET", link, ""))
		if got := w.Header().Get("Refresh"); got != want {
			t.Errorf("after %s: Refresh %q, want %q", waited, got, want)
		}
	}
	for _, s := range scenes() {
		if _, h, _ := show(t, s, "fa"); (h.Get("Refresh") != "") != (s.state == "confirming") {
			t.Errorf("%s: Refresh %q", s.name, h.Get("Refresh"))
		}
	}
}

// 300 starts in ten minutes from one address; its neighbours and this machine itself are not counted with it.
func TestPay_TooFast(t *testing.T) {
	engine := &fake{page: payable(), redirect: "https://x.example/"}
	s := serve(t, engine)
	from := func(addr string) int {
		r := request("POST", payForm, "gateway=gardeshpay")
		r.RemoteAddr = addr
		return do(s, r).Code
	}
	for i := range 300 {
		if code := from("192.0.2.7:4711"); code != http.StatusSeeOther {
			t.Fatalf("start %d: %d", i, code)
		}
	}
	r := request("POST", payForm, "gateway=gardeshpay", "X-Forwarded-For", "203.0.113.9")
	w := do(s, r)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "600" || !strings.Contains(w.Body.String(), `name="gateway"`) {
		t.Errorf("start 301: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	for _, addr := range []string{"192.0.2.8:1", "127.0.0.1:1", "[2001:db8::1]:1"} {
		if code := from(addr); code != http.StatusSeeOther {
			t.Errorf("%s: %d", addr, code)
		}
	}
	if len(engine.starts) != 303 {
		t.Errorf("%d starts reached the engine", len(engine.starts))
	}
}

// All unknown links read the same, whatever is wrong with them.
func TestLink_NotFoundIsUniform(t *testing.T) {
	s := serve(t, &fake{page: payable()})
	want := do(s, request("GET", "/i/aaaaaaaaaaaaaaaaaaaaaa", "")).Body.String()
	for _, path := range []string{"/i/x", "/i/" + callbackToken, "/i/1217", "/i/inv_01jq2m8x3k7v5c9d1f4g6h8j2"} {
		got := do(s, request("GET", path, "")).Body.String()
		if strings.ReplaceAll(got, path, "/i/aaaaaaaaaaaaaaaaaaaaaa") != want {
			t.Errorf("%s reads otherwise", path)
		}
	}
}

// What the page says about money (the design's law), in words that a later edit must not lose.
func TestMoneyWords(t *testing.T) {
	sure := []string{"پولی از شما کم نشده", "No money was taken"}
	for name, may := range map[string]bool{
		"payable": false, "elsewhere": false, "confirming-card": false, "confirming-ghesta": false,
		"canceled-payer-card": false, "canceled-payer-ghesta": false, "canceled-payer-sure": true,
		"declined": true, "not-confirmed-card": false, "not-confirmed-ghesta": false, "abandoned": false,
		"gateway-down": true, "expired": true, "expired-out": false, "review": false, "closed": true, "closed-unclaimed": false,
	} {
		for _, s := range scenes() {
			if s.name != name {
				continue
			}
			for i, lang := range []string{"fa", "en"} {
				_, _, body := show(t, s, lang)
				if got := strings.Contains(body, sure[i]); got != may {
					t.Errorf("%s %s: says %q: %t, want %t", name, lang, sure[i], got, may)
				}
			}
		}
	}
	for _, s := range scenes() { // no clock for a gateway that promises none
		if strings.HasSuffix(s.name, "-card") && s.state != "paid" {
			if _, _, body := show(t, s, "fa"); strings.Contains(body, "۱۸:۱۷") {
				t.Errorf("%s shows a deadline", s.name)
			}
		}
	}
}
