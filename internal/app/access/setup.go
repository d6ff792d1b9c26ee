package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// setupName is the setting that holds the hash of the set-up link's token and when it ends.
const setupName = "setup"

// SetupLife is how long a set-up link counts.
const SetupLife = 24 * time.Hour

// NewSetup makes the token of the one set-up link when no operator exists, "" when one does. An
// older link counts no more.
func (a *Access) NewSetup(ctx context.Context) (string, error) {
	token := ""
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		token = ""
		n, err := tx.CountOperators()
		if err != nil || n > 0 {
			return err
		}
		token = checkout.NewToken(a.Random)
		return tx.SetSetting(setupName, hashSetup(token)+" "+strconv.FormatInt(tx.Now().Add(SetupLife).UnixMilli(), 10))
	})
	if err != nil {
		return "", fmt.Errorf("make set-up link: %w", err)
	}
	return token, nil
}

func hashSetup(token string) string {
	sum := sha256.Sum256([]byte("setup\x00" + token))
	return hex.EncodeToString(sum[:])
}

// CheckSetup reports whether a token opens the set-up. NotFound when it does not.
func (a *Access) CheckSetup(ctx context.Context, token string) error {
	return a.DB.View(ctx, func(tx *db.Tx) error { return a.setupCounts(tx, token) })
}

func (a *Access) setupCounts(tx *db.Tx, token string) error {
	missing := checkout.Fail(checkout.NotFound, "error.not_found")
	stored, err := tx.Setting(setupName)
	if errors.Is(err, checkout.NotFound) {
		return missing
	}
	if err != nil {
		return err
	}
	hash, until, _ := strings.Cut(stored, " ")
	end, err := strconv.ParseInt(until, 10, 64)
	if err != nil || token == "" || !auth.SameHash(hash, hashSetup(token)) || tx.Now().UnixMilli() >= end {
		return missing
	}
	n, err := tx.CountOperators()
	if err == nil && n > 0 {
		return missing
	}
	return err
}

// Setup is what the first person tells.
type Setup struct {
	Merchant        NewMerchant
	Email, Password string
	By              SignIn // from where
}

// SetUp makes the first operator and the first merchant, whose owner they are, and uses the link up:
// all in one transaction, so of two who open it one is told NotFound. Errors: Invalid, NotFound.
func (a *Access) SetUp(ctx context.Context, token string, in Setup) (checkout.User, error) {
	if err := a.CheckSetup(ctx, token); err != nil {
		return checkout.User{}, err
	}
	m, err := in.Merchant.merchant()
	v := invalid{}
	var e *checkout.Error
	if errors.As(err, &e) {
		v.fields = e.Fields
	}
	u := checkout.User{Email: strings.ToLower(strings.TrimSpace(in.Email)), Operator: true}
	if !isEmail(u.Email) {
		v.wrong("email", "bad_email")
	}
	if utf8.RuneCountInString(in.Password) < minPassword {
		v.wrong("password", "short_password")
	}
	if err := v.err(); err != nil {
		return checkout.User{}, err
	}
	if u.PasswordHash, err = a.Passwords.Hash(ctx, in.Password); err != nil {
		if errors.Is(err, auth.ErrPasswordLength) {
			err = checkout.WrongField("password", "too_long")
		}
		return checkout.User{}, err
	}
	taken := ""
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := a.setupCounts(tx, token); err != nil {
			return err
		}
		if first, err := tx.DeleteSetting(setupName); err != nil || !first {
			return errors.Join(err, checkout.Fail(checkout.NotFound, "error.not_found"))
		}
		m.ID, m.CreatedAt = checkout.NewID(checkout.PrefixMerchant, tx.Now(), a.Random), tx.Now()
		u.ID, u.CreatedAt = checkout.NewID(checkout.PrefixUser, tx.Now(), a.Random), tx.Now()
		taken = "slug"
		if err := tx.InsertMerchant(&m); err != nil {
			return err
		}
		taken = "email"
		if err := tx.InsertUser(&u); err != nil {
			return err
		}
		if err := recordShop(tx, &m, in.By.person(u.ID)); err != nil {
			return err
		}
		return tx.InsertMembership(checkout.Membership{UserID: u.ID, MerchantID: m.ID, Role: RoleOwner})
	})
	if errors.Is(err, checkout.Conflict) {
		err = checkout.WrongField(taken, "taken")
	}
	return u, err
}
