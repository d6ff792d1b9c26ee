package db

import (
	"encoding/base64"
	"fmt"

	"dargah/internal/app/checkout"
)

// SetLogo gives a merchant a picture under its name, in place of the one there was, or none: name "". It
// sets the merchant's Revision anew, since pages show it. checkout.NotFound when there is no merchant.
func (tx *Tx) SetLogo(merchantID string, name checkout.LogoName, png []byte) error {
	n, err := tx.exec(`UPDATE merchants SET logo = $1, revision = $2 WHERE id = $3`, string(name), newRevision(), merchantID)
	if err == nil && n == 0 {
		return fmt.Errorf("set logo: %w", checkout.NotFound)
	}
	if err := one("set logo", n, err); err != nil {
		return err
	}
	if name == "" {
		_, err = tx.exec(`DELETE FROM logos WHERE merchant_id = $1`, merchantID)
	} else {
		_, err = tx.exec(`INSERT INTO logos (merchant_id, name, png) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id) DO UPDATE SET name = excluded.name, png = excluded.png`, merchantID, string(name), base64.StdEncoding.EncodeToString(png))
	}
	if err != nil {
		return fmt.Errorf("set logo: %w", err)
	}
	return nil
}

// Logo reads a picture by its name. checkout.NotFound when no merchant has it any more.
func (tx *Tx) Logo(name checkout.LogoName) ([]byte, error) {
	_, png, err := tx.logo(`SELECT name, png FROM logos WHERE name = $1 LIMIT 1`, string(name))
	return png, err
}

// LogoOf reads a merchant's picture and its name. checkout.NotFound when they have none.
func (tx *Tx) LogoOf(merchantID string) (name checkout.LogoName, png []byte, err error) {
	return tx.logo(`SELECT name, png FROM logos WHERE merchant_id = $1`, merchantID)
}

func (tx *Tx) logo(query, arg string) (name checkout.LogoName, png []byte, err error) {
	var text string
	if err := none("read logo", tx.row(query, arg).Scan((*string)(&name), &text)); err != nil {
		return "", nil, err
	}
	if png, err = base64.StdEncoding.DecodeString(text); err != nil {
		return "", nil, fmt.Errorf("read logo: %w", err)
	}
	return name, png, nil
}
