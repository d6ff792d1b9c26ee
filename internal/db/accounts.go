package db

import (
	"encoding/json"
	"fmt"

	"dargah/internal/app/checkout"
)

// GatewayAccount reads a merchant's account. checkout.NotFound when nobody has set it up.
func (tx *Tx) GatewayAccount(merchantID string, live bool, gateway string) (*checkout.GatewayAccount, error) {
	a := checkout.GatewayAccount{MerchantID: merchantID, Live: live, Gateway: gateway}
	var settings, sealed string
	var updated int64
	err := tx.row(`SELECT id, settings, sealed, updated_at_ms FROM gateway_accounts WHERE merchant_id = $1 AND live = $2 AND gateway = $3`,
		merchantID, bit(live), gateway).Scan(&a.ID, &settings, &sealed, &updated)
	if err := none("read gateway account", err); err != nil {
		return nil, err
	}
	a.UpdatedAt = fromMS(updated)
	if err := json.Unmarshal([]byte(settings), &a.Settings); err != nil {
		return nil, fmt.Errorf("settings of %s: %w", a.ID, err)
	}
	if err := json.Unmarshal([]byte(sealed), &a.Sealed); err != nil {
		return nil, fmt.Errorf("sealed settings of %s: %w", a.ID, err)
	}
	return &a, nil
}

// SaveGatewayAccount stores or replaces a merchant's account for one gateway in one mode.
func (tx *Tx) SaveGatewayAccount(a *checkout.GatewayAccount) error {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return fmt.Errorf("save gateway account: %w", err)
	}
	sealed, err := json.Marshal(a.Sealed)
	if err != nil {
		return fmt.Errorf("save gateway account: %w", err)
	}
	_, err = tx.exec(`INSERT INTO gateway_accounts (id, merchant_id, live, gateway, settings, sealed, updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id, live, gateway) DO UPDATE
SET settings = excluded.settings, sealed = excluded.sealed, updated_at_ms = excluded.updated_at_ms`,
		a.ID, a.MerchantID, bit(a.Live), a.Gateway, string(settings), string(sealed), ms(a.UpdatedAt))
	if err != nil {
		return fmt.Errorf("save gateway account: %w", err)
	}
	return nil
}
