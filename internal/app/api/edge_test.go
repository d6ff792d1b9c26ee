package api_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// startAgain begins another attempt of an invoice and returns its id.
func (h *house) startAgain(id string) string {
	h.Helper()
	inv, err := h.engine.Invoice(h.Context(), h.shop, id)
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.engine.Start(h.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta"}); err != nil {
		h.Fatal(err)
	}
	all, err := h.engine.InvoiceAttempts(h.Context(), h.shop, id)
	if err != nil {
		h.Fatal(err)
	}
	at := slices.IndexFunc(all, func(a checkout.Attempt) bool { return a.Status == checkout.AttemptRedirected })
	if at < 0 {
		h.Fatalf("no attempt is out: %v", all)
	}
	return all[at].ID
}

func TestKeys_Scheme(t *testing.T) {
	h := open(t)
	for header, want := range map[string]int{
		"Bearer " + h.live: 200, "bearer " + h.live: 200, "Bearer  " + h.live: 200,
		h.live: 401, "Basic " + h.live: 401, "Bearer": 401, "Bearer ": 401, "Token " + h.live: 401, "Bearer " + h.live + " x": 401,
	} {
		req := request("GET", "/invoices", "", "")
		req.Header.Set("Authorization", header)
		if rec := h.do(req); rec.Code != want {
			t.Errorf("%q: %d, want %d", header, rec.Code, want)
		}
	}
}

func TestKeys_RevokedAtOnce(t *testing.T) {
	h := open(t)
	h.want(200, "GET", "/invoices", h.live, "")
	h.revoke(h.live)
	h.want(401, "GET", "/invoices", h.live, "")
	h.want(200, "GET", "/invoices", h.test, "")
}

func (h *house) revoke(secret string) {
	h.Helper()
	err := h.db.Update(h.Context(), func(tx *db.Tx) error {
		k, err := tx.APIKeyByHash(auth.HashAPIKey(secret))
		if err != nil {
			return err
		}
		_, err = tx.RevokeAPIKey(k.MerchantID, k.ID)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	now := time.Now()
	h := open(t, access.NewLimits(1, 3, func() time.Time { return now }))
	for range 3 {
		h.want(200, "GET", "/invoices", h.live, "")
	}
	rec := h.do(request("GET", "/invoices", h.live, ""))
	if wait, err := strconv.Atoi(rec.Header().Get("Retry-After")); rec.Code != 429 || err != nil || wait < 1 {
		t.Errorf("the fourth: %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
	h.want(200, "GET", "/invoices", h.other, "") // the others are not slowed down
	h.want(401, "GET", "/invoices", "sk_live_x", "")
	now = now.Add(2 * time.Second)
	h.want(200, "GET", "/invoices", h.live, "")
}

func TestBodies_TypeAndSize(t *testing.T) {
	h := open(t)
	send := func(contentType, encoding, body string) int {
		req := request("POST", "/invoices", h.live, body)
		req.Header.Del("Content-Type")
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		return h.do(req).Code
	}
	ok := `{"amount":1000}`
	for contentType, want := range map[string]int{
		"": 201, "application/json": 201, "Application/JSON; Charset=UTF-8": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/json; charset=utf-16": 415,
		"application/xml": 415, "application/cbor": 415, "application/merge-patch+json": 415, "json": 415, ";": 415,
	} {
		if got := send(contentType, "", ok); got != want {
			t.Errorf("%q: %d, want %d", contentType, got, want)
		}
	}
	if got := send("application/json", "gzip", ok); got != 415 {
		t.Errorf("gzip: %d", got)
	}
	pad := func(n int) string { return ok + strings.Repeat(" ", n-len(ok)) }
	for n, want := range map[int]int{64 << 10: 201, 64<<10 + 1: 413, 1 << 20: 413} {
		if got := send("application/json", "", pad(n)); got != want {
			t.Errorf("%d bytes: %d, want %d", n, got, want)
		}
		req := request("POST", "/invoices", h.live, pad(n))
		req.ContentLength = -1 // chunked: the length is not told
		if rec := h.do(req); rec.Code != want {
			t.Errorf("%d bytes in chunks: %d, want %d", n, rec.Code, want)
		}
	}
	patch := request("PATCH", "/invoices/inv_x", h.live, `{}`)
	patch.Header.Set("Content-Type", "application/merge-patch+json")
	if rec := h.do(patch); rec.Code != 404 {
		t.Errorf("a merge patch: %d", rec.Code)
	}
}

func TestProblem_Language(t *testing.T) {
	h := open(t)
	req := request("POST", "/invoices", h.live, `{"amount":"1000"}`)
	req.Header.Set("Accept-Language", "fa-IR,fa;q=0.9,en;q=0.5")
	rec := h.do(req)
	if rec.Header().Get("Content-Language") != "fa" || !strings.Contains(rec.Body.String(), "عدد صحیح") || !strings.Contains(rec.Body.String(), `"code":"not_integer"`) {
		t.Errorf("%s", rec.Body)
	}
}

func TestHead(t *testing.T) {
	h := open(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, srv.URL+"/api/v1/invoices", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.live)
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 200 || res.ContentLength < 10 {
		t.Errorf("HEAD: %d, %d bytes told", res.StatusCode, res.ContentLength)
	}
}

// TestNothingSecretIsAnswered: no token, no hash, no number that only a gateway should know.
func TestNothingSecretIsAnswered(t *testing.T) {
	h := open(t)
	inv, att := h.inReview()
	var a *checkout.Attempt
	err := h.db.View(t.Context(), func(tx *db.Tx) (err error) { a, err = tx.Attempt(att); return err })
	if err != nil {
		t.Fatal(err)
	}
	if a.CallbackToken == "" || a.GatewayToken == "" {
		t.Fatalf("the attempt has no tokens to look for: %+v", a)
	}
	for _, path := range []string{"/invoices/" + inv + "/events?limit=100", "/invoices/" + inv + "/attempts", "/invoices/" + inv, "/attempts"} {
		answer := h.do(request("GET", path, h.live, "")).Body.String()
		for name, secret := range map[string]string{"callback token": a.CallbackToken, "gateway token": a.GatewayToken} {
			if strings.Contains(answer, secret) {
				t.Errorf("%s tells the %s: %s", path, name, answer)
			}
		}
		if !strings.HasPrefix(path, "/invoices/"+inv+"?") && path != "/invoices/"+inv && strings.Contains(answer, "Sara") {
			t.Errorf("%s tells the payer's name: %s", path, answer)
		}
	}
}

func BenchmarkCreateInvoice(b *testing.B) {
	h := open(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if rec := h.do(request("POST", "/invoices", h.live, `{"amount":1500000,"description":"سفارش","reference":"1024","customer":{"mobile":"09121234567"}}`)); rec.Code != 201 {
				b.Errorf("%d %s", rec.Code, rec.Body)
			}
		}
	})
}
