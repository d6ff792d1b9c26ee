package checkout

import "time"

// LinkKey signs payment links of one merchant in one mode. The secret is sealed, not hashed: a
// signature is checked with the secret itself.
type LinkKey struct {
	ID         string
	MerchantID string
	Live       bool
	Name       string
	Sealed     string
	CreatedAt  time.Time
	RevokedAt  time.Time
}

// Place names where the sealed secret stands, so that it opens in no other row.
func (k *LinkKey) Place() string { return "link_keys/" + k.ID }
