package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// The scopes of a key.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// touchEvery is how exact "last used" is: one write a minute for a key, however busy.
const touchEvery = time.Minute

// maxName is the longest name of a key or a merchant.
const maxName = 100

// Authenticate returns the key behind a secret. Unauthed when there is none or it was revoked. It
// asks the store every time, one read of a unique index: a cache would keep a stolen key alive
// after its owner revoked it.
func (a *Access) Authenticate(ctx context.Context, secret string) (checkout.APIKey, error) {
	refused := checkout.Fail(checkout.Unauthed, "error.unauthorized")
	live, ok := auth.APIKeyMode(secret)
	if !ok {
		return checkout.APIKey{}, refused
	}
	var key *checkout.APIKey
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		key, err = tx.APIKeyByHash(auth.HashAPIKey(secret))
		return err
	})
	switch {
	case errors.Is(err, checkout.NotFound):
		return checkout.APIKey{}, refused
	case err != nil:
		return checkout.APIKey{}, fmt.Errorf("look up api key: %w", err)
	case !key.RevokedAt.IsZero() || key.Live != live:
		return checkout.APIKey{}, refused
	}
	a.touch(key)
	return *key, nil
}

// touched remembers which keys have a write under way or behind them, so that a crowd of calls in
// the first second of a minute writes once.
type touched struct {
	mu sync.Mutex
	at map[string]time.Time
}

// touch notes the use of a key beside the call: nobody waits for it, and if we die before it is
// written, "last used" is a minute old.
func (a *Access) touch(key *checkout.APIKey) {
	now := a.Now()
	if now.Sub(key.LastUsedAt) < touchEvery || !a.touched.claim(key.ID, now) {
		return
	}
	id := key.ID
	a.Spawn(func(ctx context.Context) {
		err := a.DB.Update(ctx, func(tx *db.Tx) error { return tx.TouchAPIKey(id) })
		if err != nil {
			a.Log.WarnContext(ctx, "last use of an api key not noted", "key", id, "err", err)
		}
	})
}

func (t *touched) claim(id string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.at[id]; ok && now.Sub(last) < touchEvery {
		return false
	}
	if t.at == nil {
		t.at = make(map[string]time.Time)
	}
	t.at[id] = now
	return true
}

// CreateKey makes a key for a merchant in one mode with these scopes, all when there are none, and
// returns its secret, which is nowhere else. NotFound for an unknown merchant, Invalid for a name or
// a scope.
func (a *Access) CreateKey(ctx context.Context, slug, name string, live bool, scopes ...string) (checkout.APIKey, string, error) {
	d, err := a.draftKey(name, live, scopes)
	if err != nil {
		return checkout.APIKey{}, "", err
	}
	if err := a.DB.Update(ctx, func(tx *db.Tx) error { return d.insert(ctx, tx, slug) }); err != nil {
		return checkout.APIKey{}, "", fmt.Errorf("create api key: %w", noMerchant(err))
	}
	return d.key, d.secret, nil
}

// keyDraft is a key before it is stored, and its secret, which is stored nowhere.
type keyDraft struct {
	key          checkout.APIKey
	secret, hash string
	random       io.Reader
}

func (a *Access) draftKey(name string, live bool, scopes []string) (*keyDraft, error) {
	v := invalid{}
	name = i18n.CleanText(name)
	checkName(&v, name)
	if len(scopes) == 0 {
		scopes = []string{ScopeRead, ScopeWrite}
	}
	for _, s := range scopes {
		if s != ScopeRead && s != ScopeWrite {
			v.wrong("scopes", "unknown_scope")
		}
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	secret, hash := auth.NewAPIKey(live)
	return &keyDraft{key: checkout.APIKey{Live: live, Name: name, Scopes: scopes}, secret: secret, hash: hash, random: a.Random}, nil
}

func (d *keyDraft) insert(ctx context.Context, tx *db.Tx, slug string) error {
	m, err := tx.MerchantBySlug(slug)
	if err != nil {
		return err
	}
	d.key.ID, d.key.MerchantID, d.key.CreatedAt = checkout.NewID(checkout.PrefixKey, tx.Now(), d.random), m.ID, tx.Now()
	if err := tx.InsertAPIKey(&d.key, d.hash); err != nil {
		return err
	}
	made := shopDeed(ctx, m.ID, checkout.AreaKey, "key.made")
	made.Live, made.Object, made.Name, made.Alarm = d.key.Live, d.key.ID, d.key.Name, "apikey_created"
	return tx.Record(&made)
}

func checkName(v *invalid, name string) {
	switch {
	case name == "":
		v.wrong("name", "required")
	case utf8.RuneCountInString(name) > maxName:
		v.wrong("name", "too_long")
	case i18n.LuhnCard(name):
		v.wrong("name", "card_number")
	}
}

// noMerchant gives a missing merchant its own sentence.
func noMerchant(err error) error {
	if errors.Is(err, checkout.NotFound) {
		return &checkout.Error{Kind: checkout.NotFound, Key: "error.no_merchant", Err: err}
	}
	return err
}
