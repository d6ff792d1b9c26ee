package payments_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// wrong renders the fields of an Invalid error, "" for any other.
func wrong(err error) string {
	e, ok := errors.AsType[*checkout.Error](err)
	if !ok || !errors.Is(err, checkout.Invalid) {
		return ""
	}
	var list []string
	for _, f := range e.Fields {
		list = append(list, f.Field+"="+f.Code)
	}
	return strings.Join(list, " ")
}

func pointer[T any](v T) *T { return &v }

func manyItems(n int) []checkout.Item {
	return slices.Repeat([]checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 1}}, n)
}

func manyKeys(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprint(i)] = "v"
	}
	return m
}

// badInvoices are the wrong fields that creating and editing share, on an invoice over 1,500,000.
var badInvoices = []struct {
	name   string
	change payments.InvoiceChange
	want   string
}{
	{"no amount", payments.InvoiceChange{Amount: pointer(money.Rial(0))}, "amount=out_of_range"},
	{"negative", payments.InvoiceChange{Amount: pointer(money.Rial(-1))}, "amount=out_of_range"},
	{"too much", payments.InvoiceChange{Amount: pointer(money.MaxInvoice + 1)}, "amount=out_of_range"},
	{"smallest int64", payments.InvoiceChange{Amount: pointer(money.Rial(-1 << 63))}, "amount=out_of_range"},
	{"items less", payments.InvoiceChange{Items: &[]checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 1_499_999}}}, "items=sum_mismatch"},
	{"items overflow", payments.InvoiceChange{Items: &[]checkout.Item{{Title: "t", Quantity: 1 << 62, UnitAmount: 4}}}, "items=out_of_range items=out_of_range"},
	{"items sum overflows", payments.InvoiceChange{Items: &[]checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 1<<63 - 1}, {Title: "t", Quantity: 1, UnitAmount: 1<<63 - 1}}}, "items=out_of_range items=out_of_range"},
	{"items cancel out", payments.InvoiceChange{Items: &[]checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 1_500_001}, {Title: "t", Quantity: 1, UnitAmount: -1}}}, "items=out_of_range"},
	{"item of none", payments.InvoiceChange{Items: &[]checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 1_500_000}, {Title: "t", Quantity: 0, UnitAmount: 5}}}, "items=out_of_range"},
	{"item without a title", payments.InvoiceChange{Items: &[]checkout.Item{{Title: " \u200b", Quantity: 1, UnitAmount: 1_500_000}}}, "items=required"},
	{"title too long", payments.InvoiceChange{Items: &[]checkout.Item{{Title: strings.Repeat("ب", 501), Quantity: 1, UnitAmount: 1_500_000}}}, "items=too_long"},
	{"too many items", payments.InvoiceChange{Amount: pointer(money.Rial(101)), Items: pointer(manyItems(101))}, "items=too_many"},
	{"description", payments.InvoiceChange{Description: pointer(strings.Repeat("ب", 501))}, "description=too_long"},
	{"reference", payments.InvoiceChange{Reference: pointer(strings.Repeat("1", 101))}, "reference=too_long"},
	{"name", payments.InvoiceChange{Customer: &checkout.Customer{Name: strings.Repeat("ب", 101)}}, "customer.name=too_long"},
	{"mobile", payments.InvoiceChange{Customer: &checkout.Customer{Mobile: "12345"}}, "customer.mobile=bad_mobile"},
	{"foreign mobile", payments.InvoiceChange{Customer: &checkout.Customer{Mobile: "+4915112345678"}}, "customer.mobile=bad_mobile"},
	{"email", payments.InvoiceChange{Customer: &checkout.Customer{Email: "a@b\r\nBcc: c@d"}}, "customer.email=bad_email"},
	{"email with a name", payments.InvoiceChange{Customer: &checkout.Customer{Email: "Sara <a@example.com>"}}, "customer.email=bad_email"},
	{"two emails", payments.InvoiceChange{Customer: &checkout.Customer{Email: "a@example.com,b@example.com"}}, "customer.email=bad_email"},
	{"all of the customer", payments.InvoiceChange{Customer: &checkout.Customer{Name: strings.Repeat("ب", 101), Mobile: "x", Email: "x"}}, "customer.name=too_long customer.mobile=bad_mobile customer.email=bad_email"},
	{"gateway", payments.InvoiceChange{Gateways: &[]string{"paypal"}}, "gateways=unknown_gateway"},
	{"gateway in capitals", payments.InvoiceChange{Gateways: &[]string{"Ghesta"}}, "gateways=unknown_gateway"},
	{"gateway twice", payments.InvoiceChange{Gateways: &[]string{"ghesta", "ghesta"}}, "gateways=unknown_gateway"},
	{"expires now", payments.InvoiceChange{ExpiresAt: pointer(time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC))}, "expires_at=in_past"},
	{"expires a moment after a year and a day", payments.InvoiceChange{ExpiresAt: pointer(time.Date(2026, 10, 1, 14, 30, 0, int(time.Millisecond), time.UTC).Add(366 * 24 * time.Hour))}, "expires_at=too_far"},
	{"expires in two years", payments.InvoiceChange{ExpiresAt: pointer(time.Date(2028, 10, 1, 0, 0, 0, 0, time.UTC))}, "expires_at=too_far"},
	{"return to javascript", payments.InvoiceChange{ReturnURL: pointer("javascript:alert(1)")}, "return_url=not_url"},
	{"return to http", payments.InvoiceChange{ReturnURL: pointer("http://shop.example/")}, "return_url=not_url"},
	{"return with a login", payments.InvoiceChange{ReturnURL: pointer("https://shop.example@evil.example/")}, "return_url=not_url"},
	{"return without a scheme", payments.InvoiceChange{ReturnURL: pointer("//evil.example")}, "return_url=not_url"},
	{"return with a backslash", payments.InvoiceChange{ReturnURL: pointer(`https:\\evil.example`)}, "return_url=not_url"},
	{"return with a line break", payments.InvoiceChange{ReturnURL: pointer("https://shop.example/\r\nSet-Cookie: a=b")}, "return_url=not_url"},
	{"return to no host", payments.InvoiceChange{ReturnURL: pointer("https:///x")}, "return_url=not_url"},
	{"return too far", payments.InvoiceChange{ReturnURL: pointer("https://shop.example/" + strings.Repeat("a", 2000))}, "return_url=not_url"},
	{"locale", payments.InvoiceChange{Locale: pointer("fr")}, "locale=unknown_locale"},
	{"metadata, too many", payments.InvoiceChange{Metadata: pointer(manyKeys(21))}, "metadata=too_many"},
	{"metadata, long key", payments.InvoiceChange{Metadata: &map[string]string{strings.Repeat("k", 41): "v"}}, "metadata=too_long"},
	{"metadata, empty key", payments.InvoiceChange{Metadata: &map[string]string{"": "v"}}, "metadata=too_long"},
	{"metadata, hidden letter in a key", payments.InvoiceChange{Metadata: &map[string]string{"or\u200bder": "v"}}, "metadata=too_long"},
	{"metadata, space before a key", payments.InvoiceChange{Metadata: &map[string]string{" order": "v"}}, "metadata=too_long"},
	{"metadata, long value", payments.InvoiceChange{Metadata: &map[string]string{"k": strings.Repeat("v", 501)}}, "metadata=too_long"},
	{"all at once", payments.InvoiceChange{Amount: pointer(money.Rial(0)), Description: pointer(strings.Repeat("x", 501)), Locale: pointer("")}, "amount=out_of_range description=too_long locale=unknown_locale"},
}

// asNew is what a merchant asks for with the same fields, nil when creating has a default instead.
func asNew(ch payments.InvoiceChange) *payments.NewInvoice {
	in := payments.NewInvoice{Amount: 1_500_000, Locale: "fa"}
	if ch.Locale != nil && *ch.Locale == "" {
		return nil
	}
	take(&in.Amount, ch.Amount)
	take(&in.Description, ch.Description)
	take(&in.Reference, ch.Reference)
	take(&in.Customer, ch.Customer)
	take(&in.Items, ch.Items)
	take(&in.Gateways, ch.Gateways)
	take(&in.ExpiresAt, ch.ExpiresAt)
	take(&in.ReturnURL, ch.ReturnURL)
	take(&in.Locale, ch.Locale)
	take(&in.Metadata, ch.Metadata)
	return &in
}

func take[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func TestCreate_WrongFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range badInvoices {
			in := asNew(c.change)
			if in == nil {
				continue
			}
			once := &payments.Once{Key: c.name, Hash: "h", Render: func(any) (int, []byte, error) { return 201, nil, nil }}
			_, replay, err := w.CreateInvoice(t.Context(), w.scope, *in, checkout.Actor{}, once)
			if wrong(err) != c.want || replay != nil {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		toBeSent := payments.NewInvoice{Amount: 1_500_000, SendEmail: true}
		if _, _, err := w.CreateInvoice(t.Context(), w.scope, toBeSent, checkout.Actor{}, nil); wrong(err) != "customer.email=required" {
			t.Errorf("to be sent to nobody: %v", err)
		}
		// Nothing was stored, no number was used up, and no key was kept: the call can be mended.
		if inv := w.invoice(1_500_000); inv.Number != "1001" {
			t.Errorf("the first invoice has number %s", inv.Number)
		}
		once := &payments.Once{Key: "no amount", Hash: "other", Render: func(any) (int, []byte, error) { return 201, nil, nil }}
		if _, replay, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 5}, checkout.Actor{}, once); err != nil || replay != nil {
			t.Errorf("the mended call: %v %v", replay, err)
		}
	})
}

func TestCreate_CleansAndFillsIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in := payments.NewInvoice{
			Amount: 1_500_000, Description: "  گلدان\u202e\x00  ", Customer: checkout.Customer{Name: " سارا\r\nX ", Mobile: "+98 ۹۱۲ ۱۲۳ ۴۵۶۷", Email: " a@example.com "},
			Items: []checkout.Item{{Title: "\tگلدان ", Quantity: 2, UnitAmount: 750_000}}, ReturnURL: "http://127.0.0.1:8000/x",
		}
		inv, _, err := w.CreateInvoice(t.Context(), w.scope, in, checkout.Actor{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, pair := range map[string][2]string{
			"description": {inv.Description, "گلدان"}, "name": {inv.Customer.Name, "سارا X"}, "mobile": {inv.Customer.Mobile, "09121234567"},
			"email": {inv.Customer.Email, "a@example.com"}, "title": {inv.Items[0].Title, "گلدان"}, "locale": {inv.Locale, "fa"},
			"gateways": {strings.Join(inv.Gateways, " "), "gardeshpay ghesta"}, "expiry": {inv.ExpiresAt.Sub(inv.CreatedAt).String(), "168h0m0s"}, "status": {string(inv.Status), "open"},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
			}
		}
		blank := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{Name: " ", Mobile: " \t ", Email: "  "} })
		if blank.Customer != (checkout.Customer{}) {
			t.Errorf("a form left blank names %+v", blank.Customer)
		}
		if in.Items[0].Title != "\tگلدان " {
			t.Error("the caller's own items were changed")
		}
		got, err := w.Invoice(t.Context(), w.scope, inv.ID)
		got.MerchantRevision, inv.MerchantRevision = 0, 0 // a matter of reading
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", inv) {
			t.Errorf("stored %+v\nanswered %+v: %v", got, inv, err)
		}
	})
}

// TestCreate_FirstEvent: a chain begins with what is asked for and under which number; it names no attempt, no
// gateway's id, and no link where none asked.
func TestCreate_FirstEvent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, want := range []string{`{"amount":1500000,"number":"1001"}`, `{"amount":1500001,"number":"1002"}`} {
			all := w.events(w.invoice(1_500_000 + int64(i)))
			if len(all) != 1 || all[0].Type != "invoice.created" || all[0].Data != want || all[0].AttemptID != "" || all[0].GatewayID != "" || all[0].Actor != "key:key_test" {
				t.Errorf("%+v, want %s", all, want)
			}
		}
	})
}

// TestUpdate_WrongFields: one wrong field, and nothing of the change is stored, nor is an event.
func TestUpdate_WrongFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		before := w.everything(inv)
		for _, c := range badInvoices {
			ch := c.change
			if ch.Reference == nil {
				ch.Reference = pointer("half") // a right field beside the wrong one
			}
			if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, ch, checkout.Actor{}); wrong(err) != c.want {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		none := payments.InvoiceChange{Gateways: &[]string{}}
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, none, checkout.Actor{}); wrong(err) != "gateways=required" {
			t.Errorf("no gateways: %v", err)
		}
		if after := w.everything(inv); after != before {
			t.Errorf("half a change was stored:\n%s\n%s", before, after)
		}
		if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{}, checkout.Actor{}); err != nil || w.everything(inv) != before {
			t.Errorf("an empty change: %v", err)
		}
	})
}

// TestUpdate_ChangesAllAtOnce: every field, one event with their names and no value but the amount.
func TestUpdate_ChangesAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		ch := payments.InvoiceChange{
			Amount: pointer(money.Rial(2_000_000)), Description: pointer("d"), Reference: pointer("r"), Customer: &checkout.Customer{Name: "Roya"},
			Items: &[]checkout.Item{{Title: "t", Quantity: 2, UnitAmount: 1_000_000}}, Gateways: &[]string{"ghesta"}, ExpiresAt: pointer(w.clock.now().Add(time.Hour)),
			ReturnURL: pointer("https://shop.example/"), Locale: pointer("en"), Metadata: &map[string]string{"k": "v"},
		}
		answered, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, ch, checkout.Actor{Kind: "key", ID: "key_1"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Invoice(t.Context(), w.scope, inv.ID)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", answered) {
			t.Errorf("stored %+v\nanswered %+v: %v", got, answered, err)
		}
		events, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", 10)
		want := `{"amount":2000000,"fields":["amount","description","reference","customer","items","gateways","expires_at","return_url","locale","metadata"]}`
		if err != nil || len(events) != 2 || events[0].Data != want || events[0].Actor != "key:key_1" {
			t.Errorf("events %+v: %v", events, err)
		}
	})
}

func TestUpdate_OnlyWhileOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		expired, canceled := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Minute) }), w.invoice(1_500_000)
		paidInv, review := w.invoice(1_500_000), w.invoice(1_500_000)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, canceled.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.mustBack(w.start(paidInv, "ghesta"), "2222")
		w.ins.say("3333", already())
		w.mustBack(w.start(review, "ghesta"), "3333")
		w.clock.add(2 * time.Minute) // expired, and no sweep has come by
		for _, inv := range []checkout.Invoice{expired, canceled, paidInv, review} {
			before := w.everything(inv)
			if _, err := w.UpdateInvoice(t.Context(), w.scope, inv.ID, payments.InvoiceChange{Description: pointer("d")}, checkout.Actor{}); !errors.Is(err, checkout.Conflict) {
				t.Errorf("edit of one that is %s: %v", w.status(inv), err)
			}
			if w.everything(inv) != before {
				t.Errorf("a refused edit of one that is %s left something", w.status(inv))
			}
		}
	})
}

func TestResolve_WrongFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2222", already())
		w.mustBack(a, "2222")
		before := w.everything(inv)
		for _, c := range []struct {
			r    payments.Resolution
			want string
		}{
			{payments.Resolution{Outcome: "paid"}, "note=required"},
			{payments.Resolution{Outcome: "paid", Note: " \u200b\u202e "}, "note=required"},
			{payments.Resolution{Outcome: "paid", Note: strings.Repeat("ب", 501)}, "note=too_long"},
			{payments.Resolution{Note: "n"}, "outcome=unknown_outcome"},
			{payments.Resolution{Outcome: "Paid", Note: "n"}, "outcome=unknown_outcome"},
			{payments.Resolution{Outcome: "canceled", Note: "n"}, "outcome=unknown_outcome"},
			{payments.Resolution{Outcome: "paid", Note: "n", RefNumber: strings.Repeat("1", 65)}, "ref_number=bad_reference"},
			{payments.Resolution{}, "note=required outcome=unknown_outcome"},
		} {
			if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, c.r, checkout.Actor{}, nil); wrong(err) != c.want {
				t.Errorf("%+v: %v, want %s", c.r, err, c.want)
			}
		}
		right := payments.Resolution{Outcome: "paid", Note: "n"}
		other := payments.Scope{MerchantID: w.scope.MerchantID}
		if _, _, err := w.ResolveAttempt(t.Context(), other, a.ID, right, checkout.Actor{}, nil); !errors.Is(err, checkout.NotFound) {
			t.Errorf("in the other mode: %v", err)
		}
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, "att_none", right, checkout.Actor{}, nil); !errors.Is(err, checkout.NotFound) {
			t.Errorf("unknown: %v", err)
		}
		if w.everything(inv) != before {
			t.Error("a refused decision left something")
		}
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
	})
}

// TestOnce_EachModeAndMerchantItsOwn: a key belongs to one merchant in one mode and to one request;
// what was refused is not kept, and a cancel is done once however often it is asked for.
func TestOnce_EachModeAndMerchantItsOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := checkout.Merchant{ID: "mer_" + strings.Repeat("1", 25), Slug: "bakery", Name: "Bakery", Locale: "fa", CreatedAt: w.clock.now()}
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.InsertMerchant(&other) }); err != nil {
			t.Fatal(err)
		}
		once := func(hash string) *payments.Once {
			return &payments.Once{Key: "k", Hash: hash, Render: func(result any) (int, []byte, error) { return 201, []byte(result.(checkout.Invoice).ID), nil }}
		}
		ids := map[string]bool{}
		for _, sc := range []payments.Scope{w.scope, {MerchantID: w.scope.MerchantID}, {MerchantID: other.ID, Live: true}, {MerchantID: other.ID}} {
			inv, replay, err := w.CreateInvoice(t.Context(), sc, payments.NewInvoice{Amount: 5}, checkout.Actor{}, once("h"))
			if err != nil || replay != nil || inv.Live != sc.Live || inv.MerchantID != sc.MerchantID {
				t.Fatalf("%+v: %+v %v %v", sc, inv, replay, err)
			}
			_, replay, err = w.CreateInvoice(t.Context(), sc, payments.NewInvoice{Amount: 5}, checkout.Actor{}, once("h"))
			if err != nil || replay == nil || string(replay.Body) != inv.ID || replay.Status != 201 {
				t.Errorf("%+v again: %+v %v", sc, replay, err)
			}
			if _, _, err = w.CreateInvoice(t.Context(), sc, payments.NewInvoice{Amount: 5}, checkout.Actor{}, once("other")); wrong(err) != "Idempotency-Key=idempotency_mismatch" {
				t.Errorf("%+v with another body: %v", sc, err)
			}
			ids[inv.ID] = true
		}
		if len(ids) != 4 {
			t.Errorf("%d invoices", len(ids))
		}
		inv := w.invoice(1_500_000)
		cancel := &payments.Once{Key: "c", Hash: "h", Render: once("").Render}
		for i := range 3 {
			_, replay, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, cancel)
			if err != nil || (replay != nil) != (i > 0) {
				t.Errorf("cancel %d: %v %v", i, replay, err)
			}
		}
		if n := count(w.types(inv), "invoice.canceled"); n != 1 {
			t.Errorf("%d invoice.canceled events", n)
		}
		failing := &payments.Once{Key: "f", Hash: "h", Render: func(any) (int, []byte, error) { return 0, nil, errors.New("no answer") }}
		if _, _, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 7}, checkout.Actor{}, failing); err == nil {
			t.Error("created without an answer to keep")
		}
		list, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Limit: 100})
		if err != nil || len(list) != 2 {
			t.Errorf("%d invoices, %v", len(list), err)
		}
	})
}

// everything is all that the store knows of an invoice, as text.
func (w *world) everything(inv checkout.Invoice) string {
	w.Helper()
	var s string
	err := w.db.View(context.Background(), func(tx *db.Tx) error {
		got, err := tx.Invoice(inv.ID)
		if err != nil {
			return err
		}
		b, err := readBook(tx, got)
		if err != nil {
			return err
		}
		text, err := json.Marshal(got)
		s = string(text) + "\n" + b.String()
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return s
}
