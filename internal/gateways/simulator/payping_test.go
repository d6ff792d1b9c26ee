package simulator_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/gateways/simulator"
)

func TestPay_NamesHaveNoCase(t *testing.T) {
	w := newWorld(t, nil)
	for _, body := range []string{
		`{"amount":1000000,"returnUrl":"` + kindShop + `"}`,
		`{"Amount":"1000000","ReturnURL":"` + kindShop + `","payer_name":"x","clientRefId":17}`,
		`{"AMOUNT":1000000,"returnurl":"` + kindShop + `","payerIdentity":null,"description":"سفارش"}`,
	} {
		for _, auth := range []string{"bearer shop", "Bearer shop", "BEARER shop"} {
			for _, path := range []string{"/v2/pay", "/v2/pay/"} {
				r := w.want(w.post(path, body, "Authorization", auth), 200).json(t)
				if code, _ := r["code"].(string); !regexp.MustCompile(`^[0-9a-f]{7}$`).MatchString(code) || len(r) != 1 {
					t.Fatalf("%s with %s: %v", body, auth, r)
				}
			}
		}
	}
}

func TestPay_Refusals(t *testing.T) {
	w := newWorld(t, nil)
	for body, field := range map[string]string{
		`{"returnUrl":"` + kindShop + `"}`:                    "Amount",
		`{"amount":999,"returnUrl":"` + kindShop + `"}`:       "Amount",
		`{"amount":500000001,"returnUrl":"` + kindShop + `"}`: "Amount",
		`{"amount":-5000,"returnUrl":"` + kindShop + `"}`:     "Amount",
		`{"amount":5000.5,"returnUrl":"` + kindShop + `"}`:    "Amount",
		`{"amount":5000}`:                                        "ReturnUrl",
		`{"amount":5000,"returnUrl":"/callback"}`:                "ReturnUrl",
		`{"amount":5000,"returnUrl":"javascript:alert(1)"}`:      "ReturnUrl",
		`{"amount":5000,"returnUrl":"https://u:p@shop.example"}`: "ReturnUrl",
		`[1]`: "Model",
	} {
		r := w.post("/v2/pay", body, "Authorization", "bearer shop")
		m := w.want(r, 400).json(t)
		if text, _ := m[field].(string); text == "" || len(m) != 1 {
			t.Errorf("%s: %v", body, m)
		}
	}
	if n := len(w.sim.Ledger().Payments); n != 0 {
		t.Errorf("%d payments after refusals", n)
	}
}

func TestPayPing_RequestIDAndAuthorization(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.PayPingTokens = []string{"shop"} })
	code := w.code(1_000_000)
	seen := map[string]bool{}
	for _, call := range [][2]string{
		{"POST", "/v2/pay"},
		{"POST", "/v2/pay/"},
		{"POST", "/v2/pay/verify"},
		{"POST", "/v2/pay/verify/"},
		{"DELETE", "/v2/pay/" + code},
		{"GET", "/v1/report/" + code},
	} {
		for _, auth := range []string{"", "shop", "basic shop", "bearer ", "bearer stranger"} {
			r := w.do(call[0], call[1], "{}", "Content-Type", "application/json", "Authorization", auth)
			id := r.header.Get("X-PayPingRequest-ID")
			if r.status != 401 || r.raw != "" || id == "" || seen[id] {
				t.Errorf("%v with %q: %d %q, id %q", call, auth, r.status, r.raw, id)
			}
			seen[id] = true
		}
	}
	if w.post("/v2/pay", "{}", "Authorization", "bearer shop").header.Get("X-PayPingRequest-ID") == "" ||
		w.do("PUT", "/v2/pay", "").header.Get("X-PayPingRequest-ID") == "" {
		t.Error("an error without a request id")
	}
	if w.do("GET", "/static/bank.css", "").header.Get("X-PayPingRequest-ID") != "" {
		t.Error("a request id where PayPing does not answer")
	}
}

func TestPay_Unit(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.PayPingUnit = "toman" })
	code := w.code(270_500)
	if got := w.last().Amount; got != 2_705_000 {
		t.Fatalf("270,500 toman are booked as %d rial", got)
	}
	_, fields := w.handover(w.atGhesta(code, "paid"))
	r := w.want(w.ppVerify(fields.Get("refid"), 270_500), 200).json(t)
	if r["amount"] != json.Number("270500") {
		t.Errorf("verify answers %v; want the number as it was sent", r["amount"])
	}
	for amount, status := range map[int64]int{99: 400, 100: 200, 50_000_000: 200, 50_000_001: 400} {
		body := map[string]any{"amount": amount, "returnUrl": kindShop}
		w.want(w.post("/v2/pay", body, "Authorization", "bearer shop"), status)
	}
	// A token may name its merchant's unit, whatever the simulator's is.
	w.want(w.post("/v2/pay", map[string]any{"amount": 50_000_001, "returnUrl": kindShop}, "Authorization", "bearer rial-shop"), 200)
	if got := w.last().Amount; got != 50_000_001 {
		t.Errorf("a rial token was booked as %d", got)
	}
}

func TestPay_StrictReturn(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.RequireHTTPSReturn, o.PayPingHosts = true, []string{"shop.example"} })
	for callback, key := range map[string]string{"http://shop.example/x": "ReturnUrl", "https://other.example/x": "38"} {
		m := w.want(w.post("/v2/pay", map[string]any{"amount": 5000, "returnUrl": callback}, "Authorization", "bearer shop"), 400).json(t)
		if m[key] == nil {
			t.Errorf("%s: %v", callback, m)
		}
	}
	w.code(5000)
}

func TestGhestaReturn_IsAForm(t *testing.T) {
	w := newWorld(t, nil)
	code := w.code(1_000_000)
	page := w.atGhesta(code, "paid")
	action, fields := w.handover(page)
	if action != kindShop || !strings.Contains(page.raw, `method="post"`) {
		t.Errorf("the form goes to %s", action)
	}
	if len(fields) != 5 || fields.Get("code") != code || fields.Get("clientrefid") != w.last().Number || len(fields.Get("refid")) != 11 {
		t.Errorf("fields %v", fields)
	}
	if !fields.Has("cardnumber") || !fields.Has("cardhashpan") || fields.Get("cardnumber")+fields.Get("cardhashpan") != "" {
		t.Errorf("Ghesta's card fields are present and empty; got %v", fields)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || !strings.Contains(page.raw, "/simulator/static/submit.js") {
		t.Errorf("nothing submits the form by itself: %s", policy)
	}
	r := w.want(w.ppVerify(fields.Get("refid"), 1_000_000), 200).json(t)
	if r["amount"] != json.Number("1000000") || r["cardNumber"] != "" || r["cardHashPan"] != "" || len(r) != 3 {
		t.Errorf("verify: %v", r)
	}
}

func TestPayPingCard_HasCardFields(t *testing.T) {
	w := newWorld(t, nil)
	_, fields := w.handover(w.form("/v2/pay/gotoipg/"+w.code(5000), "outcome", "paid"))
	hash := fields.Get("cardhashpan")
	if fields.Get("cardnumber") != "603799******0000" || !regexp.MustCompile(`^[0-9A-F]{64}$`).MatchString(hash) {
		t.Fatalf("fields %v", fields)
	}
	r := w.want(w.ppVerify(fields.Get("refid"), 5000), 200).json(t)
	if r["cardNumber"] != "603799******0000" || r["cardHashPan"] != hash {
		t.Errorf("verify: %v", r)
	}
}

func TestVerify_Codes(t *testing.T) {
	w := newWorld(t, nil)
	code := w.code(1_000_000)
	w.onlyCode(w.ppVerify(code, 1_000_000), "31") // the bank was not entered
	w.want(w.do("GET", "/installment/"+code+"?type=ghesta", ""), 200)
	w.onlyCode(w.ppVerify(code, 1_000_000), "44") // a code is no refid
	_, fields := w.handover(w.atGhesta(code, "paid"))
	refid := fields.Get("refid")
	w.onlyCode(w.ppVerify("55555555555", 1_000_000), "44")
	w.onlyCode(w.ppVerify("1", 1_000_000), "1")
	w.onlyCode(w.post("/v2/pay/verify", map[string]any{"refId": refid, "amount": 1_000_000}, "Authorization", "bearer other"), "46")
	w.onlyCode(w.ppVerify(refid, 100_000), "47")
	w.onlyCode(w.ppVerify(refid, 10_000_000), "47")
	for body, key := range map[string]string{`{"amount":1}`: "RefId", `{"refid":"` + refid + `"}`: "Amount", `nonsense`: "Model"} {
		if m := w.want(w.post("/v2/pay/verify", body, "Authorization", "bearer shop"), 400).json(t); m[key] == nil {
			t.Errorf("%s: %v", body, m)
		}
	}
	if w.state(code) != simulator.StatePaid {
		t.Fatalf("a refusal consumed the payment: %s", w.state(code))
	}
	// Names without case, a number for text, text for a number, and the trailing slash.
	w.want(w.post("/v2/pay/verify/", `{"REFID":`+refid+`,"Amount":"1000000"}`, "Authorization", "Bearer shop"), 200)
	w.onlyCode(w.ppVerify(refid, 1_000_000), "15")
	w.onlyCode(w.ppVerify(refid, 1_000_000), "15")
}

func TestVerify_DeclinedCodes(t *testing.T) {
	w := newWorld(t, nil)
	for outcome, code := range map[string]string{"declined": "8", "wrong_card": "10", "insufficient_funds": "4", "canceled": "1", "pay_after_expiry": "39"} {
		w.onlyCode(w.ppVerify(w.paidGhesta(1_000_000, outcome), 1_000_000), code)
	}
}

func TestCancelAndReport(t *testing.T) {
	w := newWorld(t, nil)
	auth := []string{"Authorization", "bearer shop"}
	code := w.code(1_000_000)
	if r := w.want(w.do("GET", "/v1/report/"+code, "", auth...), 200).json(t); r["isPaid"] != false || r["payDate"] != nil {
		t.Errorf("report of an unpaid code: %v", r)
	}
	w.onlyCode(w.do("DELETE", "/v2/pay/"+code, "", "Authorization", "bearer other"), "46")
	w.want(w.do("DELETE", "/v2/pay/"+code, "", auth...), 200)
	w.want(w.do("DELETE", "/v2/pay/"+code, "", auth...), 400)
	w.want(w.atGhesta(code, "paid"), http.StatusConflict)
	w.onlyCode(w.do("DELETE", "/v2/pay/0000000", "", auth...), "26")
	if m := w.want(w.do("GET", "/v1/report/0000000", "", auth...), 404).json(t); m["26"] == nil {
		t.Errorf("report of an unknown code: %v", m)
	}
	code = w.code(1_000_000)
	_, fields := w.handover(w.atGhesta(code, "paid"))
	w.want(w.do("DELETE", "/v2/pay/"+code, "", auth...), 400)
	w.want(w.ppVerify(fields.Get("refid"), 1_000_000), 200)
	r := w.want(w.do("GET", "/v1/report/"+code, "", auth...), 200).json(t)
	if r["isPaid"] != true || r["amount"] != json.Number("1000000") || r["clientRefId"] != w.last().Number || r["invoiceNo"] != fields.Get("refid") {
		t.Errorf("report: %v", r)
	}
}
