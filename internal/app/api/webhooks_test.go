package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/db"
)

// endpoint adds a webhook endpoint to the shop "pottery" in live mode.
func (h *house) endpoint(url string) string {
	h.Helper()
	return h.want(http.StatusCreated, "POST", "/webhook-endpoints", h.live, `{"url":"`+url+`"}`)["id"].(string)
}

func TestWebhooks_CreateListDelete(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		made := h.want(201, "POST", "/webhook-endpoints", h.live, `{"url":"https://shop.example/a","types":["invoice.paid","invoice.paid"]}`)
		if made["object"] != "webhook_endpoint" || made["livemode"] != true || made["url"] != "https://shop.example/a" ||
			!strings.HasPrefix(made["secret"].(string), "whsec_") || len(made["types"].([]any)) != 1 || made["status"] != "enabled" {
			t.Errorf("made %v", made)
		}
		time.Sleep(2 * time.Millisecond) // ids of one millisecond stand in any order
		all := h.want(201, "POST", "/webhook-endpoints", h.live, `{"url":"http://127.0.0.1:9/b"}`)
		if len(all["types"].([]any)) != 11 {
			t.Errorf("every type: %v", all["types"])
		}
		got := h.want(200, "GET", "/webhook-endpoints/"+made["id"].(string), h.live, "")
		if got["secret"] != nil || got["url"] != made["url"] {
			t.Errorf("read %v", got)
		}
		if ids := h.walk("/webhook-endpoints", 1, nil); len(ids) != 2 || ids[0] != all["id"] || ids[1] != made["id"] {
			t.Errorf("listed %v", ids)
		}
		h.want(422, "GET", "/webhook-endpoints?cursor=eA", h.live, "")
		gone := h.want(200, "DELETE", "/webhook-endpoints/"+made["id"].(string), h.live, "")
		if gone["deleted"] != true || gone["id"] != made["id"] {
			t.Errorf("deleted %v", gone)
		}
		h.want(404, "DELETE", "/webhook-endpoints/"+made["id"].(string), h.live, "")
		h.want(404, "GET", "/webhook-endpoints/"+made["id"].(string)+"/deliveries", h.live, "")
		for body, field := range map[string]string{
			`{}`: "url", `{"url":7}`: "url", `{"url":"ftp://shop.example/"}`: "url", `{"url":"http://shop.example/"}`: "url",
			`{"url":"https://user:pw@shop.example/"}`: "url", `{"url":"https://10.0.0.1/"}`: "url", `{"url":"https://169.254.169.254/latest"}`: "url",
			`{"url":"https://shop.example/","types":["invoice.lost"]}`: "types", `{"url":"https://shop.example/","types":"invoice.paid"}`: "types",
			`{"url":"https://shop.example/","secret":"x"}`: "secret",
		} {
			p := h.want(422, "POST", "/webhook-endpoints", h.live, body)
			if p["errors"].([]any)[0].(map[string]any)["field"] != field {
				t.Errorf("%s: %v", body, p)
			}
		}
		h.want(422, "POST", "/webhook-endpoints/"+all["id"].(string)+"/rotate-secret", h.live, `{"overlap_hours":169}`)
		h.want(422, "POST", "/webhook-endpoints/"+all["id"].(string)+"/replay", h.live, `{"from":"evt_1"}`)
		for range 19 {
			h.endpoint("https://shop.example/more")
		}
		h.want(409, "POST", "/webhook-endpoints", h.live, `{"url":"https://shop.example/more"}`)
	})
}

// The secret is shown once, and once more to who repeats the call whose answer was lost; in the
// database it stands sealed in both places.
func TestWebhooks_SecretsAreKeptSealed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		call := func(path, body string) string {
			req := request("POST", path, h.live, body)
			req.Header.Set("Idempotency-Key", "once"+path)
			rec := h.do(req)
			if rec.Code > 201 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			return rec.Body.String()
		}
		first := call("/webhook-endpoints", `{"url":"https://shop.example/a"}`)
		if again := call("/webhook-endpoints", `{ "url": "https://shop.example/a" }`); again != first {
			t.Errorf("repeated: %s\nwas: %s", again, first)
		}
		id := h.walk("/webhook-endpoints", 100, nil)
		if len(id) != 1 {
			t.Fatalf("made %v", id)
		}
		rotated := call("/webhook-endpoints/"+id[0]+"/rotate-secret", ``)
		if again := call("/webhook-endpoints/"+id[0]+"/rotate-secret", `{}`); again != rotated || again == first {
			t.Errorf("rotated twice: %s\nwas: %s", again, rotated)
		}
		err := h.db.View(context.Background(), func(tx *db.Tx) error {
			e, err := tx.Endpoint(id[0])
			if err != nil || len(e.Secrets) != 2 || strings.Contains(fmt.Sprint(e.Secrets), "whsec") {
				t.Errorf("in the database %+v: %v", e, err)
			}
			old, err := tx.Idempotency(h.shop.MerchantID, true, "once/webhook-endpoints")
			if err == nil && (strings.Contains(old.Answer, "whsec") || strings.Contains(old.Answer, "shop.example")) {
				t.Errorf("the kept answer is readable: %s", old.Answer)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		req := request("POST", "/webhook-endpoints", h.live, `{"url":"https://shop.example/other"}`)
		req.Header.Set("Idempotency-Key", "once/webhook-endpoints")
		if rec := h.do(req); rec.Code != 422 {
			t.Errorf("same key, other body: %d", rec.Code)
		}
	})
}

// A change is told to the endpoints of its own merchant and mode, each delivery once; lists page.
func TestWebhooks_Deliveries(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		all, paid := h.endpoint("https://shop.example/all"), h.want(201, "POST", "/webhook-endpoints", h.live, `{"url":"https://shop.example/p","types":["invoice.paid"]}`)["id"].(string)
		elsewhere := h.want(201, "POST", "/webhook-endpoints", h.test, `{"url":"https://shop.example/t"}`)["id"].(string)
		inv := h.invoice(`{"amount":1000}`)
		h.want(200, "POST", "/invoices/"+inv["id"].(string)+"/cancel", h.live, "")
		h.inReview()
		if ids := h.walk("/webhook-endpoints/"+paid+"/deliveries", 100, nil); len(ids) != 0 {
			t.Errorf("not of its type: %v", ids)
		}
		if ids := h.want(200, "GET", "/webhook-endpoints/"+elsewhere+"/deliveries", h.test, "")["data"].([]any); len(ids) != 0 {
			t.Errorf("of another mode: %v", ids)
		}
		ids := h.walk("/webhook-endpoints/"+all+"/deliveries", 2, nil)
		var types []string
		for _, id := range ids {
			d := h.want(200, "GET", "/deliveries/"+id, h.live, "")
			if d["status"] != "pending" || d["attempts"].(interface{ String() string }).String() != "0" || d["last_status_code"] != nil || d["next_attempt_at"] == nil || d["endpoint_id"] != all {
				t.Errorf("delivery %v", d)
			}
			types = append(types, d["type"].(string))
		}
		slices.Sort(types) // those of one millisecond come in any order
		if got := strings.Join(types, " "); got != "attempt.needs_review attempt.redirected invoice.canceled invoice.created invoice.created" {
			t.Errorf("delivered: %s", got)
		}
		h.want(200, "GET", "/webhook-endpoints/"+all+"/deliveries?status=held", h.live, "")
		h.want(422, "GET", "/webhook-endpoints/"+all+"/deliveries?status=lost", h.live, "")
		h.want(202, "POST", "/deliveries/"+ids[0]+"/redeliver", h.live, "")
	})
}
