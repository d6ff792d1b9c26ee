package api_test

import (
	"net/http"
	"strings"
	"testing"

	"dargah/internal/app/auth"
)

// A fixture makes what a route with {id} is asked about: a thing of the shop "pottery" in live mode,
// and an id of the same kind that nobody has.
type fixture func(h *house) (own, unknown string)

// fixtures by the first part of the path. A route of a new kind needs one here, or the matrix fails.
var fixtures = map[string]fixture{
	"invoices": func(h *house) (string, string) {
		inv, _ := h.paidInvoice()
		return inv, "inv_06epz6r5c8g4hnqk2vt0s9wxy"
	},
	"attempts": func(h *house) (string, string) { _, att := h.inReview(); return att, "att_06epz6r5c8g4hnqk2vt0s9wxy" },
	"webhook-endpoints": func(h *house) (string, string) {
		return h.endpoint("https://shop.example/hook"), "whe_06epz6r5c8g4hnqk2vt0s9wxy"
	},
	"deliveries": func(h *house) (string, string) {
		d := h.want(202, "POST", "/webhook-endpoints/"+h.endpoint("https://shop.example/hook2")+"/test", h.live, "")
		return d["id"].(string), "whd_06epz6r5c8g4hnqk2vt0s9wxy"
	},
}

// matrixBodies are bodies that the route would take from its owner. A route with a body that has no
// entry here gets {}, which is enough only where nothing is required: the matrix says which.
var matrixBodies = map[string]string{
	"POST /invoices": `{"amount":1000}`, "PATCH /invoices/{id}": `{}`, "POST /invoices/{id}/cancel": `{}`,
	"POST /invoices/{id}/send":    `{}`,
	"POST /invoices/{id}/refunds": `{"amount":1}`,
	"POST /attempts/{id}/resolve": `{"outcome":"failed","note":"n"}`,
	"POST /webhook-endpoints":     `{"url":"https://shop.example/hook"}`, "POST /webhook-endpoints/{id}/test": `{}`,
	"POST /webhook-endpoints/{id}/enable": `{}`, "POST /webhook-endpoints/{id}/rotate-secret": `{}`,
	"POST /webhook-endpoints/{id}/replay": `{"from":"evt_06epz6r5c8g4hnqk2vt0s9wxy1"}`, "POST /deliveries/{id}/redeliver": `{}`,
}

// TestMatrix goes through every route that the document has, also those that will be added: without a
// key 401, with a key of another merchant or mode exactly what an unknown id gets, and no list shows
// a thing of another.
func TestMatrix(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		own, unknown := map[string]string{}, map[string]string{}
		for kind, make := range fixtures {
			own[kind], unknown[kind] = make(h)
		}
		openDocument(t, h).operations(t, func(path, method string, op map[string]any) {
			kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			body, told := matrixBodies[method+" "+path]
			if op["requestBody"] != nil && !told {
				t.Errorf("%s %s has no body in matrixBodies", method, path)
			}
			m := matrix{h, method, path, body}
			if !strings.Contains(path, "{") {
				m.keyless(path)
				if method == http.MethodGet {
					m.list(own)
				}
				return
			}
			if fixtures[kind] == nil || strings.Contains(strings.ReplaceAll(path, "{id}", ""), "{") {
				t.Errorf("%s %s has no fixture: tell the matrix how to make its {id}", method, path)
				return
			}
			m.keyless(strings.ReplaceAll(path, "{id}", own[kind]))
			m.strangers(own[kind], unknown[kind])
		})
		if got := h.want(200, "GET", "/invoices/"+own["invoices"], h.live, ""); got["status"] != "paid" || num(got["amount_refunded"]) != 0 {
			t.Errorf("after all that: %v", got)
		}
		if got := h.walk("/attempts?status=needs_review", 100, nil); len(got) != 1 || got[0] != own["attempts"] {
			t.Errorf("after all that: %v", got)
		}
	})
}

// matrix is one route under the eyes of those who may not use it.
type matrix struct {
	*house
	method, path, body string
}

func (m matrix) keyless(real string) {
	_, wrong := auth.NewAPIKey(true)
	for _, key := range []string{"", wrong, "sk_live_", "sk_live_x", m.live + "x", strings.Replace(m.live, "live", "test", 1), strings.ToUpper(m.live)} {
		rec := m.do(request(m.method, real, key, m.body))
		if rec.Code != 401 || rec.Header().Get("WWW-Authenticate") == "" {
			m.Errorf("%s %s with %q: %d %v", m.method, m.path, key, rec.Code, rec.Header())
		}
	}
	if rec := m.do(request(m.method, real+"?api_key="+m.live+"&access_token="+m.live, "", m.body)); rec.Code != 401 {
		m.Errorf("%s %s with a key in the address: %d", m.method, m.path, rec.Code)
	}
}

// strangers ask for what is not theirs.
func (m matrix) strangers(own, unknown string) {
	ask := func(id, key string) (int, string) {
		rec := m.do(request(m.method, strings.ReplaceAll(m.path, "{id}", id), key, m.body))
		return rec.Code, rec.Body.String()
	}
	status, want := ask(unknown, m.live)
	if status != 404 {
		m.Errorf("%s %s of an unknown id: %d %s", m.method, m.path, status, want)
	}
	for name, key := range map[string]string{"other merchant": m.other, "other mode": m.test} {
		if status, got := ask(own, key); status != 404 || got != want {
			m.Errorf("%s %s with the key of the %s: %d %s", m.method, m.path, name, status, got)
		}
	}
	for _, odd := range []string{"x", "INV_1", "%00", "..", "%2e%2e", strings.Repeat("x", 100), "inv_%FF", "'"} {
		if status, got := ask(odd, m.live); status != 404 {
			m.Errorf("%s %s of %q: %d %s", m.method, m.path, odd, status, got)
		}
	}
}

// list must not show a thing of the shop to others, whatever page it is.
func (m matrix) list(own map[string]string) {
	for name, key := range map[string]string{"other merchant": m.other, "other mode": m.test} {
		rec := m.do(request(m.method, m.path+"?limit=100", key, ""))
		if rec.Code != 200 {
			m.Errorf("%s with the key of the %s: %d %s", m.path, name, rec.Code, rec.Body)
		}
		for _, id := range own {
			if strings.Contains(rec.Body.String(), id) {
				m.Errorf("%s shows %s to the %s", m.path, id, name)
			}
		}
	}
}
