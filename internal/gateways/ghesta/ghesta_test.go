package ghesta_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gatewaystest"
	"dargah/internal/gateways/ghesta"
)

func TestCheck(t *testing.T) {
	onLoopback := gateways.Settings{"pay_url": "http://127.0.0.1:9090/v2/pay"}
	gatewaystest.CheckSettings(t, ghesta.New(nil), []gatewaystest.Setting{
		{Key: "pay_url", Value: "https://api.payping.io/v2/pay/", Fine: true},
		{Key: "pay_url", Value: "http://api.payping.ir/v2/pay"},
		{Key: "token", Value: "eyJ-._~+/=", Fine: true},
		{Key: "token", Value: "abc\r\nX-Evil: 1"},
		{Key: "token", Value: "abc "},
		{Key: "token", Value: strings.Repeat("a", 513)},
		{Key: "installment_url", Value: "https://payping.ir/i?code={code}&type=ghesta", Fine: true},
		{Key: "installment_url", Value: "https://payping.ir/installment/?type=ghesta"},
		{Key: "installment_url", Value: "https://payping.ir?code={code}"},
		{Key: "installment_url", Value: "https://payping.ir/{code}/{code}"},
		{Key: "installment_url", Value: "https://payping.ir/{code}/{x}"},
		{Key: "installment_url", Value: "https://{code}/installment"},
		{Key: "installment_url", Value: "https://payping.ir.{code}/installment"},
		{Key: "installment_url", Value: "http://payping.ir/installment/{code}?type=ghesta"},
		{Key: "installment_url", Value: "http://127.0.0.1:9090/installment/{code}"},
		{Key: "installment_url", Value: "http://127.0.0.1:9090/installment/{code}", Fine: true, Also: onLoopback},
	})
}

func TestKeys_Order(t *testing.T) {
	var names []string
	for _, k := range ghesta.New(nil).Keys() {
		names = append(names, k.Name)
		if k.Secret != (k.Name == "token") || k.Required != (k.Name == "token") || k.Operator != strings.HasSuffix(k.Name, "_url") {
			t.Errorf("%+v", k)
		}
	}
	if got := strings.Join(names, " "); got != "pay_url verify_url installment_url token amount_unit verify_window min_amount max_amount enabled" {
		t.Error(got)
	}
}

// FuzzVerify: Paid means a 200 with our own amount, AlreadyVerified exactly one "15" at a 400.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1500000,"cardNumber":"603799******1234","cardHashPan":"ABCDEF0123456789"}`, `{"amount":"1500000"}`, `{"15":"x"}`, `{" 15":"x"}`, `{"015":"x"}`,
		`{"15":"x","4":"y"}`, `{"1":"x"}`, `{"47":[]}`, `{"99":null}`, `{"RefId":{}}`, `{}`, `[]`, ``, `<html>`, `{"amount":1500000,"15":"x"}`, `{"amount":1,"amount":1500000}`,
	} {
		for _, status := range []int{200, 201, 400, 403, 500} {
			f.Add(status, []byte(seed))
		}
	}
	vendor := &gatewaystest.Vendor{}
	g := ghesta.New(vendor.Client())
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		vendor.Status, vendor.Body = status, body
		s := gatewaystest.Defaults(g)
		s["token"] = "secretbearer"
		a := g.Verify(context.Background(), s, gateways.VerifyRequest{Reference: "5001", WireAmount: 1500000, OurNumber: "N7K2", VerifyURL: s["verify_url"]})
		if len(a.Body) > 2048 || strings.Contains(a.Body+a.Message+a.Code, "secretbearer") || gatewaystest.HoldsCard(a.Body+a.Message+a.CardMask+a.CardHash) {
			t.Fatalf("kept %+v", a)
		}
		if a.Unheard && a.Outcome != gateways.Unknown || !a.Sent || a.Status != status || a.RequestID != "req-1" {
			t.Fatalf("evidence %+v", a)
		}
		var loose map[string]any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		err := dec.Decode(&loose)
		switch a.Outcome {
		case gateways.Paid:
			amount := ""
			switch v := loose["amount"].(type) {
			case string:
				amount = strings.TrimLeft(v, "0")
			case json.Number:
				amount = v.String()
			}
			if err != nil || status != 200 || amount != "1500000" || a.RefNumber != "5001" {
				t.Fatalf("paid by %d %q", status, body)
			}
		case gateways.AlreadyVerified, gateways.Canceled, gateways.Refused:
			if err != nil || status != 400 || len(loose) != 1 {
				t.Fatalf("%v by %d %q", a.Outcome, status, body)
			}
			for key := range loose {
				if (key == "15") != (a.Outcome == gateways.AlreadyVerified) || (key == "1") != (a.Outcome == gateways.Canceled) {
					t.Fatalf("%v by %q", a.Outcome, body)
				}
			}
		case gateways.Review:
			if err != nil || status != 200 && status != 400 {
				t.Fatalf("review by %d %q", status, body)
			}
		case gateways.Unknown:
			if a.Unheard != (status/100 == 2 || status/100 == 5) {
				t.Fatalf("unheard %t by %d", a.Unheard, status)
			}
		}
	})
}

func FuzzStart(f *testing.F) {
	for _, seed := range []string{`{"code":"82a4f72"}`, `{"code":"../x"}`, `{"code":5}`, `{"Code":"a"}`, `{"38":"x"}`, `{"ReturnUrl":["x"]}`, `{}`, ``, `{"code":".."}`} {
		f.Add(200, []byte(seed))
		f.Add(400, []byte(seed))
	}
	vendor := &gatewaystest.Vendor{}
	g := ghesta.New(vendor.Client())
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		vendor.Status, vendor.Body = status, body
		s := gatewaystest.Defaults(g)
		s["token"] = "secretbearer"
		started, err := g.Start(context.Background(), s, gateways.StartRequest{
			WireAmount: 1500000, OurNumber: "N7K2", Callback: "https://pay.example.ir/q/x", At: time.Unix(0, 0),
		})
		var failed *gateways.StartError
		if err != nil {
			if !errors.As(err, &failed) || started != (gateways.Started{}) || (!failed.Trouble && status != 400) || strings.Contains(failed.Body+failed.Message, "secretbearer") {
				t.Fatalf("%+v, %+v", started, failed)
			}
			return
		}
		u, err := url.Parse(started.Redirect)
		if err != nil || status != 200 || u.Scheme != "https" || u.Host != "payping.ir" || u.Path != "/installment/"+started.Token || u.RawQuery != "type=ghesta" {
			t.Fatalf("sent to %q", started.Redirect)
		}
	})
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range []string{
		"code=a&refid=5001&clientrefid=N&cardnumber=&cardhashpan=", "refid=1", "refid=-1", "refId=5001&refid=5001", "refid=0001000", "refid=%ff", "data={}", "refid=99999999999999999999999", "%20code=0", "code=82a4f72&%20Code=82a4f72&code%0a=1",
	} {
		f.Add(seed)
	}
	g := ghesta.New(nil)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		claim, err := g.ParseCallback(values)
		var wrong *gateways.CallbackError
		if err != nil && !errors.As(err, &wrong) {
			t.Fatalf("error %v", err)
		}
		if err != nil {
			return
		}
		if claim.Canceled != (claim.Reference == "") {
			t.Fatalf("%+v", claim)
		}
		if n, err := strconv.ParseInt(claim.Reference, 10, 64); err == nil && n <= 1000 || len(claim.Reference) > 64 || url.PathEscape(claim.Reference) != claim.Reference {
			t.Fatalf("reference %q", claim.Reference)
		}
		if len(claim.Fields) > 20 || len(claim.OurNumber) > 256 || len(claim.Token) > 256 {
			t.Fatalf("%+v", claim)
		}
		for name, value := range claim.Fields {
			if len(name) > 64 || len(value) > 200 || gatewaystest.HoldsCard(value) || (name == "code" && value != "" && value != "[hidden]") {
				t.Fatalf("kept %q=%q", name, value)
			}
		}
	})
}
