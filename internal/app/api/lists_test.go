package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// walk reads all pages of a list and returns the ids, running between before each page but the first.
func (h *house) walk(path string, limit int, between func()) []string {
	h.Helper()
	var ids []string
	cursor := ""
	for {
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		p := h.want(200, "GET", fmt.Sprintf("%s%slimit=%d&cursor=%s", path, join, limit, url.QueryEscape(cursor)), h.live, "")
		data := p["data"].([]any)
		if len(data) > limit {
			h.Fatalf("%d on a page of %d", len(data), limit)
		}
		for _, d := range data {
			ids = append(ids, d.(map[string]any)["id"].(string))
		}
		next, more := p["next_cursor"].(string)
		if !more {
			return ids
		}
		if len(data) == 0 || next == cursor {
			h.Fatalf("%s: a page without progress", path)
		}
		cursor = next
		if between != nil {
			between()
		}
	}
}

// TestListInvoices_WhileRowsAreAdded: no row twice, none of the old ones lost.
func TestListInvoices_WhileRowsAreAdded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var made []string
		for range 23 {
			made = append(made, h.invoice(`{"amount":1000}`)["id"].(string))
		}
		slices.Sort(made) // ids sort by their millisecond, and within one as the list does
		slices.Reverse(made)
		for _, limit := range []int{1, 5, 23, 100} {
			if got := h.walk("/invoices", limit, nil); !slices.Equal(got[len(got)-23:], made) {
				t.Fatalf("limit %d: %v", limit, got)
			}
		}
		got := h.walk("/invoices", 4, func() { h.invoice(`{"amount":2000}`) })
		if !slices.Equal(got, made) {
			t.Errorf("while rows were added: %v", got)
		}
	})
}

func TestListInvoices_Filters(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		early := h.invoice(`{"amount":1000,"reference":"r-1"}`)
		time.Sleep(5 * time.Millisecond) // so that the moments differ
		late := h.invoice(`{"amount":1000,"reference":"r-2","gateways":["gardeshpay"]}`)
		h.want(200, "POST", "/invoices/"+late["id"].(string)+"/cancel", h.live, "")
		time.Sleep(5 * time.Millisecond)
		reviewed, _ := h.inReview()
		a, b := early["id"].(string), late["id"].(string)
		created := url.QueryEscape(late["created_at"].(string))
		tests := map[string][]string{
			"":                                     {reviewed, b, a},
			"?status=open":                         {a},
			"?status=canceled":                     {b},
			"?status=paid":                         nil,
			"?status=":                             {reviewed, b, a},
			"?reference=r-1":                       {a},
			"?reference=r-":                        nil,
			"?gateway=ghesta":                      {reviewed, a},
			"?gateway=gardeshpay":                  {reviewed, b, a},
			"?q=" + b:                              {b},
			"?q=r-2":                               {b},
			"?q=" + early["number"].(string):       {a},
			"?q=nothing":                           nil,
			"?created_from=" + created:             {reviewed, b},
			"?created_to=" + created:               {b, a},
			"?status=open&reference=r-2":           nil,
			"?created_from=2999-01-01T00:00:00Z":   nil,
			"?limit=100":                           {reviewed, b, a},
			"?q=%27%20OR%201%3D1%20--":             nil,
			"?reference=%25":                       nil,
			"?created_to=2001-01-01T00:00:00.001Z": nil,
		}
		for query, want := range tests {
			var got []string
			for _, d := range h.want(200, "GET", "/invoices"+query, h.live, "")["data"].([]any) {
				got = append(got, d.(map[string]any)["id"].(string))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", query, got, want)
			}
		}
	})
}

func TestLists_Wrong(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		inv, _ := h.inReview()
		long := strings.Repeat("x", 600)
		tests := map[string]string{
			"/invoices?limit=0":                       "limit=out_of_range",
			"/invoices?limit=101":                     "limit=out_of_range",
			"/invoices?limit=-1":                      "limit=out_of_range",
			"/invoices?limit=99999999999999999999":    "limit=out_of_range",
			"/invoices?limit=ten":                     "limit=not_integer",
			"/invoices?limit=1.5":                     "limit=not_integer",
			"/invoices?cursor=!":                      "cursor=broken_cursor",
			"/invoices?cursor=bm90aGluZw":             "cursor=broken_cursor",
			"/invoices?status=lost":                   "status=unknown_value",
			"/invoices?status=OPEN":                   "status=unknown_value",
			"/invoices?gateway=paypal":                "gateway=unknown_value",
			"/invoices?created_from=yesterday":        "created_from=not_time",
			"/invoices?created_to=2026-01-01":         "created_to=not_time",
			"/invoices?state=open":                    "state=unknown_field",
			"/invoices?Status=open":                   "Status=unknown_field",
			"/invoices?api_key=" + h.live:             "api_key=unknown_field",
			"/invoices?status=open&status=paid":       "status=repeated",
			"/invoices?q=%00":                         "q=not_text",
			"/invoices?reference=%FF":                 "reference=not_text",
			"/invoices?q=" + long:                     "q=too_long",
			"/attempts?status=lost":                   "status=unknown_value",
			"/attempts?gateway=ghesta":                "gateway=unknown_field",
			"/attempts?limit=0":                       "limit=out_of_range",
			"/attempts?cursor=%F0%9F%98%80":           "cursor=broken_cursor",
			"/invoices/" + inv + "/attempts?limit=0":  "limit=out_of_range",
			"/invoices/" + inv + "/attempts?cursor=x": "cursor=broken_cursor",
			"/invoices/" + inv + "/events?limit=1000": "limit=out_of_range",
			"/invoices/" + inv + "/events?cursor=x":   "cursor=broken_cursor",
			"/invoices/" + inv + "/events?cursor=-1":  "cursor=broken_cursor",
			"/invoices/" + inv + "?expand=all":        "expand=unknown_field",
		}
		for path, want := range tests {
			if got := fields(t, h.want(422, "GET", path, h.live, "")); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %v, want %s", path, got, want)
			}
		}
		h.want(400, "GET", "/invoices?q=%zz", h.live, "")
	})
}

func TestLists_Pages(t *testing.T) {
	h := open(t)
	inv, att := h.inReview()
	all := h.walk("/invoices/"+inv+"/events", 100, nil)
	if len(all) < 4 || !strings.HasPrefix(all[0], "evt_") {
		t.Fatalf("events: %v", all)
	}
	for _, limit := range []int{1, 2, 3} {
		if got := h.walk("/invoices/"+inv+"/events", limit, nil); !slices.Equal(got, all) {
			t.Errorf("events by %d: %v", limit, got)
		}
	}
	// A second attempt after the first was resolved.
	h.want(200, "POST", "/attempts/"+att+"/resolve", h.live, `{"outcome":"failed","note":"n"}`)
	second := h.startAgain(inv)
	for _, limit := range []int{1, 2, 100} {
		if got := h.walk("/invoices/"+inv+"/attempts", limit, nil); !slices.Equal(got, []string{second, att}) {
			t.Errorf("attempts by %d: %v", limit, got)
		}
		if got := h.walk("/attempts", limit, nil); !slices.Equal(got, []string{second, att}) {
			t.Errorf("all attempts by %d: %v", limit, got)
		}
	}
}

// Whatever a client sends as a cursor is a page or a 422, never our own error. (The reader of the
// two long lists' cursors has a fuzz target, in the engine.)
func TestCursor_Garbage(t *testing.T) {
	h := open(t)
	inv, _ := h.inReview()
	for _, cursor := range []string{
		"", "x", "MQ", "MQ==", "bTFxM3E0ZDguaW52XzA", "1", "-1", "0", "01", "+1", "9223372036854775807", "9223372036854775808", "\x00", "\xff", "LQ", "ei5pbnZf", "Li4", "\u06f1", "' OR 1=1--", "%", inv,
		base64.RawURLEncoding.EncodeToString([]byte("zzzzzzzzzzzzz." + inv)), base64.RawURLEncoding.EncodeToString([]byte("0.\x00")), base64.RawURLEncoding.EncodeToString([]byte("0.\xff")), base64.RawURLEncoding.EncodeToString([]byte("-1.x")), strings.Repeat("A", 600),
	} {
		for _, path := range []string{"/invoices", "/attempts", "/invoices/" + inv + "/attempts", "/invoices/" + inv + "/events"} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, request("GET", path+"?limit=2&cursor="+url.QueryEscape(cursor), h.live, ""))
			if rec.Code != 200 && rec.Code != 422 {
				t.Errorf("%s %q: %d %s", path, cursor, rec.Code, rec.Body)
			}
		}
	}
}
