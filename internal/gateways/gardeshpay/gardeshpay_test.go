package gardeshpay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/gatewaystest"
)

func TestCheck(t *testing.T) {
	onLoopback := gateways.Settings{"token_url": "http://127.0.0.1:9090/getToken"}
	gatewaystest.CheckSettings(t, gardeshpay.New(nil), []gatewaystest.Setting{
		{Key: "token_url", Value: "https://ipg.gardeshpay.ir/v1/provider/payment/getToken", Fine: true},
		{Key: "token_url", Value: "http://ipg.gardeshpay.ir/getToken"},
		{Key: "provider_token", Value: "abc DEF", Fine: true},
		{Key: "provider_token", Value: strings.Repeat("a", 512), Fine: true},
		{Key: "provider_token", Value: strings.Repeat("a", 513)},
		{Key: "provider_token", Value: "abc\n"},
		{Key: "provider_token", Value: " abc"},
		{Key: "provider_token", Value: "abc\x7f"},
		{Key: "provider_token", Value: "رمز"},
		{Key: "redirect_hosts", Value: "gardeshpay.ir", Fine: true},
		{Key: "redirect_hosts", Value: "gardeshpay.ir, ipg.Example.com", Fine: true},
		{Key: "redirect_hosts", Value: ""},
		{Key: "redirect_hosts", Value: "gardeshpay.ir,"},
		{Key: "redirect_hosts", Value: "com"},
		{Key: "redirect_hosts", Value: "*.gardeshpay.ir"},
		{Key: "redirect_hosts", Value: ".gardeshpay.ir"},
		{Key: "redirect_hosts", Value: "gardeshpay.ir:443"},
		{Key: "redirect_hosts", Value: "https://gardeshpay.ir"},
		{Key: "redirect_hosts", Value: "10.0.0.1"},
		{Key: "redirect_hosts", Value: strings.Repeat("a.ir,", 20) + "b.ir"},
		{Key: "redirect_hosts", Value: strings.Repeat("a.ir,", 19) + "b.ir", Fine: true},
		{Key: "redirect_hosts", Value: strings.Repeat(strings.Repeat("a", 61)+".", 4) + "shiir", Fine: true},
		{Key: "redirect_hosts", Value: strings.Repeat(strings.Repeat("a", 61)+".", 4) + "shopir"},
		{Key: "redirect_hosts", Value: "127.0.0.1,*.gardeshpay.ir", Also: onLoopback},
		{Key: "redirect_hosts", Value: "127.0.0.1"},
		{Key: "redirect_hosts", Value: "127.0.0.1", Fine: true, Also: onLoopback},
		{Key: "redirect_hosts", Value: "gardeshpay.ir,localhost,::1", Fine: true, Also: onLoopback},
		{Key: "redirect_hosts", Value: "10.0.0.1", Also: onLoopback},
	})
}

func TestKeys_Order(t *testing.T) {
	var names []string
	for _, k := range gardeshpay.New(nil).Keys() {
		names = append(names, k.Name)
		if k.Secret != (k.Name == "provider_token") || k.Required || k.Operator != (strings.HasSuffix(k.Name, "_url") || k.Name == "redirect_hosts") {
			t.Errorf("%+v", k)
		}
	}
	if got := strings.Join(names, " "); got != "token_url verify_url provider_token redirect_hosts amount_unit verify_window min_amount max_amount enabled" {
		t.Error(got)
	}
}

const success = `{"success":true,"data":{"cardNumber":"603799******1234","refNumber":"1","message":"","invoiceNumber":"N7K2","invoiceDate":""},"amount":1500000,"verifiedBefore":false,"message":""}`

// FuzzVerify: whatever is answered, Paid means a success for our own number and amount, read here
// by another reader; the record is clean; no refusal rests on a broken answer.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		success, `{"success":false,"code":1,"message":"x","errors":[]}`, `{"success":true,"code":5}`, `{"success":true,"success":false}`, `null`, ``, `<html>`,
		strings.Replace(success, "1500000", `"1500000"`, 1), strings.Replace(success, `"N7K2"`, `"N7K2","amount":1500000`, 1),
		strings.Replace(success, "1500000", "15e5", 1), strings.Replace(success, "603799******1234", "6037991234567890", 1),
		`{"success":false,"verifiedBefore":true}`, `{"success":true,"data":[],"amount":1}`, "{\"success\":true,\"data\":{\"cardNumber\xb6\xb6037991234567890>\",\"re",
	} {
		for _, status := range []int{200, 400, 401, 500} {
			f.Add(status, []byte(seed))
		}
	}
	vendor := &gatewaystest.Vendor{}
	g := gardeshpay.New(vendor.Client())
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		vendor.Status, vendor.Body = status, body
		s := gatewaystest.Defaults(g)
		s["provider_token"] = "ptoken-ptoken"
		a := g.Verify(context.Background(), s, gateways.VerifyRequest{Reference: "123", WireAmount: 1500000, OurNumber: "N7K2", VerifyURL: s["verify_url"]})
		if len(a.Body) > 2048 || strings.Contains(a.Body+a.Message+a.Code+a.RefNumber, "ptoken-ptoken") || gatewaystest.HoldsCard(a.Body+a.Message+a.RefNumber+a.CardMask) {
			t.Fatalf("kept %+v", a)
		}
		if a.Unheard && a.Outcome != gateways.Unknown || !a.Sent || a.Status != status {
			t.Fatalf("evidence %+v", a)
		}
		if (a.Soft || a.Hard) != (a.Outcome == gateways.Refused) {
			t.Fatalf("flags %+v", a)
		}
		var loose struct {
			Success json.RawMessage
			Amount  any
			Data    json.RawMessage
		}
		var data struct {
			Amount        any
			InvoiceNumber any
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		err := dec.Decode(&loose)
		if len(loose.Data) > 0 {
			inner := json.NewDecoder(bytes.NewReader(loose.Data))
			inner.UseNumber()
			_ = inner.Decode(&data)
		}
		told := func(v any) string {
			switch v := v.(type) {
			case string:
				return strings.TrimLeft(v, "0")
			case json.Number:
				return v.String()
			}
			return ""
		}
		switch a.Outcome {
		case gateways.Paid:
			if err != nil || status > 299 || string(loose.Success) != "true" || data.InvoiceNumber != "N7K2" ||
				(told(loose.Amount) != "1500000" && told(data.Amount) != "1500000") {
				t.Fatalf("paid by %d %q", status, body)
			}
		case gateways.Refused:
			if err != nil || string(loose.Success) != "false" || status >= 500 || status == 401 || status == 403 || status == 429 || status/100 == 3 {
				t.Fatalf("refused by %d %q", status, body)
			}
		case gateways.Review:
			if err != nil || status > 299 || string(loose.Success) != "true" {
				t.Fatalf("review by %d %q", status, body)
			}
		case gateways.Unknown:
			if a.Unheard != (status/100 == 2 || status/100 == 5) {
				t.Fatalf("unheard %t by %d", a.Unheard, status)
			}
		default:
			t.Fatalf("outcome %v", a.Outcome)
		}
	})
}

func FuzzStart(f *testing.F) {
	for _, seed := range []string{
		`{"success":true,"data":{"url":"https://ipg.gardeshpay.ir/p","token":"t1"}}`, `{"success":true,"data":{"url":"https://ipg.gardeshpay.ir@evil.tld/p","token":"t1"}}`,
		`{"success":true,"data":{"url":"https://ipg.gardeshpay.ir/p","token":1403121807581998242}}`, `{"success":false,"code":3,"errors":{}}`, ``, `[]`,
	} {
		f.Add(200, []byte(seed))
		f.Add(422, []byte(seed))
	}
	vendor := &gatewaystest.Vendor{}
	g := gardeshpay.New(vendor.Client())
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		vendor.Status, vendor.Body = status, body
		started, err := g.Start(context.Background(), gatewaystest.Defaults(g), gateways.StartRequest{
			WireAmount: 1500000, OurNumber: "N7K2", Callback: "https://pay.example.ir/g/x", At: time.Unix(0, 0),
		})
		var failed *gateways.StartError
		if err != nil {
			if !errors.As(err, &failed) || started != (gateways.Started{}) || (!failed.Trouble && !bytes.Contains(body, []byte("false"))) {
				t.Fatalf("%+v, %v", started, err)
			}
			return
		}
		u, err := url.Parse(started.Redirect)
		if err != nil || u.Scheme != "https" || status > 299 || u.User != nil || u.RawQuery != "" || u.Port() != "" && u.Port() != "443" {
			t.Fatalf("sent to %q", started.Redirect)
		}
		if host := "." + strings.ToLower(u.Hostname()); !strings.HasSuffix(host, ".gardeshpay.ir") && !strings.HasSuffix(host, ".gardeshpay.com") {
			t.Fatalf("sent to %q", started.Redirect)
		}
		if !strings.HasSuffix(started.Redirect, "/"+started.Token) || !gateways.ValidToken(started.Token) {
			t.Fatalf("%+v", started)
		}
		if len(started.Token) > 8 && strings.Contains(started.Body, started.Token) {
			t.Fatalf("kept the token: %+v", started)
		}
	})
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range []string{"trackingNumber=1&invoiceNumber=N", "trackingnumber=1&TrackingNumber=1", "trackingNumber=%ff", "trackingNumber=", "a=6037991234567890", "trackingNumber=000"} {
		f.Add(seed)
	}
	g := gardeshpay.New(nil)
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
		if claim.Canceled != (gateways.Canonical(claim.Reference) == "") {
			t.Fatalf("%+v", claim)
		}
		if !claim.Canceled && (len(claim.Reference) > 64 || url.PathEscape(claim.Reference) != claim.Reference) {
			t.Fatalf("reference %q", claim.Reference)
		}
		if list := values["trackingNumber"]; len(list) == 1 && !claim.Canceled && claim.Reference != list[0] {
			t.Fatalf("%q became %q", list[0], claim.Reference)
		}
		if len(claim.Fields) > 20 {
			t.Fatalf("kept %d fields", len(claim.Fields))
		}
		for name, value := range claim.Fields {
			if len(name) > 64 || len(value) > 200 || gatewaystest.HoldsCard(value) {
				t.Fatalf("kept %q=%q", name, value)
			}
		}
	})
}
