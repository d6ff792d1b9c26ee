package pages_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// A page that is kept must never outlive what it was drawn from: after every kind of change the
// page is the one that a fresh server draws.
func TestLink_NeverStale(t *testing.T) {
	changes := map[string]func(*payments.Page){
		"nothing":           func(*payments.Page) {},
		"amount":            func(p *payments.Page) { p.Invoice.Amount += 10_000 },
		"description":       func(p *payments.Page) { p.Invoice.Description = "نو" },
		"an item":           func(p *payments.Page) { p.Invoice.Items[1].Title = "نو" },
		"expiry":            func(p *payments.Page) { p.Invoice.ExpiresAt = p.Invoice.ExpiresAt.Add(24 * time.Hour) },
		"return_url":        func(p *payments.Page) { p.Invoice.ReturnURL = "" },
		"mode":              func(p *payments.Page) { p.Invoice.Live = false },
		"locale":            func(p *payments.Page) { p.Invoice.Locale = "en" },
		"merchant's name":   func(p *payments.Page) { p.Merchant.Name = "نو" },
		"merchant's colour": func(p *payments.Page) { p.Merchant.Accent = "#b45309" },
		"a method":          func(p *payments.Page) { p.Methods[0].Available, p.Methods[0].Why = false, "off" },
		"a host":            func(p *payments.Page) { p.Methods[0].Host = "bank.example" },
		"a field":           func(p *payments.Page) { p.Methods[1].NeedsName = true },
		"time":              func(p *payments.Page) { p.Now = p.Invoice.ExpiresAt },
		"half a year": func(p *payments.Page) {
			p.Now = p.Now.AddDate(-1, 0, 0)
		},
		"an attempt": func(p *payments.Page) {
			p.Attempts = []checkout.Attempt{attempt("gardeshpay", checkout.AttemptRedirected)}
		},
		"payment":  func(p *payments.Page) { *p = paid("gardeshpay") },
		"another":  func(p *payments.Page) { *p = paid("ghesta") },
		"a refund": func(p *payments.Page) { *p = paid("ghesta"); p.Invoice.AmountRefunded = 50_000 },
		"unclaimed": func(p *payments.Page) {
			*p = paid("ghesta")
			p.Attempts = append(p.Attempts, attempt("gardeshpay", checkout.AttemptUnclaimed))
		},
	}
	engine := &fake{page: payable()}
	s := serve(t, engine)
	for name, change := range changes {
		for _, gzip := range []string{"", "gzip"} {
			for range 3 { // the second time it is kept, the third time it is the kept one
				engine.page = payable()
				engine.page.Invoice.Items = append([]checkout.Item(nil), engine.page.Invoice.Items...)
				change(&engine.page)
				got := do(s, request(http.MethodGet, link, "", "Accept-Encoding", gzip))
				want := do(serve(t, &fake{page: engine.page}), request(http.MethodGet, link, "", "Accept-Encoding", gzip))
				if got.Body.String() != want.Body.String() || fmt.Sprint(strip(got.Header())) != fmt.Sprint(strip(want.Header())) {
					t.Fatalf("after a change of %s the page is a stale one", name)
				}
			}
		}
	}
}

func strip(h http.Header) http.Header {
	h = h.Clone()
	h.Del("X-Request-Id")
	return h
}

// The number of kept pages stays bounded, and every link still gets its own.
func TestLink_ManyLinks(t *testing.T) {
	engine := &fake{page: payable()}
	s := serve(t, engine)
	for i := range 12000 {
		i /= 3 // a first look, one that keeps the page, one at what is kept
		engine.page.Invoice.Token = fmt.Sprintf("%022d", i)
		body := do(s, request(http.MethodGet, "/i/"+engine.page.Invoice.Token, "")).Body.String()
		if !strings.Contains(body, `action="/i/`+engine.page.Invoice.Token+`/pay"`) {
			t.Fatalf("link %d got another's page", i)
		}
	}
}
