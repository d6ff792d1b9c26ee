package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

const (
	// keyCheck is a word sealed under the installation's key on its first use. A key that does not open
	// it is another installation's: every callback address that is out would be unknown under it, and
	// every credential unreadable, so nothing starts.
	keyCheck = "key_check"
	// servingKeys are the names of the keys that the server started last holds, or keysFromFile: it
	// reads them again by itself. A rotation must not seal what a running server cannot open.
	servingKeys  = "serving_keys"
	keysFromFile = "file"
)

const keyCheckPlace = "settings/" + keyCheck

// box holds the installation's keys. With a file it reads them again when it meets a key that it does
// not know.
func (c *Config) box() (*seal.Box, error) {
	box, err := seal.New(c.SecretKeys...)
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	if c.readKeys != nil {
		box.RenewBy(c.readKeys)
	}
	return box, nil
}

// checkKey tries the key on a database, and leaves the word on one that has none.
func checkKey(ctx context.Context, store *db.DB, box *seal.Box) error {
	return store.Update(ctx, func(tx *db.Tx) error { return checkKeyIn(tx, box) })
}

func checkKeyIn(tx *db.Tx, box *seal.Box) error {
	sealed, err := tx.Setting(keyCheck)
	if errors.Is(err, checkout.NotFound) {
		_, err = tx.ClaimSetting(keyCheck, box.Seal([]byte(keyCheck), keyCheckPlace))
		crash.At("keycheck.in")
		return err
	}
	if err != nil {
		return err
	}
	return tryKey(box, sealed)
}

// checkServingKey is checkKey for a server, which also says what it can open.
func checkServingKey(ctx context.Context, store *db.DB, box *seal.Box, cfg *Config) error {
	crash.At("keycheck.before")
	holds := strings.Join(box.IDs(), " ")
	if cfg.readKeys != nil {
		holds = keysFromFile
	}
	return store.Update(ctx, func(tx *db.Tx) error {
		if err := checkKeyIn(tx, box); err != nil {
			return err
		}
		if before, err := tx.SettingOr(servingKeys, ""); err != nil || before == holds {
			return err
		}
		return tx.SetSetting(servingKeys, holds)
	})
}

func tryKey(box *seal.Box, sealed string) error {
	if _, err := box.Open(sealed, keyCheckPlace); err != nil {
		return &ConfigError{Name: "CHECKOUT_SECRET_KEY", Expected: "the key under which this database was made (after a change: the new one and the old one, with a comma between)"}
	}
	return nil
}

// renewKeys reads the file of the secret key again.
func renewKeys(box *seal.Box, log *slog.Logger) error {
	changed, err := box.Renew()
	if changed {
		log.Info("the secret keys were read again", "keys", box.IDs())
	}
	return err
}
