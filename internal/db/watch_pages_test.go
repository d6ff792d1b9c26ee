package db_test

import (
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

func stockPage(id string) *checkout.PayPage {
	return &checkout.PayPage{
		ID: id, MerchantID: pottery, Live: true, Slug: id[4:], Title: "A seat", Amount: 10_000, Stock: 3, Locale: "fa", CreatedAt: moneyTime,
		Fields: []checkout.PageField{{Label: "City", Kind: checkout.FieldText}},
	}
}

// pageStock is a page on which one place is held.
func pageStock(tx *db.Tx, s *stock) error {
	_, err := tx.InsertPayPage(stockPage("pag_one"))
	_, took := tx.TakePlace("pag_one")
	_, claimed := tx.ClaimPress("pag_one", "press", s.inv.ID, moneyTime)
	return errors.Join(err, took, claimed)
}

// pageQueries are those about payment pages, for TestWatch.
func pageQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	return map[string]func(tx *db.Tx) error{
		"InsertPayPage": func(tx *db.Tx) error { return one(tx.InsertPayPage(stockPage("pag_two"))) },
		"EditPayPage":   func(tx *db.Tx) error { return tx.EditPayPage(stockPage("pag_one")) },
		"PayPage":       func(tx *db.Tx) error { return one(tx.PayPage("pag_one")) },
		"PayPageBySlug": func(tx *db.Tx) error { return one(tx.PayPageBySlug("pottery", "one")) },
		"PayPageOf":     func(tx *db.Tx) error { return one(tx.PayPageOf(s.inv.ID)) },
		"HasPayPages":   func(tx *db.Tx) error { return one(tx.HasPayPages(pottery, true)) },
		"PayPages":      func(tx *db.Tx) error { return one(tx.PayPages(pottery, true, "pag_z", 9)) },
		"TakePlace":     func(tx *db.Tx) error { return one(tx.TakePlace("pag_one")) },
		"PressedInvoice": func(tx *db.Tx) error {
			return one(tx.PressedInvoice("pag_one", "press"))
		},
		"ClaimPress":    func(tx *db.Tx) error { return one(tx.ClaimPress("pag_one", "other", s.paid.ID, time.Time{})) },
		"DuePlaces":     func(tx *db.Tx) error { return one(tx.DuePlaces(9)) },
		"HoldPlace":     func(tx *db.Tx) error { return tx.HoldPlace(s.inv.ID, moneyTime.Add(time.Hour)) },
		"KeepPlace":     func(tx *db.Tx) error { return tx.KeepPlace(s.inv.ID) },
		"GivePlaceBack": func(tx *db.Tx) error { return tx.GivePlaceBack(s.inv.ID) },
		"PageInvoices":  func(tx *db.Tx) error { return one(tx.PageInvoices("pag_one", "inv_z", 9)) },
		"PageTakings": func(tx *db.Tx) error {
			_, _, _, err := tx.PageTakings("pag_one")
			return err
		},
	}
}
