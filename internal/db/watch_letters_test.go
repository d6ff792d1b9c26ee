package db_test

import (
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// letterQueries are the outbox's methods of a transaction, for TestWatch.
func letterQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	fresh := func(key string) *checkout.Letter {
		return &checkout.Letter{
			MerchantID: pottery, Kind: checkout.LetterRequest, Key: key, InvoiceID: s.inv.ID, Recipient: "a@example.com", Locale: "fa",
		}
	}
	waits, refused := stockLetter(s, "let_waits"), stockLetter(s, "let_refused")
	return map[string]func(tx *db.Tx) error{
		"EnqueueLetter": func(tx *db.Tx) error {
			live := fresh("live")
			live.Live = true
			_, err := tx.EnqueueLetter(live)
			return errors.Join(err, one(tx.EnqueueLetter(fresh("test"))))
		},
		"Letter":      func(tx *db.Tx) error { return one(tx.Letter(waits.ID)) },
		"LetterWaits": func(tx *db.Tx) error { return one(tx.LetterWaits(s.inv.ID, checkout.LetterReceipt)) },
		"Letters": func(tx *db.Tx) error {
			return one(tx.Letters(db.LetterQuery{MerchantID: pottery, Live: true, Limit: 9}))
		},
		"Outbox":            func(tx *db.Tx) error { return one(tx.Outbox(pottery, true)) },
		"PruneLetterCounts": func(tx *db.Tx) error { return tx.PruneLetterCounts() },
		"RequeueLetter":     func(tx *db.Tx) error { return one(tx.RequeueLetter(refused.ID)) },
		"SealedLetters":     func(tx *db.Tx) error { return one(tx.SealedLetters(&db.Sealed{}, 9)) },
		"ResealLetter":      func(tx *db.Tx) error { return one(tx.ResealLetter(&db.Sealed{ID: waits.ID, Value: "x"}, "y")) },
		"SaveLetter":        func(tx *db.Tx) error { return one(tx.SaveLetter(waits)) },
		"HastenLetters":     func(tx *db.Tx) error { return tx.HastenLetters() },
		"ForgetLetters":     func(tx *db.Tx) error { return one(tx.ForgetLetters(tx.Now().AddDate(1, 0, 0), 9)) },
		"ForgetLettersOf":   func(tx *db.Tx) error { return one(tx.ForgetLettersOf(s.inv.ID)) },
	}
}

func stockLetter(s *stock, id string) *checkout.Letter {
	return &checkout.Letter{
		ID: id, MerchantID: pottery, Live: true, Kind: checkout.LetterReceipt, Key: id, InvoiceID: s.inv.ID, Recipient: "a@example.com", Locale: "fa", Status: checkout.LetterQueued,
	}
}

// letterStock puts one letter that waits and one that was refused into the outbox.
func letterStock(tx *db.Tx, s *stock) error {
	waits, refused := stockLetter(s, "let_waits"), stockLetter(s, "let_refused")
	_, err := tx.EnqueueLetter(waits)
	_, more := tx.EnqueueLetter(refused)
	refused.Status, refused.EndedAt = checkout.LetterRefused, tx.Now()
	_, saved := tx.SaveLetter(refused)
	return errors.Join(err, more, saved)
}
