package gardeshpay_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/gatewaystest"
)

// heard is what the adapter makes of one answer to verify.
func heard(status int, body string) gateways.Answer {
	vendor := &gatewaystest.Vendor{Status: status, Body: []byte(body)}
	g := gardeshpay.New(vendor.Client())
	s := gatewaystest.Defaults(g)
	return g.Verify(context.Background(), s, gateways.VerifyRequest{
		Reference: "123", WireAmount: 1500000, OurNumber: "N7K2", VerifyURL: s["verify_url"], Secrets: []string{"gwtoken-91"},
	})
}

// started is what it makes of one answer to getToken.
func started(status int, body string) (gateways.Started, *gateways.StartError) {
	vendor := &gatewaystest.Vendor{Status: status, Body: []byte(body)}
	g := gardeshpay.New(vendor.Client())
	begun, err := g.Start(context.Background(), gatewaystest.Defaults(g), gateways.StartRequest{
		WireAmount: 1500000, OurNumber: "N7K2", Callback: "https://pay.example.ir/g/x", At: time.Unix(0, 0),
	})
	var failed *gateways.StartError
	errors.As(err, &failed)
	return begun, failed
}

func in(body, from, to string) string { return strings.Replace(body, from, to, 1) }

// TestVerify_UnknownSaysWhy: an answer that decides nothing leaves a record that says what was wrong
// with it, for the person who will look.
func TestVerify_UnknownSaysWhy(t *testing.T) {
	for _, c := range []struct {
		status    int
		body, why string
	}{
		{200, `<html>`, "not one JSON value"},
		{200, `{"success":"true"}`, "success is not a boolean"},
		{503, `{"success":false,"code":3}`, "refused with status 503"},
		{401, `{"success":false,"code":3}`, "refused with status 401"},
		{500, success, "success with status 500"},
		{200, in(success, `"amount"`, `"code":7,"amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"code":"","amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"errors":["x"],"amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"errors":{"a":1},"amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"errors":"x","amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"errors":true,"amount"`), "success beside an error"},
		{200, in(success, `"amount"`, `"errors":0,"amount"`), "success beside an error"},
		{200, `{"success":true,"amount":1500000}`, `no "data"`},
		{200, in(success, `"amount":1500000,`, ``), "amount is not one integer"},
		{200, in(success, `"603799******1234"`, `{}`), "data.cardNumber"},
		{200, in(success, `"refNumber":"1"`, `"refNumber":[]`), "data.refNumber"},
		{200, in(success, `"N7K2"`, `5`), "data.invoiceNumber is not a string"},
		{200, in(success, `"amount"`, `"invoiceNumber":"N7K3","amount"`), "two invoice numbers"},
		{200, in(in(success, `"N7K2"`, `""`), `"amount"`, `"invoiceNumber":5,"amount"`), "two invoice numbers"},
		{200, in(success, `"verifiedBefore":false`, `"verifiedBefore":1`), "verifiedBefore has another form"},
		{200, `{"success":false,"code":3,"verifiedBefore":true}`, "refused, but verified before"},
		{400, `{"success":false,"code":3,"data":{"verifiedBefore":true}}`, "refused, but verified before"},
		{200, `{"success":false,"code":3,"verifiedBefore":"yes"}`, "refused, but verified before"},
	} {
		if a := heard(c.status, c.body); a.Outcome != gateways.Unknown || a.Code != "" || !strings.Contains(a.Message, c.why) {
			t.Errorf("%d %s: %v %q, %q; want unknown since %q", c.status, c.body, a.Outcome, a.Code, a.Message, c.why)
		}
	}
}

// TestVerify_NoMemberInAnotherCase: two readers could disagree about such an answer, so it is none.
func TestVerify_NoMemberInAnotherCase(t *testing.T) {
	full := `{"success":true,"data":{"cardNumber":"603799******1234","refNumber":"1","message":"","invoiceNumber":"N7K2","invoiceDate":"","amount":1500000,"verifiedBefore":false},"code":0,"message":"","errors":[],"amount":1500000,"verifiedBefore":false,"invoiceNumber":"N7K2"}`
	if a := heard(200, full); a.Outcome != gateways.Paid {
		t.Fatalf("the answer as it is: %+v", a)
	}
	top, data := strings.Index(full, `"data"`), strings.Index(full, `"code"`)
	for _, name := range []string{"success", "data", "code", "message", "errors", "amount", "verifiedBefore", "invoiceNumber", "cardNumber", "refNumber", "invoiceDate"} {
		member := `"` + name + `":`
		for _, part := range [][2]int{{0, top + 7}, {top + 7, data}, {data, len(full)}} {
			text := full[part[0]:part[1]]
			if !strings.Contains(text, member) {
				continue
			}
			for _, other := range []string{strings.ToUpper(member), `"` + strings.ToUpper(name[:1]) + name[1:] + `":`} {
				// In its place, and beside it.
				for _, with := range []string{other, member + "null," + other} {
					body := full[:part[0]] + strings.Replace(text, member, with, 1) + full[part[1]:]
					if a := heard(200, body); a.Outcome != gateways.Unknown || !strings.Contains(a.Message, "wrong case") {
						t.Errorf("%v %q by %s", a.Outcome, a.Message, body)
					}
				}
			}
		}
	}
	for _, name := range []string{"url", "token", "data", "success"} {
		body := in(`{"success":true,"data":{"url":"https://ipg.gardeshpay.ir/p","token":"t1"}}`, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`)
		if _, failed := started(200, body); failed == nil || !strings.Contains(failed.Message, "wrong case") {
			t.Errorf("%+v by %s", failed, body)
		}
	}
}

// TestVerify_StillSuccess: what the guide leaves open about a success takes nothing from it.
func TestVerify_StillSuccess(t *testing.T) {
	for _, body := range []string{
		success,
		in(success, `"amount"`, `"code":null,"amount"`), in(success, `"amount"`, `"code":0,"amount"`), in(success, `"amount"`, `"code":"200","amount"`),
		in(success, `"amount"`, `"errors":null,"amount"`), in(success, `"amount"`, `"errors":[],"amount"`), in(success, `"amount"`, `"errors":{},"amount"`),
		in(success, `"amount"`, `"errors":"","amount"`), in(success, `"amount"`, `"errors":false,"amount"`),
		in(success, `"amount"`, `"invoiceNumber":"N7K2","amount"`), in(success, `"amount"`, `"invoiceNumber":null,"amount"`),
		in(success, `"verifiedBefore":false`, `"verifiedBefore":null`),
	} {
		if a := heard(200, body); a.Outcome != gateways.Paid || a.RefNumber != "1" || a.CardMask != "603799******1234" {
			t.Errorf("%v %q %q by %s", a.Outcome, a.RefNumber, a.Message, body)
		}
	}
	if a := heard(200, in(success, `"refNumber":"1"`, `"refNumber":null`)); a.Outcome != gateways.Paid || a.RefNumber != "" {
		t.Errorf("a reference %q out of nothing", a.RefNumber)
	}
}

// TestRefusal_Words: the vendor's code and words are kept as they came, but for cards, secrets and
// what is too long.
func TestRefusal_Words(t *testing.T) {
	long := strings.Repeat("v", 600)
	code := "c6037991234567890"
	for _, c := range []struct{ body, code, message string }{
		{`{"success":false,"code":3,"message":"نه"}`, "3", "نه"},
		{`{"success":false,"code":3,"message":7}`, "3", "7"},
		{`{"success":false,"code":3,"message":null}`, "3", ""},
		{`{"success":false,"code":3,"message":"","errors":[]}`, "3", ""},
		{`{"success":false,"code":3,"errors":["no"]}`, "3", `["no"]`},
		{`{"success":false,"code":true}`, "true", ""},
		{`{"success":false,"code":""}`, `""`, ""},
		{`{"success":false}`, "", ""},
		{`{"success":false,"code":"` + long + `","message":"` + long + `"}`, long[:61] + "…", long[:497] + "…"},
		{`{"success":false,"code":"6037991234567890","message":"card 6037991234567890 "}`, "603799******7890", "card 603799******7890"},
		{`{"success":false,"code":"` + code + `"}`, "c603799******7890", ""},
	} {
		if a := heard(200, c.body); a.Outcome != gateways.Refused || a.Code != c.code || a.Message != c.message || !a.Soft || !a.Hard {
			t.Errorf("verify: %v %q %q by %s", a.Outcome, a.Code, a.Message, c.body)
		}
		if _, failed := started(422, c.body); failed == nil || failed.Trouble || failed.Code != c.code || failed.Message != c.message || failed.RequestID != "req-1" {
			t.Errorf("getToken: %+v by %s", failed, c.body)
		}
	}
	if a := heard(200, `{"success":false,"code":"gwtoken-91","message":"gwtoken-91!","x":"of gwtoken-91"}`); a.Code != "[hidden]" || a.Message != "[hidden]!" || strings.Contains(a.Body, "gwtoken-91") {
		t.Errorf("a secret of the attempt is kept: %+v", a)
	}
	if a := heard(200, in(success, `"message":""`, `"message":"`+long+`"`)); a.Message != "" {
		t.Errorf("the words beside the number are taken for the answer's: %q", a.Message)
	}
	body := success[:len(success)-len(`""}`)] + `"` + long + `"}`
	if a := heard(200, body); a.Outcome != gateways.Paid || a.Message != long[:497]+"…" {
		t.Errorf("%v %q", a.Outcome, a.Message)
	}
}

// TestStart_TroubleSaysWhy: a getToken that was not answered as documented keeps a record of how.
func TestStart_TroubleSaysWhy(t *testing.T) {
	for _, c := range []struct {
		status          int
		body, code, why string
	}{
		{200, `<html>`, "undocumented_answer", "not one JSON value"},
		{503, `<html>`, "http_503", "status 503: read JSON: not one JSON value"},
		{401, `{"success":false,"message":"no"}`, "http_401", "status 401: no"},
		{500, `{"success":true}`, "http_500", "status 500"},
		{200, `{"success":true,"code":9,"data":{}}`, "undocumented_answer", "success beside an error"},
		{200, `{"success":true,"errors":["x"],"data":{"url":"https://ipg.gardeshpay.ir/p","token":"t1"}}`, "undocumented_answer", "success beside an error"},
		{200, `{"success":true}`, "undocumented_answer", `no "data"`},
		{200, `{"success":true,"data":{"token":"t1"}}`, "undocumented_answer", "data.url is not a string"},
		{200, `{"success":true,"data":{"url":"https://ipg.gardeshpay.ir/p"}}`, "undocumented_answer", "data.token is not a token"},
	} {
		if _, failed := started(c.status, c.body); failed == nil || !failed.Trouble || failed.Code != c.code || !strings.Contains(failed.Message, c.why) || failed.RequestID != "req-1" {
			t.Errorf("%d %s: %+v; want %s since %q", c.status, c.body, failed, c.code, c.why)
		}
	}
	begun, failed := started(200, `{"success":true,"message":"your t1-2345 is ready","data":{"url":"https://ipg.gardeshpay.ir/p","token":"t1-2345"}}`)
	if failed != nil || begun.RequestID != "req-1" || begun.Token != "t1-2345" || strings.Contains(begun.Body, "t1-2345") || !strings.Contains(begun.Body, "is ready") {
		t.Errorf("%+v, %v", begun, failed)
	}
}

// TestParseCallback_OursFirst: however much a stranger adds, what we read is kept.
func TestParseCallback_OursFirst(t *testing.T) {
	values := url.Values{"trackingNumber": {"17"}, "invoiceNumber": {"N7K2"}, " trackingNumber": {"18"}}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		values.Set("a"+string(c), "x")
	}
	claim, err := gardeshpay.New(nil).ParseCallback(values)
	if err != nil || len(claim.Fields) != 20 || claim.Fields["trackingnumber"] != "17" || claim.Fields["invoicenumber"] != "N7K2" || claim.Fields["ar"] != "x" {
		t.Errorf("%v %v", claim, err)
	}
	if name := gardeshpay.New(nil).Name(); name != "gardeshpay" {
		t.Errorf("the adapter calls itself %q", name)
	}
}
