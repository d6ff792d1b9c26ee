package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// statements are the scenes of the money's page; a clock stands where Ghesta promises one.
func statements() []statementScene {
	unclaimed := attempt("ghesta", checkout.AttemptUnclaimed)
	unclaimed.UnclaimedWhy = "paid"
	return []statementScene{
		{"statement-paid", "paid", paid("gardeshpay"), false},
		{"statement-checking-card", "checking", with(checkout.InvoiceProcessing, attempt("gardeshpay", checkout.AttemptVerifying)), false},
		{"statement-checking-ghesta", "checking", with(checkout.InvoiceProcessing, attempt("ghesta", checkout.AttemptVerifying)), true},
		{"statement-returns", "returns", with(checkout.InvoiceOpen, failed("ghesta", checkout.StageVerify, "12")), true},
		{"statement-unclaimed", "returns", with(checkout.InvoicePaid, unclaimed), true},
		{"statement-card-unknown", "unknown", with(checkout.InvoiceOpen, failed("gardeshpay", checkout.StageVerify, "7")), false},
		{"statement-none", "", payable(), false},
	}
}

type statementScene struct {
	name, money string
	page        payments.Page
	clock       bool
}

// show asks by a link and a number, as a customer does.
func (s statementScene) show(t testing.TB, lang string) *httptest.ResponseRecorder {
	t.Helper()
	s.page.Invoice.Customer = checkout.Customer{Name: "نگار احمدی", Mobile: "09121234567", Email: "negar@example.com"}
	return do(serve(t, &fake{statement: &s.page}), request(http.MethodPost, "/money?lang="+lang, url.Values{"link": {linkToken}, "number": {"۸۸۴۱۰۲۷۳۶۵"}}.Encode()))
}

// What is said of the money in each state, in both languages; and a clock for Ghesta alone.
func TestStatement_Golden(t *testing.T) {
	for _, tt := range statements() {
		for i, lang := range []string{"fa", "en"} {
			w := tt.show(t, lang)
			body := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(body, `data-state="statement"`) || tt.money != "" && !strings.Contains(body, `data-payment="`+tt.money+`"`) {
				t.Errorf("%s %s: %d\n%s", tt.name, lang, w.Code, body)
			}
			if got := strings.Contains(body, []string{"۱۸:۱۷", "18:17"}[i]); got != tt.clock {
				t.Errorf("%s %s: a clock %t, want %t", tt.name, lang, got, tt.clock)
			}
			for _, secret := range []string{"نگار", "0912", "negar"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s names who pays: %s", tt.name, secret)
				}
			}
			checkHeaders(t, w)
			golden(t, "testdata/"+tt.name+"."+lang+".html", hashed.ReplaceAllString(body, "/static/hash/"))
		}
	}
}

// The form stands before everybody alike, and nothing is looked up for it.
func TestStatement_Form(t *testing.T) {
	engine := &fake{page: payable()}
	s := serve(t, engine)
	for _, lang := range []string{"fa", "en"} {
		for name, path := range map[string]string{"statement-ask": "/money", "statement-ask-link": link + "/money"} {
			w := do(s, request(http.MethodGet, path+"?lang="+lang, ""))
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d", path, w.Code)
			}
			golden(t, "testdata/"+name+"."+lang+".html", hashed.ReplaceAllString(w.Body.String(), "/static/hash/"))
		}
		w := do(s, request(http.MethodPost, "/money?lang="+lang, "link=x&last4=1234"))
		golden(t, "testdata/statement-nothing."+lang+".html", hashed.ReplaceAllString(w.Body.String(), "/static/hash/"))
	}
	known, unknown := do(s, request(http.MethodGet, link+"/money", "")).Body.String(), do(s, request(http.MethodGet, "/i/nobody/money", "")).Body.String()
	if strings.ReplaceAll(known, linkToken, "nobody") != unknown {
		t.Error("the form says whether a link exists")
	}
	engine.questions = nil
	for said, want := range map[string]payments.StatementInput{
		"link=" + url.QueryEscape(" "+baseURL+link+"?lang=en ") + "&last4=" + url.QueryEscape("۴ ۵۶۷"):     {Token: linkToken, LastFour: "4567"},
		"link=pay.meybodpottery.ir" + url.QueryEscape(link+"/pay") + "&number=" + url.QueryEscape("۸۸-۴۱"): {Token: linkToken, Number: "8841"},
		"link=" + url.QueryEscape("<script>") + "&number=000":                                              {Token: "-", Number: "-"},
		"link=" + linkToken + "&last4=&number=":                                                            {Token: linkToken},
	} {
		do(s, request(http.MethodPost, "/money", said))
		if !slices.Contains(engine.questions, want) {
			t.Errorf("%s asked %+v", said, engine.questions)
		}
	}
	if w := do(s, request(http.MethodPost, "/money", "number=1", "Sec-Fetch-Site", "cross-site")); w.Code != http.StatusForbidden {
		t.Errorf("from another site: %d", w.Code)
	}
}

// 30 questions in ten minutes from one address, ten in an hour about one link, right or wrong, known or not.
func TestStatement_TooOften(t *testing.T) {
	at := now
	engine := &fake{page: payable()}
	s := serveAt(t, engine, func() time.Time { return at })
	ask := func(from, body string) int {
		r := request(http.MethodPost, "/money", body)
		r.RemoteAddr = from
		return do(s, r).Code
	}
	for i := range 11 {
		for _, token := range []string{linkToken, "nobody"} {
			want := http.StatusNotFound
			if i == 10 {
				want = http.StatusTooManyRequests
			}
			if code := ask("192.0.2.1:1", "link="+token+"&last4=0000"); code != want {
				t.Fatalf("question %d about %s: %d", i, token, code)
			}
		}
	}
	known := payable()
	engine.statement = &known
	if code := ask("192.0.2.2:1", "link="+linkToken+"&last4=4567"); code != http.StatusTooManyRequests {
		t.Errorf("the right digits after too many: %d", code)
	}
	at = at.Add(time.Hour)
	if code := ask("192.0.2.2:1", "link="+linkToken+"&last4=4567"); code != http.StatusOK {
		t.Errorf("an hour later: %d", code)
	}
	for i := range 31 {
		want := http.StatusOK
		if i == 30 {
			want = http.StatusTooManyRequests
		}
		if code := ask("192.0.2.3:1", "last4=4567&link=nobody"+strconv.Itoa(i)); code != want {
			t.Fatalf("link %d: %d", i, code)
		}
	}
}

// The payment page leads there once somebody has left for a gateway.
func TestStatement_IsLinked(t *testing.T) {
	for _, s := range scenes() {
		if s.path != "" || s.post != "" || s.state == "" || s.state == "paid" {
			continue
		}
		left := slices.ContainsFunc(s.page.Attempts, func(a checkout.Attempt) bool { return !a.RedirectedAt.IsZero() || !a.ReturnedAt.IsZero() })
		for lang, tail := range map[string]string{"fa": "", "en": "?lang=en"} {
			_, _, body := show(t, s, lang)
			if got := strings.Contains(body, `href="`+link+`/money`+tail+`"`); got != left {
				t.Errorf("%s %s: linked %t, want %t", s.name, lang, got, left)
			}
		}
	}
}
