package db

import (
	"database/sql"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

const invitationColumns = `id, merchant_id, email, role, token_hash, invited_by, created_at_ms, sent_at_ms, expires_at_ms, accepted_at_ms, canceled_at_ms`

// InsertInvitation stores one. checkout.Conflict when an open one of that address is there.
func (tx *Tx) InsertInvitation(i *checkout.Invitation) error {
	n, err := tx.exec(`INSERT INTO invitations (`+invitationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL) ON CONFLICT DO NOTHING`,
		i.ID, i.MerchantID, i.Email, i.Role, i.TokenHash, i.InvitedBy, ms(i.CreatedAt), ms(i.SentAt), ms(i.ExpiresAt))
	return one("insert invitation", n, err)
}

// Invitation reads one of a merchant. checkout.NotFound when there is none.
func (tx *Tx) Invitation(merchantID, id string) (*checkout.Invitation, error) {
	return tx.invitation(`SELECT `+invitationColumns+` FROM invitations WHERE id = $1 AND merchant_id = $2`, id, merchantID)
}

// InvitationByToken reads the one that a link opens, also one that is over. checkout.NotFound when there is none.
func (tx *Tx) InvitationByToken(hash string) (*checkout.Invitation, error) {
	return tx.invitation(`SELECT `+invitationColumns+` FROM invitations WHERE token_hash = $1`, hash)
}

func (tx *Tx) invitation(query string, args ...any) (*checkout.Invitation, error) {
	i, err := scanInvitation(tx.row(query, args...))
	if err := none("read invitation", err); err != nil {
		return nil, err
	}
	return i, nil
}

// OpenInvitations lists those of a merchant that nobody accepted or canceled, by their addresses.
func (tx *Tx) OpenInvitations(merchantID string) ([]checkout.Invitation, error) {
	rows, err := tx.query(`SELECT `+invitationColumns+` FROM invitations WHERE merchant_id = $1 AND accepted_at_ms IS NULL AND canceled_at_ms IS NULL ORDER BY email`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	defer rows.Close()
	var list []checkout.Invitation
	for rows.Next() {
		i, err := scanInvitation(rows)
		if err != nil {
			return nil, fmt.Errorf("list invitations: %w", err)
		}
		list = append(list, *i)
	}
	return list, rows.Err()
}

// RenewInvitation gives an open invitation a new link; the old one opens nothing any more.
// checkout.NotFound when it is over.
func (tx *Tx) RenewInvitation(id, hash string, until time.Time) error {
	n, err := tx.exec(`UPDATE invitations SET token_hash = $1, sent_at_ms = $2, expires_at_ms = $3 WHERE id = $4 AND accepted_at_ms IS NULL AND canceled_at_ms IS NULL`,
		hash, ms(tx.now), ms(until), id)
	return changed("renew invitation", n, err)
}

// AcceptInvitation uses one up, CancelInvitation takes it back. checkout.NotFound when it is over.
func (tx *Tx) AcceptInvitation(id string) error {
	n, err := tx.exec(`UPDATE invitations SET accepted_at_ms = $1 WHERE id = $2 AND accepted_at_ms IS NULL AND canceled_at_ms IS NULL`, ms(tx.now), id)
	return changed("accept invitation", n, err)
}

// CancelInvitation takes an open invitation back. checkout.NotFound when it is over.
func (tx *Tx) CancelInvitation(id string) error {
	n, err := tx.exec(`UPDATE invitations SET canceled_at_ms = $1 WHERE id = $2 AND accepted_at_ms IS NULL AND canceled_at_ms IS NULL`, ms(tx.now), id)
	return changed("cancel invitation", n, err)
}

func changed(what string, n int64, err error) error {
	if err == nil && n != 1 {
		err = checkout.NotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func scanInvitation(row scanner) (*checkout.Invitation, error) {
	var i checkout.Invitation
	var created, sent, expires int64
	var accepted, canceled sql.NullInt64
	err := row.Scan(&i.ID, &i.MerchantID, &i.Email, &i.Role, &i.TokenHash, &i.InvitedBy, &created, &sent, &expires, &accepted, &canceled)
	if err != nil {
		return nil, err
	}
	i.CreatedAt, i.SentAt, i.ExpiresAt = fromMS(created), fromMS(sent), fromMS(expires)
	i.AcceptedAt, i.CanceledAt = fromNullMS(accepted), fromNullMS(canceled)
	return &i, nil
}

// InsertReset stores a link to a new password by its hash.
func (tx *Tx) InsertReset(r checkout.PasswordReset) error {
	n, err := tx.exec(`INSERT INTO password_resets (token_hash, user_id, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		r.TokenHash, r.UserID, ms(tx.now), ms(r.ExpiresAt))
	return one("insert password reset", n, err)
}

// Reset reads the reset that a link opens. checkout.NotFound when there is none, or it is over.
func (tx *Tx) Reset(hash string) (*checkout.PasswordReset, error) {
	r := checkout.PasswordReset{TokenHash: hash}
	var until int64
	err := tx.row(`SELECT user_id, expires_at_ms FROM password_resets WHERE token_hash = $1 AND expires_at_ms > $2`, hash, ms(tx.now)).Scan(&r.UserID, &until)
	if err := none("read password reset", err); err != nil {
		return nil, err
	}
	r.ExpiresAt = fromMS(until)
	return &r, nil
}

// TakeReset uses a link up. checkout.NotFound for all but the first who do.
func (tx *Tx) TakeReset(hash string) error {
	n, err := tx.exec(`DELETE FROM password_resets WHERE token_hash = $1 AND expires_at_ms > $2`, hash, ms(tx.now))
	return changed("take password reset", n, err)
}

// VoidResets ends all links of a user.
func (tx *Tx) VoidResets(userID string) error {
	if _, err := tx.exec(`DELETE FROM password_resets WHERE user_id = $1`, userID); err != nil {
		return fmt.Errorf("void password resets: %w", err)
	}
	return nil
}

// PruneResets forgets the links that are over.
func (tx *Tx) PruneResets() error {
	if _, err := tx.exec(`DELETE FROM password_resets WHERE expires_at_ms <= $1`, ms(tx.now)); err != nil {
		return fmt.Errorf("prune password resets: %w", err)
	}
	return nil
}
