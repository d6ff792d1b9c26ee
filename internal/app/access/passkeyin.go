package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// A challenge is made of random bytes, when it ends, and a MAC over what it is for. So a page that
// offers a passkey stores nothing, and only a challenge that comes back leaves a trace: it counts once.
const (
	challengeLife   = 5 * time.Minute
	challengeRandom = 16
	challengeTime   = 8
	challengeDomain = "passkey"
)

func (a *Access) newChallenge(purpose ...string) protocol.URLEncodedBase64 {
	raw := make([]byte, challengeRandom, challengeRandom+challengeTime+32)
	rand.Read(raw) // never fails: crypto/rand ends the program instead
	raw = binary.BigEndian.AppendUint64(raw, uint64(a.Now().Add(challengeLife).UnixMilli()))
	return append(raw, a.Box.MAC(challengeDomain, challenged(raw, purpose)...)...)
}

func challenged(raw []byte, purpose []string) [][]byte {
	parts := [][]byte{raw[:challengeRandom+challengeTime]}
	for _, p := range purpose {
		parts = append(parts, []byte(p))
	}
	return parts
}

// ownChallenge reports whether a challenge is one of ours, for this purpose, and not over.
func (a *Access) ownChallenge(s string, purpose ...string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) <= challengeRandom+challengeTime {
		return false
	}
	until := binary.BigEndian.Uint64(raw[challengeRandom:])
	return a.Box.CheckMAC(challengeDomain, raw[challengeRandom+challengeTime:], challenged(raw, purpose)...) && uint64(a.Now().UnixMilli()) < until
}

// takeChallenge uses a challenge up. False: somebody did.
func takeChallenge(tx *db.Tx, challenge string) (bool, error) {
	n, _, err := tx.CountTry(counted("challenge", challenge), 2*challengeLife)
	return n == 1, err
}

// AskPasskey is what a browser asks a device for at the door, "" where there can be no passkeys. It names
// nobody: the device knows whose key it holds.
func (a *Access) AskPasskey() (string, error) {
	return a.passkeyRequest(nil, "login")
}

// AskSecond is the same for one whose password was right: their passkey in place of a code. "" when they
// have none.
func (a *Access) AskSecond(ctx context.Context, userID string) (string, error) {
	return a.askOwn(ctx, userID, "second", userID)
}

// AskAgain is the same for one who is in and is to prove once more who they are.
func (a *Access) AskAgain(ctx context.Context, w *Who) (string, error) {
	return a.askOwn(ctx, w.User.ID, "again", w.User.ID, w.Login.ID)
}

func (a *Access) askOwn(ctx context.Context, userID string, purpose ...string) (string, error) {
	var k keeper
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		k, err = readKeeper(tx, userID)
		return err
	})
	if err != nil || len(k.keys) == 0 {
		return "", err
	}
	return a.passkeyRequest(webauthn.Credentials(k.keys).CredentialDescriptors(), purpose...)
}

func (a *Access) passkeyRequest(allowed []protocol.CredentialDescriptor, purpose ...string) (string, error) {
	rp, ok := a.relyingParty()
	if !ok {
		return "", nil
	}
	b, err := json.Marshal(protocol.PublicKeyCredentialRequestOptions{
		Challenge: a.newChallenge(purpose...), Timeout: int(challengeLife.Milliseconds()), RelyingPartyID: rp.Config.RPID,
		AllowedCredentials: allowed, UserVerification: protocol.VerificationRequired,
	})
	return string(b), err
}

// ByPasskey is a whole sign-in: the device and whoever unlocked it. It counts like a password and a
// code. Errors: Unauthed, TooMany.
func (a *Access) ByPasskey(ctx context.Context, answer string, in SignIn) (checkout.User, error) {
	if !in.Address.IsLoopback() {
		if err := a.take(ctx, map[string]int{counted("passkey-from", place(in.Address).String()): perAddress}); err != nil {
			return checkout.User{}, err
		}
	}
	return a.checkPasskey(ctx, answer, "", in, "login")
}

// SecondByPasskey is a passkey in place of a code. Errors: Unauthed, TooMany.
func (a *Access) SecondByPasskey(ctx context.Context, userID, answer string, in SignIn) error {
	if err := a.take(ctx, map[string]int{counted("code", userID): perCode}); err != nil {
		return err
	}
	_, err := a.checkPasskey(ctx, answer, userID, in, "second", userID)
	if err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *db.Tx) error { return tx.ForgetTries(counted("code", userID)) })
}

// ProveByPasskey is a fresh sign-in of one who is in, by a passkey instead of the password and a code.
// Errors: Invalid, TooMany.
func (a *Access) ProveByPasskey(ctx context.Context, w *Who, answer string) error {
	if err := a.take(ctx, map[string]int{counted("again", w.User.ID): perPair}); err != nil {
		return err
	}
	_, err := a.checkPasskey(ctx, answer, w.User.ID, SignIn{}, "again", w.User.ID, w.Login.ID)
	if errors.Is(err, checkout.Unauthed) {
		return checkout.WrongField("password", "passkey_wrong")
	}
	if err != nil {
		return err
	}
	return a.freshen(ctx, w)
}

var errPasskey = checkout.Fail(checkout.Unauthed, "error.passkey_refused")

// checkPasskey is the proof: our own challenge, for this purpose, once; our own site; a key that we
// know, of a user who may come in; the person was there and known to the device; the count goes up.
func (a *Access) checkPasskey(ctx context.Context, answer, userID string, in SignIn, purpose ...string) (checkout.User, error) {
	rp, ok := a.relyingParty()
	if !ok || len(answer) > maxAnswer {
		return checkout.User{}, errPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return checkout.User{}, errPasskey
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if !a.ownChallenge(challenge, purpose...) {
		return checkout.User{}, errPasskey
	}
	p, k, err := a.passkeyOf(ctx, parsed.RawID, userID)
	if err != nil {
		return checkout.User{}, err
	}
	used, err := rp.ValidateLogin(k, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: rp.Config.RPID, UserID: []byte(k.user.ID), UserVerification: protocol.VerificationRequired,
	}, parsed)
	if err != nil {
		a.Log.InfoContext(ctx, "a passkey was refused", "user", k.user.ID, "err", err)
		return checkout.User{}, errors.Join(a.refusedAt(ctx, k.user.ID, in, "signin.passkey_refused"), errPasskey)
	}
	if used.Authenticator.CloneWarning {
		return checkout.User{}, errors.Join(a.copied(ctx, p, in), errPasskey)
	}
	before := p.SignCount
	p.SignCount = used.Authenticator.SignCount
	body, err := json.Marshal(used)
	if err != nil {
		return checkout.User{}, fmt.Errorf("keep a passkey: %w", err)
	}
	p.Credential = string(body)
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		first, err := takeChallenge(tx, challenge)
		if err != nil {
			return err
		}
		if !first {
			return errPasskey
		}
		if ok, err := tx.UsePasskey(p, before); err != nil || !ok {
			return errors.Join(err, errPasskey)
		}
		return nil
	})
	return k.user, err
}

// passkeyOf finds the passkey that a device names, and its user, who must be userID unless that is "".
func (a *Access) passkeyOf(ctx context.Context, rawID []byte, userID string) (*checkout.Passkey, keeper, error) {
	var p *checkout.Passkey
	var k keeper
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		if p, err = tx.PasskeyByCredential(base64.RawURLEncoding.EncodeToString(rawID)); err != nil {
			return err
		}
		k, err = readKeeper(tx, p.UserID)
		return err
	})
	if errors.Is(err, checkout.NotFound) || err == nil && (!k.user.DisabledAt.IsZero() || userID != "" && p.UserID != userID) {
		return nil, keeper{}, errPasskey
	}
	return p, k, err
}

// copied notes a passkey whose count went back: there may be two of it. Its person and the owners hear.
func (a *Access) copied(ctx context.Context, p *checkout.Passkey, in SignIn) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		n, _, err := tx.CountTry(counted("copied", p.ID), refusalsWindow)
		if err != nil || n > refusalsNoted {
			return err
		}
		return a.recordOf(ctx, tx, p.UserID, checkout.Deed{
			By: in.by(ctx, p.UserID), Area: checkout.AreaAccount, Kind: "account.passkey_copied", Object: p.ID, Name: p.Name, Alarm: "passkey_copied",
		})
	})
}
