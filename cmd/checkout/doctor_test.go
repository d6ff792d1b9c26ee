package main_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

type diagnosis struct {
	OK       bool
	Findings []struct{ Check, Subject, Status, Text string }
}

// doctor runs it and returns what was found, by check.
func (h *house) doctor(code int) map[string]string {
	h.Helper()
	r := h.run("doctor", "--json")
	var d diagnosis
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || r.code != code || d.OK != (code == 0) || r.err != "" {
		h.Fatalf("exit %d, expected %d: %v\n%s%s", r.code, code, err, r.out, r.err)
	}
	found := map[string]string{}
	for _, f := range d.Findings {
		if f.Text == "" || strings.HasPrefix(f.Text, "[") {
			h.Errorf("%s says nothing: %q", f.Check, f.Text)
		}
		found[f.Check] = f.Status
	}
	return found
}

func TestDoctor(t *testing.T) {
	h := newHouse(t)
	h.env = append(h.env, "CHECKOUT_BASE_URL=http://"+freeAddr(t)) // a demo may stand at the usual one
	// Before anything: no database is made by looking.
	if found := h.doctor(1); found["database"] != "failed" || found["callback"] != "failed" || found["configuration"] != "ok" {
		t.Errorf("of nothing: %v", found)
	}
	if files, _ := filepath.Glob(filepath.Join(h.dir, "checkout.db*")); len(files) > 0 {
		t.Errorf("looking made %v", files)
	}
	_, base := h.serving()
	h.shop()
	if found := h.doctor(0); found["database"] != "ok" || found["callback"] != "ok" || found["server"] != "ok" || found["disk"] == "failed" || found["gateway"] != "warning" {
		t.Errorf("of a server: %v", found)
	}
	var answer atomic.Pointer[string]
	var status, calls atomic.Int64
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		calls.Add(1)
		if r.Header.Get("Authorization") != "bearer canary-token" {
			t.Errorf("asked as %q", r.Header.Get("Authorization"))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(*answer.Load()))
	}))
	defer vendor.Close()
	h.must(nil, "gateway", "set", "--merchant", "meybod", "ghesta", "token=canary-token", "pay_url="+vendor.URL+"/pay", "verify_url="+vendor.URL+"/verify", "installment_url="+vendor.URL+"/i/{code}")
	for _, c := range []struct {
		status  int64
		body    string
		code    int
		gateway string
	}{
		{400, `{"31":"x"}`, 0, "ok"},
		{401, ``, 1, "failed"},
		{403, ``, 1, "failed"},
		{200, `<html>`, 0, "warning"},
		{200, `{"amount":100000,"cardNumber":"","cardHashPan":""}`, 0, "ok"}, // it never counts as paid
	} {
		answer.Store(&c.body)
		status.Store(c.status)
		if found := h.doctor(c.code); found["gateway"] != c.gateway || found["unit"] != "warning" {
			t.Errorf("%d %s: %v", c.status, c.body, found)
		}
	}
	if calls.Load() != 5 {
		t.Errorf("the vendor was asked %d times", calls.Load())
	}
	vendor.Close()
	if found := h.doctor(1); found["gateway"] != "failed" {
		t.Errorf("of a vendor that is down: %v", found)
	}
	lines := h.run("doctor", "--lang", "fa")
	if lines.code != 1 || !strings.Contains(lines.out, "FAILED gateway meybod/ghesta: ") || !strings.Contains(lines.out, "پایگاه داده") {
		t.Errorf("in Persian: %+v", lines)
	}
	if strings.Contains(lines.out+lines.err, "canary") {
		t.Error("the token is told")
	}
	// Somebody else at our address.
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	h.env = append(h.env, "CHECKOUT_BASE_URL="+other.URL)
	if found := h.doctor(1); found["callback"] != "failed" {
		t.Errorf("at %s, which is not %s: %v", other.URL, base, found)
	}
	// A mail server that is not there, another key, and a variable that is wrong.
	h.env = append(h.env, "CHECKOUT_BASE_URL="+base, "CHECKOUT_SMTP_URL=smtp://user:canary@127.0.0.1:1", "CHECKOUT_MAIL_FROM=pay@example.ir",
		"CHECKOUT_SECRET_KEY="+strings.TrimSpace(h.must(nil, "key", "new")))
	if found := h.doctor(1); found["mail"] != "failed" || found["key"] != "failed" {
		t.Errorf("mail and key: %v", found)
	}
	if r := h.run("doctor"); strings.Contains(r.out+r.err, "canary") {
		t.Errorf("a password is told: %+v", r)
	}
	h.env = append(h.env, "CHECKOUT_ADDR=nowhere")
	if found := h.doctor(1); len(found) != 1 || found["configuration"] != "failed" {
		t.Errorf("of a wrong variable: %v", found)
	}
}
