package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Member is a person of a shop.
type Member struct {
	ID, Email, Role string
	Factor          bool // a second factor is in force
	Disabled        bool
}

// Members lists the people of a merchant.
func (a *Access) Members(ctx context.Context, merchantID string) ([]Member, error) {
	var list []Member
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		all, err := tx.Members(merchantID)
		list = nil
		for _, m := range all {
			list = append(list, Member{ID: m.ID, Email: m.Email, Role: m.Role, Factor: !m.TOTPAt.IsZero(), Disabled: !m.DisabledAt.IsZero()})
		}
		return err
	})
	return list, err
}

// AddMember gives a person a role with a merchant. One who has no login yet gets one with the
// password; one who has keeps theirs. Errors: Invalid.
func (a *Access) AddMember(ctx context.Context, merchantID, email, role, password string) error {
	email = strings.ToLower(strings.TrimSpace(email))
	v := invalid{}
	if !isEmail(email) {
		v.wrong("email", "bad_email")
	}
	if !isRole(role) {
		v.wrong("role", "unknown_role")
	}
	if utf8.RuneCountInString(password) < minPassword {
		v.wrong("new_password", "short_password")
	}
	if err := v.err(); err != nil {
		return err
	}
	// Hashed in any case: how long it takes must not tell who has a login.
	hash, err := a.Passwords.Hash(ctx, password)
	if errors.Is(err, auth.ErrPasswordLength) {
		return checkout.WrongField("new_password", "too_long")
	}
	if err != nil {
		return err
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := tx.UserByEmail(email)
		if errors.Is(err, checkout.NotFound) {
			u = &checkout.User{ID: checkout.NewID(checkout.PrefixUser, tx.Now(), a.Random), Email: email, PasswordHash: hash, CreatedAt: tx.Now()}
			err = tx.InsertUser(u)
		}
		if err != nil {
			return err
		}
		return join(ctx, tx, merchantID, u, role, "person.added")
	})
	if errors.Is(err, checkout.Conflict) {
		err = checkout.WrongField("email", "taken")
	}
	return err
}

// join gives a person a role, and tells the owners. checkout.Conflict when they have one.
func join(ctx context.Context, tx *db.Tx, merchantID string, u *checkout.User, role, kind string) error {
	if err := tx.InsertMembership(checkout.Membership{UserID: u.ID, MerchantID: merchantID, Role: role}); err != nil {
		return err
	}
	d := shopDeed(ctx, merchantID, checkout.AreaPerson, kind)
	d.Object, d.Name, d.Alarm, d.Person = u.ID, u.Email, "user_added", u.ID
	d.Changes = []checkout.Change{{Field: "role", After: role}}
	return tx.Record(&d)
}

func isRole(role string) bool {
	return slices.Contains([]string{RoleOwner, RoleStaff, RoleViewer}, role)
}

// SetRole changes what a person may do with a merchant, and ends their logins: their rights change
// with their token. A shop keeps one owner. Errors: Invalid, NotFound, Conflict.
func (a *Access) SetRole(ctx context.Context, merchantID, userID, role string) error {
	if !isRole(role) {
		return checkout.WrongField("role", "unknown_role")
	}
	return a.change(ctx, merchantID, userID, role, func(tx *db.Tx) error {
		return tx.SetRole(checkout.Membership{UserID: userID, MerchantID: merchantID, Role: role})
	})
}

// RemoveMember takes a person's role with a merchant away, and ends their logins. Errors: NotFound,
// Conflict.
func (a *Access) RemoveMember(ctx context.Context, merchantID, userID string) error {
	return a.change(ctx, merchantID, userID, "", func(tx *db.Tx) error { return tx.DeleteMembership(userID, merchantID) })
}

// change gives a person another role, "" for none. The letters of it go to those who were owners before,
// among them who is removed.
func (a *Access) change(ctx context.Context, merchantID, userID, role string, act func(tx *db.Tx) error) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		// Two owners who remove each other take turns: one of them stays.
		if err := tx.LockMerchant(merchantID); err != nil {
			return err
		}
		all, err := tx.Members(merchantID)
		if err != nil {
			return err
		}
		others := slices.ContainsFunc(all, func(m db.Member) bool { return m.Role == RoleOwner && m.ID != userID })
		if !others && role != RoleOwner {
			return checkout.Fail(checkout.Conflict, "error.last_owner")
		}
		if err := recordRole(ctx, tx, merchantID, all, userID, role); err != nil {
			return err
		}
		if err := act(tx); err != nil {
			return err
		}
		return tx.EndLogins(userID, "")
	})
}

// ResetPassword sets a person's password for them and ends their logins; the operator's alone, since a
// person may belong to several shops. Errors: Invalid, NotFound.
func (a *Access) ResetPassword(ctx context.Context, userID, password string) error {
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
		if err := tx.SetPassword(userID, hash); err != nil {
			return err
		}
		return errors.Join(tx.VoidResets(userID), tx.EndLogins(userID, ""), a.recordOf(ctx, tx, userID, passwordDeed("account.password_set")))
	})
}

func passwordDeed(kind string) checkout.Deed {
	return checkout.Deed{Area: checkout.AreaAccount, Kind: kind, Alarm: "password_changed"}
}

func recordRole(ctx context.Context, tx *db.Tx, merchantID string, all []db.Member, userID, role string) error {
	at := slices.IndexFunc(all, func(m db.Member) bool { return m.ID == userID })
	if at < 0 || all[at].Role == role {
		return nil
	}
	d := shopDeed(ctx, merchantID, checkout.AreaPerson, "person.role")
	d.Object, d.Name, d.Alarm, d.Person = userID, all[at].Email, "role_changed", userID
	d.Changes = []checkout.Change{{Field: "role", Before: all[at].Role, After: role}}
	if role == "" {
		d.Kind, d.Alarm = "person.removed", "user_removed"
	}
	return tx.Record(&d)
}

// UpdateMerchant writes a merchant's own words; the slug stays. accent is "#rrggbb", "" for the house's.
// Errors: Invalid, NotFound.
func (a *Access) UpdateMerchant(ctx context.Context, merchantID string, in NewMerchant, accent string) error {
	in.Slug = "as-it-is"
	m, err := in.merchant()
	v := invalid{}
	var e *checkout.Error
	if errors.As(err, &e) {
		v.fields = e.Fields
	}
	if accent != "" && !isColour(accent) {
		v.wrong("accent", "bad_colour")
	}
	if err := v.err(); err != nil {
		return err
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockMerchant(merchantID); err != nil {
			return err
		}
		old, err := tx.Merchant(merchantID)
		if err != nil {
			return err
		}
		m.ID, m.Slug, m.CreatedAt, m.Accent = old.ID, old.Slug, old.CreatedAt, strings.ToLower(accent)
		if err := tx.UpdateMerchant(&m); err != nil {
			return err
		}
		return recordProfile(ctx, tx, old, &m)
	})
	if err != nil {
		return fmt.Errorf("update merchant: %w", err)
	}
	return nil
}

func recordProfile(ctx context.Context, tx *db.Tx, before, after *checkout.Merchant) error {
	words := func(m *checkout.Merchant) map[string]string {
		return map[string]string{"name": m.Name, "website": m.Website, "phone": m.Phone, "email": m.Email, "address": m.Address, "locale": m.Locale, "accent": m.Accent}
	}
	d := shopDeed(ctx, after.ID, checkout.AreaShop, "shop.changed")
	d.Object, d.Name = after.ID, after.Name
	d.Changes = checkout.Diff([]string{"name", "website", "phone", "email", "address", "locale", "accent"}, words(before), words(after))
	if len(d.Changes) == 0 {
		return nil
	}
	return tx.Record(&d)
}

func isColour(s string) bool {
	if len(s) != 7 || s[0] != '#' {
		return false
	}
	for _, c := range strings.ToLower(s[1:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
