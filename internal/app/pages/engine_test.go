package pages_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/pages"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
	"dargah/internal/gateways/simulator"
)

// house is the true engine on a true database, in test mode before the simulator, behind real HTTP.
type house struct {
	*testing.T
	engine *payments.Engine
	scope  payments.Scope
	base   string
	client *http.Client
}

func newHouse(t *testing.T) *house {
	t.Helper()
	store, err := db.Open(t.Context(), db.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "checkout.db"), CreateIfEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var vendors, ours http.Handler
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { vendors.ServeHTTP(w, r) }))
	t.Cleanup(bank.Close)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ours.ServeHTTP(w, r) }))
	t.Cleanup(web.Close)
	if vendors, err = simulator.New(simulator.Options{PublicURL: bank.URL}); err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	client := gateways.NewClient(gateways.ClientOptions{})
	all := map[string]gateways.Gateway{"gardeshpay": gardeshpay.New(client), "ghesta": ghesta.New(client)}
	var spawned sync.WaitGroup
	t.Cleanup(spawned.Wait)
	h := &house{T: t, base: web.URL, engine: payments.New(payments.Options{
		DB: store, Box: box, BaseURL: web.URL, Live: all, Test: all, Breaker: &gateways.Breaker{}, AttemptTTL: 30 * time.Minute,
		TestSettings: map[string]gateways.Settings{
			"gardeshpay": {"token_url": bank.URL + "/provider/payment/getToken", "verify_url": bank.URL + "/provider/payment/verify", "redirect_hosts": "127.0.0.1"},
			"ghesta":     {"pay_url": bank.URL + "/v2/pay", "verify_url": bank.URL + "/v2/pay/verify", "installment_url": bank.URL + "/installment/{code}?type=ghesta", "token": "t"},
		},
		Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Spawn: func(fn func(context.Context)) bool {
			spawned.Go(func() { fn(context.Background()) })
			return true
		},
	})}
	s, err := server.New(server.Options{BaseURL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	pages.Mount(s, h.engine, web.URL, time.Now)
	ours = s
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.client = &http.Client{Jar: jar}
	err = store.Update(t.Context(), func(tx *db.Tx) error {
		m := checkout.Merchant{ID: "mer_" + strings.Repeat("0", 25), Slug: "pottery", Name: "خانهٔ سفال", Locale: "fa", CreatedAt: tx.Now()}
		h.scope = payments.Scope{MerchantID: m.ID}
		k := checkout.LinkKey{ID: "lnk_1", MerchantID: m.ID, Name: "n", CreatedAt: tx.Now()}
		k.Sealed = box.Seal([]byte(linkSecret), k.Place())
		return errors.Join(tx.InsertMerchant(&m), tx.InsertLinkKey(&k))
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) invoice() checkout.Invoice {
	h.Helper()
	inv, _, err := h.engine.CreateInvoice(h.Context(), h.scope, payments.NewInvoice{Amount: money.Rial(27_050_000), Reference: "MP-1217"}, checkout.Actor{}, nil)
	if err != nil {
		h.Fatal(err)
	}
	return inv
}

// send posts a form and follows every hop, as a browser does; it returns where it ended.
func (h *house) send(address string, form url.Values) (*url.URL, string) {
	h.Helper()
	res, err := h.client.PostForm(address, form)
	if err != nil {
		h.Fatal(err)
	}
	return h.read(res)
}

func (h *house) open(address string) (*url.URL, string) {
	h.Helper()
	res, err := h.client.Get(address)
	if err != nil {
		h.Fatal(err)
	}
	return h.read(res)
}

func (h *house) read(res *http.Response) (*url.URL, string) {
	h.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	if len(h.client.Jar.Cookies(res.Request.URL)) > 0 {
		h.Errorf("%s set a cookie", res.Request.URL.Path)
	}
	return res.Request.URL, string(body)
}

// states are what the page says to machines.
func (h *house) states(page string) string {
	h.Helper()
	m := regexp.MustCompile(`<main class="sheet" data-state="(\w+)"(?: data-attempt-state="(\w+)")?>`).FindStringSubmatch(page)
	if m == nil {
		h.Fatalf("no state on\n%s", page)
	}
	return m[1] + " " + m[2]
}

// The main job, as a customer's browser does it: link, choice, the gateway's page, back, receipt.
func TestPages_TheMainJob(t *testing.T) {
	mobile := url.Values{"gateway": {"ghesta"}, "payer_name": {"سارا نادری"}, "payer_mobile": {"۰۹۱۲۱۲۳۴۵۶۷"}}
	for _, tt := range []struct {
		name    string
		form    url.Values
		outcome string
		states  string
	}{
		{"card paid", url.Values{"gateway": {"gardeshpay"}}, "paid", "paid paid"},
		{"card canceled", url.Values{"gateway": {"gardeshpay"}}, "canceled", "payable failed"},
		{"card declined", url.Values{"gateway": {"gardeshpay"}}, "declined", "payable failed"},
		{"instalments paid", mobile, "paid", "paid paid"},
		{"instalments canceled", mobile, "canceled", "payable canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			inv := h.invoice()
			link := h.base + "/i/" + inv.Token
			if _, page := h.open(link); h.states(page) != "payable " {
				t.Fatalf("at first the page says %q", h.states(page))
			}
			bank, page := h.send(link+"/pay", tt.form)
			if bank.Host == strings.TrimPrefix(h.base, "http://") {
				t.Fatalf("the customer stayed with us:\n%s", page)
			}
			if _, page := h.open(link); h.states(page) != "elsewhere redirected" {
				t.Errorf("in another window the page says %q", h.states(page))
			}
			at, page := h.send(bank.String(), url.Values{"outcome": {tt.outcome}})
			if strings.Contains(page, `method="post"`) && at.Host == bank.Host { // PayPing posts back by a form of its own
				at, page = h.submit(at, page)
			}
			if at.String() != link || h.states(page) != tt.states {
				t.Errorf("the way ended at %s, %q; want the link, %q\n%s", at.Path, h.states(page), tt.states, page)
			}
		})
	}
}

// submit sends the one form of a page with its hidden fields, as its button does.
func (h *house) submit(at *url.URL, page string) (*url.URL, string) {
	h.Helper()
	action := regexp.MustCompile(`<form[^>]*action="([^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		h.Fatalf("no form on\n%s", page)
	}
	target, err := at.Parse(action[1])
	if err != nil {
		h.Fatal(err)
	}
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	return h.send(target.String(), form)
}

// A paid link answers a second try with its receipt, and a missing field with the sentence.
func TestPages_SecondTry(t *testing.T) {
	h := newHouse(t)
	inv := h.invoice()
	link := h.base + "/i/" + inv.Token
	if _, page := h.send(link+"/pay", url.Values{"gateway": {"ghesta"}, "payer_name": {"سارا"}, "payer_mobile": {"0912"}}); h.states(page) != "payable " || !strings.Contains(page, `aria-invalid="true"`) || !strings.Contains(page, `value="سارا"`) {
		t.Errorf("a wrong mobile:\n%s", page)
	}
	if _, page := h.send(link+"/pay", url.Values{"gateway": {"zarinpal"}}); h.states(page) != "payable " || !strings.Contains(page, `href="#gateway-gardeshpay"`) {
		t.Errorf("a wrong gateway:\n%s", page)
	}
	bank, _ := h.send(link+"/pay", url.Values{"gateway": {"gardeshpay"}})
	h.send(bank.String(), url.Values{"outcome": {"paid"}})
	at, page := h.send(link+"/pay?lang=en", url.Values{"gateway": {"gardeshpay"}})
	if at.String() != link+"?lang=en" || h.states(page) != "paid paid" || !strings.Contains(page, "Paid: 2,705,000 toman") {
		t.Errorf("paying twice ended at %s, %q", at, h.states(page))
	}
}
