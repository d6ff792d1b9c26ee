package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/app"
	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
)

// shop is a whole house on a loopback port, with one live merchant whose card gateway is a few
// lines in this file.
type shop struct {
	base, key string
	client    *http.Client
}

func newShop(b *testing.B) *shop {
	b.Helper()
	s, _, _ := newHookedShop(b)
	return s
}

// newHookedShop also gives the house itself, which may send webhooks to this machine, and the merchant.
func newHookedShop(b *testing.B) (s *shop, a *app.App, merchantID string) {
	b.Helper()
	bank := httptest.NewServer(bankOf())
	b.Cleanup(bank.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	env := map[string]string{
		"CHECKOUT_BASE_URL":     "http://" + l.Addr().String(),
		"CHECKOUT_DATABASE_URL": "sqlite:" + filepath.Join(b.TempDir(), "checkout.db"),
		"CHECKOUT_SECRET_KEY":   seal.NewKey(), "CHECKOUT_WEBHOOK_ALLOW": "127.0.0.1",
	}
	cfg, err := app.Load(func(name string) string { return env[name] })
	if err != nil {
		b.Fatal(err)
	}
	a, err = app.Open(b.Context(), cfg, app.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m, err := a.Access.CreateMerchant(b.Context(), access.NewMerchant{Name: "Shop", Slug: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	_, key, err := a.Access.CreateKey(b.Context(), m.Slug, "bench", true)
	if err != nil {
		b.Fatal(err)
	}
	err = a.Engine.SetAccount(b.Context(), payments.Scope{MerchantID: m.ID, Live: true}, "gardeshpay",
		map[string]string{"token_url": bank.URL + "/token", "verify_url": bank.URL + "/verify", "redirect_hosts": "127.0.0.1"}, checkout.Actor{})
	if err != nil {
		b.Fatal(err)
	}
	serve(b, a, l)
	return &shop{base: env["CHECKOUT_BASE_URL"], key: key, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, a, m.ID
}

// bankOf speaks the card gateway's documented form; whoever comes has paid.
func bankOf() http.Handler {
	type payment struct {
		Amount        int64  `json:"amount"`
		InvoiceNumber string `json:"invoiceNumber"`
		Callback      string `json:"callback"`
	}
	var seq atomic.Int64
	var live sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		var p payment
		_ = json.NewDecoder(r.Body).Decode(&p)
		token := fmt.Sprintf("T%d", seq.Add(1))
		live.Store(token, p)
		fmt.Fprintf(w, `{"success":true,"message":"","data":{"url":"http://%s/start","token":%q}}`, r.Host, token)
	})
	mux.HandleFunc("GET /start/{token}", func(w http.ResponseWriter, r *http.Request) {
		v, _ := live.Load(r.PathValue("token"))
		p := v.(payment)
		http.Redirect(w, r, p.Callback+"?trackingNumber="+r.PathValue("token")+"&invoiceNumber="+p.InvoiceNumber, http.StatusSeeOther)
	})
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			TrackingNumber string `json:"trackingNumber"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		v, _ := live.LoadAndDelete(in.TrackingNumber)
		p := v.(payment)
		fmt.Fprintf(w, `{"success":true,"message":"","amount":%d,"verifiedBefore":false,"data":{"cardNumber":"603799******1234","refNumber":"R%s","message":"","invoiceNumber":%q,"invoiceDate":"2026-10-01T18:02:11"}}`,
			p.Amount, in.TrackingNumber, p.InvoiceNumber)
	})
	return mux
}

func (s *shop) do(method, at, body string, header ...string) (string, []byte, error) {
	req, err := http.NewRequest(method, at, strings.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %.200s", method, at, resp.Status, raw)
	}
	return resp.Header.Get("Location"), raw, err
}

func (s *shop) invoice() (string, error) {
	_, raw, err := s.do("POST", s.base+"/api/v1/invoices", `{"amount":1500000,"gateways":["gardeshpay"]}`,
		"Authorization", "Bearer "+s.key, "Content-Type", "application/json")
	if err != nil {
		return "", err
	}
	var made struct {
		PaymentURL string `json:"payment_url"`
	}
	return made.PaymentURL, json.Unmarshal(raw, &made)
}

// pay is one customer's whole journey: page, choice, bank, callback, receipt.
func (s *shop) pay() error {
	link, err := s.invoice()
	if err != nil {
		return err
	}
	if _, _, err := s.do("GET", link, ""); err != nil {
		return err
	}
	at, _, err := s.do("POST", link+"/pay", url.Values{"gateway": {"gardeshpay"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	for err == nil && at != "" {
		var raw []byte
		if strings.HasPrefix(at, "/") {
			at = s.base + at
		}
		if at, raw, err = s.do("GET", at, ""); err == nil && at == "" && !strings.Contains(string(raw), `data-state="paid"`) {
			return fmt.Errorf("the journey did not end in a receipt: %.300s", raw)
		}
	}
	return err
}

// BenchmarkPayment walks whole journeys, 64 customers at once, over real connections and with every
// write on disk. The customers and the bank run in the same process and count in the figure.
func BenchmarkPayment(b *testing.B) {
	s := newShop(b)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.pay(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}

// BenchmarkPaymentLinkPage fetches one payable page again and again.
func BenchmarkPaymentLinkPage(b *testing.B) {
	s := newShop(b)
	link, err := s.invoice()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.do("GET", link, ""); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
