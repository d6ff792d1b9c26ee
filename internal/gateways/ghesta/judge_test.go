package ghesta_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gatewaystest"
	"dargah/internal/gateways/ghesta"
)

// heard is what the adapter makes of one answer to verify.
func heard(status int, body string) gateways.Answer {
	vendor := &gatewaystest.Vendor{Status: status, Body: []byte(body)}
	g := ghesta.New(vendor.Client())
	s := gatewaystest.Defaults(g)
	return g.Verify(context.Background(), s, gateways.VerifyRequest{
		Reference: "5001", WireAmount: 1500000, OurNumber: "N7K2", VerifyURL: s["verify_url"], Secrets: []string{"82a4f72"},
	})
}

// started is what it makes of one answer to create.
func started(status int, body string) (gateways.Started, *gateways.StartError) {
	vendor := &gatewaystest.Vendor{Status: status, Body: []byte(body)}
	g := ghesta.New(vendor.Client())
	begun, err := g.Start(context.Background(), gatewaystest.Defaults(g), gateways.StartRequest{
		WireAmount: 1500000, OurNumber: "N7K2", Callback: "https://pay.example.ir/q/x", At: time.Unix(0, 0),
	})
	var failed *gateways.StartError
	errors.As(err, &failed)
	return begun, failed
}

const (
	success = `{"amount":1500000,"cardNumber":"603799******1234","cardHashPan":"ABCDEF0123456789"}`
	card    = "6037991234567890"
	masked  = "603799******7890"
)

// TestVerify_UnknownSaysWhy: an answer that decides nothing leaves a record that says what was wrong
// with it, for the person who will look.
func TestVerify_UnknownSaysWhy(t *testing.T) {
	for _, c := range []struct {
		status    int
		body, why string
	}{
		{200, `<html>`, "not one JSON value"},
		{200, `{"amount":1500000,"15":"x"}`, "success beside an error code"},
		{200, `{"amount":15e5}`, "amount is not an integer"},
		{200, `{"amount":1500000,"cardNumber":{}}`, "cardNumber has another form"},
		{200, `{"amount":1500000,"cardHashPan":{}}`, "cardHashPan has another form"},
		{200, `{"amount":1500000,"clientRefId":true}`, "clientRefId has another form"},
		{403, `{"15":"x"}`, "status 403"},
		{500, success, "status 500"},
		{400, `<html>`, "not one JSON value"},
		{400, `[]`, "not an object"},
		{400, `{}`, "an empty map"},
		{400, `{"15":"x","4":"y"}`, "several codes at once"},
		{400, `{" 15":"x"}`, "neither a code nor a field"},
	} {
		if a := heard(c.status, c.body); a.Outcome != gateways.Unknown || a.Code != "" || !strings.Contains(a.Message, c.why) {
			t.Errorf("%d %s: %v %q, %q; want unknown since %q", c.status, c.body, a.Outcome, a.Code, a.Message, c.why)
		}
	}
	for _, name := range []string{"amount", "cardNumber", "cardHashPan", "clientRefId"} {
		full := strings.TrimSuffix(success, "}") + `,"clientRefId":"N7K2"}`
		for _, other := range []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			for _, with := range []string{`"` + other + `":`, `"` + name + `":null,"` + other + `":`} {
				body := strings.Replace(full, `"`+name+`":`, with, 1)
				if a := heard(200, body); a.Outcome != gateways.Unknown || !strings.Contains(a.Message, "wrong case") {
					t.Errorf("%v %q by %s", a.Outcome, a.Message, body)
				}
			}
		}
	}
}

// TestVerify_WhatIsKept: of a success the mask and a hash that is one; of a refusal the vendor's own
// words, without cards, secrets and what is too long.
func TestVerify_WhatIsKept(t *testing.T) {
	if a := heard(200, success); a.Outcome != gateways.Paid || a.CardHash != "ABCDEF0123456789" || a.CardMask != "603799******1234" {
		t.Errorf("%+v", a)
	}
	for _, hash := range []string{"", "abc", "ABCDEF012345678", "ABCDEF 0123456789", card, strings.Repeat("a", 129)} {
		if a := heard(200, strings.Replace(success, "ABCDEF0123456789", hash, 1)); a.Outcome != gateways.Paid || a.CardHash != "" {
			t.Errorf("%q is kept as the hash of a card (%v)", a.CardHash, a.Outcome)
		}
	}
	long := strings.Repeat("v", 600)
	for words, want := range map[string]string{long: long[:497] + "…", "card " + card: "card " + masked, "of 82a4f72!": "of [hidden]!"} {
		if a := heard(400, `{"4":"`+words+`"}`); a.Outcome != gateways.Refused || a.Message != want || strings.Contains(a.Body, "82a4f72") {
			t.Errorf("%v %q, kept %q; want %q", a.Outcome, a.Message, a.Body, want)
		}
	}
	if a := heard(400, `{"4":{"paymentCode":"b77c","code":"b78c"}}`); strings.Contains(a.Body, "b77c") || strings.Contains(a.Body, "b78c") {
		t.Errorf("a payment code is kept: %s", a.Body)
	}
}

// TestStart_WhatIsKept: the refusals in the order of their codes, and what was wrong with an answer
// that is none.
func TestStart_WhatIsKept(t *testing.T) {
	for range 5 { // a map has no order
		_, failed := started(400, `{"9":"i","3":"c","7":"g","1":"a","5":"e","2":"b","8":"h","4":"d","6":"f"}`)
		if failed == nil || failed.Trouble || failed.Code != "1, 2, 3, 4, 5, 6, 7, 8, 9" || failed.Message != "a, b, c, d, e, f, g, h, i" || failed.RequestID != "req-1" {
			t.Fatalf("%+v", failed)
		}
	}
	long := strings.Repeat("v", 600)
	if _, failed := started(400, `{"`+long+`":"`+long+`"}`); failed == nil || failed.Code != long[:61]+"…" || failed.Message != long[:497]+"…" {
		t.Errorf("%+v", failed)
	}
	if _, failed := started(400, `{"`+card+`":"`+card+`"}`); failed == nil || failed.Code != masked || failed.Message != masked {
		t.Errorf("%+v", failed)
	}
	for _, c := range []struct {
		status          int
		body, code, why string
	}{
		{200, `<html>`, "undocumented_answer", "not one JSON value"},
		{200, `{"Code":"82a4f72"}`, "undocumented_answer", "wrong case"},
		{200, `{"code":5}`, "undocumented_answer", "code is not a payment code"},
		{400, `<html>`, "http_400", "status 400: read JSON: not one JSON value"},
		{503, ``, "http_503", "status 503: no documented answer"},
	} {
		if _, failed := started(c.status, c.body); failed == nil || !failed.Trouble || failed.Code != c.code || !strings.Contains(failed.Message, c.why) {
			t.Errorf("%d %s: %+v; want %s since %q", c.status, c.body, failed, c.code, c.why)
		}
	}
	begun, failed := started(200, `{"code":"82a4f72","note":"go to 82a4f72"}`)
	if failed != nil || begun.Token != "82a4f72" || begun.RequestID != "req-1" || strings.Contains(begun.Body, "82a4f72") || !strings.Contains(begun.Body, "go to") {
		t.Errorf("%+v, %v", begun, failed)
	}
}

// TestParseCallback_OursFirst: however much a stranger adds, what we read is kept.
func TestParseCallback_OursFirst(t *testing.T) {
	values := url.Values{"code": {"82a4f72"}, "refid": {"5001"}, "clientRefId": {"N7K2"}, "cardNumber": {masked}, "cardHashPan": {"x"}, " refid": {"5002"}}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		values.Set("a"+string(c), "x")
	}
	values.Set("aa", "of 82a4f72") // the code is a secret wherever it stands
	claim, err := ghesta.New(nil).ParseCallback(values)
	if err != nil || len(claim.Fields) != 20 || claim.Fields["refid"] != "5001" || claim.Fields["clientrefid"] != "N7K2" ||
		claim.Fields["cardnumber"] != masked || claim.Fields["cardhashpan"] != "[hidden]" || claim.Fields["code"] != "[hidden]" || claim.Fields["ao"] != "x" || claim.Fields["aa"] != "of [hidden]" {
		t.Errorf("%v %v", claim, err)
	}
	if name := ghesta.New(nil).Name(); name != "ghesta" {
		t.Errorf("the adapter calls itself %q", name)
	}
}
