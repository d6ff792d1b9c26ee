package access

import (
	"context"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// How many refusals of one account the log of deeds takes in an hour: a stranger who guesses must not
// be able to fill it.
const (
	refusalsNoted  = 10
	refusalsWindow = time.Hour
)

// person is somebody who is not in yet, as the log names them.
func (in *SignIn) person(userID string) checkout.Actor {
	agent := []rune(i18n.CleanText(in.Agent))
	by := checkout.Actor{Kind: "user", ID: userID, RequestID: in.RequestID, Agent: string(agent[:min(len(agent), maxAgent)])}
	if in.Address.IsValid() {
		by.Address = in.Address.String()
	}
	return by
}

// by is who does it: the person of the request when that is them, else as they stand at the door.
func (in *SignIn) by(ctx context.Context, userID string) checkout.Actor {
	if actor := checkout.ActorOf(ctx); actor.ID == userID {
		return actor
	}
	return in.person(userID)
}

// recordSignIn writes a sign-in into the log before its login is stored, and tells the person when
// neither the address nor the browser is one of theirs. The first sign-in of all is no news.
func (a *Access) recordSignIn(_ context.Context, tx *db.Tx, l *checkout.Login, in SignIn) error {
	u, err := tx.User(l.UserID)
	if err != nil {
		return err
	}
	kind := "signin.password"
	if in.Means != "" {
		kind = "signin." + in.Means
	}
	d := checkout.Deed{By: in.person(u.ID), Area: checkout.AreaSignIn, Kind: kind, Object: l.ID, Quiet: true}
	known, any, err := tx.KnowsAddress(u.ID, l.Address, l.Agent)
	if err != nil {
		return err
	}
	if any && !known && !a.knows(in.Device, u.Email) {
		d.Alarm, d.Person, d.Name = "login_new", u.ID, l.Address
	}
	return tx.RecordOf(u, d)
}

// refusedAt writes a refused sign-in of an account that exists into the log, the first few of an hour.
// It does the same work for one that does not, so that the time it takes tells nothing.
func (a *Access) refusedAt(ctx context.Context, userID string, in SignIn, kind string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		n, _, err := tx.CountTry(counted("refused", userID), refusalsWindow)
		if err != nil || n > refusalsNoted || userID == "" {
			return err
		}
		u, err := tx.User(userID)
		if err != nil {
			return err
		}
		return tx.RecordOf(u, checkout.Deed{By: in.by(ctx, userID), Area: checkout.AreaSignIn, Kind: kind})
	})
}

// CountTries adds to the counts that all processes on a database share.
func (a *Access) CountTries(ctx context.Context, all []checkout.Tally) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		for i := range all {
			if err := tx.CountTries(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
