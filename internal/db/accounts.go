package db

import (
	"encoding/json"
	"fmt"

	"dargah/internal/app/checkout"
)

const accountColumns = `id, merchant_id, live, gateway, settings, sealed, updated_at_ms`

// GatewayAccount reads a merchant's account. checkout.NotFound when nobody has set it up.
func (tx *Tx) GatewayAccount(merchantID string, live bool, gateway string) (*checkout.GatewayAccount, error) {
	a, err := scanAccount(tx.row(`SELECT `+accountColumns+` FROM gateway_accounts WHERE merchant_id = $1 AND live = $2 AND gateway = $3`,
		merchantID, bit(live), gateway))
	if err := none("read gateway account", err); err != nil {
		return nil, err
	}
	return a, nil
}

// GatewayAccounts lists a merchant's accounts in one mode.
func (tx *Tx) GatewayAccounts(merchantID string, live bool) ([]checkout.GatewayAccount, error) {
	return tx.accounts(`SELECT `+accountColumns+` FROM gateway_accounts WHERE merchant_id = $1 AND live = $2 ORDER BY gateway`, merchantID, bit(live))
}

// AllGatewayAccounts lists every account, for sealing their secrets under a new key.
func (tx *Tx) AllGatewayAccounts() ([]checkout.GatewayAccount, error) {
	return tx.accounts(`SELECT ` + accountColumns + ` FROM gateway_accounts ORDER BY id`)
}

// LoopbackAccounts reports whether any live account has an address on this machine.
func (tx *Tx) LoopbackAccounts() (bool, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM gateway_accounts
WHERE live = 1 AND (settings LIKE '%://127.%' OR settings LIKE '%://localhost%' OR settings LIKE '%://[::1]%')`).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for accounts on loopback: %w", err)
	}
	return n > 0, nil
}

func (tx *Tx) accounts(query string, args ...any) ([]checkout.GatewayAccount, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list gateway accounts: %w", err)
	}
	defer rows.Close()
	var list []checkout.GatewayAccount
	for rows.Next() {
		a, err := scanAccount(rows)
		if err != nil {
			return nil, fmt.Errorf("list gateway accounts: %w", err)
		}
		list = append(list, *a)
	}
	return list, rows.Err()
}

func scanAccount(row scanner) (*checkout.GatewayAccount, error) {
	var a checkout.GatewayAccount
	var settings, sealed string
	var live, updated int64
	if err := row.Scan(&a.ID, &a.MerchantID, &live, &a.Gateway, &settings, &sealed, &updated); err != nil {
		return nil, err
	}
	a.Live, a.UpdatedAt = live == 1, fromMS(updated)
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
	if err == nil {
		_, err = tx.exec(`UPDATE merchants SET revision = $1 WHERE id = $2`, newRevision(), a.MerchantID)
	}
	if err != nil {
		return fmt.Errorf("save gateway account: %w", err)
	}
	return nil
}
