package payments_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// A page is kept as its merchant said it, in clean words.
func TestPayPage_Kept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		made := w.page(func(in *payments.PageWords) {
			in.Slug, in.Title, in.Text, in.Thanks, in.Stock = " seat ", " A \u202e seat", " Come\u202e \r\n\r\n\r\n early ", "See\tyou", 7
			in.Fields = []checkout.PageField{{Label: " Size ", Kind: checkout.FieldNumber, Required: true}, {Label: "Age", Kind: checkout.FieldNumber}}
		})
		r, err := w.PayPageReport(t.Context(), w.scope, made.ID, "", 9)
		if err != nil {
			t.Fatal(err)
		}
		for what, p := range map[string]checkout.PayPage{"told": made, "kept": r.Page} {
			if !strings.HasPrefix(p.ID, checkout.PrefixPayPage) || p.MerchantID != w.scope.MerchantID || !p.Live || !p.CreatedAt.Equal(w.clock.now()) ||
				p.Slug != "seat" || p.Title != "A seat" || p.Text != "Come\n\nearly" || p.Thanks != "See you" || p.Stock != 7 || p.Locale != "fa" ||
				fmt.Sprint(p.Fields) != "[{Size number true} {Age number false}]" {
				t.Errorf("%s: %+v", what, p)
			}
		}
	})
}

// Two fields of one label would be one answer, however it is written.
func TestPayPage_OneLabelOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, labels := range [][2]string{{"Size", "size"}, {"size", "Size"}, {"سايز", "سایز"}} {
			_, err := w.CreatePayPage(t.Context(), w.scope, payments.PageWords{
				Slug: "seat", Title: "t", Amount: 1000, Locale: "fa",
				Fields: []checkout.PageField{{Label: labels[0], Kind: checkout.FieldText}, {Label: labels[1], Kind: checkout.FieldText}},
			})
			if wrongFields(err) != "label_2=repeated" {
				t.Errorf("%q: %v", labels, wrongFields(err))
			}
		}
	})
}

// A change that is refused changes nothing and is no deed; another's page, or one of the other mode, is
// not there.
func TestPayPage_ChangeRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page()
		if _, err := w.UpdatePayPage(t.Context(), w.scope, p.ID, payments.PageWords{Title: "Two seats", Locale: "fa"}); wrongFields(err) != "max=range_order" {
			t.Errorf("%v", wrongFields(err))
		}
		for name, sc := range map[string]payments.Scope{"another shop": w.shop(3, true), "the other mode": {MerchantID: w.scope.MerchantID}} {
			_, e1 := w.UpdatePayPage(t.Context(), sc, p.ID, payments.PageWords{Title: "Two seats", Amount: 1000, Locale: "fa"})
			_, e2 := w.SwitchPayPage(t.Context(), sc, p.ID, false)
			_, e3 := w.PayPageReport(t.Context(), sc, p.ID, "", 9)
			for _, err := range []error{e1, e2, e3} {
				if keyOf(err) != "error.not_found" {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 9)
		if err != nil || fmt.Sprint(r.Page) != fmt.Sprint(p) {
			t.Errorf("%+v, want %+v, %v", r.Page, p, err)
		}
		if deeds := w.deeds(checkout.AreaPage); len(deeds) != 1 || deeds[0].Kind != "page.made" {
			t.Errorf("%+v", deeds)
		}
	})
}

// What came of a page is told in parts, and the last part says that it is; where it is too much to add up,
// the sum says that there is more.
func TestPayPage_WhatCameOfMuch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.page()
		for n := range 2 {
			w.clock.add(time.Second)
			if _, err := w.press(payments.PagePress{Nonce: nonce(n)}, "gardeshpay"); err != nil {
				t.Fatal(err)
			}
		}
		r, err := w.PayPageReport(t.Context(), w.scope, p.ID, "", 2)
		if err != nil || len(r.Invoices) != 2 || r.Next != "" || r.More {
			t.Fatalf("%d invoices, then %q, %t, %v", len(r.Invoices), r.Next, r.More, err)
		}
		many := r.Invoices[0]
		err = w.db.Update(t.Context(), func(tx *db.Tx) error {
			for i := range db.MostTakings - 1 {
				many.ID, many.Token, many.Number = fmt.Sprintf("inv_%025d", i), fmt.Sprint("token", i), fmt.Sprint(5000+i)
				if err := tx.InsertInvoice(&many); err != nil {
					return err
				}
				if _, err := tx.ClaimPress(p.ID, fmt.Sprint("press", i), many.ID, time.Time{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r, err = w.PayPageReport(t.Context(), w.scope, p.ID, "", 2); err != nil || len(r.Invoices) != 2 || r.Next == "" || !r.More {
			t.Errorf("%d invoices, then %q, %t, %v", len(r.Invoices), r.Next, r.More, err)
		}
	})
}
