package payments_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
)

// Before anything is typed a way to pay is open when it takes any amount of the page's; of what was typed,
// when it takes that. A way that is shut for another reason stays shut.
func TestPayPage_WaysThatAreOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, c := range []struct {
			amount, least, most money.Rial
			typed               money.Rial
			card                map[string]string
			wantCard, wantIns   string // why it is shut
		}{
			{least: 100_000, most: 5_000_000},
			{least: 100_000, most: 1_000_000}, // the least that Ghesta takes
			{least: 100_000, most: 999_999, wantIns: "low"},
			{least: 100_000, most: 5_000_000, typed: 2_000_000},
			{least: 100_000, most: 5_000_000, typed: 999_999, wantIns: "low"},
			{least: 600_000_000, most: 900_000_000, wantIns: "high"},
			{least: 2_000_000_001, most: 5_000_000_000, wantCard: "high", wantIns: "high"},
			{amount: 999_999, wantIns: "low"},
			{least: 100_000, most: 5_000_000, card: map[string]string{"enabled": "false"}, wantCard: "off"},
			{least: 100_005, most: 5_000_000, card: map[string]string{"enabled": "true", "amount_unit": "toman"}},
			{least: 100_005, most: 5_000_000, typed: 100_010, wantIns: "low"},
			{least: 100_005, most: 5_000_000, typed: 1_000_005, wantCard: "unit"},
			{amount: 1_500_005, wantCard: "unit"},
			{least: 100_001, most: 100_009, card: map[string]string{"enabled": "true", "amount_unit": "toman"}, wantCard: "unit", wantIns: "low"},
			{least: 100_001, most: 999_999, card: map[string]string{"enabled": "true", "amount_unit": "toman"}, wantIns: "low"},
		} {
			slug := fmt.Sprint("page-", i)
			w.set("gardeshpay", c.card)
			p := w.page(func(in *payments.PageWords) { in.Slug, in.Amount, in.Min, in.Max = slug, c.amount, c.least, c.most })
			o, err := w.PayPage(t.Context(), "pottery", slug, c.typed)
			if err != nil || o.Page.ID != p.ID || o.Page.Title != "A seat" || len(o.Methods) != 2 {
				t.Fatalf("%+v: %+v, %v", c, o, err)
			}
			for j, want := range []string{c.wantCard, c.wantIns} {
				if m := o.Methods[j]; m.Why != want || m.Available != (want == "") {
					t.Errorf("%+v: %+v", c, m)
				}
			}
		}
	})
}

// A gateway that rests is shown as resting, also where it does not take the least amount of the page.
func TestPayPage_WhereAGatewayRests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fell(w.invoice(1_500_000), "ghesta", w.ins)
		w.page(func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 100_000, 5_000_000 })
		o, err := w.PayPage(t.Context(), "pottery", "seat", 0)
		if err != nil || !o.Methods[0].Available || o.Methods[1].Available || o.Methods[1].Why != "trouble" || o.Methods[1].Since.IsZero() {
			t.Errorf("%+v, %v", o.Methods, err)
		}
	})
}

// An account that no key opens shuts its own way to pay, and not the page.
func TestPayPage_WhereAnAccountDoesNotOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.page(func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 100_000, 5_000_000 })
		box, err := seal.New(seal.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		e := w.rewired(func(o *payments.Options) { o.Box = box })
		o, err := e.PayPage(t.Context(), "pottery", "seat", 0)
		if err != nil || len(o.Methods) != 2 || !o.Methods[0].Available || o.Methods[1].Available || o.Methods[1].Why != "off" {
			t.Errorf("%+v, %v", o.Methods, err)
		}
	})
}

// What the page asks itself no way to pay asks again; what it does not, does.
func TestPayPage_AsksOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for kind, want := range map[string]payments.Method{
			checkout.FieldName:   {NeedsMobile: true},
			checkout.FieldMobile: {NeedsName: true},
			checkout.FieldEmail:  {NeedsName: true, NeedsMobile: true},
		} {
			w.page(func(in *payments.PageWords) {
				in.Slug, in.Fields = "asks-"+kind, []checkout.PageField{{Label: "Yours", Kind: kind}}
			})
			o, err := w.PayPage(t.Context(), "pottery", "asks-"+kind, 0)
			if err != nil || len(o.Methods) != 2 || o.Methods[1].NeedsName != want.NeedsName || o.Methods[1].NeedsMobile != want.NeedsMobile {
				t.Errorf("a page that asks for %s: %+v, %v", kind, o.Methods, err)
			}
		}
	})
}

// A press makes an invoice in the page's language that remembers its page, and sends the customer to the
// gateway. What is refused leaves nothing and leads nowhere; where the gateway is, there is an invoice to
// come back to.
func TestPayPage_WhereItLeads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page(func(in *payments.PageWords) { in.Locale = "en" })
		press := func(n int, gateway string) (redirect, token string, err error) {
			return w.StartPage(t.Context(), payments.PagePress{Merchant: "pottery", Page: "seat", Nonce: nonce(n)}, payments.StartInput{Gateway: gateway})
		}
		for name, c := range map[string]struct{ gateway, want string }{"no gateway of ours": {"nobody", "gateway=unknown_gateway"}, "nothing of the payer": {"ghesta", "payer_name=required payer_mobile=required"}} {
			if redirect, token, err := press(1, c.gateway); wrongFields(err) != c.want || redirect != "" || token != "" {
				t.Errorf("%s: %q, %q, %v", name, redirect, token, err)
			}
		}
		if redirect, token, err := w.StartPage(t.Context(), payments.PagePress{Merchant: "pottery", Page: "seat", Nonce: "x"}, payments.StartInput{Gateway: "gardeshpay"}); err == nil || redirect != "" || token != "" {
			t.Errorf("no form of ours: %q, %q, %v", redirect, token, err)
		}
		if all := w.all(); len(all) != 0 {
			t.Errorf("made: %+v", all)
		}
		redirect, token, err := press(1, "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		inv := w.behind(token)
		if a := w.attempts(inv); len(a) != 1 || redirect != "https://bank.example/"+a[0].OurNumber {
			t.Errorf("to %q: %+v", redirect, a)
		}
		if inv.Locale != "en" {
			t.Errorf("its language is %s", inv.Locale)
		}
		all := w.events(inv)
		if first := all[len(all)-1]; first.Type != checkout.EventInvoiceCreated || !strings.Contains(first.Data, p.ID) || first.Actor != "customer" {
			t.Errorf("its first event: %+v", first)
		}
		w.card.startErr = errDisk
		if redirect, token, err := press(2, "gardeshpay"); checkout.KindOf(err) != checkout.GatewayDown || redirect != "" || w.behind(token).ID == inv.ID {
			t.Errorf("the gateway is down: %q, %q, %v", redirect, token, err)
		}
	})
}

// What is typed into a page's form: any amount between its ends, with both of them, and no other; answers
// where there are some. Another amount in the same form is another payment.
func TestPayPage_WhatIsTyped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.page(func(in *payments.PageWords) {
			in.Amount, in.Min, in.Max = 0, 100_000, 5_000_000
			in.Fields = []checkout.PageField{{Label: "City", Kind: checkout.FieldText}, {Label: "Mail", Kind: checkout.FieldEmail}}
		})
		x := func(n int) string { return strings.Repeat("x", n) }
		made := map[string]bool{}
		for _, c := range []struct {
			toman, city, mail string
			want              string
			amount            money.Rial
		}{
			{"10000", "", "sara@example.com", "", 100_000},
			{"500000", x(100), "", "", 5_000_000},
			{"20000", "", "", "", 200_000},
			{"30000", "", "", "", 300_000},
			{"9999", "", "", "amount=below_page", 0},
			{"500001", "", "", "amount=above_page", 0},
			{"999999999999999999", "", "", "amount=above_page", 0}, // more than there is in rial
			{" \u00a0", "", "", "amount=required", 0},
			{"20000", x(101), "", "field_1=too_long", 0},
			{"20000", "", "sara@", "field_2=bad_email", 0},
		} {
			token, err := w.press(payments.PagePress{Nonce: nonce(1), Toman: c.toman, Answers: []string{c.city, c.mail}}, "gardeshpay")
			if c.want != "" || err != nil {
				if wrongFields(err) != c.want || token != "" {
					t.Errorf("%+v: %q, %v", c, token, wrongFields(err))
				}
				continue
			}
			if inv := w.behind(token); inv.Amount != c.amount || inv.Metadata["City"] != c.city || inv.Customer.Email != c.mail || made[token] {
				t.Errorf("%+v: %+v", c, inv)
			}
			made[token] = true
		}
		if len(w.all()) != 4 {
			t.Errorf("%d invoices", len(w.all()))
		}
	})
}

// A form that is sent many times at once is one payment, also where places have no end.
func TestPayPage_SentManyTimesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const forms, times = 4, 4
		p := w.page()
		var wait sync.WaitGroup
		tokens := make([]string, forms*times)
		ready := make(chan struct{})
		for i := range tokens {
			wait.Go(func() {
				<-ready
				token, err := w.press(payments.PagePress{Nonce: nonce(i % forms)}, "gardeshpay")
				if err != nil {
					t.Errorf("press %d: %v", i, err)
				}
				tokens[i] = token
			})
		}
		close(ready)
		wait.Wait()
		for i, token := range tokens {
			if token != tokens[i%forms] {
				t.Errorf("press %d made an invoice of its own", i)
			}
		}
		r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 50)
		if err != nil || len(r.Invoices) != forms || len(w.all()) != forms {
			t.Errorf("%d forms made %d invoices, and %d came of the page: %v", forms, len(w.all()), len(r.Invoices), err)
		}
	})
}
