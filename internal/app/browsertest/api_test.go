package browsertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// api is a merchant's program.
type api struct{ base, key string }

// invoice is what these tests read of an invoice.
type invoice struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Status string `json:"status"`
	Link   string `json:"payment_url"`
}

// attempt is what these tests read of an attempt.
type attempt struct {
	Gateway        string `json:"gateway"`
	Status         string `json:"status"`
	TrackingNumber string `json:"tracking_number"`
}

// order is an invoice that both gateways take.
type order map[string]any

func usual(locale string) order {
	return order{
		"amount": 12_800_000, "description": "کاسهٔ نقش ماهی", "reference": "MP-2001", "locale": locale,
		"customer": map[string]string{"name": "نگار احمدی", "mobile": "09121234567"},
	}
}

// with returns the order with one member changed.
func (o order) with(name string, value any) order {
	out := order{}
	for k, v := range o {
		out[k] = v
	}
	out[name] = value
	return out
}

// without returns the order with one member left out.
func (o order) without(name string) order {
	out := o.with(name, nil)
	delete(out, name)
	return out
}

func (a api) create(t *testing.T, o order) invoice {
	t.Helper()
	var made invoice
	a.call(t, http.MethodPost, "/invoices", o, &made)
	return made
}

func (a api) invoice(t *testing.T, id string) invoice {
	t.Helper()
	var got invoice
	a.call(t, http.MethodGet, "/invoices/"+id, nil, &got)
	return got
}

func (a api) attempts(t *testing.T, id string) []attempt {
	t.Helper()
	var got struct{ Data []attempt }
	a.call(t, http.MethodGet, "/invoices/"+id+"/attempts", nil, &got)
	return got.Data
}

// events counts an invoice's events by type.
func (a api) events(t *testing.T, id string) map[string]int {
	t.Helper()
	var got struct{ Data []struct{ Type string } }
	a.call(t, http.MethodGet, "/invoices/"+id+"/events?limit=100", nil, &got)
	count := map[string]int{}
	for _, e := range got.Data {
		count[e.Type]++
	}
	return count
}

func (a api) call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, a.base+"/api/v1"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v %s", method, path, resp.Status, err, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
}

// post sends a form as a browser without a session would.
func (a api) post(t *testing.T, address string, form url.Values) {
	t.Helper()
	resp, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
}
