package db

import (
	"database/sql"
	"fmt"

	"dargah/internal/app/checkout"
)

const userColumns = `users.id, email, password_hash, operator_at_ms, users.created_at_ms, totp_sealed, totp_at_ms, disabled_at_ms`

// InsertUser stores a login. checkout.Conflict when the address is taken.
func (tx *Tx) InsertUser(u *checkout.User) error {
	var operator any
	if u.Operator {
		operator = ms(tx.now)
	}
	n, err := tx.exec(`INSERT INTO users (id, email, password_hash, operator_at_ms, created_at_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		u.ID, u.Email, u.PasswordHash, operator, ms(u.CreatedAt))
	return one("insert user", n, err)
}

// UserByEmail reads a login by its address in lower case. checkout.NotFound when there is none.
func (tx *Tx) UserByEmail(email string) (*checkout.User, error) {
	return tx.user(`SELECT `+userColumns+` FROM users WHERE email = $1`, email)
}

// User reads a login by id. checkout.NotFound when there is none.
func (tx *Tx) User(id string) (*checkout.User, error) {
	return tx.user(`SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

func (tx *Tx) user(query, arg string) (*checkout.User, error) {
	u, err := scanUser(tx.row(query, arg))
	if err := none("read user", err); err != nil {
		return nil, err
	}
	return u, nil
}

func scanUser(row scanner, more ...any) (*checkout.User, error) {
	var u checkout.User
	var operator, totp, disabled sql.NullInt64
	var created int64
	to := [...]any{&u.ID, &u.Email, &u.PasswordHash, &operator, &created, &u.TOTPSealed, &totp, &disabled}
	if err := row.Scan(append(to[:], more...)...); err != nil {
		return nil, err
	}
	u.Operator, u.CreatedAt = operator.Valid, fromMS(created)
	u.TOTPAt, u.DisabledAt = fromNullMS(totp), fromNullMS(disabled)
	return &u, nil
}

// SetPassword changes a login's password hash. checkout.NotFound when there is none.
func (tx *Tx) SetPassword(userID, hash string) error {
	n, err := tx.exec(`UPDATE users SET password_hash = $1 WHERE id = $2`, hash, userID)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("set password: %w", checkout.NotFound)
	}
	return nil
}

// CountOperators counts the logins that rule the installation.
func (tx *Tx) CountOperators() (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM users WHERE operator_at_ms IS NOT NULL`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count operators: %w", err)
	}
	return int(n), nil
}

// InsertMembership gives a user a role with a merchant. checkout.Conflict when they have one.
func (tx *Tx) InsertMembership(m checkout.Membership) error {
	n, err := tx.exec(`INSERT INTO memberships (user_id, merchant_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, m.UserID, m.MerchantID, m.Role)
	return one("insert membership", n, err)
}

// Memberships lists a user's roles.
func (tx *Tx) Memberships(userID string) ([]checkout.Membership, error) {
	rows, err := tx.query(`SELECT user_id, merchant_id, role FROM memberships WHERE user_id = $1 ORDER BY merchant_id`, userID)
	if err != nil {
		return nil, fmt.Errorf("list memberships: %w", err)
	}
	defer rows.Close()
	var list []checkout.Membership
	for rows.Next() {
		var m checkout.Membership
		if err := rows.Scan(&m.UserID, &m.MerchantID, &m.Role); err != nil {
			return nil, fmt.Errorf("list memberships: %w", err)
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// Member is a user with a role at a merchant.
type Member struct {
	checkout.User
	Role string
}

// Members lists the people of a merchant, by their addresses.
func (tx *Tx) Members(merchantID string) ([]Member, error) {
	rows, err := tx.query(`SELECT `+userColumns+`, m.role FROM memberships m JOIN users ON users.id = m.user_id WHERE m.merchant_id = $1 ORDER BY email`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	defer rows.Close()
	var list []Member
	for rows.Next() {
		var m Member
		u, err := scanUser(rows, &m.Role)
		if err != nil {
			return nil, fmt.Errorf("list members: %w", err)
		}
		m.User = *u
		list = append(list, m)
	}
	return list, rows.Err()
}

// SetRole changes a user's role with a merchant. checkout.NotFound when they have none.
func (tx *Tx) SetRole(m checkout.Membership) error {
	n, err := tx.exec(`UPDATE memberships SET role = $1 WHERE user_id = $2 AND merchant_id = $3`, m.Role, m.UserID, m.MerchantID)
	if err == nil && n != 1 {
		err = checkout.NotFound
	}
	if err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	return nil
}

// DeleteMembership takes a user's role with a merchant away. checkout.NotFound when they have none.
func (tx *Tx) DeleteMembership(userID, merchantID string) error {
	n, err := tx.exec(`DELETE FROM memberships WHERE user_id = $1 AND merchant_id = $2`, userID, merchantID)
	if err == nil && n != 1 {
		err = checkout.NotFound
	}
	if err != nil {
		return fmt.Errorf("delete membership: %w", err)
	}
	return nil
}
