package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// paidInvoice makes a paid invoice of 1,500,000 rial.
func (h *house) paidInvoice() (invoice, attempt string) {
	h.Helper()
	invoice, attempt = h.inReview()
	h.want(200, "POST", "/attempts/"+attempt+"/resolve", h.live, `{"outcome":"paid","note":"asked by telephone"}`)
	return invoice, attempt
}

func TestRefund(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		inv, _ := h.paidInvoice()
		path := "/invoices/" + inv + "/refunds"
		for body, want := range map[string]string{
			`{}`: "amount=required", `{"amount":0}`: "amount=out_of_range", `{"amount":-1}`: "amount=out_of_range", `{"amount":"1"}`: "amount=not_integer",
			`{"amount":1500001}`: "amount=more_than_left", `{"amount":9223372036854775807}`: "amount=out_of_range",
			`{"amount":1,"reason":"` + strings.Repeat("ب", 501) + `"}`: "reason=too_long", `{"amount":1,"reason":"4111111111111111 back"}`: "reason=card_number",
			`{"amount":1,"note":"x"}`: "note=unknown_field",
		} {
			if got := fields(t, h.want(422, "POST", path, h.live, body)); !slices.Equal(got, []string{want}) {
				t.Errorf("%.60s: %v, want %s", body, got, want)
			}
		}
		first := h.want(201, "POST", path, h.live, `{"amount":400000,"reason":"یک دفتر برگشت"}`)
		if first["object"] != "refund" || first["invoice_id"] != inv || num(first["amount"]) != 400_000 || num(first["amount_refunded"]) != 400_000 ||
			first["reason"] != "یک دفتر برگشت" || first["livemode"] != true || !strings.HasPrefix(first["id"].(string), "rfd_") || !strings.HasPrefix(first["actor"].(string), "key:key_") {
			t.Errorf("first: %v", first)
		}
		if got := fields(t, h.want(422, "POST", path, h.live, `{"amount":1100001}`)); !slices.Equal(got, []string{"amount=more_than_left"}) {
			t.Errorf("more than is left: %v", got)
		}
		second := h.want(201, "POST", path, h.live, `{"amount":1100000}`)
		if second["reason"] != nil || num(second["amount_refunded"]) != 1_500_000 {
			t.Errorf("second: %v", second)
		}
		h.want(422, "POST", path, h.live, `{"amount":1}`)
		now := h.want(200, "GET", "/invoices/"+inv, h.live, "")
		if now["status"] != "paid" || num(now["amount_refunded"]) != 1_500_000 {
			t.Errorf("invoice: %v", now)
		}
		for _, limit := range []int{1, 2, 100} {
			if got := h.walk(path, limit, nil); !slices.Equal(got, []string{second["id"].(string), first["id"].(string)}) {
				t.Errorf("refunds by %d: %v", limit, got)
			}
		}
		var events []map[string]any
		for _, e := range h.want(200, "GET", "/invoices/"+inv+"/events", h.live, "")["data"].([]any) {
			if e := e.(map[string]any); e["type"] == "invoice.refunded" {
				events = append(events, e)
			}
		}
		if len(events) != 2 || events[0]["actor"] != first["actor"] {
			t.Fatalf("events: %v", events)
		}
		data := events[1]["data"].(map[string]any)
		if data["refund_id"] != first["id"] || num(data["amount"]) != 400_000 || num(data["amount_refunded"]) != 400_000 ||
			!slices.Equal(slices.Sorted(maps.Keys(data)), []string{"amount", "amount_refunded", "reason_sha256", "refund_id"}) {
			t.Errorf("the first one's event: %v", data)
		}
	})
}

func TestRefund_States(t *testing.T) {
	h := open(t)
	canceled := h.invoice(`{"amount":1000}`)["id"].(string)
	h.want(200, "POST", "/invoices/"+canceled+"/cancel", h.live, "")
	reviewed, _ := h.inReview()
	for _, inv := range []string{h.invoice(`{"amount":1000}`)["id"].(string), canceled, reviewed} {
		if p := h.want(409, "POST", "/invoices/"+inv+"/refunds", h.live, `{"amount":1}`); p["code"] != "not_paid" {
			t.Errorf("%v", p)
		}
		if list := h.want(200, "GET", "/invoices/"+inv+"/refunds", h.live, "")["data"].([]any); len(list) != 0 {
			t.Errorf("recorded: %v", list)
		}
	}
}

// However many record at once, no more is given back than was paid; and the same key is one refund.
func TestRefund_AtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		inv, _ := h.paidInvoice()
		path := "/invoices/" + inv + "/refunds"
		var all sync.WaitGroup
		var taken atomic.Int64
		for range 40 {
			all.Go(func() {
				rec := h.do(request("POST", path, h.live, `{"amount":100000}`))
				switch {
				case rec.Code == http.StatusCreated:
					taken.Add(1)
				case rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), "more_than_left"):
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
			})
		}
		all.Wait()
		now := h.want(200, "GET", "/invoices/"+inv, h.live, "")
		if ids := h.walk(path, 100, nil); taken.Load() != 15 || len(ids) != 15 || num(now["amount_refunded"]) != 1_500_000 {
			t.Errorf("%d taken, %d recorded, invoice says %v", taken.Load(), len(ids), now["amount_refunded"])
		}

		again, _ := h.paidInvoice()
		for range 20 {
			all.Go(func() {
				req := request("POST", "/invoices/"+again+"/refunds", h.live, `{"amount":900000}`)
				req.Header.Set("Idempotency-Key", "refund-1")
				if rec := h.do(req); rec.Code != http.StatusCreated {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
			})
		}
		all.Wait()
		if now := h.want(200, "GET", "/invoices/"+again, h.live, ""); num(now["amount_refunded"]) != 900_000 {
			t.Errorf("under one key: %v", now["amount_refunded"])
		}
	})
}

// num reads a number of an answer.
func num(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return -1
	}
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return i
}
