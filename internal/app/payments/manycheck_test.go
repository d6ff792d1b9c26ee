package payments_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// A file that was read says what it is of, how much there is of it and what it asks for in all, and each
// of its lines is kept once, however many there are.
func TestMany_EveryLineIsKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 260 // more than go into one statement
		lines := customers(n)
		lines[0].Ask.Locale = "en"
		lines[1].Ask.Email = ""
		r := w.brought(lines)
		kept, rows := w.run1(r.ID)
		for what, got := range map[string]checkout.Run{"told": r, "kept": kept} {
			if !strings.HasPrefix(got.ID, checkout.PrefixRun) || got.Total != n || got.Fine != n || got.Addressed != n-1 || got.FineRial != n*1_500_000 ||
				!got.Letters || got.Status != checkout.RunChecked || got.Name != "customers.csv" || got.Unit != "rial" || got.Actor != "user:usr_1" || !got.CreatedAt.Equal(w.clock.now()) {
				t.Errorf("%s: %+v", what, got)
			}
		}
		if len(rows) != n {
			t.Fatalf("%d of %d lines are kept", len(rows), n)
		}
		for i, row := range rows {
			locale := "fa" // the shop's, where a line does not say
			if i == 0 {
				locale = "en"
			}
			if row.Line != i+2 || row.Ask.Reference != fmt.Sprint("R-", i) || row.Ask.Locale != locale || row.Status != checkout.RowReady {
				t.Errorf("%+v", row)
			}
		}
	})
}

// A file may be as long as it is said, and not a line longer. Who brings none, or too much, is told at
// the file.
func TestMany_HowLong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		gone, leave := context.WithCancel(t.Context())
		leave() // what is short enough comes to the store, which is not there for who has left
		for n, want := range map[int]string{0: "file=run_empty", payments.MaxRun + 1: "file=run_long", payments.MaxRun: context.Canceled.Error()} {
			_, err := w.CheckRun(gone, w.scope, payments.NewRun{Unit: "rial", Lines: customers(n)}, clerk)
			if got := wrongFields(err); !strings.Contains(got, want) {
				t.Errorf("%d lines: %s, want %s", n, got, want)
			}
		}
	})
}

// Until all lines are stored nobody sees a file: what was half read when its process died is not begun.
func TestMany_HalfRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		e := w.rewired(func(o *payments.Options) { o.DB = &mortal{DB: w.db, left: 2} })
		if _, err := e.CheckRun(t.Context(), w.scope, payments.NewRun{Name: "a.csv", Unit: "rial", Lines: customers(3)}, clerk); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		var runs []checkout.Run
		err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
			runs, err = tx.Runs(w.scope.MerchantID, true, time.Time{}, "", 9)
			return err
		})
		if err != nil || len(runs) != 1 || runs[0].Status != checkout.RunReading {
			t.Fatalf("%+v, %v", runs, err)
		}
		if err := w.StartRun(t.Context(), w.scope, runs[0].ID, true, false); !errors.Is(err, checkout.NotFound) {
			t.Errorf("begun: %v", err)
		}
	})
}

// What a line is told: what could not be read in the file, and of the other fields what no invoice may
// say. Nothing of it is said twice.
func TestMany_EachFieldOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lines := customers(1)
		lines[0].Ask.Amount, lines[0].Ask.Email = 0, "nobody"
		lines[0].Problems = []checkout.FieldError{{Field: "amount", Code: "bad_amount"}}
		_, rows := w.run1(w.brought(lines).ID)
		want := []checkout.FieldError{{Field: "amount", Code: "bad_amount"}, {Field: "customer.email", Code: "bad_email"}}
		if !slices.Equal(rows[0].Problems, want) {
			t.Errorf("%+v", rows[0].Problems)
		}
	})
}

// A double asks the same customer for the same amount under the same reference and words. Who differs in
// any of it is another customer or owes something else, and is asked.
func TestMany_WhatIsTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := checkout.RunAsk{Name: "Sara", Email: "sara@example.com", Mobile: "09121234567", Amount: 1_500_000, Description: "Tea", Reference: "R1"}
		named := checkout.RunAsk{Name: "Sara", Amount: 1_500_000, Description: "Tea", Reference: "R1"}
		for name, c := range map[string]struct {
			first  checkout.RunAsk
			change func(*checkout.RunAsk)
			double bool
		}{
			"word for word":              {ask, func(*checkout.RunAsk) {}, true},
			"another name, one address":  {ask, func(a *checkout.RunAsk) { a.Name = "S. Ahmadi" }, true},
			"another mobile":             {ask, func(a *checkout.RunAsk) { a.Mobile = "09121234568" }, false},
			"another address":            {ask, func(a *checkout.RunAsk) { a.Email = "sina@example.com" }, false},
			"another amount":             {ask, func(a *checkout.RunAsk) { a.Amount = 1_500_001 }, false},
			"another reference":          {ask, func(a *checkout.RunAsk) { a.Reference = "R2" }, false},
			"for something else":         {ask, func(a *checkout.RunAsk) { a.Description = "Cups" }, false},
			"a letter moves on":          {ask, func(a *checkout.RunAsk) { a.Reference, a.Description = "R", "1Tea" }, false},
			"a digit moves on":           {ask, func(a *checkout.RunAsk) { a.Amount, a.Reference = 150_000, "0R1" }, false},
			"nothing but a name":         {named, func(*checkout.RunAsk) {}, true},
			"nothing but another name":   {named, func(a *checkout.RunAsk) { a.Name = "Sina" }, false},
			"a mobile and no address":    {named, func(a *checkout.RunAsk) { a.Mobile = "09121234567" }, false},
			"an address of the name":     {named, func(a *checkout.RunAsk) { a.Email = "sara@example.com" }, false},
			"one mobile for two by name": {checkout.RunAsk{Name: "Sara", Mobile: "09121234567", Amount: 1000}, func(a *checkout.RunAsk) { a.Mobile = "09121234568" }, false},
		} {
			second := c.first
			c.change(&second)
			r := w.brought([]checkout.RunRow{{Line: 2, Ask: c.first}, {Line: 3, Ask: second}})
			if want := map[bool]int{true: 1}[c.double]; r.Doubles != want || r.Fine != 2-want || r.Wrong != 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
}

// What one shop has asked for another may ask for too, and what was a trial is asked for in earnest.
func TestMany_EachShopItsOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mine := w.scope
		w.runNow(w.brought(customers(2)), false, false)
		for name, sc := range map[string]payments.Scope{"another shop": w.shop(3, true), "the other mode": {MerchantID: mine.MerchantID}, "the same": mine} {
			w.scope = sc
			if r := w.brought(customers(2)); (r.Doubles == 0) != (sc != mine) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
}
