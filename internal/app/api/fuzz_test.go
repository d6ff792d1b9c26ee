package api_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/api"
)

// FuzzCreate: a body that is taken says to encoding/json what it says to us: the amounts digit for
// digit, the texts letter for letter, and no member that the contract does not know.
func FuzzCreate(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1500000,"description":"سفارش ۱۰۲۴","reference":"1024","customer":{"name":"a","mobile":"09121234567","email":"a@example.com"},"items":[{"title":"x","quantity":2,"unit_amount":750000}],"gateways":["gardeshpay","ghesta"],"expires_at":"2026-10-01T12:00:00Z","return_url":"https://shop.example","locale":"fa","metadata":{"k":"v"},"send_email":false}`,
		`{"amount":-0}`, `{"amount":1e3}`, `{"amount":"1000"}`, `{"amount":1000,"Amount":1}`, `{"amount":9223372036854775808}`, `{"amount":1,"paid":true}`, `{"amount":1,"items":null,"customer":null,"metadata":{"a":1}}`, `{"amount":1.0}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := api.ReadCreate(raw)
		if err != nil {
			return
		}
		var loose map[string]any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&loose); err != nil {
			t.Fatalf("took %q: %v", raw, err)
		}
		for name := range loose {
			if !slices.Contains(api.Members["InvoiceCreate"], name) {
				t.Fatalf("took %q with %q", raw, name)
			}
		}
		whole(t, raw, loose["amount"], int64(in.Amount))
		for name, got := range map[string]string{"description": in.Description, "reference": in.Reference, "return_url": in.ReturnURL, "locale": in.Locale} {
			if want, _ := loose[name].(string); want != got || (loose[name] != nil && want == "" && loose[name] != "") {
				t.Fatalf("%q: %s is %q", raw, name, got)
			}
		}
		customer, _ := loose["customer"].(map[string]any)
		for name, got := range map[string]string{"name": in.Customer.Name, "mobile": in.Customer.Mobile, "email": in.Customer.Email} {
			if want, _ := customer[name].(string); want != got {
				t.Fatalf("%q: customer.%s is %q", raw, name, got)
			}
		}
		items, _ := loose["items"].([]any)
		if len(items) != len(in.Items) {
			t.Fatalf("%q: %d items", raw, len(in.Items))
		}
		for i, it := range in.Items {
			item, _ := items[i].(map[string]any)
			whole(t, raw, item["quantity"], it.Quantity)
			whole(t, raw, item["unit_amount"], int64(it.UnitAmount))
			if title, _ := item["title"].(string); title != it.Title {
				t.Fatalf("%q: title %q", raw, it.Title)
			}
		}
		if at, _ := loose["expires_at"].(string); !in.ExpiresAt.IsZero() {
			if want, err := time.Parse(time.RFC3339, at); err != nil || !want.Equal(in.ExpiresAt) {
				t.Fatalf("%q: expires %s: %v", raw, in.ExpiresAt, err)
			}
		}
		metadata, _ := loose["metadata"].(map[string]any)
		if len(metadata) != len(in.Metadata) {
			t.Fatalf("%q: metadata %v", raw, in.Metadata)
		}
		for k, v := range in.Metadata {
			if metadata[k] != v {
				t.Fatalf("%q: metadata %v", raw, in.Metadata)
			}
		}
		if send, _ := loose["send_email"].(bool); send != in.SendEmail {
			t.Fatalf("%q: send_email %t", raw, in.SendEmail)
		}
	})
}

var wholeLiteral = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func whole(t *testing.T, raw []byte, literal any, got int64) {
	t.Helper()
	n, ok := literal.(json.Number)
	want, err := strconv.ParseInt(n.String(), 10, 64)
	if !ok || err != nil || want != got || !wholeLiteral.MatchString(n.String()) {
		t.Fatalf("%q: %v was read as %d", raw, literal, got)
	}
}

// FuzzIdempotency: the key is one line of printable ASCII; white space around the parts of a body
// changes nothing of what must be the same, any other change does, and so does another path.
func FuzzIdempotency(f *testing.F) {
	f.Add("key-1", []byte(`{"amount":1000}`), []byte(`{ "amount" : 1000 }`))
	f.Add("", []byte(`{}`), []byte(`{"a":1}`))
	f.Add("a\nb", []byte(`{"a":"x y"}`), []byte(`{"a":"x  y"}`))
	f.Add(strings.Repeat("k", 256), []byte(`[1,2]`), []byte(`[12]`))
	f.Fuzz(func(t *testing.T, key string, one, two []byte) {
		if !json.Valid(one) || !json.Valid(two) {
			return
		}
		a, err := api.Once("/api/v1/invoices", []string{key}, one)
		fine := key != "" && len(key) <= 255 && !strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' })
		if (err == nil) != fine {
			t.Fatalf("key %q: %v", key, err)
		}
		if err != nil {
			return
		}
		if _, err := api.Once("/api/v1/invoices", []string{key, key}, one); err == nil {
			t.Fatal("two keys are one")
		}
		b, err := api.Once("/api/v1/invoices", []string{key}, two)
		if err != nil {
			t.Fatal(err)
		}
		var x, y, spaced bytes.Buffer
		if json.Compact(&x, one) != nil || json.Compact(&y, two) != nil || json.Indent(&spaced, one, " ", "\t") != nil {
			return
		}
		if (a.Hash == b.Hash) != bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Fatalf("%q and %q: %s and %s", one, two, a.Hash, b.Hash)
		}
		if c, err := api.Once("/api/v1/invoices", []string{key}, spaced.Bytes()); err != nil || c.Hash != a.Hash || c.Key != key {
			t.Fatalf("%q set apart is another: %v", one, err)
		}
		if c, err := api.Once("/api/v1/invoices/x/cancel", []string{key}, one); err != nil || c.Hash == a.Hash {
			t.Fatalf("another path is the same: %v", err)
		}
	})
}

// FuzzQuery: a list's parameters are read as net/url reads them, once each, within their bounds.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "limit=5&q=x", "limit=0", "limit=101", "limit=1&limit=2", "limit=%35", "q=%ff", "q=%00", "created_from=2026-10-01T12:00:00Z", "created_from=2026", "x=1", "q=a;b", "limit=+5", "limit=٥", "LIMIT=5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		limit, from, q, err := api.Query(raw)
		if err != nil {
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("took %q: %v", raw, err)
		}
		for name, list := range values {
			if !slices.Contains([]string{"limit", "created_from", "q"}, name) || len(list) != 1 || strings.ContainsRune(list[0], 0) || strings.ToValidUTF8(list[0], "") != list[0] {
				t.Fatalf("took %q", raw)
			}
		}
		if limit < 1 || limit > 100 || q != values.Get("q") || len(q) > 512 {
			t.Fatalf("%q reads as limit %d, q %q", raw, limit, q)
		}
		if at := values.Get("created_from"); at != "" {
			if want, err := time.Parse(time.RFC3339, at); err != nil || !want.Equal(from) {
				t.Fatalf("%q reads as from %s: %v", raw, from, err)
			}
		}
	})
}

var id = regexp.MustCompile(`^[a-z0-9_]{0,64}$`)

// FuzzHeader: Accept-Language leads to one of two languages, Persian only if it is named; and an id
// in a path is looked up only if it could be one of ours.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{"", "fa", "fa-IR,fa;q=0.9,en;q=0.8", "de", "fa;q=0", "en;q=0.2, FA-ir;q=0.5", "*", "fa;q=NaN", "fa;q=1e309", "inv_06h06ntj1tv24898ktym8mv7h", "INV_x", "inv_\x00", "../x", strings.Repeat("a", 65)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if l := api.Language(s); l != "en" && (l != "fa" || !strings.Contains(strings.ToLower(s), "fa")) {
			t.Fatalf("%q reads as %q", s, l)
		}
		if api.Plausible(s) != id.MatchString(s) {
			t.Fatalf("%q may be looked up: %t", s, api.Plausible(s))
		}
	})
}
