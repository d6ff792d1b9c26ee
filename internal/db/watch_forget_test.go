package db_test

import (
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// forgetQueries are the methods that remove personal data, for TestWatch.
func forgetQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	return map[string]func(tx *db.Tx) error{
		"KeepLook":    func(tx *db.Tx) error { return tx.KeepLook(s.inv.ID, tx.Now(), time.Minute) },
		"LooksAt":     func(tx *db.Tx) error { return one(tx.LooksAt(s.inv.ID)) },
		"Forgetful":   func(tx *db.Tx) error { return one(tx.Forgetful()) },
		"Forgettable": func(tx *db.Tx) error { return one(tx.Forgettable(pottery, tx.Now().AddDate(2, 0, 0), s.inv.ID, 9)) },
		"ForgetInvoice": func(tx *db.Tx) error {
			gone := *s.inv
			gone.Status = checkout.InvoiceExpired
			if err := tx.SaveInvoice(&gone, s.inv.Status, s.inv.EventSeq); err != nil {
				return err
			}
			return tx.ForgetInvoice(&gone)
		},
	}
}
