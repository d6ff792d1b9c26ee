package access

import (
	"context"
	"fmt"
	"strconv"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// The kinds of keys that a person can ask for.
const (
	KeyWrite = "write" // the API, to read and to write
	KeyRead  = "read"  // the API, to read
	KeyLink  = "link"  // signs payment links
)

// IssueKey makes a key of a kind for a merchant in one mode and returns its secret. With once, a second
// call is the same call: it gets the first one's secret, which is kept sealed for a day for that alone.
// Errors: Invalid.
func (a *Access) IssueKey(ctx context.Context, m *checkout.Merchant, kind, name string, live bool, once *db.Once) (string, error) {
	var secret string
	var insert func(ctx context.Context, tx *db.Tx, slug string) error
	switch kind {
	case KeyLink:
		d, err := a.draftLinkKey(name, live)
		if err != nil {
			return "", err
		}
		secret, insert = d.secret, d.insert
	case KeyRead, KeyWrite:
		scopes := []string{ScopeRead}
		if kind == KeyWrite {
			scopes = append(scopes, ScopeWrite)
		}
		d, err := a.draftKey(name, live, scopes)
		if err != nil {
			return "", err
		}
		secret, insert = d.secret, d.insert
	default:
		return "", checkout.WrongField("kind", "unknown_value")
	}
	if once == nil {
		return secret, a.DB.Update(ctx, func(tx *db.Tx) error { return insert(ctx, tx, m.Slug) })
	}
	place := "idempotency_keys/" + m.ID + "/" + strconv.FormatBool(live) + "/" + once.Key
	call := db.KeyedCall{
		Once: *once, MerchantID: m.ID, Live: live,
		Seal: func(body []byte) string { return a.Box.Seal(body, place) },
		Open: func(answer string) ([]byte, error) { return a.Box.Open(answer, place) },
	}
	replay, err := db.DoOnce(ctx, a.DB, call, func(tx *db.Tx) (any, error) { return secret, insert(ctx, tx, m.Slug) })
	if err != nil {
		return "", fmt.Errorf("issue key: %w", err)
	}
	if replay != nil {
		return string(replay.Body), nil
	}
	return secret, nil
}
