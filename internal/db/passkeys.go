package db

import (
	"database/sql"
	"fmt"

	"dargah/internal/app/checkout"
)

const passkeyColumns = `id, user_id, credential_id, name, credential, sign_count, created_at_ms, used_at_ms`

// InsertPasskey stores a passkey. checkout.Conflict when that credential is somebody's already.
func (tx *Tx) InsertPasskey(p *checkout.Passkey) error {
	n, err := tx.exec(`INSERT INTO passkeys (`+passkeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL) ON CONFLICT DO NOTHING`,
		p.ID, p.UserID, p.CredentialID, p.Name, p.Credential, int64(p.SignCount), ms(p.CreatedAt))
	return one("insert passkey", n, err)
}

// Passkeys lists a user's, oldest first.
func (tx *Tx) Passkeys(userID string) ([]checkout.Passkey, error) {
	rows, err := tx.query(`SELECT `+passkeyColumns+` FROM passkeys WHERE user_id = $1 ORDER BY created_at_ms, id`, userID)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	defer rows.Close()
	var list []checkout.Passkey
	for rows.Next() {
		p, err := scanPasskey(rows)
		if err != nil {
			return nil, fmt.Errorf("list passkeys: %w", err)
		}
		list = append(list, *p)
	}
	return list, rows.Err()
}

// PasskeyByCredential reads the one that a device names. checkout.NotFound when there is none.
func (tx *Tx) PasskeyByCredential(credentialID string) (*checkout.Passkey, error) {
	p, err := scanPasskey(tx.row(`SELECT `+passkeyColumns+` FROM passkeys WHERE credential_id = $1`, credentialID))
	if err := none("read passkey", err); err != nil {
		return nil, err
	}
	return p, nil
}

// UsePasskey notes a use: p holds what the device said now, before the count that was read. False:
// somebody used it in between.
func (tx *Tx) UsePasskey(p *checkout.Passkey, before uint32) (bool, error) {
	n, err := tx.exec(`UPDATE passkeys SET sign_count = $1, credential = $2, used_at_ms = $3 WHERE id = $4 AND sign_count = $5`,
		int64(p.SignCount), p.Credential, ms(tx.now), p.ID, int64(before))
	if err != nil {
		return false, fmt.Errorf("use passkey: %w", err)
	}
	return n == 1, nil
}

// DeletePasskey takes one of a user's away. checkout.NotFound when it is not theirs.
func (tx *Tx) DeletePasskey(userID, id string) error {
	n, err := tx.exec(`DELETE FROM passkeys WHERE id = $1 AND user_id = $2`, id, userID)
	return changed("delete passkey", n, err)
}

func scanPasskey(row scanner) (*checkout.Passkey, error) {
	var p checkout.Passkey
	var count, created int64
	var used sql.NullInt64
	if err := row.Scan(&p.ID, &p.UserID, &p.CredentialID, &p.Name, &p.Credential, &count, &created, &used); err != nil {
		return nil, err
	}
	p.SignCount, p.CreatedAt, p.UsedAt = uint32(count), fromMS(created), fromNullMS(used)
	return &p, nil
}
