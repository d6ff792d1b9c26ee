package db

import (
	"fmt"

	"dargah/internal/app/checkout"
)

// OfferTOTP stores a second factor that its owner has yet to prove. It counts for nothing until then.
func (tx *Tx) OfferTOTP(userID, sealed string) error {
	n, err := tx.exec(`UPDATE users SET totp_sealed = $1 WHERE id = $2 AND totp_at_ms IS NULL`, sealed, userID)
	if err == nil && n != 1 {
		err = checkout.Conflict
	}
	if err != nil {
		return fmt.Errorf("offer second factor: %w", err)
	}
	return nil
}

// ConfirmTOTP puts the offered factor in force.
func (tx *Tx) ConfirmTOTP(userID string) error {
	n, err := tx.exec(`UPDATE users SET totp_at_ms = $1 WHERE id = $2 AND totp_at_ms IS NULL AND totp_sealed <> ''`, ms(tx.now), userID)
	if err == nil && n != 1 {
		err = checkout.Conflict
	}
	if err != nil {
		return fmt.Errorf("confirm second factor: %w", err)
	}
	return nil
}

// DropTOTP takes a user's second factor and its recovery codes away.
func (tx *Tx) DropTOTP(userID string) error {
	_, err := tx.exec(`UPDATE users SET totp_sealed = '', totp_at_ms = NULL WHERE id = $1`, userID)
	if err == nil {
		_, err = tx.exec(`DELETE FROM recovery_codes WHERE user_id = $1`, userID)
	}
	if err != nil {
		return fmt.Errorf("drop second factor: %w", err)
	}
	return nil
}

// TakeTOTPStep uses the code of a step up. False: it, or a later one, was used before.
func (tx *Tx) TakeTOTPStep(userID string, step int64) (bool, error) {
	n, err := tx.exec(`UPDATE users SET totp_step = $1 WHERE id = $2 AND totp_step < $1`, step, userID)
	if err != nil {
		return false, fmt.Errorf("take step of second factor: %w", err)
	}
	return n == 1, nil
}

// ReplaceRecoveryCodes stores a user's new recovery codes by their hashes; the old ones are void.
func (tx *Tx) ReplaceRecoveryCodes(userID string, hashes []string) error {
	if _, err := tx.exec(`DELETE FROM recovery_codes WHERE user_id = $1`, userID); err != nil {
		return fmt.Errorf("replace recovery codes: %w", err)
	}
	for _, h := range hashes {
		if _, err := tx.exec(`INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)`, userID, h); err != nil {
			return fmt.Errorf("replace recovery codes: %w", err)
		}
	}
	return nil
}

// TakeRecoveryCode uses a code up. False: there is no such code, or it was used.
func (tx *Tx) TakeRecoveryCode(userID, hash string) (bool, error) {
	n, err := tx.exec(`UPDATE recovery_codes SET used_at_ms = $1 WHERE user_id = $2 AND code_hash = $3 AND used_at_ms IS NULL`, ms(tx.now), userID, hash)
	if err != nil {
		return false, fmt.Errorf("take recovery code: %w", err)
	}
	return n == 1, nil
}

// CountRecoveryCodes counts a user's codes that are left.
func (tx *Tx) CountRecoveryCodes(userID string) (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at_ms IS NULL`, userID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return int(n), nil
}
