package pages_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/web/static"
)

var update = flag.Bool("update", false, "write the golden pages")

// A scene is one page that a customer can meet.
type scene struct {
	name   string
	state  string // data-state
	status int
	page   payments.Page
	post   string // the form, when the page answers a POST
	engine fake   // the errors of it
	path   string // when it is not the payment link
}

func scenes() []scene {
	abandoned := attempt("gardeshpay", checkout.AttemptAbandoned)
	abandoned.RedirectedAt, abandoned.AbandonAt = now.Add(-time.Hour), now.Add(-30*time.Minute)
	signed := attempt("ghesta", checkout.AttemptCanceled)
	sure := signed
	sure.Failure = &checkout.Failure{Stage: checkout.StageVerify, Code: "1"}
	late := failed("ghesta", checkout.StageVerify, "12")
	late.VerifyDeadline = now.Add(-time.Minute)
	slow := attempt("gardeshpay", checkout.AttemptVerifying)
	slow.ReturnedAt = now.Add(-3 * time.Minute)
	down := with(checkout.InvoiceOpen, failed("gardeshpay", checkout.StageCreate, "no_answer"))
	down.Methods[0].Available, down.Methods[0].Why, down.Methods[0].Since = false, "trouble", tehran("2026-10-01 17:45:00")
	none := payable()
	none.Invoice.Amount, none.Invoice.Items = 5_005, nil
	none.Methods[0] = payments.Method{Gateway: "gardeshpay", Why: "low", Limit: 10_000}
	none.Methods[1] = payments.Method{Gateway: "ghesta", Why: "off"}
	asks := func(p payments.Page, n int) payments.Page { p.Asks = n; return p }
	expired := with(checkout.InvoiceExpired)
	expired.Now = tehran("2026-10-08 09:30:00")
	out := with(checkout.InvoiceExpired, attempt("gardeshpay", checkout.AttemptRedirected))
	out.Invoice.ExpiresAt = now.Add(-time.Minute)
	manual := paid("gardeshpay")
	manual.Invoice.Payment.Manual, manual.Invoice.AmountRefunded = true, 5_000_000
	twice := paid("gardeshpay")
	twice.Attempts = append(twice.Attempts, attempt("ghesta", checkout.AttemptUnclaimed), attempt("gardeshpay", checkout.AttemptUnclaimed))
	twice.Attempts[1].UnclaimedWhy, twice.Attempts[2].UnclaimedWhy = "paid", "review"
	test := payable()
	test.Invoice.Live, test.Invoice.Reference, test.Invoice.Description = false, "", "شهریهٔ کارگاه سفال، مهر"
	test.Invoice.Items = nil
	many := payable()
	for range 4 {
		many.Invoice.Items = append(many.Invoice.Items, checkout.Item{Title: "<b>کاشی</b>\u202e", Quantity: 3, UnitAmount: 0})
	}
	many.Methods = many.Methods[1:]
	many.Methods[0].NeedsName = true
	repriced := with(checkout.InvoiceOpen, attempt("gardeshpay", checkout.AttemptUnclaimed))
	repriced.Attempts[0].UnclaimedWhy = "repriced"
	closed := with(checkout.InvoiceCanceled, attempt("ghesta", checkout.AttemptUnclaimed))
	closed.Attempts[0].UnclaimedWhy = "canceled"

	gone := checkout.Fail(checkout.GatewayDown, "error.gateway_down")
	wrong := &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: []checkout.FieldError{{Field: "payer_mobile", Code: "bad_mobile"}}}
	return []scene{
		{name: "payable", state: "payable", page: payable()},
		{name: "payable-test", state: "payable", page: test},
		{name: "payable-many", state: "payable", page: many},
		{name: "elsewhere", state: "elsewhere", page: with(checkout.InvoiceOpen, attempt("gardeshpay", checkout.AttemptRedirected))},
		{name: "confirming-card", state: "confirming", page: asks(with(checkout.InvoiceProcessing, attempt("gardeshpay", checkout.AttemptVerifying)), 3)},
		{name: "confirming-ghesta", state: "confirming", page: asks(with(checkout.InvoiceProcessing, attempt("ghesta", checkout.AttemptReturned)), 1)},
		{name: "confirming-slow", state: "confirming", page: asks(with(checkout.InvoiceProcessing, slow), 7)},
		{name: "paid-card", state: "paid", page: paid("gardeshpay")},
		{name: "paid-ghesta", state: "paid", page: paid("ghesta")},
		{name: "paid-by-hand", state: "paid", page: manual},
		{name: "paid-unclaimed", state: "paid", page: twice},
		{name: "canceled-payer-card", state: "payable", page: with(checkout.InvoiceOpen, attempt("gardeshpay", checkout.AttemptCanceled))},
		{name: "canceled-payer-ghesta", state: "payable", page: with(checkout.InvoiceOpen, signed)},
		{name: "canceled-payer-sure", state: "payable", page: with(checkout.InvoiceOpen, sure)},
		{name: "declined", state: "payable", page: with(checkout.InvoiceOpen, failed("ghesta", checkout.StageVerify, "4"))},
		{name: "not-confirmed-card", state: "payable", page: with(checkout.InvoiceOpen, failed("gardeshpay", checkout.StageVerify, "<i>7</i>"))},
		{name: "not-confirmed-ghesta", state: "payable", page: with(checkout.InvoiceOpen, failed("ghesta", checkout.StageVerify, "12"))},
		{name: "not-confirmed-ghesta-late", state: "payable", page: with(checkout.InvoiceOpen, late)},
		{name: "resolved-failed", state: "payable", page: with(checkout.InvoiceOpen, failed("gardeshpay", checkout.StageResolve, ""))},
		{name: "abandoned", state: "payable", page: with(checkout.InvoiceOpen, abandoned)},
		{name: "repriced", state: "payable", page: repriced},
		{name: "gateway-down", state: "payable", page: down},
		{name: "gateway-trouble", state: "payable", status: 502, page: with(checkout.InvoiceOpen, failed("gardeshpay", checkout.StageCreate, "x")), post: "gateway=gardeshpay", engine: fake{startErr: gone}},
		{name: "wrong-mobile", state: "payable", status: 422, page: payable(), post: "gateway=ghesta&payer_mobile=0912%22x", engine: fake{startErr: wrong}},
		{name: "too-fast", state: "payable", status: 429, page: payable(), post: "gateway=gardeshpay", engine: fake{startErr: checkout.Fail(checkout.TooMany, "error.too_many_attempts")}},
		{name: "unavailable", state: "unavailable", page: none},
		{name: "review", state: "review", page: with(checkout.InvoiceReview, attempt("gardeshpay", checkout.AttemptNeedsReview))},
		{name: "expired", state: "expired", page: expired},
		{name: "expired-out", state: "expired", page: out},
		{name: "closed", state: "canceled", page: with(checkout.InvoiceCanceled)},
		{name: "closed-unclaimed", state: "canceled", page: closed},
		{name: "not-found", status: 404, page: payable(), path: "/i/nobody"},
		{name: "foreign", status: 403, page: payable(), post: "gateway=gardeshpay", engine: fake{}},
		{name: "help", page: payable(), path: "/help"},
		{name: "page", state: "payable", path: "/p/meybod/workshop", engine: fake{open: workshop(nil)}},
		{name: "page-choice", state: "payable", path: "/p/meybod/workshop", engine: fake{open: workshop(choice)}},
		{name: "page-wrong", state: "payable", status: 422, path: "/p/meybod/workshop", post: "amount=12.5&field_1=&field_2=0912%22x&gateway=ghesta", engine: fake{open: workshop(choice), startErr: wrongPress}},
		{name: "page-sold-out", state: "unavailable", path: "/p/meybod/workshop", engine: fake{open: workshop(func(p *checkout.PayPage) { p.Taken = 12 })}},
		{name: "page-early", state: "unavailable", path: "/p/meybod/workshop", engine: fake{open: workshop(func(p *checkout.PayPage) { p.OpensAt = now.Add(30 * time.Hour) })}},
		{name: "page-over", state: "unavailable", path: "/p/meybod/workshop", engine: fake{open: workshop(func(p *checkout.PayPage) { p.ClosesAt = now.Add(-time.Hour) })}},
		{name: "page-off", state: "unavailable", path: "/p/meybod/workshop", engine: fake{open: workshop(func(p *checkout.PayPage) { p.OffAt = now })}},
		{name: "paid-page", state: "paid", page: ofPage(paid("gardeshpay"))},
		{name: "closed-page", state: "canceled", page: ofPage(with(checkout.InvoiceCanceled, abandoned))},
	}
}

// choice lets the customer say how much.
func choice(p *checkout.PayPage) {
	p.Amount, p.Min, p.Max, p.Stock, p.ClosesAt = 0, 500_000, 20_000_000, 0, time.Time{}
}

var wrongPress = &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: []checkout.FieldError{
	{Field: "amount", Code: "bad_amount"}, {Field: "field_1", Code: "required"}, {Field: "payer_mobile", Code: "bad_mobile"},
}}

// ofPage is an invoice that came of the workshop's page.
func ofPage(p payments.Page) payments.Page {
	o := workshop(nil)
	p.Origin = &o.Page
	p.Invoice.Items, p.Invoice.Description, p.Invoice.Reference = nil, o.Page.Title, ""
	return p
}

// show asks for the scene's page in a language.
func show(t testing.TB, s scene, lang string) (status int, header http.Header, body string) {
	t.Helper()
	engine := s.engine
	engine.page = s.page
	if lang == "en" {
		english(&engine.page)
	}
	path, method := "/i/"+linkToken, http.MethodGet
	if s.path != "" {
		path = s.path + "?lang=" + lang
		if s.post != "" {
			path = s.path
		}
		if lang == "en" {
			englishPage(&engine.open)
		}
	}
	var headers []string
	if s.post != "" {
		path, method = path+"/pay", http.MethodPost
		if s.path != "" {
			path += "?lang=" + lang
		}
	}
	if s.name == "foreign" {
		headers = []string{"Sec-Fetch-Site", "cross-site"}
	}
	w := do(serve(t, &engine), request(method, path, s.post, headers...))
	return w.Code, w.Header(), w.Body.String()
}

// english makes the invoice one of an English shop.
func english(p *payments.Page) {
	p.Invoice.Locale = "en"
	p.Merchant.Name, p.Merchant.Address = "Meybod Pottery House", "18 Ghazi Mirhosein Blvd, Meybod, Yazd"
	p.Invoice.Items = append([]checkout.Item(nil), p.Invoice.Items...)
	for i, title := range []string{"Turquoise tea set for six", "Khorshid Khanom vase", "Express post"} {
		if i < len(p.Invoice.Items) {
			p.Invoice.Items[i].Title = title
		}
	}
	if p.Invoice.Description != "" {
		p.Invoice.Description = "Pottery workshop, Mehr"
	}
}

func englishPage(o *payments.OpenPage) {
	o.Merchant.Name = "Meybod Pottery House"
	o.Page.Title, o.Page.Text, o.Page.Locale = "Pottery workshop, Fridays", "Six sessions, clay and kiln included.\nIn Meybod.", "en"
	o.Page.Fields = append([]checkout.PageField(nil), o.Page.Fields...)
	for i, label := range []string{"Full name", "Mobile", "City"} {
		if i < len(o.Page.Fields) {
			o.Page.Fields[i].Label = label
		}
	}
}

// hashed is the address of a file of ours, which is another with every change of a style.
var hashed = regexp.MustCompile(`/static/[0-9a-f]{12}/`)

var requestID = regexp.MustCompile(`req_[0-9a-z]+`)

func TestPages_Golden(t *testing.T) {
	for _, s := range scenes() {
		for _, lang := range []string{"fa", "en"} {
			name := s.name + "." + lang + ".html"
			t.Run(name, func(t *testing.T) {
				status, _, body := show(t, s, lang)
				want := s.status
				if want == 0 {
					want = http.StatusOK
				}
				if status != want {
					t.Fatalf("status %d, want %d\n%s", status, want, body)
				}
				if s.state != "" && !strings.Contains(body, `data-state="`+s.state+`"`) {
					t.Errorf("the page does not say data-state=%q", s.state)
				}
				body = requestID.ReplaceAllString(body, "req_id")
				body = regexp.MustCompile(`once=[\w-]{22}`).ReplaceAllString(body, "once=nonce")
				golden(t, filepath.Join("testdata", name), body)
			})
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	got = hashed.ReplaceAllString(got, "/static/hash/")
	got = strings.ReplaceAll(got, "><", ">\n<") + "\n" // one element per line, for people who read diffs
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test ./internal/app/pages -run Golden -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it, then run go test ./internal/app/pages -run Golden -update\n%s", file, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			old := ""
			if i < len(w) {
				old = w[i]
			}
			return "got:  " + g[i] + "\nwant: " + old
		}
	}
	return "the page is shorter"
}

// No page may need what its policy forbids, load from elsewhere, or leave a text unwritten.
func TestPages_NothingInline(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|javascript:|http-equiv|<iframe|<img|type="hidden"|\[[a-z_]+\.[a-z_.]+\]|\{[a-z_]+\}`)
	loads := regexp.MustCompile(`(?:src|<link[^>]*href)="([^"]*)"`)
	for _, s := range scenes() {
		for _, lang := range []string{"fa", "en"} {
			_, _, body := show(t, s, lang)
			if strings.HasPrefix(s.name, "page-") { // reads an amount aloud while it is typed; allowed by their own policy
				body = strings.Replace(body, `<script src="`+static.Path("live.js")+`" defer></script>`, "", 1)
			}
			if m := forbidden.FindString(body); m != "" {
				t.Errorf("%s %s holds %q", s.name, lang, m)
			}
			for _, m := range loads.FindAllStringSubmatch(body, -1) {
				if !strings.HasPrefix(m[1], "/static/") && !strings.HasPrefix(m[1], "data:image/svg+xml,") {
					t.Errorf("%s %s loads %q", s.name, lang, m[1])
				}
			}
			if lang == "en" && regexp.MustCompile(`(?s)<html lang="en" dir="ltr">.*<h1`).FindString(body) == "" {
				t.Errorf("%s en is not English with a heading", s.name)
			}
		}
	}
}
