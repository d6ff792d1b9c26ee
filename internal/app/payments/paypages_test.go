package payments_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// page makes a page of the world's merchant: a seat for 150,000 toman.
func (w *world) page(change ...func(*payments.PageWords)) checkout.PayPage {
	w.Helper()
	in := payments.PageWords{Slug: "seat", Title: "A seat", Amount: 1_500_000, Locale: "fa", Thanks: "See you"}
	for _, c := range change {
		c(&in)
	}
	p, err := w.CreatePayPage(w.Context(), w.scope, in)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// nonce is that of the nth form that was shown.
func nonce(n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%016d", n)))
}

func (w *world) press(in payments.PagePress, gateway string) (token string, err error) {
	in.Merchant = "pottery"
	if in.Page == "" {
		in.Page = "seat"
	}
	_, token, err = w.StartPage(context.Background(), in, payments.StartInput{Gateway: gateway, PayerName: "Sara", PayerMobile: "09121234567"})
	return token, err
}

// behind is the invoice behind a token.
func (w *world) behind(token string) checkout.Invoice {
	w.Helper()
	p, err := w.Page(w.Context(), token)
	if err != nil {
		w.Fatal(err)
	}
	return p.Invoice
}

// wrongFields are the fields of an error, with their codes.
func wrongFields(err error) string {
	e, ok := err.(*checkout.Error)
	if !ok {
		return fmt.Sprint(err)
	}
	var list []string
	for _, f := range e.Fields {
		list = append(list, f.Field+"="+f.Code)
	}
	return strings.Join(list, " ")
}

func TestPayPage_EachPressMakesOneInvoice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page(func(in *payments.PageWords) {
			in.Fields = []checkout.PageField{{Label: "Name", Kind: checkout.FieldName, Required: true}, {Label: "Size", Kind: checkout.FieldNumber}, {Label: "City", Kind: checkout.FieldText}}
		})
		words := payments.PagePress{Nonce: nonce(1), Answers: []string{"Sara", "۴۲", "Meybod"}}
		first, err := w.press(words, "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		inv := w.behind(first)
		if inv.Amount != 1_500_000 || inv.Description != "A seat" || inv.Customer.Name != "Sara" || inv.Metadata["Size"] != "42" || inv.Metadata["City"] != "Meybod" || len(inv.Metadata) != 2 {
			t.Errorf("%+v", inv)
		}
		// Twice the same press is one invoice, with a second attempt; another word or another form is another.
		if again, err := w.press(words, "ghesta"); err != nil || again != first || len(w.attempts(inv)) != 2 {
			t.Errorf("pressed twice: %q, %v, %d attempts", again, err, len(w.attempts(inv)))
		}
		w.mustBack(w.attempts(inv)[0], "8841")
		if again, err := w.press(words, "gardeshpay"); checkout.KindOf(err) != checkout.Conflict || again != first {
			t.Errorf("pressed again when it is paid: %q, %v", again, err)
		}
		for i, other := range []payments.PagePress{{Nonce: nonce(2), Answers: words.Answers}, {Nonce: nonce(1), Answers: []string{"Sara", "43", "Meybod"}}} {
			w.clock.add(time.Second)
			if again, err := w.press(other, "gardeshpay"); err != nil || again == first {
				t.Errorf("another press %d: %q, %v", i, again, err)
			}
		}
		// What it says on the receipt, and what came of it.
		if got, err := w.Page(t.Context(), first); err != nil || got.Origin == nil || got.Origin.Thanks != "See you" {
			t.Errorf("the receipt knows nothing of its page: %+v, %v", got.Origin, err)
		}
		r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 2)
		if err != nil || len(r.Invoices) != 2 || r.Next == "" || r.Paid != 1 || r.Sum != 1_500_000 || r.More {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err = w.PayPageReport(t.Context(), w.scope, p.ID, r.Next, 2); err != nil || len(r.Invoices) != 1 || r.Invoices[0].ID != inv.ID || r.Next != "" {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := w.PayPageReport(t.Context(), payments.Scope{MerchantID: w.scope.MerchantID}, p.ID, "", 2); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("in the other mode: %v", err)
		}
	})
}

func TestPayPage_WhatIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const card = "6037 9912 3456 7893"
		for _, tt := range []struct {
			in   payments.PageWords
			want string
		}{
			{payments.PageWords{Slug: "x", Title: card, Amount: 1, Locale: "fa"}, "slug=bad_slug title=card_number"},
			{payments.PageWords{Slug: "ok", Text: card, Thanks: card, Locale: "de"}, "title=required text=card_number thanks=card_number max=range_order locale=unknown_locale"},
			{payments.PageWords{Slug: "ok", Title: "t", Amount: 1, Locale: "fa", Stock: -1, OpensAt: w.clock.now(), ClosesAt: w.clock.now()}, "stock=out_of_range closes=range_order"},
			{payments.PageWords{Slug: "ok", Title: "t", Amount: 1, Locale: "fa", Fields: []checkout.PageField{{Label: card, Kind: "text"}, {Label: "a", Kind: "pin"}, {Label: "A", Kind: "text"}}}, "label_1=card_number kind_2=unknown_value label_3=repeated"},
			{payments.PageWords{Slug: "ok", Title: "t", Min: 10_000, Max: 9_000, Locale: "fa"}, "max=range_order"},
		} {
			if _, err := w.CreatePayPage(t.Context(), w.scope, tt.in); wrongFields(err) != tt.want {
				t.Errorf("%+v: %v", tt.in, wrongFields(err))
			}
		}
		w.page(func(in *payments.PageWords) {
			in.Amount, in.Min, in.Max = 0, 100_000, 5_000_000
			in.Fields = []checkout.PageField{{Label: "Mobile", Kind: checkout.FieldMobile, Required: true}, {Label: "Mail", Kind: checkout.FieldEmail}, {Label: "Size", Kind: checkout.FieldNumber}}
		})
		if _, err := w.CreatePayPage(t.Context(), w.scope, payments.PageWords{Slug: "seat", Title: "t", Amount: 1, Locale: "fa"}); wrongFields(err) != "slug=taken" {
			t.Errorf("twice one address: %v", err)
		}
		for _, tt := range []struct {
			toman   string
			answers []string
			want    string
		}{
			{"", []string{""}, "amount=required field_1=required"},
			{"9999", []string{"0912"}, "amount=below_page field_1=bad_mobile"},
			{"500001", []string{"09121234567", "a@"}, "amount=above_page field_2=bad_email"},
			{"12.5", []string{card, card, card}, "amount=bad_amount field_1=card_number field_1=bad_mobile field_2=card_number field_2=bad_email field_3=card_number field_3=bad_number"},
			{"99999999999999999999", []string{"09121234567"}, "amount=bad_amount"},
		} {
			if _, err := w.press(payments.PagePress{Nonce: nonce(1), Toman: tt.toman, Answers: tt.answers}, "gardeshpay"); wrongFields(err) != tt.want {
				t.Errorf("%q %q: %v", tt.toman, tt.answers, wrongFields(err))
			}
		}
		if _, err := w.press(payments.PagePress{Nonce: "x", Toman: "20000", Answers: []string{"09121234567"}}, "gardeshpay"); wrongFields(err) != "once=required" {
			t.Errorf("a press of no form: %v", err)
		}
		if _, err := w.press(payments.PagePress{Page: "nowhere", Nonce: nonce(1)}, "gardeshpay"); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("no such page: %v", err)
		}
		if len(w.all()) != 0 {
			t.Errorf("something was made: %v", w.all())
		}
		token, err := w.press(payments.PagePress{Nonce: nonce(1), Toman: "۲۰٬۰۰۰", Answers: []string{"+98 912 123 4567"}}, "gardeshpay")
		if inv := w.behind(token); err != nil || inv.Amount != money.Rial(200_000) || inv.Customer.Mobile != "09121234567" {
			t.Errorf("%+v, %v", inv, err)
		}
	})
}

func TestPayPage_WhenItTakesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := w.clock.now()
		p := w.page(func(in *payments.PageWords) { in.OpensAt, in.ClosesAt = now.Add(time.Hour), now.Add(2*time.Hour) })
		refused := func(what string, state checkout.PageState) {
			t.Helper()
			o, err := w.PayPage(t.Context(), "pottery", "seat", 0)
			if err != nil || o.State != state {
				t.Errorf("%s: %s, %v", what, o.State, err)
			}
			if _, err := w.press(payments.PagePress{Nonce: nonce(1)}, "gardeshpay"); checkout.KindOf(err) != checkout.Conflict {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("too early", checkout.PageEarly)
		w.clock.add(90 * time.Minute)
		if _, err := w.SwitchPayPage(t.Context(), w.scope, p.ID, false); err != nil {
			t.Fatal(err)
		}
		refused("switched off", checkout.PageOff)
		if _, err := w.SwitchPayPage(t.Context(), w.scope, p.ID, true); err != nil {
			t.Fatal(err)
		}
		token, err := w.press(payments.PagePress{Nonce: nonce(2)}, "gardeshpay")
		if inv := w.behind(token); err != nil || !inv.ExpiresAt.Equal(now.Add(2*time.Hour)) {
			t.Errorf("%v, until %v", err, inv.ExpiresAt)
		}
		w.clock.add(time.Hour)
		refused("over", checkout.PageOver)
	})
}

// Whoever comes at once for the last places: as many are sent to pay as there are places.
func TestPayPage_NeverSoldOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const places, crowd = 3, 24
		p := w.page(func(in *payments.PageWords) { in.Stock = places })
		var wait sync.WaitGroup
		tokens := make([]string, crowd)
		ready := make(chan struct{})
		for i := range crowd {
			wait.Go(func() {
				<-ready
				// Every form is pressed twice.
				token, err := w.press(payments.PagePress{Nonce: nonce(i / 2)}, "gardeshpay")
				if err == nil {
					tokens[i] = token
				} else if checkout.KindOf(err) != checkout.Conflict {
					t.Errorf("press %d: %v", i, err)
				}
			})
		}
		close(ready)
		wait.Wait()
		sold := map[string]bool{}
		for _, token := range tokens {
			if token != "" {
				sold[token] = true
			}
		}
		if r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 50); err != nil || len(sold) != places || len(r.Invoices) != places || r.Page.Taken != places {
			t.Fatalf("%d sold, %d invoices, taken %d of %d: %v", len(sold), len(r.Invoices), r.Page.Taken, places, err)
		}
	})
}

// A place that nobody pays for is free again, and what comes back for it afterwards is not taken: the
// money of who was too late returns, and nobody has bought what another has.
func TestPayPage_PlaceComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page(func(in *payments.PageWords) { in.Stock = 1 })
		late, err := w.press(payments.PagePress{Nonce: nonce(1)}, "ghesta")
		if err != nil {
			t.Fatal(err)
		}
		out := w.behind(late)
		taken := func(when string, want int64) {
			t.Helper()
			if r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 9); err != nil || r.Page.Taken != want {
				t.Errorf("%s: taken %d, want %d (%v)", when, r.Page.Taken, want, err)
			}
		}
		if _, err := w.press(payments.PagePress{Nonce: nonce(2)}, "ghesta"); checkout.KindOf(err) != checkout.Conflict {
			t.Errorf("the only place, while somebody pays for it: %v", err)
		}
		// A second try just before the end: its attempt is out when the invoice's time is over.
		w.pass(25 * time.Minute)
		again, err := w.press(payments.PagePress{Nonce: nonce(1)}, "ghesta")
		if err != nil || again != late {
			t.Fatalf("%q %v", again, err)
		}
		w.pass(10 * time.Minute)
		taken("out at the gateway after its time", 1)
		if got := w.status(out); got != checkout.InvoiceExpired {
			t.Errorf("it is %s", got)
		}
		w.pass(25 * time.Minute)
		taken("abandoned", 0)
		if got := w.status(out); got != checkout.InvoiceCanceled {
			t.Errorf("given back, it is %s", got)
		}
		next, err := w.press(payments.PagePress{Nonce: nonce(3)}, "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		w.mustBack(w.attempts(out)[0], "77001")
		if a := w.attempts(out)[0]; a.Status != checkout.AttemptUnclaimed || w.status(out) != checkout.InvoiceCanceled {
			t.Errorf("who was too late is %s, %s", a.Status, w.status(out))
		}
		bought := w.behind(next)
		w.mustBack(w.attempts(bought)[0], "77002")
		w.pass(2 * time.Hour)
		taken("sold", 1)
		if w.status(bought) != checkout.InvoicePaid {
			t.Errorf("who was in time is %s", w.status(bought))
		}
		// What the merchant cancels is free when its time is over, and a second look gives nothing back twice.
		more := payments.PageWords{Title: p.Title, Amount: p.Amount, Stock: 2, Locale: "fa"}
		if _, err := w.UpdatePayPage(t.Context(), w.scope, p.ID, more); err != nil {
			t.Fatal(err)
		}
		third, err := w.press(payments.PagePress{Nonce: nonce(4)}, "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, w.behind(third).ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Hour)
		taken("canceled", 1)
	})
}

// What somebody made of a page stands in the log, field by field, in rial, and who did it.
func TestPayPage_Log(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by, at := checkout.WithActor(t.Context(), asker), w.clock.now()
		p, err := w.CreatePayPage(by, w.scope, payments.PageWords{
			Slug: "seat", Title: "A seat", Min: 100_000, Max: 5_000_000, Text: "Come", Thanks: "See you", Locale: "fa", Stock: 7, OpensAt: at.Add(time.Hour + 700*time.Microsecond).In(i18n.Tehran()), ClosesAt: at.Add(2 * time.Hour),
		})
		if err != nil || !p.OpensAt.Equal(at.Add(time.Hour)) {
			t.Fatalf("%+v, %v", p, err)
		}
		w.clock.add(time.Minute)
		if _, err := w.UpdatePayPage(by, w.scope, p.ID, payments.PageWords{Title: "Two seats", Amount: 3_000_000, Min: 5, Max: 6, Locale: "fa"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			w.clock.add(time.Minute)
			off, err := w.SwitchPayPage(by, w.scope, p.ID, false)
			if err != nil || !off.OffAt.Equal(at.Add(2*time.Minute)) {
				t.Errorf("off since %s, %v", off.OffAt, err)
			}
		}
		deeds := w.deeds(checkout.AreaPage)
		want := []struct {
			kind, name, changes string
		}{
			{"page.made", "A seat", "[{page_title  A seat} {page_min  100000} {page_max  5000000} {page_stock  7} {page_text  Come} {page_thanks  See you} {page_opens  2026-10-01T15:30:00Z} {page_closes  2026-10-01T16:30:00Z}]"},
			{
				"page.changed", "Two seats",
				"[{page_title A seat Two seats} {page_amount  3000000} {page_min 100000 } {page_max 5000000 } {page_stock 7 } {page_text Come } {page_thanks See you } {page_opens 2026-10-01T15:30:00Z } {page_closes 2026-10-01T16:30:00Z }]",
			},
			{"page.changed", "Two seats", "[{page_off  2026-10-01T14:32:00Z}]"},
			{"page.changed", "Two seats", "[]"},
		}
		if len(deeds) != len(want) {
			t.Fatalf("%d deeds: %+v", len(deeds), deeds)
		}
		for i, c := range want {
			d := deeds[i]
			if d.Kind != c.kind || d.Name != c.name || fmt.Sprint(d.Changes) != c.changes || d.By.Kind != "user" || d.By.ID != "usr_7" || !d.Live || d.Object != p.ID || d.Area != checkout.AreaPage {
				t.Errorf("%+v", d)
			}
		}
		if got := w.PayPageURL("pottery", "seat"); got != "https://pay.example/p/pottery/seat" {
			t.Error(got)
		}
	})
}

// The edges of what a merchant may say of a page.
func TestPayPage_Edges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := 0
		say := func(change func(*payments.PageWords)) (checkout.PayPage, string) {
			n++
			in := payments.PageWords{Slug: fmt.Sprintf("page-%d", n), Title: "t", Amount: 1000, Locale: "fa"}
			change(&in)
			p, err := w.CreatePayPage(t.Context(), w.scope, in)
			if err != nil {
				return p, wrongFields(err)
			}
			return p, ""
		}
		x := func(n int) string { return strings.Repeat("x", n) }
		field := func(labels ...string) []checkout.PageField {
			var list []checkout.PageField
			for _, l := range labels {
				list = append(list, checkout.PageField{Label: l, Kind: checkout.FieldText})
			}
			return list
		}
		for _, c := range []struct {
			change func(*payments.PageWords)
			want   string
		}{
			{func(in *payments.PageWords) { in.Title = x(100) }, ""},
			{func(in *payments.PageWords) { in.Title = x(101) }, "title=too_long"},
			{func(in *payments.PageWords) { in.Text, in.Thanks = x(1000), x(1000) }, ""},
			{func(in *payments.PageWords) { in.Text, in.Thanks = x(1001), x(1001) }, "text=too_long thanks=too_long"},
			{func(in *payments.PageWords) { in.Stock = 1_000_000 }, ""},
			{func(in *payments.PageWords) { in.Stock = 1_000_001 }, "stock=out_of_range"},
			{func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 1, 1 }, ""},
			{func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 0, 9 }, "max=range_order"},
			{func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 1, money.MaxInvoice }, ""},
			{func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 1, money.MaxInvoice+1 }, "max=range_order"},
			{func(in *payments.PageWords) { in.Fields = field("a", "b", "c") }, ""},
			{func(in *payments.PageWords) { in.Fields = field("a", "b", "c", "d") }, "label_1=too_many"},
			{func(in *payments.PageWords) { in.Fields = field(x(40)) }, ""},
			{func(in *payments.PageWords) { in.Fields = field(x(41)) }, "label_1=too_long"},
			{func(in *payments.PageWords) {
				in.Fields = append(field("mobile"), checkout.PageField{Label: "Yours", Kind: checkout.FieldMobile})
			}, ""},
			{func(in *payments.PageWords) {
				in.Fields = []checkout.PageField{{Label: "One", Kind: checkout.FieldMobile}, {Label: "Two", Kind: checkout.FieldMobile}}
			}, "label_2=repeated"},
		} {
			if p, got := say(c.change); got != c.want {
				t.Errorf("%+v: %q, want %q", p, got, c.want)
			}
		}
		if p, _ := say(func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 1000, 5, 6 }); p.Min != 0 || p.Max != 0 || p.Amount != 1000 {
			t.Errorf("an amount and a range: %+v", p)
		}
		if p, _ := say(func(in *payments.PageWords) { in.Fields = field("", "City", " \u200c", "Size") }); len(p.Fields) != 2 || p.Fields[0].Label != "City" || p.Fields[1].Label != "Size" {
			t.Errorf("fields without a label: %+v", p.Fields)
		}
	})
	for slug, want := range map[string]bool{
		"ab": true, "a0": true, "a9": true, "0a": true, "9z": true, "a-b": true, strings.Repeat("a", 40): true,
		"a": false, "": false, "12": false, "1-2": false, "-a": false, "a-": false, "a--b": false, "A1": false, "a_b": false, "ا1": false, strings.Repeat("a", 41): false, "a/": false, "a:": false, "a{": false, "a`": false,
	} {
		if got := payments.PageSlug(slug); got != want {
			t.Errorf("%q may be an address: %t", slug, got)
		}
	}
}

// The list of pages, newest first, in parts of any size, of one shop and mode.
func TestPayPage_List(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var want []string
		for i := range 5 {
			w.clock.add(time.Minute)
			want = append([]string{w.page(func(in *payments.PageWords) { in.Slug = fmt.Sprintf("page-%d", i) }).ID}, want...)
		}
		was := w.scope
		w.scope = w.shop(3, true)
		w.page()
		w.scope = was
		for limit := 1; limit < 7; limit++ {
			var got []string
			for cursor := ""; ; {
				list, next, err := w.PayPages(t.Context(), w.scope, cursor, limit)
				if err != nil || len(list) > limit || next != "" && len(list) != limit || (next == "") != (len(got)+len(list) == len(want)) {
					t.Fatalf("by %d: %d, %q, %v", limit, len(list), next, err)
				}
				for _, p := range list {
					got = append(got, p.ID)
				}
				if cursor = next; next == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("by %d: %v, want %v", limit, got, want)
			}
		}
	})
}

// What a page shows before anything is pressed: which way is open, and what each still asks.
func TestPayPage_Shown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.page()
		w.page(func(in *payments.PageWords) {
			in.Slug, in.Amount, in.Min, in.Max = "free", 0, 100_000, 5_000_000
			in.Fields = []checkout.PageField{{Label: "Name", Kind: checkout.FieldName}, {Label: "Mobile", Kind: checkout.FieldMobile}}
		})
		w.page(func(in *payments.PageWords) { in.Slug, in.Amount = "cheap", 500_000 })
		shows := func(slug string, amount money.Rial) (card, ins payments.Method) {
			t.Helper()
			o, err := w.PayPage(t.Context(), "pottery", slug, amount)
			if err != nil || len(o.Methods) != 2 || o.Merchant.ID != w.scope.MerchantID || !o.Now.Equal(w.clock.now()) || o.State != checkout.PageOpen {
				t.Fatalf("%+v, %v", o, err)
			}
			return o.Methods[0], o.Methods[1]
		}
		if card, ins := shows("seat", 0); !card.Available || card.NeedsName || !ins.Available || !ins.NeedsName || !ins.NeedsMobile {
			t.Errorf("%+v, %+v", card, ins)
		}
		if card, ins := shows("free", 0); !card.Available || !ins.Available || ins.NeedsName || ins.NeedsMobile { // 5,000,000 is within reach of Ghesta
			t.Errorf("%+v, %+v", card, ins)
		}
		if card, ins := shows("free", 200_000); !card.Available || ins.Available || ins.Why != "low" {
			t.Errorf("%+v, %+v", card, ins)
		}
		if _, ins := shows("cheap", 0); ins.Available || ins.Why != "low" || ins.Limit != 1_000_000 {
			t.Errorf("%+v", ins)
		}
		w.set("gardeshpay", map[string]string{"enabled": "false"})
		if card, _ := shows("seat", 0); card.Available || card.Why != "off" {
			t.Errorf("switched off, and it shows %+v", card)
		}
		for _, address := range [][2]string{{"pottery", "nowhere"}, {"nobody", "seat"}} {
			if _, err := w.PayPage(t.Context(), address[0], address[1], 0); keyOf(err) != "error.not_found" {
				t.Errorf("%v: %v", address, err)
			}
		}
	})
}

// How long the invoice of a press lives: as any other, half an hour where places are few, and never longer
// than its page. Only a place that is held is given back.
func TestPayPage_HowLong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for slug, c := range map[string]struct {
			stock    int64
			closes   time.Duration
			want     time.Duration
			over     checkout.InvoiceStatus
			canceled int
		}{
			"as-usual":      {0, 0, 7 * 24 * time.Hour, checkout.InvoiceExpired, 0},
			"closes-late":   {0, 30 * 24 * time.Hour, 7 * 24 * time.Hour, checkout.InvoiceExpired, 0},
			"closes-early":  {0, time.Hour, time.Hour, checkout.InvoiceExpired, 0},
			"places":        {3, 30 * 24 * time.Hour, 30 * time.Minute, checkout.InvoiceCanceled, 1},
			"places-closes": {3, 10 * time.Minute, 10 * time.Minute, checkout.InvoiceCanceled, 1},
		} {
			now := w.clock.now()
			p := w.page(func(in *payments.PageWords) {
				in.Slug, in.Stock = slug, c.stock
				if c.closes > 0 {
					in.ClosesAt = now.Add(c.closes)
				}
			})
			token, err := w.press(payments.PagePress{Page: slug, Nonce: nonce(1)}, "gardeshpay")
			inv := w.behind(token)
			if err != nil || !inv.ExpiresAt.Equal(now.Add(c.want)) {
				t.Errorf("%s: until %s, %v", slug, inv.ExpiresAt, err)
			}
			w.clock.at = now.Add(8 * 24 * time.Hour)
			for range 2 {
				if err := w.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.clock.add(2 * time.Minute)
			}
			if got := w.status(inv); got != c.over || count(w.types(inv), checkout.EventInvoiceCanceled) != c.canceled {
				t.Errorf("%s: over, it is %s: %v", slug, got, w.types(inv))
			}
			if e := w.last(inv); c.canceled > 0 && (e.AttemptID != "" || e.GatewayID != "" || !strings.Contains(e.Data, "place_given_back") || e.Actor != "system") {
				t.Errorf("%s: %+v", slug, e)
			}
			if r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 9); err != nil || r.Page.Taken != 0 {
				t.Errorf("%s: %d are taken, %v", slug, r.Page.Taken, err)
			}
		}
	})
}

// What is refused says why: sold out is not closed, and a press that comes from no form of ours is none.
func TestPayPage_SaysWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page(func(in *payments.PageWords) { in.Stock = 1 })
		short := base64.RawURLEncoding.EncodeToString([]byte("too short"))
		if _, err := w.press(payments.PagePress{Nonce: short}, "gardeshpay"); wrongFields(err) != "once=required" {
			t.Errorf("a nonce of another length: %v", err)
		}
		if _, err := w.press(payments.PagePress{Page: "nowhere", Nonce: nonce(1)}, "gardeshpay"); keyOf(err) != "error.not_found" {
			t.Errorf("no such page: %v", err)
		}
		if _, err := w.press(payments.PagePress{Nonce: nonce(1)}, "gardeshpay"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.press(payments.PagePress{Nonce: nonce(2)}, "gardeshpay"); keyOf(err) != "error.sold_out" {
			t.Errorf("sold out: %v", err)
		}
		if _, err := w.SwitchPayPage(t.Context(), w.scope, p.ID, false); err != nil {
			t.Fatal(err)
		}
		if _, err := w.press(payments.PagePress{Nonce: nonce(2)}, "gardeshpay"); keyOf(err) != "error.page_closed" {
			t.Errorf("closed: %v", err)
		}
		if len(w.all()) != 1 {
			t.Errorf("made: %v", w.all())
		}
	})
}

// A place whose invoice a person must decide about is held, however long that takes, and nobody is called
// to the log for it.
func TestPayPage_PlaceInReview(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page(func(in *payments.PageWords) { in.Stock = 1 })
		token, err := w.press(payments.PagePress{Nonce: nonce(1)}, "ghesta")
		if err != nil {
			t.Fatal(err)
		}
		inv := w.behind(token)
		w.ins.say("9001", already())
		w.mustBack(w.attempts(inv)[0], "9001")
		wrong := w.watch()
		for range 3 {
			w.clock.add(24 * time.Hour)
			if err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 9)
		if err != nil || r.Page.Taken != 1 || w.status(inv) != checkout.InvoiceReview {
			t.Errorf("taken %d, %s, %v", r.Page.Taken, w.status(inv), err)
		}
		if err := wrong(); err != nil {
			t.Errorf("the log: %v", err)
		}
	})
}

// FuzzPagePress: whatever is typed into a page's form, no invoice comes of it that breaks its limits or
// holds a card's number.
func FuzzPagePress(f *testing.F) {
	f.Add("20000", "سارا", "42", "09121234567")
	f.Add("۲۰٬۰۰۰", "6037991234567893", "x", "+98 912 123 4567")
	f.Add("1e9", "\u202e", "\x00", "=")
	p := &checkout.PayPage{
		Title: "A seat", Min: 100_000, Max: 5_000_000, Locale: "fa",
		Fields: []checkout.PageField{{Label: "Name", Kind: checkout.FieldName}, {Label: "Size", Kind: checkout.FieldNumber}, {Label: "Mobile", Kind: checkout.FieldMobile, Required: true}},
	}
	f.Fuzz(func(t *testing.T, toman, name, size, phone string) {
		in, err := payments.PageInvoice(p, payments.PagePress{Toman: toman, Answers: []string{name, size, phone}})
		if err != nil {
			if checkout.KindOf(err) != checkout.Invalid {
				t.Fatalf("%q %q %q %q: %v", toman, name, size, phone, err)
			}
			return
		}
		if in.Amount < p.Min || in.Amount > p.Max || strings.Trim(in.Metadata["Size"], "0123456789") != "" || !mobile.MatchString(in.Customer.Mobile) ||
			i18n.LuhnCard(in.Customer.Name) || i18n.CleanText(in.Customer.Name) != in.Customer.Name {
			t.Fatalf("%+v", in)
		}
	})
}
