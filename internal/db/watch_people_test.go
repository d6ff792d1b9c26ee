package db_test

import (
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// peopleStock is what the queries about deeds, invitations, resets and passkeys find. It follows
// adminStock: the user owns the pottery.
func peopleStock(tx *db.Tx, s *stock) error {
	return errors.Join(
		tx.Record(&checkout.Deed{ID: "ded_1", MerchantID: pottery, Live: true, By: checkout.Actor{Kind: "user", ID: s.user.ID}, Area: checkout.AreaKey, Kind: "key.made"}),
		tx.InsertInvitation(invited(s, "1")),
		tx.InsertReset(checkout.PasswordReset{TokenHash: "reset", UserID: s.user.ID, ExpiresAt: tx.Now().Add(time.Hour)}),
		tx.InsertPasskey(passkey(s, "1")),
	)
}

func invited(s *stock, n string) *checkout.Invitation {
	return &checkout.Invitation{
		ID: "ivt_" + n, MerchantID: pottery, Email: n + "@example.com", Role: "staff", TokenHash: "token" + n, InvitedBy: s.user.ID,
		CreatedAt: moneyTime, SentAt: moneyTime, ExpiresAt: moneyTime.Add(time.Hour),
	}
}

func passkey(s *stock, n string) *checkout.Passkey {
	return &checkout.Passkey{ID: "pky_" + n, UserID: s.user.ID, CredentialID: "credential" + n, Name: "phone", Credential: "{}", SignCount: 3, CreatedAt: moneyTime}
}

func peopleQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	user := s.user.ID
	actor := checkout.Actor{Kind: "user", ID: user}
	return map[string]func(tx *db.Tx) error{
		"Record": func(tx *db.Tx) error {
			return tx.Record(&checkout.Deed{
				MerchantID: pottery, Live: true, By: actor, Area: checkout.AreaGateway, Kind: "gateway.changed", Alarm: "gateway_changed", Person: user,
				Changes: []checkout.Change{{Field: "token", Before: checkout.Hidden, After: checkout.Hidden}},
			})
		},
		"RecordOf": func(tx *db.Tx) error {
			return tx.RecordOf(s.user, checkout.Deed{By: actor, Area: checkout.AreaAccount, Kind: "account.password", Alarm: "password_changed", Person: user})
		},
		"Deeds": func(tx *db.Tx) error {
			var errs []error
			for _, q := range []db.DeedQuery{{}, {Actor: actor.String()}, {Area: checkout.AreaKey}, {Actor: actor.String(), Area: checkout.AreaKey, BeforeAt: moneyTime, BeforeID: "ded_1"}} {
				q.MerchantID, q.Limit = pottery, 9
				errs = append(errs, one(tx.Deeds(q)))
			}
			return errors.Join(errs...)
		},
		"Deed":              func(tx *db.Tx) error { return one(tx.Deed("ded_1")) },
		"PruneDeeds":        func(tx *db.Tx) error { return tx.PruneDeeds(tx.Now()) },
		"KnowsAddress":      func(tx *db.Tx) error { _, _, err := tx.KnowsAddress(user, "1.2.3.4", "x"); return err },
		"InsertInvitation":  func(tx *db.Tx) error { return tx.InsertInvitation(invited(s, "2")) },
		"Invitation":        func(tx *db.Tx) error { return one(tx.Invitation(pottery, "ivt_1")) },
		"InvitationByToken": func(tx *db.Tx) error { return one(tx.InvitationByToken("token1")) },
		"OpenInvitations":   func(tx *db.Tx) error { return one(tx.OpenInvitations(pottery)) },
		"RenewInvitation":   func(tx *db.Tx) error { return tx.RenewInvitation("ivt_1", "new", moneyTime) },
		"AcceptInvitation":  func(tx *db.Tx) error { return tx.AcceptInvitation("ivt_1") },
		"CancelInvitation":  func(tx *db.Tx) error { return tx.CancelInvitation("ivt_1") },
		"InsertReset": func(tx *db.Tx) error {
			return tx.InsertReset(checkout.PasswordReset{TokenHash: "r2", UserID: user, ExpiresAt: tx.Now()})
		},
		"Reset":               func(tx *db.Tx) error { return one(tx.Reset("reset")) },
		"TakeReset":           func(tx *db.Tx) error { return tx.TakeReset("reset") },
		"VoidResets":          func(tx *db.Tx) error { return tx.VoidResets(user) },
		"PruneResets":         func(tx *db.Tx) error { return tx.PruneResets() },
		"InsertPasskey":       func(tx *db.Tx) error { return tx.InsertPasskey(passkey(s, "2")) },
		"Passkeys":            func(tx *db.Tx) error { return one(tx.Passkeys(user)) },
		"PasskeyByCredential": func(tx *db.Tx) error { return one(tx.PasskeyByCredential("credential1")) },
		"UsePasskey":          func(tx *db.Tx) error { p := passkey(s, "1"); p.SignCount = 4; return one(tx.UsePasskey(p, 3)) },
		"DeletePasskey":       func(tx *db.Tx) error { return tx.DeletePasskey(user, "pky_1") },
	}
}
