package db

import (
	"database/sql"
	"fmt"
	"strings"

	"dargah/internal/app/checkout"
)

const keyColumns = `id, merchant_id, live, name, scopes, created_at_ms, last_used_at_ms, revoked_at_ms`

// InsertAPIKey stores a key by the hash of its secret.
func (tx *Tx) InsertAPIKey(k *checkout.APIKey, secretHash string) error {
	n, err := tx.exec(`INSERT INTO api_keys (id, merchant_id, live, name, secret_hash, scopes, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		k.ID, k.MerchantID, bit(k.Live), k.Name, secretHash, strings.Join(k.Scopes, ","), ms(k.CreatedAt))
	return one("insert api key", n, err)
}

// APIKeyByHash reads the key behind a secret's hash, also a revoked one. checkout.NotFound when there is none.
func (tx *Tx) APIKeyByHash(secretHash string) (*checkout.APIKey, error) {
	k, err := scanKey(tx.row(`SELECT `+keyColumns+` FROM api_keys WHERE secret_hash = $1`, secretHash))
	if err := none("read api key", err); err != nil {
		return nil, err
	}
	return k, nil
}

// APIKeys lists a merchant's keys in one mode, newest first.
func (tx *Tx) APIKeys(merchantID string, live bool) ([]checkout.APIKey, error) {
	rows, err := tx.query(`SELECT `+keyColumns+` FROM api_keys WHERE merchant_id = $1 AND live = $2 ORDER BY created_at_ms DESC, id DESC`, merchantID, bit(live))
	if err != nil {
		return nil, fmt.Errorf("list api keys: %w", err)
	}
	defer rows.Close()
	var list []checkout.APIKey
	for rows.Next() {
		k, err := scanKey(rows)
		if err != nil {
			return nil, fmt.Errorf("list api keys: %w", err)
		}
		list = append(list, *k)
	}
	return list, rows.Err()
}

// TouchAPIKey notes that a key was used.
func (tx *Tx) TouchAPIKey(id string) error {
	_, err := tx.exec(`UPDATE api_keys SET last_used_at_ms = $1 WHERE id = $2`, ms(tx.now), id)
	if err != nil {
		return fmt.Errorf("touch api key: %w", err)
	}
	return nil
}

// RevokeAPIKey ends a key of a merchant and says its name. checkout.NotFound when it is not theirs or has ended.
func (tx *Tx) RevokeAPIKey(merchantID, id string) (name string, err error) {
	err = tx.row(`UPDATE api_keys SET revoked_at_ms = $1 WHERE id = $2 AND merchant_id = $3 AND revoked_at_ms IS NULL RETURNING name`, ms(tx.now), id, merchantID).Scan(&name)
	return name, none("revoke api key", err)
}

func scanKey(row scanner) (*checkout.APIKey, error) {
	var k checkout.APIKey
	var live, created int64
	var scopes string
	var used, revoked sql.NullInt64
	if err := row.Scan(&k.ID, &k.MerchantID, &live, &k.Name, &scopes, &created, &used, &revoked); err != nil {
		return nil, err
	}
	k.Live, k.CreatedAt = live == 1, fromMS(created)
	if scopes != "" {
		k.Scopes = strings.Split(scopes, ",")
	}
	k.LastUsedAt, k.RevokedAt = fromNullMS(used), fromNullMS(revoked)
	return &k, nil
}
