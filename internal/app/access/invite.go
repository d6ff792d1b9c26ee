package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const (
	// InvitationLife is how long an invitation's link opens.
	InvitationLife = 7 * 24 * time.Hour
	// maxInvitations is how many of a shop wait at once.
	maxInvitations = 50
)

// Sent says how a link goes to its person: by letter, or by whoever made it, who sees it once.
type Sent struct {
	Email string
	Link  string // "" when a letter took it
}

// hashLink is what is kept of a link's token. What it opens is part of it, so that one never opens another.
func hashLink(what, token string) string {
	sum := sha256.Sum256([]byte(what + "\x00" + token))
	return hex.EncodeToString(sum[:])
}

// Invite offers a role to whoever reads an address. byLetter: there is a mail server; without one the
// link is returned. base is where links lead. Errors: Invalid, Conflict.
func (a *Access) Invite(ctx context.Context, merchantID, email, role, base string, byLetter bool) (Sent, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	v := invalid{}
	if !isEmail(email) {
		v.wrong("email", "bad_email")
	}
	if !isRole(role) {
		v.wrong("role", "unknown_role")
	}
	if err := v.err(); err != nil {
		return Sent{}, err
	}
	by := checkout.ActorOf(ctx)
	var sent Sent
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockMerchant(merchantID); err != nil { // two who invite at once take turns
			return err
		}
		if err := a.mayInvite(tx, merchantID, email); err != nil {
			return err
		}
		token := checkout.NewToken(a.Random)
		i := checkout.Invitation{
			ID: checkout.NewID(checkout.PrefixInvited, tx.Now(), a.Random), MerchantID: merchantID, Email: email, Role: role, TokenHash: hashLink("invitation", token),
			InvitedBy: by.ID, CreatedAt: tx.Now(), SentAt: tx.Now(), ExpiresAt: tx.Now().Add(InvitationLife),
		}
		if err := tx.InsertInvitation(&i); err != nil {
			return err
		}
		d := shopDeed(ctx, merchantID, checkout.AreaPerson, "person.invited")
		d.Object, d.Name, d.Alarm, d.Changes = i.ID, email, "user_invited", []checkout.Change{{Field: "role", After: role}}
		if err := tx.Record(&d); err != nil {
			return err
		}
		var err error
		sent, err = a.sendInvitation(tx, &i, token, base, byLetter)
		return err
	})
	return sent, err
}

func (a *Access) mayInvite(tx *db.Tx, merchantID, email string) error {
	members, err := tx.Members(merchantID)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Email == email {
			return checkout.WrongField("email", "taken")
		}
	}
	open, err := tx.OpenInvitations(merchantID)
	if err != nil {
		return err
	}
	for _, i := range open {
		if i.Email == email {
			return checkout.WrongField("email", "invited")
		}
	}
	if len(open) >= maxInvitations {
		return checkout.WrongField("email", "too_many_invitations")
	}
	return nil
}

func (a *Access) sendInvitation(tx *db.Tx, i *checkout.Invitation, token, base string, byLetter bool) (Sent, error) {
	link := base + "/admin/invitation/" + token
	if !byLetter {
		return Sent{Email: i.Email, Link: link}, nil
	}
	m, err := tx.Merchant(i.MerchantID)
	if err != nil {
		return Sent{}, err
	}
	by, err := tx.User(i.InvitedBy)
	if err != nil {
		return Sent{}, err
	}
	key := "invitation/" + i.TokenHash
	_, err = tx.EnqueueLetter(&checkout.Letter{
		MerchantID: m.ID, Live: true, Kind: checkout.LetterInvitation, Key: key, Recipient: i.Email, Locale: m.Locale, Until: i.ExpiresAt,
		Sealed: a.Box.Seal([]byte(link), checkout.SealedLetter(key)),
		Facts:  checkout.LetterFacts{Shop: checkout.ShopOf(m), By: by.Email, Role: i.Role, ExpiresAt: i.ExpiresAt},
	})
	return Sent{Email: i.Email}, err
}

// InviteAgain sends an open invitation with a new link; the old one opens nothing any more. Errors: NotFound.
func (a *Access) InviteAgain(ctx context.Context, merchantID, id, base string, byLetter bool) (Sent, error) {
	var sent Sent
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		i, err := tx.Invitation(merchantID, id)
		if err != nil {
			return err
		}
		token := checkout.NewToken(a.Random)
		i.TokenHash, i.ExpiresAt = hashLink("invitation", token), tx.Now().Add(InvitationLife)
		if err := tx.RenewInvitation(i.ID, i.TokenHash, i.ExpiresAt); err != nil {
			return err
		}
		d := shopDeed(ctx, merchantID, checkout.AreaPerson, "person.reinvited")
		d.Object, d.Name = i.ID, i.Email
		if err := tx.Record(&d); err != nil {
			return err
		}
		sent, err = a.sendInvitation(tx, i, token, base, byLetter)
		return err
	})
	return sent, err
}

// Uninvite takes an open invitation back. Errors: NotFound.
func (a *Access) Uninvite(ctx context.Context, merchantID, id string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		i, err := tx.Invitation(merchantID, id)
		if err != nil {
			return err
		}
		if err := tx.CancelInvitation(i.ID); err != nil {
			return err
		}
		d := shopDeed(ctx, merchantID, checkout.AreaPerson, "person.uninvited")
		d.Object, d.Name = i.ID, i.Email
		return tx.Record(&d)
	})
}

// Invitations lists those of a shop that wait.
func (a *Access) Invitations(ctx context.Context, merchantID string) ([]checkout.Invitation, error) {
	var list []checkout.Invitation
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = tx.OpenInvitations(merchantID)
		return err
	})
	return list, err
}

// Invited returns the invitation that a link opens, and its shop. NotFound when it opens none (any more).
func (a *Access) Invited(ctx context.Context, token string) (i checkout.Invitation, m checkout.Merchant, err error) {
	err = a.DB.View(ctx, func(tx *db.Tx) error {
		got, err := openInvitation(tx, token)
		if err != nil {
			return err
		}
		shop, err := tx.Merchant(got.MerchantID)
		if err == nil {
			i, m = *got, *shop
		}
		return err
	})
	return i, m, err
}

func openInvitation(tx *db.Tx, token string) (*checkout.Invitation, error) {
	i, err := tx.InvitationByToken(hashLink("invitation", token))
	if err != nil {
		return nil, err
	}
	if !i.AcceptedAt.IsZero() || !i.CanceledAt.IsZero() || !tx.Now().Before(i.ExpiresAt) {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return i, nil
}

// Accept uses an invitation up. Whoever has no login yet gets one with the password; whoever has one
// proves it with theirs, and signs in as always: fresh says which. Errors: NotFound, Invalid, TooMany.
func (a *Access) Accept(ctx context.Context, token, password string, in SignIn) (u checkout.User, fresh bool, err error) {
	i, _, err := a.Invited(ctx, token)
	if err != nil {
		return checkout.User{}, false, err
	}
	found, err := a.userByEmail(ctx, i.Email)
	if err != nil {
		return checkout.User{}, false, err
	}
	hash := ""
	if fresh = found.ID == ""; fresh {
		if hash, err = a.newPassword(ctx, password, "password"); err != nil {
			return checkout.User{}, true, err
		}
	} else if err := a.knowsPassword(ctx, found, password, in); err != nil {
		return checkout.User{}, false, err
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		i, err := openInvitation(tx, token)
		if err != nil {
			return err
		}
		if err := tx.AcceptInvitation(i.ID); err != nil {
			return err
		}
		u = found
		if fresh {
			u = checkout.User{ID: checkout.NewID(checkout.PrefixUser, tx.Now(), a.Random), Email: i.Email, PasswordHash: hash, CreatedAt: tx.Now()}
			if err := tx.InsertUser(&u); err != nil {
				return err
			}
		}
		return join(checkout.WithActor(ctx, in.person(u.ID)), tx, i.MerchantID, &u, i.Role, "person.joined")
	})
	if errors.Is(err, checkout.Conflict) { // somebody gave them the role, or a login, in between
		err = checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return u, fresh, err
}

// knowsPassword is the password of a login that is there, counted like a sign-in.
func (a *Access) knowsPassword(ctx context.Context, u checkout.User, password string, in SignIn) error {
	in.Email, in.Password = u.Email, password
	own, err := a.countTry(ctx, u.Email, in)
	if err != nil {
		return err
	}
	ok, _, err := a.Passwords.Verify(ctx, password, u.PasswordHash)
	if err != nil {
		return err
	}
	if !ok || !u.DisabledAt.IsZero() {
		return checkout.WrongField("password", "wrong_password")
	}
	return a.DB.Update(ctx, func(tx *db.Tx) error { return tx.ForgetTries(own) })
}

// newPassword hashes a password that is to be set. Errors: Invalid, at field.
func (a *Access) newPassword(ctx context.Context, password, field string) (string, error) {
	if utf8.RuneCountInString(password) < minPassword {
		return "", checkout.WrongField(field, "short_password")
	}
	hash, err := a.Passwords.Hash(ctx, password)
	if errors.Is(err, auth.ErrPasswordLength) {
		return "", checkout.WrongField(field, "too_long")
	}
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}
