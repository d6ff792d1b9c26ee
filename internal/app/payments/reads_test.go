package payments_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// ids are the ids of a list.
func ids[T any](list []T, id func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, id(v))
	}
	return out
}

// TestInvoices_EveryFilterAndPage: newest first, each filter keeps exactly its own, pages of any size
// hold the whole list once, and nothing of another shop or mode is in it.
func TestInvoices_EveryFilterAndPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setOf(w.shop(1, true), "gardeshpay", nil)
		w.invoiceOf(w.shop(1, true), 1_500_000)
		w.invoiceOf(payments.Scope{MerchantID: w.scope.MerchantID}, 1_500_000)
		id := func(inv checkout.Invoice) string { return inv.ID }
		var all []checkout.Invoice
		begun := w.clock.now()
		for i := range 7 {
			all = append(all, w.invoice(1_500_000, func(in *payments.NewInvoice) {
				in.Reference = "order-" + strconv.Itoa(i%2)
				in.Gateways = [][]string{{"gardeshpay"}, {"ghesta"}, nil}[i%3]
			}))
			w.clock.add(time.Minute)
		}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, all[3].ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.mustBack(w.start(all[5], "ghesta"), "2222")
		slices.Reverse(all)
		list := func(f payments.InvoiceFilter) []string {
			t.Helper()
			if f.Limit == 0 {
				f.Limit = 100
			}
			var got []string
			for pages := 1; ; pages++ {
				page, next, err := w.Invoices(t.Context(), w.scope, f)
				if err != nil || len(page) > f.Limit || next != "" && len(page) != f.Limit {
					t.Fatalf("%+v: %d, next %q, %v", f, len(page), next, err)
				}
				got = append(got, ids(page, id)...)
				if next == "" {
					if pages > 1 && len(page) == 0 {
						t.Errorf("%+v: a page without anything", f)
					}
					return got
				}
				f.Cursor = next
			}
		}
		keep := func(fits func(i int, inv checkout.Invoice) bool) []string {
			var want []string
			for i, inv := range all {
				if fits(6-i, inv) {
					want = append(want, inv.ID)
				}
			}
			return want
		}
		for name, c := range map[string]struct {
			filter payments.InvoiceFilter
			fits   func(i int, inv checkout.Invoice) bool
		}{
			"all":        {payments.InvoiceFilter{}, func(int, checkout.Invoice) bool { return true }},
			"canceled":   {payments.InvoiceFilter{Status: "canceled"}, func(i int, _ checkout.Invoice) bool { return i == 3 }},
			"paid":       {payments.InvoiceFilter{Status: "paid"}, func(i int, _ checkout.Invoice) bool { return i == 5 }},
			"open":       {payments.InvoiceFilter{Status: "open"}, func(i int, _ checkout.Invoice) bool { return i != 3 && i != 5 }},
			"reference":  {payments.InvoiceFilter{Reference: "order-1"}, func(i int, _ checkout.Invoice) bool { return i%2 == 1 }},
			"from":       {payments.InvoiceFilter{From: begun.Add(2 * time.Minute)}, func(i int, _ checkout.Invoice) bool { return i >= 2 }},
			"to":         {payments.InvoiceFilter{To: begun.Add(2 * time.Minute)}, func(i int, _ checkout.Invoice) bool { return i <= 2 }},
			"number":     {payments.InvoiceFilter{Query: all[0].Number}, func(i int, _ checkout.Invoice) bool { return i == 6 }},
			"two at one": {payments.InvoiceFilter{Status: "open", Reference: "order-1"}, func(i int, _ checkout.Invoice) bool { return i == 1 }},
			"by ghesta":  {payments.InvoiceFilter{Gateway: "ghesta"}, func(i int, _ checkout.Invoice) bool { return i%3 != 0 }},
		} {
			want := keep(c.fits)
			for _, limit := range []int{1, 2, 3, 6, 7, 8, 100} {
				f := c.filter
				f.Limit = limit
				if got := list(f); !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v, want %v", name, limit, got, want)
				}
			}
		}
		for field, f := range map[string]payments.InvoiceFilter{
			"status": {Status: "done", Limit: 1}, "gateway": {Gateway: "bitpay", Limit: 1}, "limit": {Limit: 101}, "cursor": {Cursor: "x", Limit: 1},
		} {
			if _, _, err := w.Invoices(t.Context(), w.scope, f); !errors.Is(err, checkout.Invalid) || len(fieldsOf(err)) != 1 || fieldsOf(err)[0].Field != field {
				t.Errorf("%+v: %v", f, err)
			}
		}
		if _, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{}); !errors.Is(err, checkout.Invalid) {
			t.Errorf("no limit: %v", err)
		}
	})
}

// TestAttempts_EveryStatusAndPage: the same of attempts; and an invoice's own are told newest first,
// its events by what came before one that was seen.
func TestAttempts_EveryStatusAndPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := func(a checkout.Attempt) string { return a.ID }
		inv := w.invoice(1_500_000)
		var all []checkout.Attempt
		for range 5 {
			all = append(all, w.start(inv, "gardeshpay"))
		}
		w.card.say("9001", refusal("4", false, true))
		w.mustBack(all[1], "9001")
		w.mustBack(all[2], "")
		slices.Reverse(all)
		for status, want := range map[string][]string{
			"": ids(all, id), "canceled": {all[2].ID}, "failed": {all[3].ID}, "redirected": {all[0].ID, all[1].ID, all[4].ID}, "paid": nil,
		} {
			for _, limit := range []int{1, 2, 4, 5, 100} {
				var got []string
				f := payments.AttemptFilter{Status: status, Limit: limit}
				for more := true; more; more = f.Cursor != "" {
					page, next, err := w.Attempts(t.Context(), w.scope, f)
					if err != nil || len(page) > limit || f.Cursor != "" && len(page) == 0 {
						t.Fatalf("%+v: %d, %v", f, len(page), err)
					}
					got, f.Cursor = append(got, ids(page, id)...), next
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q by %d: %v, want %v", status, limit, got, want)
				}
			}
		}
		for _, sc := range []payments.Scope{{MerchantID: w.scope.MerchantID}, {MerchantID: "mer_other", Live: true}} {
			if list, _, err := w.Attempts(t.Context(), sc, payments.AttemptFilter{Limit: 9}); err != nil || len(list) != 0 {
				t.Errorf("%+v sees %d attempts, %v", sc, len(list), err)
			}
		}
		for field, f := range map[string]payments.AttemptFilter{"status": {Status: "open", Limit: 1}, "limit": {Limit: 0}, "cursor": {Cursor: "!", Limit: 1}} {
			if _, _, err := w.Attempts(t.Context(), w.scope, f); !errors.Is(err, checkout.Invalid) || len(fieldsOf(err)) != 1 || fieldsOf(err)[0].Field != field {
				t.Errorf("%+v: %v", f, err)
			}
		}
		own, err := w.InvoiceAttempts(t.Context(), w.scope, inv.ID)
		if err != nil || !slices.Equal(ids(own, id), ids(all, id)) {
			t.Errorf("the invoice's own: %v, %v", ids(own, id), err)
		}
		seq := func(e checkout.Event) string { return strconv.FormatInt(e.Sequence, 10) }
		events, next, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", 100)
		if err != nil || next != "" || len(events) < 12 || seq(events[len(events)-1]) != "1" {
			t.Fatalf("events %v, next %q, %v", ids(events, seq), next, err)
		}
		for _, limit := range []int{1, 4, len(events)} {
			var got []string
			for cur, more := "", true; more; more = cur != "" {
				page, next, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, cur, limit)
				if err != nil || len(page) > limit || len(page) == 0 {
					t.Fatal(len(page), err)
				}
				got, cur = append(got, ids(page, seq)...), next
			}
			if !slices.Equal(got, ids(events, seq)) {
				t.Errorf("events by %d: %v", limit, got)
			}
		}
		if page, next, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "1", 4); err != nil || len(page) != 0 || next != "" {
			t.Errorf("before the first: %d, next %q, %v", len(page), next, err)
		}
		for _, bad := range []string{"0", "-1", "x", "1.5", "9223372036854775808"} {
			if _, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, bad, 4); !errors.Is(err, checkout.Invalid) || fieldsOf(err)[0] != (checkout.FieldError{Field: "cursor", Code: "broken_cursor"}) {
				t.Errorf("events before %q: %v", bad, err)
			}
		}
		for _, bad := range []int{0, -1, 101} {
			if _, _, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "", bad); !errors.Is(err, checkout.Invalid) || fieldsOf(err)[0] != (checkout.FieldError{Field: "limit", Code: "out_of_range"}) {
				t.Errorf("%d events: %v", bad, err)
			}
		}
	})
}

// TestInvoiceTotals_OfTheWholeList: what is counted is the list on all its pages, wherever somebody stands in
// it; a filter that is wrong is refused as there, and by nothing nothing is found.
func TestInvoiceTotals_OfTheWholeList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), strconv.Itoa(8001+i))
			w.clock.add(time.Minute)
		}
		w.work()
		page, next, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Limit: 2})
		if err != nil || len(page) != 2 || next == "" {
			t.Fatal(len(page), next, err)
		}
		for _, cursor := range []string{"", next, "broken"} {
			got, err := w.InvoiceTotals(t.Context(), w.scope, payments.InvoiceFilter{Cursor: cursor, Limit: 1})
			if err != nil || got.Count != 3 || got.PaidTotal != 4_500_000 {
				t.Errorf("at %q: %+v, %v", cursor, got, err)
			}
		}
		if got, err := w.InvoiceTotals(t.Context(), w.scope, payments.InvoiceFilter{Status: "done"}); !errors.Is(err, checkout.Invalid) || got.Count != 0 {
			t.Errorf("a wrong filter: %+v, %v", got, err)
		}
		for _, nothing := range []string{" ", "\u200f"} {
			list, next, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Query: nothing, Limit: 2})
			if err != nil || len(list) != 0 || next != "" {
				t.Errorf("by %q: %d, next %q, %v", nothing, len(list), next, err)
			}
			if got, err := w.InvoiceTotals(t.Context(), w.scope, payments.InvoiceFilter{Query: nothing}); err != nil || got.Count != 0 {
				t.Errorf("by %q: %+v, %v", nothing, got, err)
			}
		}
	})
}

// TestRead_WhatIsNotTheirs: what is not there, or another's, is told to people the same way by each list.
func TestRead_WhatIsNotTheirs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		for _, sc := range []payments.Scope{w.scope, {MerchantID: w.scope.MerchantID}} {
			id := inv.ID
			if sc.Live {
				id = "inv_none"
			}
			_, e1 := w.Invoice(t.Context(), sc, id)
			_, e2 := w.InvoiceAttempts(t.Context(), sc, id)
			_, _, e3 := w.InvoiceEvents(t.Context(), sc, id, "", 10)
			for i, err := range []error{e1, e2, e3} {
				if keyOf(err) != "error.not_found" || checkout.KindOf(err) != checkout.NotFound {
					t.Errorf("live %t, call %d: %v", sc.Live, i+1, err)
				}
			}
		}
	})
}

// TestPage_SaysOfWhichPageItCame: who has paid, or is too late, is told of the payment page that the invoice
// came of, so that they may buy once more; who waits for a person is not, and must not pay again. Another
// invoice of the shop came of none.
func TestPage_SaysOfWhichPageItCame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.page(func(in *payments.PageWords) { in.Stock = 9 })
		pressed := func(n int) (string, checkout.Invoice) {
			t.Helper()
			token, err := w.press(payments.PagePress{Nonce: nonce(n)}, "ghesta")
			if err != nil {
				t.Fatal(err)
			}
			return token, w.behind(token)
		}
		token, inv := pressed(1)
		w.mustBack(w.attempts(inv)[0], "8001")
		waits, inv := pressed(2)
		w.ins.say("9001", already())
		w.mustBack(w.attempts(inv)[0], "9001")
		canceled, inv := pressed(3)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		own := w.invoice(1_500_000)
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, own.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.work()
		for _, c := range []struct {
			token  string
			status checkout.InvoiceStatus
			told   bool
		}{
			{token, checkout.InvoicePaid, true}, {canceled, checkout.InvoiceCanceled, true}, {waits, checkout.InvoiceReview, false}, {own.Token, checkout.InvoiceCanceled, false},
		} {
			p, err := w.Page(t.Context(), c.token)
			if err != nil || p.Invoice.Status != c.status || (p.Origin != nil) != c.told || c.told && p.Origin.Slug != "seat" {
				t.Errorf("%s: %+v, %v", c.status, p.Origin, err)
			}
		}
	})
}

// TestPage_SaysHowOftenTheGatewayWasAsked: of the reference in question, while it is in question.
func TestPage_SaysHowOftenTheGatewayWasAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		asks := func() int {
			t.Helper()
			p, err := w.Page(t.Context(), inv.Token)
			if err != nil || p.Now != w.clock.now() {
				t.Fatal(p.Now, err)
			}
			return p.Asks
		}
		if n := asks(); n != 0 {
			t.Errorf("asked %d times before anything came back", n)
		}
		w.card.say("9001", silence())
		w.mustBack(a, "9001")
		w.mustBack(a, "9002") // waits
		if n := asks(); n != w.card.asked() || n < 2 {
			t.Errorf("asked %d times, and the page says %d", w.card.asked(), n)
		}
		inv = w.invoice(1_500_000) // its first attempt was refused, and may be asked about again
		w.ins.say("8001", refusal("12", true, false))
		w.mustBack(w.start(inv, "ghesta"), "8001")
		w.work()
		before := w.card.asked()
		w.card.say("9003", silence())
		w.mustBack(w.start(inv, "gardeshpay"), "9003")
		w.work()
		if n, of := asks(), w.card.asked()-before; n != of || n < 2 {
			t.Errorf("asked %d times about the second attempt, and the page says %d", of, n)
		}
		p, err := w.Page(t.Context(), inv.Token)
		if err != nil || len(p.Methods) != 0 || p.Merchant.Name != "Pottery" || p.Invoice.ID != inv.ID || len(p.Attempts) != 2 {
			t.Errorf("page %+v, %v", p, err)
		}
		if _, err := w.Page(t.Context(), "nope"); !errors.Is(err, checkout.NotFound) || keyOf(err) != "error.not_found" {
			t.Errorf("unknown link: %v", err)
		}
	})
}
