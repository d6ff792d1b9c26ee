package simulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

func TestControl_OnlyOnRequest(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.Control = false })
	for _, path := range []string{"/control/ledger", "/control/faults", "/control/clock", "/control/switches"} {
		w.want(w.do("GET", path, ""), 404)
	}
	for _, path := range []string{"/control/reset", "/control/faults", "/control/clock", "/control/switches"} {
		if r := w.post(path, "{}"); r.status != 404 && r.status != 405 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestControl_Clock(t *testing.T) {
	w := newWorld(t, nil)
	r := w.want(w.post("/control/clock", map[string]any{"advance": "10m"}), 200).json(t)
	if r["now"] != "2026-10-06T08:40:00Z" || r["advanced"] != "10m0s" {
		t.Errorf("%v", r)
	}
	if now := w.sim.Ledger().Now; !now.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("the ledger's now is %v", now)
	}
	for _, body := range []string{`{"advance":"-1m"}`, `{"advance":"soon"}`, `{"forward":"1m"}`, ``} {
		w.want(w.post("/control/clock", body), 422)
	}
	if r := w.do("GET", "/control/clock", "").json(t); r["now"] != "2026-10-06T08:40:00Z" {
		t.Errorf("%v", r)
	}
}

func TestControl_Faults(t *testing.T) {
	w := newWorld(t, nil)
	tracking := w.paidCard(10_000, "paid")
	armed := func(r reply, name string) string {
		t.Helper()
		for _, f := range w.want(r, 200).json(t)["faults"].([]any) {
			line := f.(map[string]any)
			if line["en"] == "" || line["fa"] == "" || len(line["vendors"].([]any)) == 0 {
				t.Errorf("a fault without a description: %v", line)
			}
			if line["fault"] == name {
				return line["armed"].(json.Number).String()
			}
		}
		t.Fatalf("no fault %s", name)
		return ""
	}
	if n := armed(w.post("/control/faults", map[string]any{"fault": "verify_503", "count": 3, "for": "verify"}), "verify_503"); n != "3" {
		t.Errorf("armed %s", n)
	}
	w.want(w.gpVerify(tracking), 503)
	if n := armed(w.do("GET", "/control/faults", ""), "verify_503"); n != "2" {
		t.Errorf("left %s", n)
	}
	if n := armed(w.do("DELETE", "/control/faults", ""), "verify_503"); n != "0" {
		t.Errorf("left %s after DELETE", n)
	}
	w.want(w.gpVerify(tracking), 200)
	if n := armed(w.post("/control/faults", map[string]any{"fault": "503", "for": "start"}), "start_503"); n != "1" {
		t.Errorf("armed %s", n)
	}
	w.want(w.post("/v2/pay", "{}", "Authorization", "bearer shop"), 503)
	for _, body := range []string{`{"fault":"nonsense"}`, `{"fault":"verify_503","for":"start"}`, `{"fault":"paid"}`, `{`} {
		w.want(w.post("/control/faults", body), 422)
	}
}

func TestControl_LedgerSwitchesReset(t *testing.T) {
	w := newWorld(t, nil)
	w.paidCard(10_000, "paid")
	r := w.want(w.do("GET", "/control/ledger", ""), 200).json(t)
	if r["held"] != json.Number("10000") || len(r["payments"].([]any)) != 1 {
		t.Errorf("%v", r)
	}
	if r := w.want(w.post("/control/switches", map[string]any{"payping_unit": "toman"}), 200).json(t); r["payping_unit"] != "toman" || r["failure_status"] != json.Number("200") {
		t.Errorf("%v", r)
	}
	w.want(w.post("/control/switches", map[string]any{"payping_unit": "euro"}), 422)
	w.want(w.post("/control/switches", map[string]any{"unknown": 1}), 422)
	if r := w.do("GET", "/control/switches", "").json(t); r["payping_unit"] != "toman" {
		t.Errorf("%v", r)
	}
	w.want(w.post("/control/clock", map[string]any{"advance": "24h"}), 200)
	w.want(w.post("/control/reset", ""), 200)
	if l := w.sim.Ledger(); len(l.Payments) != 0 || l.Buyer != 0 || !l.Now.Equal(noon) {
		t.Errorf("after a reset: %+v", l)
	}
	if r := w.do("GET", "/control/switches", "").json(t); r["payping_unit"] != "rial" {
		t.Errorf("after a reset: %v", r)
	}
}

func TestControl_RefusesForeignPages(t *testing.T) {
	w := newWorld(t, nil)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		w.want(w.post("/control/reset", "", header...), 403)
	}
	w.want(w.post("/control/reset", "", "Origin", w.server.URL), 200)
}

// An engine that calls the handler in memory learns of a broken connection by http.ErrAbortHandler, and a
// hanging answer ends with its own context.
func TestServeHTTP_InMemory(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.MaxHang = time.Hour })
	ask := func(ctx context.Context, fault string) (aborted any) {
		tracking := w.paidCard(10_000, fault)
		req := httptest.NewRequestWithContext(ctx, "POST", "/provider/payment/verify", strings.NewReader(`{"trackingNumber":"`+tracking+`"}`))
		req.Header.Set("Content-Type", "application/json")
		defer func() { aborted = recover() }()
		w.sim.ServeHTTP(httptest.NewRecorder(), req)
		return nil
	}
	if got := ask(t.Context(), "verify_lost_answer"); got != http.ErrAbortHandler {
		t.Errorf("a lost answer: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := ask(ctx, "verify_timeout"); got != http.ErrAbortHandler {
		t.Errorf("a hang: %v", got)
	}
	if got := ask(t.Context(), "paid"); got != nil {
		t.Errorf("an honest answer: %v", got)
	}
}

func TestServeHTTP_WithoutBody(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/provider/payment/getToken", "/v2/pay/verify", "/provider/payment/redirect/1"} {
		req, err := http.NewRequest("POST", "http://x"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "bearer shop")
		rec := httptest.NewRecorder()
		w.sim.ServeHTTP(rec, req)
		if rec.Code == 500 || rec.Body.Len() == 0 {
			t.Errorf("%s: %d %q", path, rec.Code, rec.Body)
		}
	}
}

// While one answer hangs, everybody else is served.
func TestHang_HoldsNobodyUp(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.MaxHang = time.Hour })
	tracking := w.paidCard(10_000, "verify_timeout")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequestWithContext(ctx, "POST", w.server.URL+"/simulator/provider/payment/verify", strings.NewReader(`{"trackingNumber":"`+tracking+`"}`))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/json")
		if res, err := w.client.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	for w.last().Fault != "" { // until the hanging call has spent its fault
		time.Sleep(time.Millisecond)
	}
	if r := w.gpVerify(tracking).json(t); r["success"] != true {
		t.Errorf("beside a hanging call: %v", r)
	}
	cancel()
	<-done
}
