package app

import (
	"context"
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// keyCheck is a word sealed under the installation's key on its first use. A key that does not open
// it is another installation's: every callback address that is out would be unknown under it, and
// every credential unreadable, so nothing starts.
const keyCheck = "key_check"

func checkKey(ctx context.Context, store *db.DB, box *seal.Box) error {
	place := "settings/" + keyCheck
	crash.At("keycheck.before")
	return store.Update(ctx, func(tx *db.Tx) error {
		sealed, err := tx.Setting(keyCheck)
		if errors.Is(err, checkout.NotFound) {
			_, err = tx.ClaimSetting(keyCheck, box.Seal([]byte(keyCheck), place))
			crash.At("keycheck.in")
			return err
		}
		if err != nil {
			return err
		}
		return tryKey(box, sealed)
	})
}

func tryKey(box *seal.Box, sealed string) error {
	if _, err := box.Open(sealed, "settings/"+keyCheck); err != nil {
		return &ConfigError{Name: "CHECKOUT_SECRET_KEY", Expected: "the key under which this database was made (after a change: the new one and the old one, with a comma between)"}
	}
	return nil
}
