package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// ResetLife is how long a link to a new password opens.
const ResetLife = 45 * time.Minute

// How often a new password may be asked for in triesWindow. Letters to one mailbox are bounded by the
// outbox as well.
const (
	resetsOfAccount = 3
	resetsOfAddress = 20
)

// AskReset sends a link to a new password to whom an address belongs, if it belongs to anybody: whoever
// asks hears the same and waits as long. base is where links lead. Errors: TooMany, for an address that
// asks all the time.
func (a *Access) AskReset(ctx context.Context, email, base, locale string, in SignIn) error {
	email = strings.ToLower(strings.TrimSpace(email))
	if !in.Address.IsLoopback() {
		if err := a.take(ctx, map[string]int{counted("reset-from", place(in.Address).String()): resetsOfAddress}); err != nil {
			return err
		}
	}
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		n, _, err := tx.CountTry(counted("reset", email), triesWindow)
		if err != nil || n > resetsOfAccount {
			return err
		}
		u, err := tx.UserByEmail(email)
		if errors.Is(err, checkout.NotFound) {
			return nil
		}
		if err != nil || !u.DisabledAt.IsZero() {
			return err
		}
		token := checkout.NewToken(a.Random)
		r := checkout.PasswordReset{TokenHash: hashLink("reset", token), UserID: u.ID, ExpiresAt: tx.Now().Add(ResetLife)}
		if err := tx.InsertReset(r); err != nil {
			return err
		}
		key := "reset/" + r.TokenHash
		_, err = tx.EnqueueLetter(&checkout.Letter{
			Live: true, Kind: checkout.LetterPasswordReset, Key: key, Recipient: u.Email, Locale: locale, Until: r.ExpiresAt,
			Sealed: a.Box.Seal([]byte(base+"/admin/reset/"+token), checkout.SealedLetter(key)),
			Facts:  checkout.LetterFacts{At: tx.Now(), ExpiresAt: r.ExpiresAt, Name: u.Email},
		})
		if err != nil {
			return err
		}
		return tx.RecordOf(u, checkout.Deed{By: in.person(u.ID), Area: checkout.AreaAccount, Kind: "account.reset_asked"})
	})
}

// CheckReset returns whose new password a link sets. NotFound when it opens nothing (any more).
func (a *Access) CheckReset(ctx context.Context, token string) (checkout.User, error) {
	var u checkout.User
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		r, err := tx.Reset(hashLink("reset", token))
		if err != nil {
			return err
		}
		got, err := tx.User(r.UserID)
		if err != nil {
			return err
		}
		if !got.DisabledAt.IsZero() {
			return checkout.NotFound
		}
		u = *got
		return nil
	})
	return u, err
}

// Reset sets a new password by the link of a letter, once, and ends all logins of its person. A mailbox
// alone is not enough where there is a second factor: its code is asked for. Errors: NotFound, Invalid,
// TooMany.
func (a *Access) Reset(ctx context.Context, token, password, code string, in SignIn) error {
	u, err := a.CheckReset(ctx, token)
	if err != nil {
		return err
	}
	hash, err := a.newPassword(ctx, password, "new_password")
	if err != nil {
		return err
	}
	ctx = checkout.WithActor(ctx, in.person(u.ID))
	if !u.TOTPAt.IsZero() {
		err := a.CheckCode(ctx, u.ID, code, in)
		if errors.Is(err, checkout.Unauthed) {
			return checkout.WrongField("code", "code_wrong")
		}
		if err != nil {
			return err
		}
	}
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.TakeReset(hashLink("reset", token)); err != nil {
			return err
		}
		return errors.Join(tx.SetPassword(u.ID, hash), tx.VoidResets(u.ID), tx.EndLogins(u.ID, ""), a.recordOf(ctx, tx, u.ID, passwordDeed("account.password_reset")))
	})
}
