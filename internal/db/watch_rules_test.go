package db_test

import (
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// ruleQueries are the methods about rules and reminders, for TestWatch.
func ruleQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	rules := checkout.DefaultRules(pottery)
	return map[string]func(tx *db.Tx) error{
		"Rules":     func(tx *db.Tx) error { return one(tx.Rules(pottery)) },
		"SaveRules": func(tx *db.Tx) error { return tx.SaveRules(&rules) },
		"Asked":     func(tx *db.Tx) error { return tx.Asked(s.inv.ID, pottery, tx.Now()) },
		"Reminder":  func(tx *db.Tx) error { return one(tx.Reminder(s.paid.ID)) },
		"SaveReminder": func(tx *db.Tx) error {
			return tx.SaveReminder(&checkout.Reminder{InvoiceID: s.paid.ID, MerchantID: pottery, LastAt: tx.Now(), NextAt: tx.Now()})
		},
		"DropReminder":    func(tx *db.Tx) error { return tx.DropReminder(s.paid.ID) },
		"DueReminders":    func(tx *db.Tx) error { return one(tx.DueReminders(9)) },
		"LookAtReminder":  func(tx *db.Tx) error { return tx.LookAtReminder(s.paid.ID) },
		"LookAtReminders": func(tx *db.Tx) error { return one(tx.LookAtReminders(pottery, "", 9)) },
		"ReaderOf":        func(tx *db.Tx) error { return one(tx.ReaderOf(pottery, "a@example.com", "t2")) },
		"KnownReader":     func(tx *db.Tx) error { return one(tx.KnownReader(pottery, "a@example.com")) },
		"ReaderByToken":   func(tx *db.Tx) error { return one(tx.ReaderByToken("t1")) },
		"StopReader":      func(tx *db.Tx) error { return errors.Join(tx.StopReader("t1", true), tx.StopReader("t1", false)) },
	}
}

// ruleStock puts one rule, one reminder and one reader there.
func ruleStock(tx *db.Tx, s *stock) error {
	rules := checkout.DefaultRules(pottery)
	_, err := tx.ReaderOf(pottery, "a@example.com", "t1")
	return errors.Join(err, tx.SaveRules(&rules), tx.Asked(s.paid.ID, pottery, tx.Now()))
}
