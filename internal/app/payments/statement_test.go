package payments_test

import (
	"context"
	"errors"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// Everything that is given must be true, and a number alone tells nothing. Asking changes nothing.
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
		waiting := w.invoice(1_500_000)
		w.start(waiting, "ghesta") // its attempt has no number yet
		before := w.everything(inv) + w.everything(other)
		for name, tt := range map[string]struct {
			in   payments.StatementInput
			want string // the invoice, "" for nothing
		}{
			"link and mobile":          {payments.StatementInput{Token: inv.Token, LastFour: "4567"}, inv.ID},
			"link and number":          {payments.StatementInput{Token: inv.Token, Number: "8841027365"}, inv.ID},
			"link, mobile and number":  {payments.StatementInput{Token: inv.Token, LastFour: "4567", Number: "8841027365"}, inv.ID},
			"number":                   {payments.StatementInput{Number: "8841027365"}, ""},
			"number with zeros":        {payments.StatementInput{Number: "77123"}, ""},
			"link, number with zeros":  {payments.StatementInput{Token: other.Token, Number: "000077123"}, other.ID},
			"link, the bank's number":  {payments.StatementInput{Token: other.Token, Number: "R0077123"}, other.ID},
			"nothing":                  {payments.StatementInput{}, ""},
			"link alone":               {payments.StatementInput{Token: inv.Token}, ""},
			"digits alone":             {payments.StatementInput{LastFour: "4567"}, ""},
			"wrong digits":             {payments.StatementInput{Token: inv.Token, LastFour: "4568"}, ""},
			"three digits":             {payments.StatementInput{Token: inv.Token, LastFour: "567"}, ""},
			"whole mobile":             {payments.StatementInput{Token: inv.Token, LastFour: "09121234567"}, ""},
			"no such link":             {payments.StatementInput{Token: "nobody", LastFour: "4567"}, ""},
			"no such link, a number":   {payments.StatementInput{Token: "nobody", Number: "8841027365"}, ""},
			"another link's number":    {payments.StatementInput{Token: other.Token, Number: "8841027365"}, ""},
			"number and wrong digits":  {payments.StatementInput{Token: inv.Token, LastFour: "0000", Number: "8841027365"}, ""},
			"digits and wrong number":  {payments.StatementInput{Token: inv.Token, LastFour: "4567", Number: "1"}, ""},
			"number and digits alone":  {payments.StatementInput{LastFour: "4567", Number: "8841027365"}, ""},
			"nobody's number":          {payments.StatementInput{Number: "8841027366"}, ""},
			"what cannot be a number":  {payments.StatementInput{Number: "-"}, ""},
			"no number at all":         {payments.StatementInput{Token: waiting.Token, Number: "000"}, ""},
			"an attempt's other words": {payments.StatementInput{Number: a.OurNumber}, ""},
		} {
			got, err := w.Statement(t.Context(), tt.in)
			if tt.want == "" {
				if !errors.Is(err, checkout.NotFound) || keyOf(err) != "error.not_found" || got != nil {
					t.Errorf("%s: %+v, %v", name, got, err)
				}
				continue
			}
			if err != nil || got.Invoice.ID != tt.want || len(got.Attempts) != 1 || got.Now.IsZero() {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if after := w.everything(inv) + w.everything(other); after != before {
			t.Errorf("asking changed\n%s\nto\n%s", before, after)
		}
		got, err := w.Statement(t.Context(), payments.StatementInput{Token: bare.Token, LastFour: "1122"})
		if err != nil || got.Invoice.ID != bare.ID {
			t.Errorf("by the payer's own mobile: %+v, %v", got, err)
		}
	})
}

// rerun is a store whose reading is undone for another's sake and run again: what PostgreSQL does on its own
// whenever it likes. What happens between the two tries decides.
type rerun struct {
	*db.DB
	between func()
}

// View reads twice.
func (r rerun) View(ctx context.Context, fn func(*db.Tx) error) error {
	if err := r.DB.View(ctx, fn); err != nil {
		return err
	}
	r.between()
	return r.DB.View(ctx, fn)
}

// What was found in a try that was undone is told to nobody.
func TestStatement_ReadAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		other := w.engine()
		w.Engine = w.rewired(func(o *payments.Options) {
			o.DB = rerun{w.db, func() {
				change := payments.InvoiceChange{Customer: &checkout.Customer{Name: "Sara", Mobile: "09120000000"}}
				if _, err := other.UpdateInvoice(t.Context(), w.scope, inv.ID, change, clerk); err != nil {
					t.Error(err)
				}
			}}
		})
		got, err := w.Statement(t.Context(), payments.StatementInput{Token: inv.Token, LastFour: "4567"})
		if !errors.Is(err, checkout.NotFound) || got != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
