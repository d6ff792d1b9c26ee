package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// How many tries there are in a window. Nobody is locked out: a stranger who spends an account's
// tries leaves those of its owner's address, and those of a browser that signed in before, alone.
const (
	triesWindow  = 15 * time.Minute
	perPair      = 10  // one account from one address
	perAccount   = 100 // one account from everywhere
	perAddress   = 100 // one address at all accounts
	perDevice    = 10  // one account from a browser that knows it
	perCode      = 10  // second factors of one account
	deviceDomain = "device"
	maxAgent     = 200
)

// SignIn is who wants to come in, and from where.
type SignIn struct {
	Email, Password string
	Address         netip.Addr
	Agent           string
	Device          string // the cookie of a browser that signed in before
	Means           string // "" for a password, "code", "passkey"
	RequestID       string
}

// CheckPassword is the first step. It answers the same, in the same time, whether the account is
// there or not. NeedsCode says that a second factor must follow. Errors: Unauthed, TooMany.
func (a *Access) CheckPassword(ctx context.Context, in SignIn) (u checkout.User, needsCode bool, err error) {
	email := strings.ToLower(strings.TrimSpace(in.Email))
	own, err := a.countTry(ctx, email, in)
	if err != nil {
		return checkout.User{}, false, err
	}
	found, err := a.userByEmail(ctx, email)
	if err != nil {
		return checkout.User{}, false, err
	}
	// found is the zero user when there is none: its empty hash costs as much as any.
	ok, weak, err := a.Passwords.Verify(ctx, in.Password, found.PasswordHash)
	if err != nil {
		return checkout.User{}, false, fmt.Errorf("sign in: %w", err)
	}
	if !ok || !found.DisabledAt.IsZero() {
		if err := a.refusedAt(ctx, found.ID, in, "signin.refused"); err != nil {
			return checkout.User{}, false, err
		}
		return checkout.User{}, false, checkout.Fail(checkout.Unauthed, "error.login_wrong")
	}
	if weak {
		a.strengthen(ctx, found.ID, in.Password)
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error { return tx.ForgetTries(own) })
	return found, !found.TOTPAt.IsZero(), err
}

func (a *Access) userByEmail(ctx context.Context, email string) (checkout.User, error) {
	var found checkout.User
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		u, err := tx.UserByEmail(email)
		if err == nil {
			found = *u
		}
		return err
	})
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return checkout.User{}, fmt.Errorf("sign in: %w", err)
	}
	return found, nil
}

// countTry counts before the password is looked at, so that a crowd at once is counted too. It
// returns the name of the count that a success clears.
func (a *Access) countTry(ctx context.Context, email string, in SignIn) (own string, err error) {
	place := place(in.Address)
	limits := map[string]int{}
	if a.knows(in.Device, email) {
		own = counted("device", email, in.Device)
		limits[own] = perDevice
	} else {
		own = counted("pair", email, place.String())
		limits[own], limits[counted("account", email)] = perPair, perAccount
	}
	if !place.IsLoopback() { // this machine, or a proxy nobody declared: every one at once
		limits[counted("address", place.String())] = perAddress
	}
	return own, a.take(ctx, limits)
}

// place is what tries are counted by: a customer of IPv6 owns a /64.
func place(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if address.Is6() {
		if p, err := address.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return address
}

// take counts one try under each name. TooMany when any is over its limit.
func (a *Access) take(ctx context.Context, limits map[string]int) error {
	over := false
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		over = false
		for name, most := range limits {
			n, _, err := tx.CountTry(name, triesWindow)
			if err != nil {
				return err
			}
			over = over || n > most
		}
		return nil
	})
	if err == nil && over {
		err = checkout.Fail(checkout.TooMany, "error.login_slow")
	}
	return err
}

// counted names a count without holding what is counted.
func counted(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (a *Access) strengthen(ctx context.Context, userID, password string) {
	hash, err := a.Passwords.Hash(ctx, password)
	if err == nil {
		err = a.DB.Update(ctx, func(tx *db.Tx) error { return tx.SetPassword(userID, hash) })
	}
	if err != nil {
		a.Log.WarnContext(ctx, "a weak password hash was not replaced", "user", userID, "err", err)
	}
}

// NewDevice is what a browser that signed in keeps, so that strangers cannot use up its tries.
func (a *Access) NewDevice(email string) string {
	var raw [16]byte
	copy(raw[:], checkout.NewToken(a.Random))
	seed := base64.RawURLEncoding.EncodeToString(raw[:])
	return seed + "." + base64.RawURLEncoding.EncodeToString(a.Box.MAC(deviceDomain, []byte(seed), []byte(email)))
}

func (a *Access) knows(device, email string) bool {
	seed, mac, ok := strings.Cut(device, ".")
	raw, err := base64.RawURLEncoding.DecodeString(mac)
	return ok && err == nil && len(device) < 128 && a.Box.CheckMAC(deviceDomain, raw, []byte(seed), []byte(email))
}

// CheckCode is the second step: a code of the app, once, or a recovery code, once. Errors: Unauthed,
// TooMany.
func (a *Access) CheckCode(ctx context.Context, userID, code string, in SignIn) error {
	if err := a.take(ctx, map[string]int{counted("code", userID): perCode}); err != nil {
		return err
	}
	code = strings.ReplaceAll(strings.TrimSpace(i18n.FoldDigits(code)), " ", "")
	refused := checkout.Fail(checkout.Unauthed, "error.code_wrong")
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := tx.User(userID)
		if err != nil || u.TOTPAt.IsZero() || !u.DisabledAt.IsZero() {
			return refused
		}
		ok, err := a.takeCode(tx, u, code, in.by(ctx, userID))
		if err != nil {
			return err
		}
		if !ok {
			return refused
		}
		return tx.ForgetTries(counted("code", userID))
	})
	if errors.Is(err, checkout.Unauthed) {
		if err := a.refusedAt(ctx, userID, in, "signin.code_refused"); err != nil {
			return err
		}
	}
	return err
}

func (a *Access) takeCode(tx *db.Tx, u *checkout.User, code string, by checkout.Actor) (bool, error) {
	secret, err := a.Box.Open(u.TOTPSealed, factorPlace(u.ID))
	if err != nil {
		return false, fmt.Errorf("open the second factor of %s: %w", u.ID, err)
	}
	if step, ok := auth.CheckTOTP(string(secret), code, a.Now()); ok {
		return tx.TakeTOTPStep(u.ID, step)
	}
	if len(code) < 16 {
		return false, nil
	}
	taken, err := tx.TakeRecoveryCode(u.ID, auth.HashRecoveryCode(code))
	if err != nil || !taken {
		return false, err
	}
	d := checkout.Deed{By: by, Area: checkout.AreaAccount, Kind: "account.recovery_used", Alarm: "recovery_used", Person: u.ID}
	return true, tx.RecordOf(u, d)
}

// Begin stores a login for a person who has proved who they are. It looks at what their last one
// looked at.
func (a *Access) Begin(ctx context.Context, userID string, in SignIn) (checkout.Login, error) {
	var l checkout.Login
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		agent := []rune(i18n.CleanText(in.Agent))
		l = checkout.Login{
			ID: checkout.NewID(checkout.PrefixLogin, now, a.Random), UserID: userID, Live: true, Address: in.Address.String(),
			Agent: string(agent[:min(len(agent), maxAgent)]), CreatedAt: now, SeenAt: now, FreshAt: now,
		}
		if err := lookFirst(tx, &l); err != nil {
			return err
		}
		if err := a.recordSignIn(ctx, tx, &l, in); err != nil {
			return err
		}
		return tx.InsertLogin(&l)
	})
	if err != nil {
		return checkout.Login{}, fmt.Errorf("begin login: %w", err)
	}
	return l, nil
}

// lookFirst chooses the shop and the mode of a login that begins: the last one's, else the person's
// first shop, in test mode as long as it has no gateway of its own.
func lookFirst(tx *db.Tx, l *checkout.Login) error {
	last, err := tx.LastLogin(l.UserID)
	if err == nil {
		l.MerchantID, l.Live = last.MerchantID, last.Live
		return nil
	}
	if !errors.Is(err, checkout.NotFound) {
		return err
	}
	roles, err := tx.Memberships(l.UserID)
	if err != nil || len(roles) == 0 {
		return err
	}
	l.MerchantID = roles[0].MerchantID
	accounts, err := tx.GatewayAccounts(l.MerchantID, true)
	l.Live = len(accounts) > 0
	return err
}

// ProveAgain is a fresh sign-in of one who is in already: the password, and the code where there is a
// second factor. Errors: Unauthed, TooMany.
func (a *Access) ProveAgain(ctx context.Context, w *Who, password, code string) error {
	if err := a.take(ctx, map[string]int{counted("again", w.User.ID): perPair}); err != nil {
		return err
	}
	ok, _, err := a.Passwords.Verify(ctx, password, w.User.PasswordHash)
	if err != nil {
		return fmt.Errorf("prove again: %w", err)
	}
	if !ok {
		return checkout.WrongField("password", "wrong_password")
	}
	if !w.User.TOTPAt.IsZero() {
		if err := a.CheckCode(ctx, w.User.ID, code, SignIn{}); err != nil {
			if errors.Is(err, checkout.Unauthed) {
				return checkout.WrongField("code", "code_wrong")
			}
			return err
		}
	}
	return a.freshen(ctx, w)
}

func (a *Access) freshen(ctx context.Context, w *Who) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.ForgetTries(counted("again", w.User.ID)); err != nil {
			return err
		}
		return tx.FreshenLogin(w.Login.ID)
	})
}
