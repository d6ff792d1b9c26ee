package payments_test

import (
	"errors"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// Everything that is given must be true, and who knows a number alone is told of that payment alone. Asking
// changes nothing.
func TestStatement_WhoIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{Name: "Sara", Mobile: "09121234567"} })
		a := w.start(inv, "ghesta")
		w.ins.say("8841027365", refusal("12", false, true))
		w.mustBack(a, "8841027365")
		bare := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{} })
		if _, err := w.Start(t.Context(), payments.StartInput{Token: bare.Token, Gateway: "ghesta", PayerName: "Sara", PayerMobile: "09350001122"}); err != nil {
			t.Fatal(err) // who pays gave the mobile, the shop did not
		}
		other := w.invoice(1_500_000)
		paid := w.start(other, "gardeshpay")
		w.mustBack(paid, "0077123")
		before := w.everything(inv) + w.everything(other)
		for name, tt := range map[string]struct {
			in    payments.StatementInput
			whole bool
			want  string // the invoice, "" for nothing
		}{
			"link and mobile":          {payments.StatementInput{Token: inv.Token, LastFour: "4567"}, true, inv.ID},
			"link and number":          {payments.StatementInput{Token: inv.Token, Number: "8841027365"}, true, inv.ID},
			"link, mobile and number":  {payments.StatementInput{Token: inv.Token, LastFour: "4567", Number: "8841027365"}, true, inv.ID},
			"number":                   {payments.StatementInput{Number: "8841027365"}, false, inv.ID},
			"number with zeros":        {payments.StatementInput{Number: "77123"}, false, other.ID},
			"link, number with zeros":  {payments.StatementInput{Token: other.Token, Number: "000077123"}, true, other.ID},
			"nothing":                  {payments.StatementInput{}, false, ""},
			"link alone":               {payments.StatementInput{Token: inv.Token}, false, ""},
			"digits alone":             {payments.StatementInput{LastFour: "4567"}, false, ""},
			"wrong digits":             {payments.StatementInput{Token: inv.Token, LastFour: "4568"}, false, ""},
			"three digits":             {payments.StatementInput{Token: inv.Token, LastFour: "567"}, false, ""},
			"whole mobile":             {payments.StatementInput{Token: inv.Token, LastFour: "09121234567"}, false, ""},
			"no such link":             {payments.StatementInput{Token: "nobody", LastFour: "4567"}, false, ""},
			"no such link, a number":   {payments.StatementInput{Token: "nobody", Number: "8841027365"}, false, ""},
			"another link's number":    {payments.StatementInput{Token: other.Token, Number: "8841027365"}, false, ""},
			"number and wrong digits":  {payments.StatementInput{Token: inv.Token, LastFour: "0000", Number: "8841027365"}, false, ""},
			"digits and wrong number":  {payments.StatementInput{Token: inv.Token, LastFour: "4567", Number: "1"}, false, ""},
			"number and digits alone":  {payments.StatementInput{LastFour: "4567", Number: "8841027365"}, false, ""},
			"nobody's number":          {payments.StatementInput{Number: "8841027366"}, false, ""},
			"what cannot be a number":  {payments.StatementInput{Number: "-"}, false, ""},
			"an attempt's other words": {payments.StatementInput{Number: a.OurNumber}, false, ""},
		} {
			got, err := w.Statement(t.Context(), tt.in)
			if tt.want == "" {
				if !errors.Is(err, checkout.NotFound) || len(got) != 0 {
					t.Errorf("%s: %d statements, %v", name, len(got), err)
				}
				continue
			}
			if err != nil || len(got) != 1 || got[0].Invoice.ID != tt.want || got[0].Whole != tt.whole || len(got[0].Attempts) != 1 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if after := w.everything(inv) + w.everything(other); after != before {
			t.Errorf("asking changed\n%s\nto\n%s", before, after)
		}
		got, err := w.Statement(t.Context(), payments.StatementInput{Token: bare.Token, LastFour: "1122"})
		if err != nil || len(got) != 1 {
			t.Errorf("by the payer's own mobile: %+v, %v", got, err)
		}
	})
}

// Two gateways may give the same number: both payments are told of, the later one for what it is.
func TestStatement_OneNumberAtTwoGateways(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		card, ins := w.invoice(1_500_000), w.invoice(2_500_000)
		first, second := w.start(card, "gardeshpay"), w.start(ins, "ghesta")
		w.mustBack(first, "5551")
		w.mustBack(second, "5551")
		got, err := w.Statement(t.Context(), payments.StatementInput{Number: "5551"})
		if err != nil || len(got) != 2 || got[0].Invoice.ID != card.ID || got[1].Invoice.ID != ins.ID || got[0].Whole || got[1].Whole {
			t.Fatalf("%+v, %v", got, err)
		}
		for i := range got {
			if got[i].Attempts[0].Status != checkout.AttemptPaid || got[i].Now.IsZero() {
				t.Errorf("%+v", got[i].Attempts)
			}
		}
	})
}
