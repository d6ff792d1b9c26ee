package db

import (
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
)

// Setting reads one of the installation's own settings. checkout.NotFound when it was never set.
func (tx *Tx) Setting(name string) (string, error) {
	var value string
	err := tx.row(`SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	if err := none("read setting "+name, err); err != nil {
		return "", err
	}
	return value, nil
}

// SettingOr reads a setting, fallback when it was never set.
func (tx *Tx) SettingOr(name, fallback string) (string, error) {
	value, err := tx.Setting(name)
	if errors.Is(err, checkout.NotFound) {
		return fallback, nil
	}
	return value, err
}

// SetSetting stores a setting.
func (tx *Tx) SetSetting(name, value string) error {
	_, err := tx.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// ClaimSetting stores a setting if it was never set. False: somebody was first.
func (tx *Tx) ClaimSetting(name, value string) (bool, error) {
	n, err := tx.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", name, err)
	}
	return n == 1, nil
}

// DeleteSetting forgets a setting. False: there was none, so of two who take it one is told.
func (tx *Tx) DeleteSetting(name string) (bool, error) {
	n, err := tx.exec(`DELETE FROM settings WHERE name = $1`, name)
	if err != nil {
		return false, fmt.Errorf("delete %s: %w", name, err)
	}
	return n == 1, nil
}
