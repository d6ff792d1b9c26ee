package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demo runs the product itself and returns its address and a key.
func demo(t *testing.T) (address, key string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "checkout")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/checkout").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "demo", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--json")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var links struct {
		URL    string `json:"url"`
		APIKey string `json:"api_key"`
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &links)
	}
	if err != nil || links.URL == "" {
		t.Fatalf("the demo says %q: %v\n%s", line, err, &said)
	}
	return links.URL, links.APIKey
}

// TestShop: a customer buys, pays at the simulated bank and comes back, and the shop hears of it by a
// webhook. Everything is the real program, over the network.
func TestShop(t *testing.T) {
	address, key := demo(t)
	var s *shop
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) }))
	defer ours.Close()
	s = newShop(ours.URL, address, key, "")
	s.secret = register(t, address, key, ours.URL+"/webhooks")

	at, page := send(t, ours.URL+"/orders", url.Values{})
	if !strings.HasPrefix(at.String(), address+"/i/") || !strings.Contains(page, `data-state="payable"`) {
		t.Fatalf("the customer is at %s\n%s", at, page)
	}
	back := at.String()
	bank, page := send(t, back+"/pay", url.Values{"gateway": {"gardeshpay"}})
	if !strings.HasPrefix(bank.Path, "/simulator/") {
		t.Fatalf("the customer is at %s\n%s", bank, page)
	}
	at, page = send(t, bank.String(), url.Values{"outcome": {"paid"}})
	home := regexp.MustCompile(`href="(` + regexp.QuoteMeta(ours.URL) + `/orders/[^"]*)"`).FindStringSubmatch(page)
	if at.String() != back || !strings.Contains(page, `data-state="paid"`) || home == nil {
		t.Fatalf("the customer is at %s\n%s", at, page)
	}
	order := html.UnescapeString(home[1])
	if !strings.Contains(order, "status=paid") {
		t.Errorf("the way home is %s", order)
	}
	// The webhook alone settles it: nobody has looked at the order yet.
	id := strings.TrimPrefix(strings.Split(order, "?")[0], ours.URL+"/orders/")
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if o, _ := s.order(id); o.Paid {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("no webhook came")
		}
	}
	if _, page = read(t, get(t, order)); !strings.Contains(page, `data-paid="true"`) || !regexp.MustCompile(`<bdi>\w+</bdi>`).MatchString(page) {
		t.Errorf("the order's page:\n%s", page)
	}
}

// TestShop_WithoutWebhooks: coming back is enough, since the shop asks. An address that claims to be
// paid is not.
func TestShop_WithoutWebhooks(t *testing.T) {
	status := "open"
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Reference string }
		if r.Method == http.MethodPost {
			_ = json.NewDecoder(r.Body).Decode(&body)
			if r.Header.Get("Idempotency-Key") != body.Reference {
				t.Errorf("order %s asks under the key %s", body.Reference, r.Header.Get("Idempotency-Key"))
			}
			w.Header().Set("X-Reference", body.Reference)
			w.WriteHeader(http.StatusCreated)
			reference = body.Reference
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "inv_1", "status": status, "amount": 3_200_000, "reference": reference, "payment_url": "/orders/" + reference + "?status=paid"})
	}))
	defer api.Close()
	s := newShop("", api.URL, "sk_test_x", "whsec_c2VjcmV0")
	ours := httptest.NewServer(s)
	defer ours.Close()
	at, page := send(t, ours.URL+"/orders", url.Values{})
	if !strings.Contains(page, `data-paid="false"`) {
		t.Fatalf("at %s, which only claims it:\n%s", at, page)
	}
	status = "paid"
	if _, page := read(t, get(t, at.String())); !strings.Contains(page, `data-paid="true"`) {
		t.Errorf("paid:\n%s", page)
	}
	res, err := http.Post(ours.URL+"/webhooks", "application/json", strings.NewReader(`{"type":"invoice.paid"}`))
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
		t.Errorf("an unsigned webhook: %d", res.StatusCode)
	}
}

var reference string

// register makes the webhook endpoint and returns its secret.
func register(t *testing.T, address, key, hook string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/api/v1/webhook-endpoints", strings.NewReader(`{"url":"`+hook+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, body := read(t, res)
	var endpoint struct{ Secret string }
	if err := json.Unmarshal([]byte(body), &endpoint); err != nil || endpoint.Secret == "" {
		t.Fatalf("%s: %v", body, err)
	}
	return endpoint.Secret
}

func send(t *testing.T, address string, form url.Values) (*url.URL, string) {
	t.Helper()
	res, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func get(t *testing.T, address string) *http.Response {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func read(t *testing.T, res *http.Response) (*url.URL, string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Request.URL, string(body)
}
