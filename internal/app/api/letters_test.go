package api_test

import "testing"

// Sending by e-mail: each refusal has its status and its word.
func TestSendInvoice(t *testing.T) {
	h := open(t)
	made := h.want(201, "POST", "/invoices", h.live, `{"amount":1500000,"customer":{"email":"sara@example.com"},"send_email":true}`)
	path := "/invoices/" + made["id"].(string)
	if got := h.want(200, "POST", path+"/send", h.live, ""); got["status"] != "open" || got["id"] != made["id"] {
		t.Errorf("sent: %v", got)
	}
	h.want(422, "POST", path+"/send", h.live, `{"to":"other@example.com"}`)
	h.want(404, "POST", path+"/send", h.test, "")
	events := h.want(200, "GET", path+"/events", h.live, "")["data"].([]any)
	if first := events[0].(map[string]any); len(events) != 2 || first["type"] != "invoice.sent" || first["data"].(map[string]any)["letter"] == "" {
		t.Errorf("events %v", events)
	}
	none := h.want(201, "POST", "/invoices", h.live, `{"amount":1500000}`)
	if p := h.want(422, "POST", "/invoices/"+none["id"].(string)+"/send", h.live, ""); p["errors"] == nil {
		t.Errorf("without an address: %v", p)
	}
	h.want(422, "POST", "/invoices", h.live, `{"amount":1500000,"send_email":true}`)
	h.want(200, "POST", path+"/cancel", h.live, "")
	if p := h.want(409, "POST", path+"/send", h.live, ""); p["code"] != "not_sendable" {
		t.Errorf("canceled: %v", p)
	}
	for i := range 20 {
		status := 201
		made := h.want(status, "POST", "/invoices", h.live, `{"amount":1500000,"customer":{"email":"sara@example.com"},"send_email":true}`)
		if i == 19 { // the twenty-first of the day: made, and not sent
			h.want(429, "POST", "/invoices/"+made["id"].(string)+"/send", h.live, "")
		}
	}
}
