package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/mail"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// Rotated is what checkout key rotate prints: how many of each were sealed again.
type Rotated struct {
	Key      string `json:"key"` // the present key's name
	Accounts int    `json:"gateway_accounts"`
	Factors  int    `json:"second_factors"`
	LinkKeys int    `json:"link_keys"`
	Webhooks int    `json:"webhook_endpoints"`
	Answers  int    `json:"kept_answers"`
	Letters  int    `json:"letters"`
	Files    int    `json:"certificate_files"`
	// Older are the names of the keys that are still given and seal nothing any more.
	Older []string `json:"older_keys"`
}

func (r *Rotated) sum() int {
	return r.Accounts + r.Factors + r.LinkKeys + r.Webhooks + r.Answers + r.Letters + r.Files
}

// errServerKeys: what it seals, the running server could not open.
var errServerKeys = errors.New("the running server was started without the new secret key: start it again with the new key first and the old one behind it, then rotate")

// passes bounds how often everything is gone through: a server that has not read the new key yet may
// seal something under the old one meanwhile.
const passes = 5

// RotateKey seals everything again under the first key of CHECKOUT_SECRET_KEY. It may be stopped and
// run again at any time, and beside servers.
func (o *Office) RotateKey(ctx context.Context) (r Rotated, err error) {
	if err := o.cfg.NeedSecretKey(); err != nil {
		return r, err
	}
	box, err := o.cfg.box()
	if err != nil {
		return r, err
	}
	if err := checkKey(ctx, o.db, box); err != nil {
		return r, err
	}
	if err := o.serverOpens(ctx, box.IDs()[0]); err != nil {
		return r, err
	}
	r.Key, r.Older = box.IDs()[0], box.IDs()[1:]
	for range passes {
		before := r.sum()
		if err := o.reseal(ctx, box, &r); err != nil {
			return r, fmt.Errorf("seal everything under the new key (what was done stays done; run it again): %w", err)
		}
		if r.sum() == before {
			break
		}
	}
	// Last: with the new key alone nothing starts before everything opens under it.
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		sealed, err := tx.Setting(keyCheck)
		if err != nil {
			return err
		}
		again, old, err := box.Again(sealed, keyCheckPlace)
		if err != nil || !old {
			return err
		}
		return tx.SetSetting(keyCheck, again)
	})
	return r, err
}

// serverOpens refuses when a server runs that was given its keys without this one and cannot read them again.
// Where nobody can know whether one runs, the last that did counts.
func (o *Office) serverOpens(ctx context.Context, key string) error {
	served, known, err := o.db.Served(ctx)
	if err != nil || known && !served {
		return err
	}
	var holds string
	err = o.db.View(ctx, func(tx *db.Tx) (err error) {
		holds, err = tx.SettingOr(servingKeys, "")
		return err
	})
	if err == nil && holds != keysFromFile && !slices.Contains(strings.Fields(holds), key) {
		err = errServerKeys
	}
	return err
}

func (o *Office) reseal(ctx context.Context, box *seal.Box, r *Rotated) error {
	engine, err := o.engine(ctx)
	if err != nil {
		return err
	}
	hooks, err := o.hooks(ctx)
	if err != nil {
		return err
	}
	letters, err := mail.New(mail.Options{DB: o.db, Box: box, Now: time.Now})
	if err != nil {
		return err
	}
	people := newAccess(o.db, box, time.Now, slog.New(slog.DiscardHandler), nobody)
	for _, step := range []struct {
		count *int
		do    func(context.Context) (int, error)
	}{
		{&r.Accounts, engine.Reseal},
		{&r.Factors, people.ResealFactors},
		{&r.LinkKeys, people.ResealLinkKeys},
		{&r.Webhooks, hooks.Reseal},
		{&r.Answers, hooks.ResealAnswers},
		{&r.Letters, letters.Reseal},
		{&r.Files, func(ctx context.Context) (int, error) { return resealCertificates(ctx, o.db, box) }},
	} {
		n, err := step.do(ctx)
		*step.count += n
		if err != nil {
			return err
		}
	}
	return nil
}
