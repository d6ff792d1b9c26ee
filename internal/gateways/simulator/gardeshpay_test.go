package simulator_test

import (
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

func TestGetToken_Answer(t *testing.T) {
	w := newWorld(t, nil)
	for _, prefix := range []string{"", "/v1"} {
		r := w.want(w.post(prefix+"/provider/payment/getToken", gpRequest(10_000, "a"+prefix)), 200).json(t)
		data := r["data"].(map[string]any)
		if r["success"] != true || data["url"] != "http://127.0.0.1:8080/simulator"+prefix+"/provider/payment/redirect" {
			t.Fatalf("got %v", r)
		}
		token, ok := new(big.Int).SetString(data["token"].(string), 10)
		if !ok || len(data["token"].(string)) != 19 || token.BitLen() <= 53 {
			t.Fatalf("token %v: want 19 digits above 2^53", data["token"])
		}
		// 6 October 2026, 12:00 in Tehran.
		if !strings.HasPrefix(data["token"].(string), "14050714120000") {
			t.Fatalf("token %v does not begin with the Jalali time", data["token"])
		}
		w.want(w.do("GET", prefix+"/provider/payment/redirect/"+data["token"].(string), ""), 200)
	}
}

func TestGetToken_Refusals(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(map[string]any){
		"amount":        func(m map[string]any) { m["amount"] = 0 },
		"invoiceNumber": func(m map[string]any) { delete(m, "invoiceNumber") },
		"invoiceDate":   func(m map[string]any) { m["invoiceDate"] = "yesterday" },
		"callback":      func(m map[string]any) { m["callback"] = "/relative" },
		"mobile":        func(m map[string]any) { m["mobile"] = "0912" },
		"email":         func(m map[string]any) { m["email"] = "nobody" },
	} {
		body := gpRequest(10_000, "r")
		change(body)
		r := w.want(w.post("/provider/payment/getToken", body), 200).json(t)
		problems, ok := r["errors"].([]any)
		if r["success"] != false || r["code"] == nil || !ok || len(problems) != 1 || problems[0] != name {
			t.Errorf("%s: got %v", name, r)
		}
	}
	for name, amount := range map[string]any{"string": "10000", "fraction": 10000.5, "negative": -10000} {
		body := gpRequest(0, "n")
		body["amount"] = amount
		if r := w.post("/provider/payment/getToken", body).json(t); r["success"] != false {
			t.Errorf("amount as %s was accepted", name)
		}
	}
	if r := w.post("/provider/payment/getToken", "{"); r.json(t)["success"] != false {
		t.Error("malformed JSON was accepted")
	}
	if n := len(w.sim.Ledger().Payments); n != 0 {
		t.Errorf("%d payments after refusals", n)
	}
}

func TestGetToken_InvoiceTwice(t *testing.T) {
	w := newWorld(t, nil)
	w.want(w.post("/provider/payment/getToken", gpRequest(10_000, "same")), 200)
	if r := w.post("/provider/payment/getToken", gpRequest(10_000, "same")).json(t); r["success"] != false {
		t.Error("the same invoiceNumber was accepted twice")
	}
	w.want(w.post("/control/switches", map[string]any{"repeat_invoices": true}), 200)
	if r := w.post("/provider/payment/getToken", gpRequest(10_000, "same")).json(t); r["success"] != true {
		t.Error("the switch does not let it repeat")
	}
}

func TestGetToken_BothDates(t *testing.T) {
	w := newWorld(t, nil)
	for _, date := range []string{"2026-10-06T12:00:00", "1403-11-30"} {
		body := gpRequest(10_000, "d"+date)
		body["invoiceDate"] = date
		token := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
		got := w.gpVerify(w.tracking(w.atBank(token, "paid"))).json(t)["data"].(map[string]any)["invoiceDate"]
		if got != date {
			t.Errorf("verify says %v; want %s as it was sent", got, date)
		}
	}
}

func TestCardReturn_PlainConcatenation(t *testing.T) {
	w := newWorld(t, nil)
	body := gpRequest(10_000, "q&=1")
	body["callback"] = "https://shop.example/back?a=1"
	token := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
	at := w.want(w.atBank(token, "paid"), 303).header.Get("Location")
	if !strings.HasPrefix(at, "https://shop.example/back?a=1?trackingNumber=") || !strings.HasSuffix(at, "&invoiceNumber=q%26%3D1") {
		t.Errorf("returned to %s", at)
	}
}

func TestCardReturn_SaysTheSameForPaidAndCanceled(t *testing.T) {
	w := newWorld(t, nil)
	shape := func(outcome string) string {
		token := w.card(10_000)
		u, err := url.Parse(w.want(w.atBank(token, outcome), 303).header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("trackingNumber") == token || len(q.Get("trackingNumber")) != 15 {
			t.Errorf("%s: trackingNumber %q", outcome, q.Get("trackingNumber"))
		}
		q.Set("trackingNumber", "T")
		q.Set("invoiceNumber", "I")
		u.RawQuery = q.Encode()
		return u.String()
	}
	if paid, canceled := shape("paid"), shape("canceled"); paid != canceled {
		t.Errorf("%s and %s differ", paid, canceled)
	}
}

func TestCardVerify_PaidThenRepeated(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(1_500_000)
	tracking := w.tracking(w.atBank(token, "paid"))
	for i, before := range []bool{false, true, true} {
		r := w.want(w.gpVerify(tracking), 200).json(t)
		data := r["data"].(map[string]any)
		if r["success"] != true || r["verifiedBefore"] != before || r["amount"].(interface{ String() string }).String() != "1500000" {
			t.Fatalf("verify %d: %v", i, r)
		}
		if data["cardNumber"] != "603799******0000" || len(data["refNumber"].(string)) != 12 || data["invoiceNumber"] != w.last().Number {
			t.Fatalf("verify %d: %v", i, data)
		}
		if _, nested := data["amount"]; nested || r["code"] != nil {
			t.Fatalf("verify %d: members that the guide does not list: %v", i, r)
		}
	}
	if w.state(token) != simulator.StateCaptured {
		t.Errorf("the money is %s", w.state(token))
	}
}

func TestCardVerify_Refusals(t *testing.T) {
	w := newWorld(t, nil)
	for _, outcome := range []string{"canceled", "declined", "wrong_card", "insufficient_funds", "pay_after_expiry"} {
		r := w.want(w.gpVerify(w.paidCard(10_000, outcome)), 200).json(t)
		if problems, array := r["errors"].([]any); r["success"] != false || r["code"] == nil || r["message"] == "" || !array || len(problems) != 0 {
			t.Errorf("%s: %v", outcome, r)
		}
	}
	for _, body := range []string{`{"trackingNumber":"123456789012345"}`, `{}`, `{"trackingNumber":null}`, `nonsense`} {
		if r := w.post("/v1/provider/payment/verify", body).json(t); r["success"] != false {
			t.Errorf("%s: %v", body, r)
		}
	}
	w.want(w.post("/control/switches", map[string]any{"failure_status": 422}), 200)
	w.want(w.gpVerify("1"), 422)
}

func TestCardVerify_ProviderToken(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.RequireProviderToken = true })
	if r := w.post("/provider/payment/getToken", gpRequest(10_000, "t")).json(t); r["success"] != false {
		t.Fatal("getToken without token was accepted")
	}
	body := gpRequest(10_000, "t")
	body["token"] = "ours"
	token := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
	tracking := w.tracking(w.atBank(token, "paid"))
	for given, want := range map[string]bool{"": false, "theirs": false} {
		if r := w.post("/provider/payment/verify", map[string]any{"trackingNumber": tracking, "token": given}).json(t); r["success"] != want {
			t.Errorf("token %q: %v", given, r)
		}
	}
	if r := w.post("/provider/payment/verify", map[string]any{"trackingNumber": tracking, "token": "ours"}).json(t); r["success"] != true {
		t.Errorf("own token: %v", r)
	}
}

func TestCardVerify_AmountPlacement(t *testing.T) {
	w := newWorld(t, nil)
	for place, want := range map[string][2]bool{"top": {true, false}, "data": {false, true}, "both": {true, true}} {
		w.want(w.post("/control/switches", map[string]any{"amount_placement": place}), 200)
		r := w.gpVerify(w.paidCard(10_000, "paid")).json(t)
		_, top := r["verifiedBefore"]
		_, nested := r["data"].(map[string]any)["amount"]
		if top != want[0] || nested != want[1] {
			t.Errorf("%s: %v", place, r)
		}
	}
}

func TestUnverified_GoesBackAfterFifteenMinutes(t *testing.T) {
	w := newWorld(t, nil)
	token, code := w.card(10_000), w.code(1_000_000)
	tracking := w.tracking(w.atBank(token, "paid"))
	_, fields := w.handover(w.atGhesta(code, "paid"))
	if err := w.sim.Advance(15*time.Minute - time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if l := w.sim.Ledger(); l.Held != 1_010_000 {
		t.Fatalf("held %d before the time", l.Held)
	}
	if err := w.sim.Advance(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	l := w.sim.Ledger()
	if l.Held != 0 || l.Buyer != 0 || l.Credit != 0 || l.Shop != 0 || w.state(token) != simulator.StateReturned {
		t.Fatalf("after the time: %+v", l)
	}
	if at := l.Payments[0].ReturnedAt; at == nil || !at.Equal(noon.Add(15*time.Minute)) {
		t.Errorf("returned at %v", at)
	}
	if r := w.gpVerify(tracking).json(t); r["success"] != false {
		t.Errorf("a late verify succeeded: %v", r)
	}
	w.onlyCode(w.ppVerify(fields.Get("refid"), 1_000_000), "39")
	if l := w.sim.Ledger(); l.Shop != 0 {
		t.Errorf("the shop has %d", l.Shop)
	}
}

func TestToken_UsedUnknownOrOld(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	w.want(w.atBank(token, "paid"), 303)
	page := w.want(w.do("GET", "/provider/payment/redirect/"+token, ""), http.StatusConflict)
	if !strings.Contains(page.raw, cardShop+"?trackingNumber=") {
		t.Error("the page of a used token has no way back")
	}
	w.want(w.atBank(token, "canceled"), http.StatusConflict)
	if w.state(token) != simulator.StatePaid {
		t.Errorf("a second outcome changed the payment: %s", w.state(token))
	}
	w.want(w.do("GET", "/provider/payment/redirect/1234567890123456789", ""), 404)
	w.want(w.atBank("1234567890123456789", "paid"), 404)
	old := w.card(10_000)
	if err := w.sim.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/provider/payment/redirect/"+old, ""), 410)
	w.want(w.atBank(old, "paid"), 410)
	// The token of one vendor opens no page of the other.
	w.want(w.do("GET", "/v2/pay/gotoipg/"+w.card(10_000), ""), 404)
}
