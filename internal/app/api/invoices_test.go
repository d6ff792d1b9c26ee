package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCreateInvoice_Full(t *testing.T) {
	h := open(t)
	expires := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.999Z07:00")
	got := h.invoice(`{"amount":1500000,"description":"سفارش ۱۰۲۴","reference":"1024",
		"customer":{"name":"سارا احمدی","mobile":"09121234567","email":"a@example.com"},
		"items":[{"title":"دفتر <b>&","quantity":2,"unit_amount":750000}],
		"gateways":["ghesta"],"expires_at":"` + expires + `","return_url":"https://shop.example.ir/x?a=1&b=2","locale":"en",
		"metadata":{"k":"v"},"send_email":false}`)
	want := map[string]any{
		"object": "invoice", "livemode": true, "status": "open", "number": got["number"], "amount": json.Number("1500000"),
		"amount_refunded": json.Number("0"), "currency": "IRR", "description": "سفارش ۱۰۲۴", "reference": "1024",
		"return_url": "https://shop.example.ir/x?a=1&b=2", "locale": "en", "expires_at": expires, "paid_at": nil, "payment": nil,
		"customer": map[string]any{"name": "سارا احمدی", "mobile": "09121234567", "email": "a@example.com"},
		"items":    []any{map[string]any{"title": "دفتر <b>&", "quantity": json.Number("2"), "unit_amount": json.Number("750000")}},
		"gateways": []any{"ghesta"}, "metadata": map[string]any{"k": "v"},
		"id": got["id"], "payment_url": got["payment_url"], "created_at": got["created_at"],
	}
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
	if !strings.HasPrefix(got["id"].(string), "inv_") || !strings.HasPrefix(got["payment_url"].(string), "https://pay.example/i/") {
		t.Errorf("id %v, link %v", got["id"], got["payment_url"])
	}
	if again := h.want(200, "GET", "/invoices/"+got["id"].(string), h.live, ""); fmt.Sprint(again) != fmt.Sprint(got) {
		t.Errorf("read again: %v", again)
	}
}

func TestCreateInvoice_AmountAlone(t *testing.T) {
	h := open(t)
	got := h.invoice(`{"amount":1}`)
	for _, name := range []string{"description", "reference", "customer", "return_url", "paid_at", "payment"} {
		if v, there := got[name]; !there || v != nil {
			t.Errorf("%s = %v, want null", name, v)
		}
	}
	if fmt.Sprint(got["items"], got["metadata"], got["gateways"], got["locale"]) != "[] map[] [gardeshpay ghesta]fa" {
		t.Errorf("defaults: %v", got)
	}
	created, err1 := time.Parse(time.RFC3339, got["created_at"].(string))
	expires, err2 := time.Parse(time.RFC3339, got["expires_at"].(string))
	if err1 != nil || err2 != nil || expires.Sub(created) != 7*24*time.Hour || !strings.HasSuffix(got["created_at"].(string), "Z") {
		t.Errorf("times: %v, %v", got["created_at"], got["expires_at"])
	}
}

// TestCreateInvoice_Wrong is one wrong thing a line: the body, the status, and the field with its
// code, or the problem's code where no field is to blame.
func TestCreateInvoice_Wrong(t *testing.T) {
	h := open(t)
	with := func(member string) string { return `{"amount":1000,` + member + `}` }
	amount := func(literal string) string { return `{"amount":` + literal + `}` }
	tests := []struct {
		body   string
		status int
		want   string
	}{
		{``, 400, "malformed_json"},
		{`{}`, 422, "amount=required"},
		{`{}`, 422, "amount=required"},
		{amount(`null`), 422, "amount=required"},
		{amount(`-1`), 422, "amount=out_of_range"},
		{amount(`0`), 422, "amount=out_of_range"},
		{amount(`-0`), 422, "amount=out_of_range"},
		{amount(`1.5`), 422, "amount=not_integer"},
		{amount(`1000.0`), 422, "amount=not_integer"},
		{amount(`1e3`), 422, "amount=not_integer"},
		{amount(`1E3`), 422, "amount=not_integer"},
		{amount(`"1000"`), 422, "amount=not_integer"},
		{amount(`"۱۰۰۰"`), 422, "amount=not_integer"},
		{amount(`true`), 422, "amount=not_integer"},
		{amount(`[]`), 422, "amount=not_integer"},
		{amount(`[1000]`), 422, "amount=not_integer"},
		{amount(`{}`), 422, "amount=not_integer"},
		{amount(`9999999999999`), 201, ""},
		{amount(`10000000000000`), 422, "amount=out_of_range"},
		{amount(`9007199254740993`), 422, "amount=out_of_range"},
		{amount(`9223372036854775807`), 422, "amount=out_of_range"},
		{amount(`9223372036854775808`), 422, "amount=out_of_range"},
		{amount(`-9223372036854775809`), 422, "amount=out_of_range"},
		{amount(`18446744073709552616`), 422, "amount=out_of_range"}, // 1000 more than 2^64
		{amount(`NaN`), 400, "malformed_json"},
		{amount(`Infinity`), 400, "malformed_json"},
		{amount(`01000`), 400, "malformed_json"},
		{amount(`1_000`), 400, "malformed_json"},
		{amount(`0x10`), 400, "malformed_json"},
		{amount(`۱۰۰۰`), 400, "malformed_json"},

		{`[]`, 422, "=not_object"},
		{`null`, 422, "=not_object"},
		{`"x"`, 422, "=not_object"},
		{`{"amount":1000`, 400, "malformed_json"},
		{`{"amount":1000}}`, 400, "malformed_json"},
		{`{"amount":1000} {}`, 400, "malformed_json"},
		{`amount=1000`, 400, "malformed_json"},
		{`{"amount":1000,"amount":1}`, 400, "repeated_member"},
		{`{"amount":1000,"amoun\u0074":1}`, 400, "repeated_member"},
		{with(`"customer":{"name":"a","name":"b"}`), 400, "repeated_member"},
		{with(`"metadata":{"a":"1","a":"2"}`), 400, "repeated_member"},
		{`{"Amount":1000}`, 400, "amount=wrong_case"},
		{`{"amount":1000,"AMOUNT":1}`, 400, "amount=wrong_case"},
		{with(`"customer":{"Name":"a"}`), 400, "customer.name=wrong_case"},
		{with(`"items":[{"Title":"a"}]`), 400, "items[0].title=wrong_case"},
		{with(`"description":"` + "\xff" + `"`), 400, "not_unicode"},
		{with(`"description":"\ud800"`), 400, "not_unicode"},
		{with(`"metadata":{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`), 400, "too_deep"},

		{with(`"status":"paid"`), 422, "status=unknown_field"},
		{with(`"paid_at":"2026-01-01T00:00:00Z"`), 422, "paid_at=unknown_field"},
		{with(`"merchant_id":"mer_x"`), 422, "merchant_id=unknown_field"},
		{with(`"livemode":true`), 422, "livemode=unknown_field"},
		{with(`"customer":{"phone":"1"}`), 422, "customer.phone=unknown_field"},
		{with(`"items":[{"title":"a","quantity":1,"unit_amount":1000,"tax":1}]`), 422, "items[0].tax=unknown_field"},

		{with(`"description":5`), 422, "description=not_text"},
		{with(`"description":"` + strings.Repeat("د", 501) + `"`), 422, "description=too_long"},
		{with(`"reference":["1"]`), 422, "reference=not_text"},
		{with(`"reference":"` + strings.Repeat("x", 101) + `"`), 422, "reference=too_long"},
		{with(`"customer":"Sara"`), 422, "customer=not_object"},
		{with(`"customer":{"mobile":9121234567}`), 422, "customer.mobile=not_text"},
		{with(`"customer":{"mobile":"12345"}`), 422, "customer.mobile=bad_mobile"},
		{with(`"customer":{"email":"nobody"}`), 422, "customer.email=bad_email"},
		{with(`"customer":{"email":"a@example.com\r\nBcc: b@example.com"}`), 422, "customer.email=bad_email"},
		{with(`"customer":{"name":"` + strings.Repeat("x", 101) + `"}`), 422, "customer.name=too_long"},

		{with(`"items":{}`), 422, "items=not_list"},
		{with(`"items":[1]`), 422, "items[0]=not_object"},
		{with(`"items":[{"title":"a","quantity":1,"unit_amount":999}]`), 422, "items=sum_mismatch"},
		{with(`"items":[{"title":"a","quantity":0,"unit_amount":1000},{"title":"b","quantity":1,"unit_amount":1000}]`), 422, "items=out_of_range"},
		{with(`"items":[{"title":"a","quantity":-1,"unit_amount":-1000}]`), 422, "items=out_of_range"},
		{with(`"items":[{"title":"a","quantity":1.5,"unit_amount":1000}]`), 422, "items[0].quantity=not_integer"},
		{with(`"items":[{"title":"a","quantity":1,"unit_amount":"1000"}]`), 422, "items[0].unit_amount=not_integer"},
		{with(`"items":[{"title":"a","unit_amount":1000}]`), 422, "items[0].quantity=required"},
		{with(`"items":[{"quantity":1,"unit_amount":1000}]`), 422, "items=required"},
		{with(`"items":[{"title":"a","quantity":9223372036854775807,"unit_amount":9223372036854775807}]`), 422, "items=out_of_range"},
		{with(`"items":[{"title":"a","quantity":4611686018427387904,"unit_amount":4},{"title":"b","quantity":1,"unit_amount":1000}]`), 422, "items=out_of_range"},

		{with(`"gateways":"ghesta"`), 422, "gateways=not_list"},
		{with(`"gateways":[1]`), 422, "gateways=not_text"},
		{with(`"gateways":["paypal"]`), 422, "gateways=unknown_gateway"},
		{with(`"gateways":["ghesta","ghesta"]`), 422, "gateways=unknown_gateway"},
		{with(`"expires_at":1790000000`), 422, "expires_at=not_text"},
		{with(`"expires_at":"tomorrow"`), 422, "expires_at=not_time"},
		{with(`"expires_at":""`), 422, "expires_at=not_time"},
		{with(`"expires_at":"2030-01-01"`), 422, "expires_at=not_time"},
		{with(`"expires_at":"2030-01-01T00:00:00"`), 422, "expires_at=not_time"},
		{with(`"expires_at":"2001-01-01T00:00:00Z"`), 422, "expires_at=in_past"},
		{with(`"expires_at":"9999-01-01T00:00:00Z"`), 422, "expires_at=too_far"},
		{with(`"return_url":"//evil.example"`), 422, "return_url=not_url"},
		{with(`"return_url":"javascript:alert(1)"`), 422, "return_url=not_url"},
		{with(`"return_url":"http://shop.example"`), 422, "return_url=not_url"},
		{with(`"return_url":"https:evil.example"`), 422, "return_url=not_url"},
		{with(`"return_url":"https://a@evil.example"`), 422, "return_url=not_url"},
		{with(`"return_url":"https://evil.example\\@shop.example"`), 422, "return_url=not_url"},
		{with(`"return_url":"https://shop.example/\r\nSet-Cookie: a=b"`), 422, "return_url=not_url"},
		{with(`"locale":"de"`), 422, "locale=unknown_locale"},
		{with(`"metadata":[]`), 422, "metadata=not_object"},
		{with(`"metadata":{"k":1}`), 422, "metadata.k=not_text"},
		{with(`"metadata":{"k":null}`), 422, "metadata.k=not_text"},
		{with(`"metadata":{"k":"` + strings.Repeat("x", 501) + `"}`), 422, "metadata=too_long"},
		{with(`"send_email":"yes"`), 422, "send_email=not_boolean"},
		{with(`"send_email":1`), 422, "send_email=not_boolean"},
	}
	for _, tt := range tests {
		rec := h.do(request("POST", "/invoices", h.live, tt.body))
		if rec.Code != tt.status {
			t.Errorf("%s: %d, want %d: %s", tt.body, rec.Code, tt.status, rec.Body)
			continue
		}
		if tt.status == 201 {
			continue
		}
		p := read(t, rec)
		if !slices.Contains(append(fields(t, p), p["code"].(string)), tt.want) {
			t.Errorf("%s: want %s: %s", tt.body, tt.want, rec.Body)
		}
		if p["status"] != json.Number(fmt.Sprint(tt.status)) || p["title"] == "" || p["detail"] == "" || !strings.Contains(p["type"].(string), "/api/v1/docs#problem-") {
			t.Errorf("%s: %s", tt.body, rec.Body)
		}
	}
}

// TestCreateInvoice_StrangeText: PostgreSQL refuses U+0000 in a text, so none may get there.
func TestCreateInvoice_StrangeText(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, member := range []string{
			`"description":"a\u0000b"`, `"reference":"a\u0000b"`, `"customer":{"name":"a\u0000b"}`, `"customer":{"mobile":"0912\u00001234567"}`,
			`"customer":{"email":"a\u0000@example.com"}`, `"items":[{"title":"a\u0000b","quantity":1,"unit_amount":1000}]`, `"gateways":["\u0000"]`,
			`"return_url":"https://a\u0000b.example/"`, `"locale":"\u0000"`, `"metadata":{"a\u0000":"b"}`, `"metadata":{"a":"b\u0000"}`,
			`"description":"علی\u202Egpj.exe"`,
		} {
			rec := h.do(request("POST", "/invoices", h.live, `{"amount":1000,`+member+`}`))
			if rec.Code != 201 && rec.Code != 422 {
				t.Errorf("%s: %d %s", member, rec.Code, rec.Body)
			}
			if rec.Code == 201 && strings.ContainsAny(rec.Body.String(), "\x00\u202e") || strings.Contains(rec.Body.String(), `\u0000`) {
				t.Errorf("%s: kept: %s", member, rec.Body)
			}
		}
	})
}

func TestUpdateInvoice(t *testing.T) {
	h := open(t)
	path := "/invoices/" + h.invoice(`{"amount":1500000,"description":"d","reference":"r","customer":{"name":"Sara"},
		"items":[{"title":"a","quantity":1,"unit_amount":1500000}],"metadata":{"k":"v"},"gateways":["ghesta"]}`)["id"].(string)
	tests := []struct {
		name, body, member string
		want               any
	}{
		{"absent stays", `{}`, "description", "d"},
		{"text", `{"description":"e"}`, "description", "e"},
		{"null clears", `{"description":null}`, "description", nil},
		{"empty clears", `{"reference":""}`, "reference", nil},
		{"items and amount", `{"amount":1400000,"items":null}`, "amount", json.Number("1400000")},
		{"the customer as a whole", `{"customer":{"mobile":"09121234567"}}`, "customer", map[string]any{"name": nil, "mobile": "09121234567", "email": nil}},
		{"no customer", `{"customer":null}`, "customer", nil},
		{"metadata as a whole", `{"metadata":{"l":"w"}}`, "metadata", map[string]any{"l": "w"}},
		{"no metadata", `{"metadata":null}`, "metadata", map[string]any{}},
		{"all gateways", `{"gateways":null}`, "gateways", []any{"gardeshpay", "ghesta"}},
		{"locale", `{"locale":"en"}`, "locale", "en"},
	}
	for _, tt := range tests {
		got := h.want(200, "PATCH", path, h.live, tt.body)
		again := h.want(200, "GET", path, h.live, "")
		if fmt.Sprint(got[tt.member]) != fmt.Sprint(tt.want) || fmt.Sprint(again[tt.member]) != fmt.Sprint(tt.want) {
			t.Errorf("%s: answered %v, then read %v", tt.name, got[tt.member], again[tt.member])
		}
	}
	for body, want := range map[string]string{
		`{"amount":null}`: "amount=required", `{"locale":null}`: "locale=required", `{"expires_at":null}`: "expires_at=required",
		`{"amount":0}`: "amount=out_of_range", `{"status":"paid"}`: "status=unknown_field", `{"send_email":true}`: "send_email=unknown_field",
		`{"items":[{"title":"a","quantity":1,"unit_amount":5}]}`: "items=sum_mismatch",
	} {
		if got := fields(t, h.want(422, "PATCH", path, h.live, body)); !slices.Contains(got, want) {
			t.Errorf("%s: %v", body, got)
		}
	}
	h.want(400, "PATCH", path, h.live, `{"Amount":5}`)
	h.want(400, "PATCH", path, h.live, `{"amount":5,"amount":6}`)
	h.want(200, "POST", path+"/cancel", h.live, "")
	if p := h.want(409, "PATCH", path, h.live, `{"description":"late"}`); p["code"] != "not_open" {
		t.Errorf("changing a canceled invoice: %v", p)
	}
}

func TestCancelInvoice(t *testing.T) {
	h := open(t)
	path := "/invoices/" + h.invoice(`{"amount":1000}`)["id"].(string)
	h.want(422, "POST", path+"/cancel", h.live, `{"reason":"x"}`)
	if got := h.want(200, "POST", path+"/cancel", h.live, `{}`); got["status"] != "canceled" {
		t.Errorf("canceled: %v", got["status"])
	}
	if p := h.want(409, "POST", path+"/cancel", h.live, ""); p["code"] != "not_cancelable" {
		t.Errorf("again: %v", p)
	}
	events := h.want(200, "GET", path+"/events", h.live, "")["data"].([]any)
	first := events[len(events)-1].(map[string]any)
	if len(events) != 2 || events[0].(map[string]any)["type"] != "invoice.canceled" || first["type"] != "invoice.created" {
		t.Fatalf("events: %v", events)
	}
	if first["sequence"] != json.Number("1") || !strings.HasPrefix(first["actor"].(string), "key:key_") || first["attempt_id"] != nil ||
		!strings.HasPrefix(first["request_id"].(string), "req_") || !strings.HasPrefix(first["id"].(string), "evt_") {
		t.Errorf("event: %v", first)
	}
	if _, ok := first["data"].(map[string]any); !ok {
		t.Errorf("data: %v", first["data"])
	}
}

func TestResolveAttempt(t *testing.T) {
	h := open(t)
	inv, att := h.inReview()
	waiting := h.want(200, "GET", "/attempts?status=needs_review", h.live, "")["data"].([]any)
	if len(waiting) != 1 || waiting[0].(map[string]any)["id"] != att {
		t.Fatalf("waiting: %v", waiting)
	}
	if of := h.want(200, "GET", "/invoices/"+inv+"/attempts", h.live, "")["data"].([]any); fmt.Sprint(of) != fmt.Sprint(waiting) {
		t.Errorf("two lists, two attempts: %v %v", of, waiting)
	}
	path := "/attempts/" + att + "/resolve"
	for body, want := range map[string]string{
		`{}`: "note=required", `{"outcome":"paid"}`: "note=required", `{"outcome":"maybe","note":"n"}`: "outcome=unknown_outcome",
		`{"outcome":"paid","note":5}`: "note=not_text", `{"outcome":"paid","note":"n","amount":1}`: "amount=unknown_field",
		`{"outcome":"paid","note":"n","ref_number":123}`: "ref_number=not_text",
	} {
		if got := fields(t, h.want(422, "POST", path, h.live, body)); !slices.Contains(got, want) {
			t.Errorf("%s: %v", body, got)
		}
	}
	got := h.want(200, "POST", path, h.live, `{"outcome":"paid","note":"asked by telephone","ref_number":"0740218"}`)
	if got["status"] != "paid" || got["ref_number"] != "0740218" || got["failure"] != nil || got["object"] != "attempt" {
		t.Errorf("resolved: %v", got)
	}
	paid := h.want(200, "GET", "/invoices/"+inv, h.live, "")
	payment, _ := paid["payment"].(map[string]any)
	if paid["status"] != "paid" || payment["manual"] != true || payment["attempt_id"] != att || payment["ref_number"] != "0740218" {
		t.Errorf("invoice: %v", paid)
	}
	if p := h.want(409, "POST", path, h.live, `{"outcome":"failed","note":"n"}`); p["code"] != "not_in_review" {
		t.Errorf("again: %v", p)
	}
}

// TestIdempotency_HundredAtOnce: one invoice, one answer.
func TestIdempotency_HundredAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		bodies := make(chan string, 100)
		replays := make(chan bool, 100)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				req := request("POST", "/invoices", h.live, `{"amount":1500000,"description":"<سفارش> & ۱"}`)
				req.Header.Set("Idempotency-Key", "order 1024")
				rec := h.do(req)
				if rec.Code != http.StatusCreated {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
				bodies <- rec.Body.String()
				replays <- rec.Header().Get("Idempotency-Replayed") == "true"
			})
		}
		all.Wait()
		close(bodies)
		close(replays)
		first, fresh := <-bodies, 0
		for b := range bodies {
			if b != first {
				t.Fatalf("two answers:\n%s\n%s", first, b)
			}
		}
		for r := range replays {
			if !r {
				fresh++
			}
		}
		if list := h.want(200, "GET", "/invoices", h.live, "")["data"].([]any); fresh != 1 || len(list) != 1 {
			t.Errorf("%d fresh answers, %d invoices", fresh, len(list))
		}
	})
}

func TestIdempotency(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		send := func(key, path, body string, once ...string) (int, string, bool) {
			req := request("POST", path, key, body)
			for _, o := range once {
				req.Header.Add("Idempotency-Key", o)
			}
			rec := h.do(req)
			return rec.Code, rec.Body.String(), rec.Header().Get("Idempotency-Replayed") == "true"
		}
		status, first, replayed := send(h.live, "/invoices", `{"amount":1000}`, "k")
		if status != 201 || replayed {
			t.Fatalf("first: %d %t %s", status, replayed, first)
		}
		if status, body, replayed := send(h.live, "/invoices", " { \"amount\" : 1000 }\n", "k"); status != 201 || !replayed || body != first {
			t.Errorf("same but for white space: %d %t %s", status, replayed, body)
		}
		if status, body, _ := send(h.live, "/invoices", `{"amount":1001}`, "k"); status != 422 || !strings.Contains(body, `"code":"idempotency_mismatch"`) {
			t.Errorf("another body: %d %s", status, body)
		}
		var inv struct{ ID string }
		if err := json.Unmarshal([]byte(first), &inv); err != nil {
			t.Fatal(err)
		}
		if status, body, _ := send(h.live, "/invoices/"+inv.ID+"/cancel", `{"amount":1000}`, "k"); status != 422 {
			t.Errorf("another path: %d %s", status, body)
		}
		// The state forbids a second cancel, but the repeat is not a second one.
		for i, want := range []bool{false, true} {
			if status, body, replayed := send(h.live, "/invoices/"+inv.ID+"/cancel", []string{"", "{}"}[i], "c"); status != 200 || replayed != want {
				t.Errorf("cancel %d: %d %t %s", i, status, replayed, body)
			}
		}
		for name, key := range map[string]string{"other merchant": h.other, "other mode": h.test} {
			if status, body, replayed := send(key, "/invoices", `{"amount":5}`, "k"); status != 201 || replayed {
				t.Errorf("%s: %d %t %s", name, status, replayed, body)
			}
		}
		// What failed is not kept: the repeat may succeed.
		for _, want := range []int{422, 422} {
			if status, _, replayed := send(h.live, "/invoices", `{"amount":0}`, "bad"); status != want || replayed {
				t.Errorf("failure: %d %t", status, replayed)
			}
		}
		if status, _, _ := send(h.live, "/invoices", `{"amount":7}`, "bad"); status != 201 {
			t.Errorf("after a failure the key is free: %d", status)
		}
		for name, keys := range map[string][]string{"empty": {""}, "long": {strings.Repeat("x", 256)}, "Persian": {"سفارش"}, "control": {"a\x7f"}, "two": {"a", "b"}} {
			if status, body, _ := send(h.live, "/invoices", `{"amount":7}`, keys...); status != 422 || !strings.Contains(body, "bad_idempotency_key") {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		if status, _, _ := send(h.live, "/invoices", `{"amount":7}`, strings.Repeat("~", 255)); status != 201 {
			t.Errorf("the longest key: %d", status)
		}
	})
}
