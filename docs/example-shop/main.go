// Command example-shop is a whole small shop in one file, with the standard library only: it makes
// an invoice, sends the customer to pay, hears of the payment by a webhook, and shows the order.
// Copy it and put your own database where its map is.
//
//	checkout webhook add --merchant meybod --test http://127.0.0.1:8090/webhooks   # prints the secret
//	SHOP_URL=http://127.0.0.1:8090 CHECKOUT_URL=http://127.0.0.1:8080 CHECKOUT_KEY=sk_test_… \
//	WEBHOOK_SECRET=whsec_… go run ./docs/example-shop
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	s := newShop(os.Getenv("SHOP_URL"), os.Getenv("CHECKOUT_URL"), os.Getenv("CHECKOUT_KEY"), os.Getenv("WEBHOOK_SECRET"))
	at, err := url.Parse(s.ownURL)
	if err != nil || at.Host == "" || s.checkoutURL == "" || s.key == "" || s.secret == "" {
		log.Fatal("needed: SHOP_URL, CHECKOUT_URL, CHECKOUT_KEY, WEBHOOK_SECRET")
	}
	log.Printf("the shop is open at %s", s.ownURL)
	server := &http.Server{Addr: at.Host, Handler: s, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// shop is the shop. Its orders would be in a database.
type shop struct {
	http.Handler
	ownURL, checkoutURL, key, secret string

	mu     sync.Mutex
	orders map[string]*order
	heard  map[string]bool // webhook-ids: each event is acted upon once, however often it comes
}

type order struct {
	ID         string
	Title      string
	Amount     int64 // rial
	InvoiceID  string
	PaymentURL string
	Paid       bool
	RefNumber  string // the bank's, for the customer's question
}

// invoice is what we read of one.
type invoice struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	Amount     int64  `json:"amount"`
	Reference  string `json:"reference"`
	PaymentURL string `json:"payment_url"`
	Payment    *struct {
		RefNumber string `json:"ref_number"`
	} `json:"payment"`
}

func newShop(ownURL, checkoutURL, key, secret string) *shop {
	s := &shop{ownURL: ownURL, checkoutURL: checkoutURL, key: key, secret: secret, orders: map[string]*order{}, heard: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /orders", s.buy)
	mux.HandleFunc("GET /orders/{id}", s.show)
	mux.HandleFunc("POST /webhooks", s.hear)
	s.Handler = mux
	return s
}

func (s *shop) home(w http.ResponseWriter, _ *http.Request) { render(w, homePage, nil) }

// buy stores the order before anything else, then asks for an invoice. When the answer does not come,
// the same order asks again under the same key: there will be one invoice.
func (s *shop) buy(w http.ResponseWriter, r *http.Request) {
	o := &order{ID: rand.Text(), Title: "دو پیالهٔ فیروزه‌ای", Amount: 3_200_000}
	s.mu.Lock()
	s.orders[o.ID] = o
	s.mu.Unlock()
	body, err := json.Marshal(map[string]any{
		"amount": o.Amount, "description": o.Title, "reference": o.ID, "return_url": s.ownURL + "/orders/" + o.ID,
	})
	if err != nil {
		fail(w, err)
		return
	}
	var made invoice
	for range 3 {
		if made, err = s.call(r.Context(), http.MethodPost, "/invoices", body, o.ID); err == nil {
			break
		}
	}
	if err != nil {
		fail(w, err)
		return
	}
	s.mu.Lock()
	o.InvoiceID, o.PaymentURL = made.ID, made.PaymentURL
	s.mu.Unlock()
	http.Redirect(w, r, made.PaymentURL, http.StatusSeeOther)
}

// show is where the customer comes back to. What the address says about the payment is anybody's
// text; so as long as no webhook has come, the API is asked.
func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	o, known := s.order(r.PathValue("id"))
	if !known {
		http.NotFound(w, r)
		return
	}
	if !o.Paid && o.InvoiceID != "" {
		now, err := s.call(r.Context(), http.MethodGet, "/invoices/"+o.InvoiceID, nil, "")
		if err != nil {
			fail(w, err)
			return
		}
		s.settle(now)
		o, _ = s.order(o.ID)
	}
	render(w, orderPage, o)
}

// order returns a copy.
func (s *shop) order(id string) (order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[id]; o != nil {
		return *o, true
	}
	return order{}, false
}

// settle marks an order as paid: once, and only for its own invoice and its own amount.
func (s *shop) settle(inv invoice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[inv.Reference]
	if o == nil || o.Paid || inv.Status != "paid" || inv.ID != o.InvoiceID || inv.Amount != o.Amount {
		return
	}
	o.Paid = true
	if inv.Payment != nil {
		o.RefNumber = inv.Payment.RefNumber
	}
	log.Printf("order %s is paid: time to deliver", o.ID)
}

// hear takes webhooks: check, remember, act, answer. Whatever is no 2xx is sent again.
func (s *shop) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	id := r.Header.Get("webhook-id")
	if !genuine(s.secret, id, r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), body, time.Now()) {
		http.Error(w, "bad signature", http.StatusBadRequest)
		return
	}
	var event struct {
		Type string  `json:"type"`
		Data invoice `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	again := s.heard[id]
	s.heard[id] = true // a real shop stores this together with what it does
	s.mu.Unlock()
	if event.Type == "invoice.paid" && !again {
		s.settle(event.Data)
	}
	w.WriteHeader(http.StatusNoContent)
}

// genuine checks a webhook's three headers against the body as it came, byte by byte (Standard
// Webhooks).
func genuine(secret, id, timestamp, signatures string, body []byte, now time.Time) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	seconds, err2 := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || err2 != nil || len(key) == 0 || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(signatures) {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return true
		}
	}
	return false
}

var client = &http.Client{Timeout: 20 * time.Second}

// call calls the API. onceKey makes a repeated POST the same one.
func (s *shop) call(ctx context.Context, method, path string, body []byte, onceKey string) (invoice, error) {
	var inv invoice
	req, err := http.NewRequestWithContext(ctx, method, s.checkoutURL+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return inv, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	if onceKey != "" {
		req.Header.Set("Idempotency-Key", onceKey)
	}
	res, err := client.Do(req)
	if err != nil {
		return inv, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return inv, err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		return inv, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer) // the X-Request-ID helps whoever helps you
	}
	return inv, json.Unmarshal(answer, &inv)
}

func fail(w http.ResponseWriter, err error) {
	if !errors.Is(err, context.Canceled) {
		log.Print(err)
	}
	w.WriteHeader(http.StatusBadGateway)
	render(w, troublePage, nil)
}

func render(w http.ResponseWriter, page *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, data); err != nil {
		log.Print(err)
	}
}

const frame = `<!doctype html><html lang="fa" dir="rtl"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<title>سفال‌فروشی</title><body style="font:1.1rem/2 sans-serif;max-width:30rem;margin:2rem auto;padding:0 1rem"><h1>سفال‌فروشی</h1>`

var (
	homePage = template.Must(template.New("home").Parse(frame +
		`<p>دو پیالهٔ فیروزه‌ای، ۳۲۰٬۰۰۰ تومان</p><form method="post" action="/orders"><button>خرید</button></form>`))
	orderPage = template.Must(template.New("order").Parse(frame + `<main data-paid="{{.Paid}}"><p>{{.Title}}</p>` +
		`{{if .Paid}}<p>پرداخت شد. شمارهٔ پیگیری بانک: <bdi>{{.RefNumber}}</bdi></p>` +
		`{{else}}<p>هنوز پرداخت نشده است.</p>{{with .PaymentURL}}<p><a href="{{.}}">پرداخت</a></p>{{end}}{{end}}</main>`))
	troublePage = template.Must(template.New("trouble").Parse(frame + `<p>سرویس پرداخت پاسخ نمی‌دهد. کمی بعد دوباره امتحان کنید.</p>`))
)
