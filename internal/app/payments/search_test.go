package payments_test

import (
	"slices"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// arabic writes digits and the two letters as an Arabic keyboard does.
func arabic(s string) string {
	return strings.NewReplacer("ی", "ي", "ک", "ك").Replace(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '٠'
		}
		return r
	}, s))
}

func (w *world) found(query string) []string {
	w.Helper()
	list, _, err := w.Invoices(w.Context(), w.scope, payments.InvoiceFilter{Query: query, Limit: 100})
	if err != nil {
		w.Fatal(err)
	}
	totals, err := w.InvoiceTotals(w.Context(), w.scope, payments.InvoiceFilter{Query: query})
	if err != nil || totals.Count != len(list) {
		w.Errorf("%q finds %d and counts %d, %v", query, len(list), totals.Count, err)
	}
	return ids(list, func(inv checkout.Invoice) string { return inv.ID })
}

// TestSearch_OneBox: an invoice is found by everything that somebody may have of it, in any digits and
// with either ی and ک, as soon as it is stored and after it was summed up; and nothing else is.
func TestSearch_OneBox(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setOf(w.shop(1, true), "gardeshpay", nil)
		answer := paid("774411229933")
		answer.CardMask = "627760******8842"
		w.card.say("550012345678", answer)
		inv := w.invoice(27_055_000, func(in *payments.NewInvoice) {
			in.Reference = "order-7719"
			in.Customer = checkout.Customer{Name: "کیمیا شکیبی", Mobile: "09351112233", Email: "Kimia@Example.com"}
		})
		w.mustBack(w.start(inv, "gardeshpay"), "550012345678")
		var others []checkout.Invoice
		for range 3 {
			others = append(others, w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{Name: "Sara", Mobile: "09120000000"} }))
		}
		w.mustBack(w.start(others[0], "ghesta"), "660012345678")
		w.invoiceOf(w.shop(1, true), 27_055_000)
		w.invoiceOf(payments.Scope{MerchantID: w.scope.MerchantID}, 27_055_000)
		kinds := map[string][]string{
			"number":          {inv.Number},
			"ref number":      {"774411229933", "7744"},
			"tracking number": {"550012345678"},
			"card":            {"8842", "627760******8842", "******8842", "6277-60**-****-8842"},
			"mobile":          {"09351112233", "+98 935 111 2233", "0935-111-2233"},
			"email":           {"kimia@example.com", "KIMIA@"},
			"name":            {"کیمیا", "شکیبی", "کیمیا شکیبی", "شکی"},
			"toman":           {"2705500", "2,705,500", "۲٬۷۰۵٬۵۰۰", "2 705 500", "2.705.500", "2705500 تومان", "تومان 2,705,500", "2705500 Toman"},
			"rial":            {"27055000", "27,055,000", "27055000 ریال", "27,055,000 rials"},
			"reference":       {"order-7719", "ORDER"},
			"id":              {inv.ID},
		}
		look := func(when string) {
			t.Helper()
			for kind, list := range kinds {
				for _, typed := range list {
					for _, query := range []string{typed, persian(typed), arabic(typed), "  " + typed + "\u200f"} {
						if kind == "id" && query != typed {
							continue
						}
						if got := w.found(query); !slices.Equal(got, []string{inv.ID}) {
							t.Errorf("%s: %s %q finds %v", when, kind, query, got)
						}
					}
				}
			}
			for _, query := range []string{"2705501", "2705500 ریال", "27055000 تومان", "8843", "8841", "27,05,500", "99999999999999999999", "0", "9351112233 x"} {
				if got := w.found(query); len(got) != 0 {
					t.Errorf("%s: %q finds %v", when, query, got)
				}
			}
			if got := w.found("150000"); len(got) != 3 {
				t.Errorf("%s: three invoices of an amount: %v", when, got)
			}
			if got := w.found("1234"); !slices.Equal(got, []string{others[0].ID}) {
				t.Errorf("%s: the other's card: %v", when, got)
			}
		}
		look("at once")
		read, err := w.Invoice(t.Context(), w.scope, inv.ID)
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]payments.Found{ // of the others the row itself shows why
			"mobile": {Field: "mobile", Value: "09351112233"}, "email": {Field: "email", Value: inv.Customer.Email}, "reference": {Field: "reference", Value: "order-7719"},
			"id": {Field: "id", Value: inv.ID}, "tracking number": {Field: "tracking", Value: "550012345678"},
		}
		for kind, list := range kinds {
			for _, query := range list {
				tracked, err := w.Referenced(t.Context(), w.scope, query)
				if got := payments.FoundBy(&read, query, tracked[inv.ID]); err != nil || got != shown[kind] {
					t.Errorf("%s %q is found by %+v, %v", kind, query, got, err)
				}
			}
		}
		if theirs, err := w.Referenced(t.Context(), payments.Scope{MerchantID: w.scope.MerchantID}, "550012345678"); err != nil || len(theirs) != 0 {
			t.Errorf("in the other mode: %v %v", theirs, err)
		}
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		look("with a place in the feed")
		for range 2 {
			if err := w.SumUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			look("summed up")
		}
		// An amount that is no longer asked finds nothing, also while the new one is not summed up.
		now := money.Rial(3_300_000)
		if _, err := w.UpdateInvoice(t.Context(), w.scope, others[2].ID, payments.InvoiceChange{Amount: &now}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := w.found("150000"); len(got) != 2 || slices.Contains(got, others[2].ID) {
				t.Errorf("by the old amount: %v", got)
			}
			if got := w.found("330000 تومان"); !slices.Equal(got, []string{others[2].ID}) {
				t.Errorf("by the new amount: %v", got)
			}
			if err := w.FeedNews(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.SumUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
