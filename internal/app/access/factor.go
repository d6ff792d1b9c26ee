package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// factorPlace binds a sealed second factor to its owner, so that it opens for nobody else.
func factorPlace(userID string) string { return "users/" + userID + "/totp" }

// OfferedFactor returns the secret of a second factor that is offered and not yet proven, and makes
// one when there is none. Conflict when one is in force.
func (a *Access) OfferedFactor(ctx context.Context, userID string) (string, error) {
	var secret string
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := tx.User(userID)
		if err != nil {
			return err
		}
		if !u.TOTPAt.IsZero() {
			return checkout.Fail(checkout.Conflict, "error.factor_there")
		}
		if u.TOTPSealed != "" {
			if open, err := a.Box.Open(u.TOTPSealed, factorPlace(userID)); err == nil {
				secret = string(open)
				return nil
			}
		}
		secret = auth.NewTOTPSecret()
		return tx.OfferTOTP(userID, a.Box.Seal([]byte(secret), factorPlace(userID)))
	})
	return secret, err
}

// ProveFactor puts the offered factor in force when the code is right, and returns the recovery
// codes, which are shown once. All other logins of the user end. Errors: Invalid, Conflict, TooMany.
func (a *Access) ProveFactor(ctx context.Context, w *Who, code string) ([]string, error) {
	if err := a.take(ctx, map[string]int{counted("offer", w.User.ID): perCode}); err != nil {
		return nil, err
	}
	code = strings.ReplaceAll(strings.TrimSpace(i18n.FoldDigits(code)), " ", "")
	codes, hashes := auth.NewRecoveryCodes()
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := tx.User(w.User.ID)
		if err != nil {
			return err
		}
		if !u.TOTPAt.IsZero() || u.TOTPSealed == "" {
			return checkout.Fail(checkout.Conflict, "error.factor_there")
		}
		secret, err := a.Box.Open(u.TOTPSealed, factorPlace(u.ID))
		if err != nil {
			return fmt.Errorf("open the second factor of %s: %w", u.ID, err)
		}
		step, ok := auth.CheckTOTP(string(secret), code, a.Now())
		if ok {
			ok, err = tx.TakeTOTPStep(u.ID, step)
		}
		if err != nil {
			return err
		}
		if !ok {
			return checkout.WrongField("code", "code_wrong")
		}
		return errors.Join(
			tx.ConfirmTOTP(u.ID), tx.ReplaceRecoveryCodes(u.ID, hashes), tx.EndLogins(u.ID, w.Login.ID),
			a.recordOf(ctx, tx, u.ID, checkout.Deed{Area: checkout.AreaAccount, Kind: "account.factor_on", Alarm: "two_factor_added"}),
		)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// RecoveryCodes counts the codes that are left.
func (a *Access) RecoveryCodes(ctx context.Context, userID string) (int, error) {
	var n int
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.CountRecoveryCodes(userID)
		return err
	})
	return n, err
}

// DropFactor takes a user's second factor away, and ends their other logins. The caller has had them
// prove who they are.
func (a *Access) DropFactor(ctx context.Context, w *Who) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		return errors.Join(
			tx.DropTOTP(w.User.ID), tx.EndLogins(w.User.ID, w.Login.ID),
			a.recordOf(ctx, tx, w.User.ID, checkout.Deed{Area: checkout.AreaAccount, Kind: "account.factor_off", Alarm: "two_factor_removed"}),
		)
	})
}

// ChangePassword sets a new password and ends all other logins of the user. The caller has had them
// prove who they are. Errors: Invalid.
func (a *Access) ChangePassword(ctx context.Context, w *Who, password string) error {
	if utf8.RuneCountInString(password) < minPassword {
		return checkout.WrongField("new_password", "short_password")
	}
	hash, err := a.Passwords.Hash(ctx, password)
	if errors.Is(err, auth.ErrPasswordLength) {
		return checkout.WrongField("new_password", "too_long")
	}
	if err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		return errors.Join(
			tx.SetPassword(w.User.ID, hash), tx.EndLogins(w.User.ID, w.Login.ID), tx.VoidResets(w.User.ID), a.recordOf(ctx, tx, w.User.ID, passwordDeed("account.password")),
		)
	})
}
