package app

import (
	"context"
	"log/slog"
	"time"

	"dargah/internal/app/checkout"
)

// CreateAPIKey makes a key of the API with these scopes, all when there are none.
func (o *Office) CreateAPIKey(ctx context.Context, slug, name string, live bool, scopes ...string) (APIKey, error) {
	k, secret, err := o.access.CreateKey(ctx, slug, name, live, scopes...)
	return APIKey{k.ID, secret}, err
}

// ListedKey is a key as apikey list and linkkey list print it, without its secret.
type ListedKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Livemode   bool       `json:"livemode"`
	Scopes     []string   `json:"scopes,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

// State is what a person reads about a key.
func (k ListedKey) State() string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + k.RevokedAt.Format(time.RFC3339)
	case k.LastUsedAt != nil:
		return "last used " + k.LastUsedAt.Format(time.RFC3339)
	}
	return "made " + k.CreatedAt.Format(time.RFC3339)
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// APIKeys lists a merchant's keys of the API.
func (o *Office) APIKeys(ctx context.Context, slug string, live bool) ([]ListedKey, error) {
	keys, err := o.access.Keys(ctx, slug, live)
	list := make([]ListedKey, 0, len(keys))
	for _, k := range keys {
		list = append(list, ListedKey{k.ID, k.Name, k.Live, k.Scopes, k.CreatedAt, known(k.LastUsedAt), known(k.RevokedAt)})
	}
	return list, err
}

// RevokeAPIKey ends a key of the API.
func (o *Office) RevokeAPIKey(ctx context.Context, slug, id string) error {
	return o.access.RevokeKey(ctx, slug, id)
}

// CreateLinkKey makes a key that signs payment links.
func (o *Office) CreateLinkKey(ctx context.Context, slug, name string, live bool) (APIKey, error) {
	if err := o.cfg.NeedSecretKey(); err != nil {
		return APIKey{}, err
	}
	box, err := o.cfg.box()
	if err != nil {
		return APIKey{}, err
	}
	if err := checkKey(ctx, o.db, box); err != nil {
		return APIKey{}, err
	}
	k, secret, err := newAccess(o.db, box, time.Now, slog.New(slog.DiscardHandler), nobody).CreateLinkKey(ctx, slug, name, live)
	return APIKey{k.ID, secret}, err
}

// LinkKeys lists a merchant's link keys.
func (o *Office) LinkKeys(ctx context.Context, slug string, live bool) ([]ListedKey, error) {
	keys, err := o.access.LinkKeys(ctx, slug, live)
	list := make([]ListedKey, 0, len(keys))
	for _, k := range keys {
		list = append(list, listedLinkKey(k))
	}
	return list, err
}

func listedLinkKey(k checkout.LinkKey) ListedKey {
	return ListedKey{ID: k.ID, Name: k.Name, Livemode: k.Live, CreatedAt: k.CreatedAt, RevokedAt: known(k.RevokedAt)}
}

// RevokeLinkKey ends a link key.
func (o *Office) RevokeLinkKey(ctx context.Context, slug, id string) error {
	return o.access.RevokeLinkKey(ctx, slug, id)
}
