package access

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// The roles of a user with a merchant, the strongest first.
const (
	RoleOwner  = "owner"
	RoleStaff  = "staff"
	RoleViewer = "viewer"
)

// minPassword is NIST SP 800-63B's advice for a password that stands alone (section 3.1.1.2:
// fifteen; eight with a second factor), met in the middle: logins here have a throttle.
const minPassword = 10

// NewUser is what a login is made of. Merchant (a slug) and Role belong together; an operator needs
// neither.
type NewUser struct {
	Email, Password string
	Merchant, Role  string
	Operator        bool
}

// CreateUser adds a login. Invalid with the wrong fields, NotFound for an unknown merchant.
func (a *Access) CreateUser(ctx context.Context, in NewUser) (checkout.User, error) {
	u := checkout.User{Email: strings.ToLower(strings.TrimSpace(in.Email)), Operator: in.Operator}
	if err := in.check(u.Email); err != nil {
		return checkout.User{}, err
	}
	var err error
	// Outside of the transaction: a hash takes a tenth of a second, and one writer waits for all.
	if u.PasswordHash, err = a.Passwords.Hash(ctx, in.Password); err != nil {
		if errors.Is(err, auth.ErrPasswordLength) {
			err = checkout.WrongField("password", "too_long")
		}
		return checkout.User{}, fmt.Errorf("create user: %w", err)
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		u.ID, u.CreatedAt = checkout.NewID(checkout.PrefixUser, tx.Now(), a.Random), tx.Now()
		if err := tx.InsertUser(&u); err != nil {
			return err
		}
		if in.Merchant == "" {
			return nil
		}
		m, err := tx.MerchantBySlug(in.Merchant)
		if err != nil {
			return noMerchant(err)
		}
		return join(ctx, tx, m.ID, &u, in.Role, "person.added")
	})
	if errors.Is(err, checkout.Conflict) {
		err = checkout.WrongField("email", "taken")
	}
	if err != nil {
		return checkout.User{}, fmt.Errorf("create user: %w", err)
	}
	return u, nil
}

func (in NewUser) check(email string) error {
	v := invalid{}
	if !isEmail(email) {
		v.wrong("email", "bad_email")
	}
	if utf8.RuneCountInString(in.Password) < minPassword {
		v.wrong("password", "short_password")
	}
	switch {
	case in.Merchant == "" && !in.Operator:
		v.wrong("merchant", "required")
	case in.Merchant != "" && !slices.Contains([]string{RoleOwner, RoleStaff, RoleViewer}, in.Role):
		v.wrong("role", "unknown_role")
	case in.Merchant == "" && in.Role != "":
		v.wrong("merchant", "required")
	}
	return v.err()
}

// isWebsite reports whether s may be shown as a link to the shop.
func isWebsite(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2000 && (u.Scheme == "https" || u.Scheme == "http") &&
		u.Host != "" && u.User == nil && !strings.ContainsAny(s, "\\\r\n\t \x00")
}
