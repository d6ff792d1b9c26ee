package pages_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dargah/internal/app/payments"
)

const linkSecret = "lsk_secret"

// signedLink is the address of a link with a true signature.
func (h *house) signedLink(params map[string]string) string {
	params["key"] = "lnk_1"
	q := url.Values{"sig": {payments.SignLink(linkSecret, "pottery", params)}}
	for name, value := range params {
		q.Set(name, value)
	}
	return h.base + "/l/pottery?" + q.Encode()
}

// A signed link is paid as a customer's browser does it, without an invoice beforehand.
func TestLinks_TheMainJob(t *testing.T) {
	h := newHouse(t)
	link := h.signedLink(map[string]string{"amount": "27050000", "reference": "MP-1", "name": "سارا و شرکا"})
	pay := strings.Replace(link, "/l/pottery?", "/l/pottery/pay?", 1)
	_, page := h.open(link)
	if h.states(page) != "payable " || !strings.Contains(page, `action="`+html.EscapeString(strings.TrimPrefix(pay, h.base))+`"`) || !strings.Contains(page, html.EscapeString("&lang=en")) {
		t.Fatalf("at first:\n%s", page)
	}
	if _, page := h.open(link + "&lang=en"); h.states(page) != "payable " || !strings.Contains(page, `lang="en"`) || !strings.Contains(page, html.EscapeString("&lang=fa")) {
		t.Errorf("in English:\n%s", page)
	}
	// What is wrong with the form is told on the same page, with what was typed, and makes nothing.
	if _, page := h.send(pay, url.Values{"gateway": {"ghesta"}, "payer_mobile": {"0912"}}); h.states(page) != "payable " || !strings.Contains(page, `aria-invalid="true"`) || !strings.Contains(page, `value="0912"`) {
		t.Errorf("a wrong mobile:\n%s", page)
	}
	if list := h.stored(); len(list) > 0 {
		t.Fatalf("stored: %v", list)
	}
	bank, page := h.send(pay, url.Values{"gateway": {"gardeshpay"}})
	if bank.Host == strings.TrimPrefix(h.base, "http://") {
		t.Fatalf("the customer stayed with us:\n%s", page)
	}
	if _, page := h.open(link); h.states(page) != "elsewhere redirected" || !strings.Contains(page, `action="/l/pottery/pay?`) {
		t.Errorf("in another window:\n%s", page)
	}
	at, page := h.send(bank.String(), url.Values{"outcome": {"paid"}})
	if !strings.HasPrefix(at.Path, "/i/") || h.states(page) != "paid paid" {
		t.Errorf("the way ended at %s, %q", at.Path, h.states(page))
	}
	if _, page := h.open(link); h.states(page) != "paid paid" {
		t.Errorf("the link afterwards says %q", h.states(page))
	}
	if again, page := h.send(pay, url.Values{"gateway": {"gardeshpay"}}); again.Path != at.Path || h.states(page) != "paid paid" {
		t.Errorf("a second start ended at %s, %q", again.Path, h.states(page))
	}
	if list := h.stored(); len(list) != 1 {
		t.Errorf("%d invoices", len(list))
	}
}

func (h *house) stored() (ids []string) {
	h.Helper()
	list, _, err := h.engine.Invoices(h.Context(), h.scope, payments.InvoiceFilter{Limit: 100})
	if err != nil {
		h.Fatal(err)
	}
	for _, inv := range list {
		ids = append(ids, inv.ID)
	}
	return ids
}

func TestLinks_Refused(t *testing.T) {
	h := newHouse(t)
	link := h.signedLink(map[string]string{"amount": "27050000", "reference": "MP-1"})
	pay := strings.Replace(link, "/l/pottery?", "/l/pottery/pay?", 1)
	ask := func(method, address, origin string) (int, string) {
		var body *strings.Reader = strings.NewReader("gateway=gardeshpay")
		req, err := http.NewRequestWithContext(context.Background(), method, address, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		client := *h.client
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, page := h.read(res)
		return res.StatusCode, page
	}
	for _, tt := range []struct {
		name, method, address, origin string
		status                        int
		says                          string
	}{
		{"a wrong sig", "GET", link + "x", "", 403, "این لینک پرداخت کار نمی‌کند"},
		{"a wrong sig, in English", "GET", link + "x&lang=en", "", 403, "This payment link does not work"},
		{"a wrong sig, pressed", "POST", pay + "x", "", 403, "این لینک پرداخت کار نمی‌کند"},
		{"an unknown parameter", "GET", link + "&utm_source=mail", "", 403, "این لینک پرداخت کار نمی‌کند"},
		{"another merchant", "GET", strings.Replace(link, "pottery", "carpets", 1), "", 403, "این لینک پرداخت کار نمی‌کند"},
		{"another site's form", "POST", pay, "https://evil.example", 403, "سایت دیگری"},
		{"a look", "HEAD", link, "", 200, ""},
		{"a look at the button's address", "GET", pay, "", 405, ""},
		{"a press on the link itself", "POST", link, "", 405, ""},
	} {
		if status, page := ask(tt.method, tt.address, tt.origin); status != tt.status || !strings.Contains(page, tt.says) {
			t.Errorf("%s: %d\n%s", tt.name, status, page)
		}
	}
	if list := h.stored(); len(list) > 0 {
		t.Errorf("stored: %v", list)
	}
}
