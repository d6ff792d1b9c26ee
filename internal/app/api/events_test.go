package api_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestEvents_Feed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if p := h.want(200, "GET", "/events", h.live, ""); len(p["data"].([]any)) != 0 || p["next_cursor"] != nil {
			t.Errorf("of nothing: %v", p)
		}
		inv, _ := h.paidInvoice()
		second := h.invoice(`{"amount":1000}`)["id"].(string)
		newest := h.walk("/events", 100, nil)
		oldest := h.walk("/events?after=", 100, nil)
		slices.Reverse(newest)
		if len(newest) < 8 || !slices.Equal(newest, oldest) || newest[len(newest)-1] != strings.Replace(second, "inv_", "evt_", 1)+"1" {
			t.Fatalf("newest first %v, oldest first %v", newest, oldest)
		}
		of := h.walk("/invoices/"+inv+"/events", 100, nil)
		slices.Reverse(of)
		if !slices.Equal(oldest[:len(of)], of) {
			t.Errorf("an invoice's own %v, in the feed %v", of, oldest)
		}
		for _, limit := range []int{1, 3} {
			added := 0 // a few: a reader of pages of one would never come to the end of more
			got := h.walk("/events?after="+oldest[2], limit, func() {
				if added++; added < 4 {
					h.invoice(`{"amount":2000}`)
				}
			})
			if !slices.Equal(got[:len(oldest)-3], oldest[3:]) {
				t.Errorf("behind the third by %d: %v", limit, got)
			}
		}
		now := h.walk("/events?after=", 100, nil)
		if p := h.want(200, "GET", "/events?after="+now[len(now)-1], h.live, ""); len(p["data"].([]any)) != 0 || p["next_cursor"] != nil {
			t.Errorf("behind the last: %v", p)
		}
		e := h.want(200, "GET", "/events?limit=1", h.live, "")["data"].([]any)[0].(map[string]any)
		for _, member := range []string{"id", "type", "sequence", "invoice_id", "attempt_id", "actor", "request_id", "gateway_request_id", "data", "created_at"} {
			if _, ok := e[member]; !ok {
				t.Errorf("no %s in %v", member, e)
			}
		}
		if !strings.HasPrefix(e["actor"].(string), "key:key_") {
			t.Errorf("made by %v", e["actor"])
		}
		// Another's event is no more than one that does not exist.
		for _, key := range []string{h.other, h.test} {
			own := fields(t, h.want(422, "GET", "/events?after="+oldest[0], key, ""))
			none := fields(t, h.want(422, "GET", "/events?after=evt_06epz6r5c8g4hnqk2vt0s9wxy1", key, ""))
			if !slices.Equal(own, []string{"after=unknown_value"}) || !slices.Equal(own, none) {
				t.Errorf("behind another's event: %v and %v", own, none)
			}
		}
		first := h.want(200, "GET", "/events?limit=2", h.live, "")["next_cursor"].(string)
		for path, want := range map[string]string{
			"/events?after=x":      "after=unknown_value",
			"/events?after=" + inv: "after=unknown_value",
			"/events?after=%27":    "after=unknown_value",
			"/events?limit=0":      "limit=out_of_range",
			"/events?cursor=x":     "cursor=broken_cursor",
			"/events?after=&cursor=" + url.QueryEscape(first):           "cursor=broken_cursor", // of the other direction
			"/events?cursor=" + url.QueryEscape(first+"A"):              "cursor=broken_cursor",
			"/events?type=invoice.paid":                                 "type=unknown_field",
			"/events?after=" + oldest[0] + "&after=" + oldest[1]:        "after=repeated",
			"/events?after=" + strings.Repeat("evt_", 200):              "after=too_long",
			"/events?after=evt_" + strings.Repeat("9", 25) + "1e3":      "after=unknown_value",
			"/events?after=" + strings.TrimSuffix(oldest[0], "1"):       "after=unknown_value",
			"/events?after=" + strings.TrimSuffix(oldest[0], "1") + "0": "after=unknown_value",
		} {
			if got := fields(t, h.want(422, "GET", path, h.live, "")); !slices.Equal(got, []string{want}) {
				t.Errorf("%.80s: %v, want %s", path, got, want)
			}
		}
	})
}
