package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// The limits of a login: idle, in all, and how long one who proved who they are may do what is
// dangerous without proving it again.
const (
	LoginIdle  = 30 * time.Minute
	LoginLife  = 12 * time.Hour
	LoginFresh = 10 * time.Minute

	// seenEvery is how exact "last seen" is, at most a write a minute. The idle limit is kept all
	// the same: it counts from what is written, so it is never longer.
	seenEvery = time.Minute
	// loginsKept is how long ended logins are kept for whoever asks who was here.
	loginsKept = 90 * 24 * time.Hour
	// signInsKept is how long the log of deeds tells of sign-ins. Everything else in it stays.
	signInsKept = 400 * 24 * time.Hour
)

// Right is what one may do with a merchant, the smallest first: each holds those before it.
type Right int

// The rights.
const (
	None    Right = iota
	See           // viewer: look at everything, change nothing
	Work          // staff: invoices
	Rule          // owner: money by hand, settings, people
	Operate       // operator: the installation, gateway addresses, every merchant
)

var rights = map[string]Right{RoleViewer: See, RoleStaff: Work, RoleOwner: Rule}

// Who is the person behind a login.
type Who struct {
	Login checkout.Login
	User  checkout.User
	Roles []checkout.Membership
	// Passkey: they have one. It is looked at only when they are to prove again who they are.
	Passkey bool
}

// Right is what this person may do with a merchant.
func (w *Who) Right(merchantID string) Right {
	if w.User.Operator {
		return Operate
	}
	for _, m := range w.Roles {
		if m.MerchantID == merchantID {
			return rights[m.Role]
		}
	}
	return None
}

// Fresh reports whether they proved who they are a moment ago.
func (w *Who) Fresh(now time.Time) bool { return now.Before(w.Login.FreshAt.Add(LoginFresh)) }

// WhoIs returns the person of a login that still counts. Unauthed when it has ended, was idle too
// long, began too long ago, or its person may not come in any more.
func (a *Access) WhoIs(ctx context.Context, loginID string) (Who, error) {
	var w Who
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		l, err := tx.Login(loginID)
		if err != nil {
			return err
		}
		u, err := tx.User(l.UserID)
		if err != nil {
			return err
		}
		w = Who{Login: *l, User: *u}
		if w.Roles, err = tx.Memberships(u.ID); err != nil || w.Fresh(a.Now()) {
			return err
		}
		keys, err := tx.Passkeys(u.ID)
		w.Passkey = len(keys) > 0
		return err
	})
	if errors.Is(err, checkout.NotFound) {
		return Who{}, checkout.Fail(checkout.Unauthed, "error.signed_out")
	}
	if err != nil {
		return Who{}, fmt.Errorf("read login: %w", err)
	}
	now := a.Now()
	l := &w.Login
	if !l.EndedAt.IsZero() || !w.User.DisabledAt.IsZero() || !now.Before(l.SeenAt.Add(LoginIdle)) || !now.Before(l.CreatedAt.Add(LoginLife)) {
		return Who{}, checkout.Fail(checkout.Unauthed, "error.signed_out")
	}
	if now.Sub(l.SeenAt) >= seenEvery && a.touched.claim(l.ID, now) {
		a.Spawn(func(ctx context.Context) {
			if err := a.DB.Update(ctx, func(tx *db.Tx) error { return tx.TouchLogin(loginID) }); err != nil {
				a.Log.WarnContext(ctx, "last use of a login not noted", "login", loginID, "err", err)
			}
		})
	}
	return w, nil
}

// Logins lists a user's logins that count.
func (a *Access) Logins(ctx context.Context, userID string) ([]checkout.Login, error) {
	var list []checkout.Login
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		all, err := tx.LoginsOf(userID, a.Now().Add(-LoginLife))
		list = nil
		for _, l := range all {
			if a.Now().Before(l.SeenAt.Add(LoginIdle)) {
				list = append(list, l)
			}
		}
		return err
	})
	return list, err
}

// SignOut ends a login of a user. NotFound when it is not theirs.
func (a *Access) SignOut(ctx context.Context, userID, loginID string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.EndLogin(userID, loginID); err != nil {
			return err
		}
		return a.recordOf(ctx, tx, userID, checkout.Deed{Area: checkout.AreaSignIn, Kind: "signin.ended", Object: loginID})
	})
}

// LookAt sets which merchant and mode a login looks at; the caller has checked the right to it.
func (a *Access) LookAt(ctx context.Context, loginID, merchantID string, live bool) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error { return tx.ScopeLogin(loginID, merchantID, live) })
}

// Prune forgets what is over: counts of tries, and logins of long ago. Sessions too.
func (a *Access) Prune(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.PruneSessions(); err != nil {
			return err
		}
		return errors.Join(tx.PruneTries(), tx.PruneLogins(tx.Now().Add(-loginsKept)), tx.PruneDeeds(tx.Now().Add(-signInsKept)), tx.PruneResets())
	})
}

// CloseStray takes a callback of an attempt that is not here out of attention. NotFound when it is
// closed, or none.
func (a *Access) CloseStray(ctx context.Context, id string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		gateway, err := tx.CloseStray(id)
		if err != nil {
			return err
		}
		return tx.Record(&checkout.Deed{By: checkout.ActorOf(ctx), Area: checkout.AreaInvoice, Kind: "stray.closed", Object: id, Name: gateway, Live: true})
	})
}
