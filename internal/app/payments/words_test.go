package payments_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// What is read out of outside text by plain functions, at the edges of what they take.

func TestAmounts(t *testing.T) {
	most := int64(money.MaxInvoice)
	for query, want := range map[string][]money.Rial{
		"1":             {1, 10},
		"۱۵۰٬۰۰۰":       {150_000, 1_500_000},
		"150000 تومان":  {1_500_000},
		"150000 ریال":   {150_000},
		"0":             nil,
		"-1":            nil,
		"sara":          nil,
		"":              nil,
		itoa(most / 10): {money.Rial(most / 10), money.Rial(most / 10 * 10)},
		itoa(most):      {money.MaxInvoice},
		itoa(most + 1):  nil,

		itoa(most/10+1) + " تومان": nil,
	} {
		if got := payments.Amounts(query); !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", query, got, want)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestCard(t *testing.T) {
	for query, want := range map[string]string{
		"1234": "1234", "۱۲۳۴": "1234", "*1234": "1234", "603799******1234": "1234", "6037-99xx-xxxx-1234": "1234", "XX1234": "1234",
		strings.Repeat("*", 20) + "1234": "1234",
		strings.Repeat("*", 21) + "1234": "",
		"":                               "", "123": "", "12345": "", "6037991234561234": "", "*123": "", "*12a4": "", "a*1234": "", "-1234": "", "12x4": "",
	} {
		if got := payments.Card(query); got != want {
			t.Errorf("%q ends in %q, want %q", query, got, want)
		}
	}
}

func TestTerms(t *testing.T) {
	long := strings.Repeat("ب", 70)
	for _, tt := range []struct {
		inv  checkout.Invoice
		want []string
	}{
		{checkout.Invoice{}, nil},
		{checkout.Invoice{Reference: "MP 1"}, []string{"mp 1", "mp", "1"}},
		{checkout.Invoice{Reference: "Sara", Customer: checkout.Customer{Name: "sara SARA", Mobile: "09121234567", Email: "Sara@example.com"}}, []string{"sara", "09121234567", "sara@example.com"}},
		{checkout.Invoice{Reference: long}, []string{strings.Repeat("ب", 64)}},
		{checkout.Invoice{Reference: long[:2*63] + " 1"}, []string{strings.Repeat("ب", 63), "1"}},
	} {
		if got := payments.Terms(&tt.inv); !slices.Equal(got, tt.want) {
			t.Errorf("%+v is found by %q, want %q", tt.inv, got, tt.want)
		}
	}
}

func TestFoundBy(t *testing.T) {
	inv := checkout.Invoice{
		ID: "inv_" + strings.Repeat("0", 25), Number: "1042", Amount: 1_500_000, Reference: "Order 77-كتاب",
		Customer: checkout.Customer{Name: "Sara Ahmadi", Mobile: "09121234567", Email: "Sara@Example.com"},
		Payment:  &checkout.Payment{RefNumber: "ABC123", CardMask: "603799******4321"},
	}
	none := payments.Found{}
	for _, tt := range []struct {
		query, tracking string
		want            payments.Found
	}{
		{"", "", none},
		{"", "8841027365", none},
		{"1042", "", none},
		{"150000", "8841027365", none}, // its amount, in toman
		{"1500000", "8841027365", none},
		{"4321", "8841027365", none}, // its card
		{"1234", "8841027365", payments.Found{"tracking", "8841027365"}},
		{"abc123", "8841027365", none}, // the bank's reference, which stands there
		{"ABC", "", none},
		{"sara", "", none},
		{"ahm", "", none},
		{"ah", "", none}, // two letters are no beginning
		{"09121234567", "", payments.Found{"mobile", "09121234567"}},
		{"0912", "", payments.Found{"mobile", "09121234567"}},
		{"091", "", payments.Found{"mobile", "09121234567"}},
		{"09", "", none},
		{"sara@example.com", "", payments.Found{"email", "Sara@Example.com"}},
		{"order", "", payments.Found{"reference", "Order 77-كتاب"}},
		{"77-کتاب", "", payments.Found{"reference", "Order 77-كتاب"}},
		{"77", "", none},
		{inv.ID, "", payments.Found{"id", inv.ID}},
		{"inv_" + strings.Repeat("1", 25), "", none},
		{"8841027365", "8841027365", payments.Found{"tracking", "8841027365"}},
		{"8841027365", "", none},
	} {
		if got := payments.FoundBy(&inv, tt.query, tt.tracking); got != tt.want {
			t.Errorf("%q finds it by %+v, want %+v", tt.query, got, tt.want)
		}
	}
	inv.Reference = "B7"
	if got := payments.FoundBy(&inv, "b7", ""); got != (payments.Found{"reference", "B7"}) {
		t.Errorf("a short reference: %+v", got)
	}
	inv.Reference = inv.Number
	if got := payments.FoundBy(&inv, "1042", ""); got != none {
		t.Errorf("by its number, which stands there: %+v", got)
	}
	inv.Payment = nil
	if got := payments.FoundBy(&inv, "abc123", "abc123"); got != (payments.Found{"tracking", "abc123"}) {
		t.Errorf("unpaid: %+v", got)
	}
}

func TestReferenced(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.mustBack(w.start(inv, "gardeshpay"), "0088-41")
		for query, want := range map[string]string{"0088-41": "0088-41", "88-41": "", "": "", "sara": "", "8842": ""} {
			found, err := w.Referenced(t.Context(), w.scope, query)
			if err != nil || found[inv.ID] != want || len(found) > 1 {
				t.Errorf("%q: %v, %v", query, found, err)
			}
		}
	})
}

func TestSplitEventID(t *testing.T) {
	invoice := "inv_" + strings.Repeat("0", 24) + "a"
	for _, n := range []int64{1, 9, 10, 1 << 40} {
		if got, seq, ok := payments.SplitEventID(db.EventID(invoice, n)); !ok || got != invoice || seq != n {
			t.Errorf("%d: %q %d %t", n, got, seq, ok)
		}
	}
	body := strings.TrimPrefix(invoice, "inv_")
	for _, id := range []string{"", "evt_", "evt_" + body, "inv_" + body + "1", body + "1", "evt_" + body + "0", "evt_" + body + "01", "evt_" + body + "-1", "evt_" + body + "x", "evt_" + body + "99999999999999999999"} {
		if _, _, ok := payments.SplitEventID(id); ok {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestFeedCursor_Edges(t *testing.T) {
	made := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, p := range []db.FeedPlace{{Position: 1, Sequence: 1}, {Position: 1<<63 - 1, Sequence: 1<<63 - 1}} {
		got, err := payments.ReadFeedCursor(payments.FeedCursor(p, true), true)
		if err != nil || got == nil || *got != p {
			t.Errorf("%+v reads as %+v, %v", p, got, err)
		}
		if got, err := payments.ReadFeedCursor(payments.FeedCursor(p, false), true); err == nil {
			t.Errorf("a cursor of the other direction reads as %+v", got)
		}
	}
	for _, s := range []string{made("f"), made("f1"), made("f1."), made("f.1"), made("f0.1"), made("f1.0"), made("f-1.1"), made("f1.-1"), made("f1.1x!"), made("x1.1"), made("f01.1"), made("f1.1") + "=", made("f" + strings.Repeat("0", 40) + "1.1"), "?"} {
		if got, err := payments.ReadFeedCursor(s, true); err == nil {
			t.Errorf("%q reads as %+v", s, got)
		}
	}
}

func TestCursor_Edges(t *testing.T) {
	made := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	last := time.UnixMilli(1 << 53).UTC()
	for _, id := range []string{"a", strings.Repeat("a", 100-len("2gosa7pa2gw."))} {
		for _, moment := range []time.Time{last, time.UnixMilli(0)} {
			if at, got, err := payments.ReadCursor(payments.Cursor(moment, id)); err != nil || got != id || !at.Equal(moment) {
				t.Errorf("%q: %v %q %v", id, at, got, err)
			}
		}
	}
	for _, s := range []string{made("1"), made("1."), made("-1.a"), made(".a"), made("1.a") + "!", payments.Cursor(last.Add(time.Millisecond), "a"), payments.Cursor(last, strings.Repeat("a", 101-len("2gosa7pa2gw.")))} {
		if at, id, err := payments.ReadCursor(s); err == nil {
			t.Errorf("%q reads as %v %q", s, at, id)
		}
	}
}

func TestWebAddress(t *testing.T) {
	at := "https://shop.example/"
	for s, want := range map[string]bool{
		at: true, "https://shop.example": true, "http://localhost/x": true, "http://127.0.0.1:8080/": true, "http://[::1]/": true,
		at + strings.Repeat("a", 2000-len(at)): true,
		at + strings.Repeat("a", 2001-len(at)): false,
		"http://shop.example/":                 false, "http://10.0.0.1/": false, "http://127.0.0.1.example/": false, "http://localhost.example/": false,
		"https://user@shop.example/": false, "https:///x": false, "https:shop.example": false, "javascript:alert(1)": false, "//shop.example/": false, "": false,
		at + "a b": false, at + "a\tb": false, at + "a\nb": false, at + "a\rb": false, `https://shop.example\x`: false, at + "\xff": false,
	} {
		if got := payments.WebAddress(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
}

func TestLinkBase_Unreserved(t *testing.T) {
	plain := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	got := payments.LinkBase("shop", map[string]string{"a": plain, "b c": "{`@[/:+ é%&=\x00"})
	if want := "shop\na=" + plain + "&b%20c=%7B%60%40%5B%2F%3A%2B%20%C3%A9%25%26%3D%00"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReadLink_Edges(t *testing.T) {
	sig := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	with := func(change func(url.Values)) string {
		q := url.Values{"key": {"lnk_1"}, "amount": {"10000"}, "reference": {"MP-1"}, "sig": {sig}}
		change(q)
		return q.Encode()
	}
	whole := with(func(url.Values) {})
	if params, err := payments.ReadLink(whole); err != nil || len(params) != 3 {
		t.Errorf("%v, %v", params, err)
	}
	room := payments.MaxLinkQuery - len(whole) - len("&description=")
	if _, err := payments.ReadLink(whole + "&description=" + strings.Repeat("a", room)); err != nil {
		t.Errorf("the longest: %v", err)
	}
	for name, query := range map[string]string{
		"too long":           whole + "&description=" + strings.Repeat("a", room+1),
		"no key":             with(func(q url.Values) { q.Del("key") }),
		"no amount":          with(func(q url.Values) { q.Del("amount") }),
		"no reference":       with(func(q url.Values) { q.Del("reference") }),
		"an empty reference": with(func(q url.Values) { q.Set("reference", "") }),
		"no sig":             with(func(q url.Values) { q.Del("sig") }),
		"an empty sig":       with(func(q url.Values) { q.Set("sig", "") }),
		"a short sig":        with(func(q url.Values) { q.Set("sig", base64.RawURLEncoding.EncodeToString(make([]byte, 31))) }),
		"a long sig":         with(func(q url.Values) { q.Set("sig", base64.RawURLEncoding.EncodeToString(make([]byte, 33))) }),
		"no base64":          with(func(q url.Values) { q.Set("sig", strings.Repeat("!", 43)) }),
		"twice":              whole + "&amount=10000",
		"unknown":            whole + "&utm=1",
		"no text":            whole + "&name=%ff",
		"a zero byte":        whole + "&name=%00",
		"undecodable":        whole + "&name=%zz",
	} {
		if params, err := payments.ReadLink(query); err == nil || checkout.KindOf(err) != checkout.Forbidden {
			t.Errorf("%s: %v, %v", name, params, err)
		}
	}
}

// TestFilters_WhatIsWrong: a wrong value is named by its field and says why.
func TestFilters_WhatIsWrong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		wrong := func(name string, err error, want ...checkout.FieldError) {
			t.Helper()
			var e *checkout.Error
			if !errors.As(err, &e) || e.Kind != checkout.Invalid || !slices.Equal(e.Fields, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		_, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Status: "x", Gateway: "y", Limit: 10})
		wrong("invoices", err, checkout.FieldError{Field: "status", Code: "unknown_value"}, checkout.FieldError{Field: "gateway", Code: "unknown_value"})
		_, _, err = w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Cursor: "x", Limit: 10})
		wrong("invoices from nowhere", err, checkout.FieldError{Field: "cursor", Code: "broken_cursor"})
		_, _, err = w.Attempts(t.Context(), w.scope, payments.AttemptFilter{Status: "x", Limit: 10})
		wrong("attempts", err, checkout.FieldError{Field: "status", Code: "unknown_value"})
		_, _, err = w.Events(t.Context(), w.scope, payments.EventFilter{Cursor: "x", Limit: 10})
		wrong("events", err, checkout.FieldError{Field: "cursor", Code: "broken_cursor"})
		_, _, err = w.Events(t.Context(), w.scope, payments.EventFilter{After: "evt_x", Limit: 10})
		wrong("events after", err, checkout.FieldError{Field: "after", Code: "unknown_value"})
		_, err = w.Page(t.Context(), strings.Repeat("a", 26))
		var e *checkout.Error
		if !errors.As(err, &e) || e.Kind != checkout.NotFound || e.Key != "error.not_found" {
			t.Errorf("an unknown link: %v", err)
		}
	})
}

// TestUpdate_SaysWhatChanged: the event has the fields' names, and the amount where it is another one.
func TestUpdate_SaysWhatChanged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		last := func() string {
			list, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", 100)
			if err != nil || list[0].Type != "invoice.updated" {
				t.Fatal(list, err)
			}
			return list[0].Data
		}
		text, amount := "two cups", money.Rial(2_500_000)
		someone := checkout.Actor{Kind: "key", ID: "key_1"}
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Description: &text}, someone); err != nil {
			t.Fatal(err)
		}
		if data := last(); data != `{"fields":["description"]}` {
			t.Errorf("a description: %s", data)
		}
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &amount}, someone); err != nil {
			t.Fatal(err)
		}
		if data := last(); data != `{"amount":2500000,"fields":["amount"]}` {
			t.Errorf("an amount: %s", data)
		}
	})
}

func TestCreate_Edges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.clock.now().Add(time.Hour)
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = at.Add(999 * time.Microsecond) })
		if !inv.ExpiresAt.Equal(at) {
			t.Errorf("answered with %v, which is not what is kept", inv.ExpiresAt)
		}
		ask := func(quantity int64) error {
			_, _, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{
				Amount: money.Rial(quantity), Items: []checkout.Item{{Title: "a", Quantity: quantity, UnitAmount: 1}},
			}, checkout.Actor{Kind: "key", ID: "key_1"}, nil)
			return err
		}
		if err := ask(1_000_000); err != nil {
			t.Errorf("a million of one: %v", err)
		}
		if err := ask(1_000_001); !errors.Is(err, checkout.Invalid) {
			t.Errorf("one more: %v", err)
		}
		for cur, fine := range map[string]bool{"": true, "1": true, "2": true, "0": false, "-1": false, "x": false} {
			if _, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, cur, 10); (err == nil) != fine {
				t.Errorf("events before %q: %v", cur, err)
			}
		}
	})
}

// TestUpdate_KeepsWhatItIsFoundBy: an edit takes away what is over, adds what is new, one word too, and leaves
// the rest.
func TestUpdate_KeepsWhatItIsFoundBy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{Mobile: "09121234567"} })
		finds := func(query string, want bool) {
			t.Helper()
			list, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Query: query, Limit: 10})
			if err != nil || (len(list) == 1) != want {
				t.Errorf("%q finds %d, %v", query, len(list), err)
			}
		}
		edit := func(change payments.InvoiceChange) {
			t.Helper()
			if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, change, checkout.Actor{Kind: "key", ID: "key_1"}); err != nil {
				t.Fatal(err)
			}
		}
		finds("09121234567", true)
		for _, name := range []string{"Sara", "Sara Ahmadi", "Sara Karimi"} {
			c := inv.Customer
			c.Name = name
			edit(payments.InvoiceChange{Customer: &c})
			finds("09121234567", true)
			finds("sara", true)
			finds("ahmadi", name == "Sara Ahmadi")
			finds("karimi", name == "Sara Karimi")
		}
		text := "two cups"
		edit(payments.InvoiceChange{Description: &text})
		finds("09121234567", true)
		finds("karimi", true)
	})
}
