package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

const (
	maxPasskeys = 20
	maxAnswer   = 16 << 10 // of a device
)

// relyingParty is this installation as devices know it, false where there can be no passkeys: they
// belong to a name, and an address in figures is none.
func (a *Access) relyingParty() (*webauthn.WebAuthn, bool) {
	u, err := url.Parse(a.BaseURL)
	if err != nil || u.Hostname() == "" {
		return nil, false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, false
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Dargah", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	return w, err == nil
}

// keeper is a user as the library wants one.
type keeper struct {
	user checkout.User
	keys []webauthn.Credential
}

func (k keeper) WebAuthnID() []byte                         { return []byte(k.user.ID) }
func (k keeper) WebAuthnName() string                       { return k.user.Email }
func (k keeper) WebAuthnDisplayName() string                { return k.user.Email }
func (k keeper) WebAuthnCredentials() []webauthn.Credential { return k.keys }

func readKeeper(tx *db.Tx, userID string) (keeper, error) {
	u, err := tx.User(userID)
	if err != nil {
		return keeper{}, err
	}
	k := keeper{user: *u}
	list, err := tx.Passkeys(userID)
	if err != nil {
		return keeper{}, err
	}
	for i := range list {
		c, err := credential(&list[i])
		if err != nil {
			return keeper{}, err
		}
		k.keys = append(k.keys, c)
	}
	return k, nil
}

// credential is a stored passkey as the library wants it. The count that decides is the column's.
func credential(p *checkout.Passkey) (webauthn.Credential, error) {
	var c webauthn.Credential
	if err := json.Unmarshal([]byte(p.Credential), &c); err != nil {
		return c, fmt.Errorf("read passkey %s: %w", p.ID, err)
	}
	c.Authenticator.SignCount = p.SignCount
	return c, nil
}

// Passkeys lists a user's passkeys.
func (a *Access) Passkeys(ctx context.Context, userID string) ([]checkout.Passkey, error) {
	var list []checkout.Passkey
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = tx.Passkeys(userID)
		return err
	})
	return list, err
}

// OfferPasskey is what the browser asks a device for, "" where there can be no passkeys.
func (a *Access) OfferPasskey(ctx context.Context, w *Who) (string, error) {
	rp, ok := a.relyingParty()
	if !ok {
		return "", nil
	}
	var k keeper
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		k, err = readKeeper(tx, w.User.ID)
		return err
	})
	if err != nil {
		return "", err
	}
	offer, _, err := rp.BeginRegistration(k, webauthn.WithExclusions(webauthn.Credentials(k.keys).CredentialDescriptors()))
	if err != nil {
		return "", fmt.Errorf("offer a passkey: %w", err)
	}
	offer.Response.Challenge = a.newChallenge("register", w.User.ID, w.Login.ID)
	b, err := json.Marshal(offer.Response)
	return string(b), err
}

// AddPasskey keeps what a device answered to an offer. The caller has had its person prove who they
// are. Errors: Invalid.
func (a *Access) AddPasskey(ctx context.Context, w *Who, name, answer string) error {
	rp, ok := a.relyingParty()
	v := invalid{}
	name = i18n.CleanText(name)
	checkName(&v, name)
	if !ok || len(answer) > maxAnswer {
		v.wrong("answer", "passkey_wrong")
	}
	if err := v.err(); err != nil {
		return err
	}
	wrong := checkout.WrongField("answer", "passkey_wrong")
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return wrong
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if !a.ownChallenge(challenge, "register", w.User.ID, w.Login.ID) {
		return wrong
	}
	made, err := rp.CreateCredential(keeper{user: w.User}, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: rp.Config.RPID, UserID: []byte(w.User.ID), UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}, parsed)
	if err != nil {
		a.Log.InfoContext(ctx, "a new passkey was refused", "user", w.User.ID, "err", err)
		return wrong
	}
	body, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("keep a passkey: %w", err)
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		if first, err := takeChallenge(tx, challenge); err != nil || !first {
			return errors.Join(err, wrong)
		}
		have, err := tx.Passkeys(w.User.ID)
		if err != nil {
			return err
		}
		if len(have) >= maxPasskeys {
			return checkout.WrongField("answer", "too_many_passkeys")
		}
		p := checkout.Passkey{
			ID: checkout.NewID(checkout.PrefixPasskey, tx.Now(), a.Random), UserID: w.User.ID, CredentialID: base64.RawURLEncoding.EncodeToString(made.ID),
			Name: name, Credential: string(body), SignCount: made.Authenticator.SignCount, CreatedAt: tx.Now(),
		}
		if err := tx.InsertPasskey(&p); err != nil {
			return err
		}
		return a.recordOf(ctx, tx, w.User.ID, checkout.Deed{Area: checkout.AreaAccount, Kind: "account.passkey_added", Object: p.ID, Name: name, Alarm: "passkey_added"})
	})
	if errors.Is(err, checkout.Conflict) {
		err = wrong
	}
	return err
}

// DropPasskey takes one of a user's passkeys away and ends their other logins: it may be one that was
// stolen. Errors: NotFound.
func (a *Access) DropPasskey(ctx context.Context, w *Who, id string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		list, err := tx.Passkeys(w.User.ID)
		if err != nil {
			return err
		}
		name := ""
		for _, p := range list {
			if p.ID == id {
				name = p.Name
			}
		}
		if err := tx.DeletePasskey(w.User.ID, id); err != nil {
			return err
		}
		return errors.Join(
			tx.EndLogins(w.User.ID, w.Login.ID),
			a.recordOf(ctx, tx, w.User.ID, checkout.Deed{Area: checkout.AreaAccount, Kind: "account.passkey_removed", Object: id, Name: name, Alarm: "passkey_removed"}),
		)
	})
}
