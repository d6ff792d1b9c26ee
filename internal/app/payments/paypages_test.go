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
