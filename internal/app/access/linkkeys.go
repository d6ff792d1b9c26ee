package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

const linkSecretBytes = 32

// errNoBox says that a link key's secret cannot be sealed by whoever has no secret key.
var errNoBox = errors.New("link keys need the installation's secret key")

// CreateLinkKey makes a key that signs payment links of a merchant in one mode, and returns its secret:
// the text itself is the key of the HMAC. NotFound for an unknown merchant, Invalid for a name.
func (a *Access) CreateLinkKey(ctx context.Context, slug, name string, live bool) (checkout.LinkKey, string, error) {
	d, err := a.draftLinkKey(name, live)
	if err != nil {
		return checkout.LinkKey{}, "", err
	}
	if err := a.DB.Update(ctx, func(tx *db.Tx) error { return d.insert(ctx, tx, slug) }); err != nil {
		return checkout.LinkKey{}, "", fmt.Errorf("create link key: %w", noMerchant(err))
	}
	return d.key, d.secret, nil
}

// linkKeyDraft is a link key before it is stored.
type linkKeyDraft struct {
	key    checkout.LinkKey
	secret string
	access *Access
}

func (a *Access) draftLinkKey(name string, live bool) (*linkKeyDraft, error) {
	if a.Box == nil {
		return nil, errNoBox
	}
	v := invalid{}
	name = i18n.CleanText(name)
	checkName(&v, name)
	if err := v.err(); err != nil {
		return nil, err
	}
	var raw [linkSecretBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return &linkKeyDraft{key: checkout.LinkKey{Live: live, Name: name}, secret: "lsk_" + base64.RawURLEncoding.EncodeToString(raw[:]), access: a}, nil
}

func (d *linkKeyDraft) insert(ctx context.Context, tx *db.Tx, slug string) error {
	m, err := tx.MerchantBySlug(slug)
	if err != nil {
		return err
	}
	d.key.ID, d.key.MerchantID, d.key.CreatedAt = checkout.NewID(checkout.PrefixLinkKey, tx.Now(), d.access.Random), m.ID, tx.Now()
	d.key.Sealed = d.access.Box.Seal([]byte(d.secret), d.key.Place())
	if err := tx.InsertLinkKey(&d.key); err != nil {
		return err
	}
	made := shopDeed(ctx, m.ID, checkout.AreaKey, "linkkey.made")
	made.Live, made.Object, made.Name, made.Alarm = d.key.Live, d.key.ID, d.key.Name, "linkkey_created"
	return tx.Record(&made)
}

// LinkKeys lists a merchant's link keys in one mode, newest first, also those that were revoked.
func (a *Access) LinkKeys(ctx context.Context, slug string, live bool) ([]checkout.LinkKey, error) {
	var list []checkout.LinkKey
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug(slug)
		if err == nil {
			list, err = tx.LinkKeys(m.ID, live)
		}
		return err
	})
	return list, noMerchant(err)
}

// RevokeLinkKey ends a key at once: links that it signed show nothing any more, and the invoices that
// came of them stay. NotFound when it is not the merchant's or has ended.
func (a *Access) RevokeLinkKey(ctx context.Context, slug, id string) error {
	return a.revoke(ctx, slug, id, "linkkey.revoked", "linkkey_revoked", func(tx *db.Tx, merchantID string) (string, error) { return tx.RevokeLinkKey(merchantID, id) })
}

// RevokeKey ends a key of the API: the next call with it is refused.
func (a *Access) RevokeKey(ctx context.Context, slug, id string) error {
	return a.revoke(ctx, slug, id, "key.revoked", "apikey_revoked", func(tx *db.Tx, merchantID string) (string, error) { return tx.RevokeAPIKey(merchantID, id) })
}

func (a *Access) revoke(ctx context.Context, slug, id, kind, alarm string, end func(tx *db.Tx, merchantID string) (name string, err error)) error {
	var merchantID string
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug(slug)
		if err == nil {
			merchantID = m.ID
		}
		return err
	})
	if err != nil {
		return noMerchant(err)
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		name, err := end(tx, merchantID)
		if err != nil {
			return err
		}
		d := shopDeed(ctx, merchantID, checkout.AreaKey, kind)
		d.Object, d.Name, d.Alarm = id, name, alarm
		return tx.Record(&d)
	})
	if errors.Is(err, checkout.NotFound) {
		return &checkout.Error{Kind: checkout.NotFound, Key: "error.no_key", Err: err}
	}
	return err
}

// Keys lists a merchant's keys of the API in one mode, newest first, also those that were revoked.
func (a *Access) Keys(ctx context.Context, slug string, live bool) ([]checkout.APIKey, error) {
	var list []checkout.APIKey
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug(slug)
		if err == nil {
			list, err = tx.APIKeys(m.ID, live)
		}
		return err
	})
	return list, noMerchant(err)
}
