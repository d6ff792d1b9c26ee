package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const (
	// DefaultOverlap is how long the old secret goes on signing beside a new one, MaxOverlap the longest.
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 7 * 24 * time.Hour
	// maxSecrets is how many secrets sign at once; a further rotation drops the oldest.
	maxSecrets = 3
)

// NewEndpoint is what a merchant asks for.
type NewEndpoint struct {
	URL   string
	Types []string // none: every type
}

// Issued is an endpoint with a secret that is shown once.
type Issued struct {
	Endpoint checkout.Endpoint
	Secret   string
}

// Create stores a new endpoint. From its commit on, events are written down for it. Errors: Invalid.
func (h *Hooks) Create(ctx context.Context, sc Scope, in NewEndpoint, o *Once) (Issued, *Replay, error) {
	// A name may have to be looked up, and no transaction waits for the network.
	var wrong []checkout.FieldError
	if code := h.guard.address(ctx, in.URL); code != "" {
		wrong = append(wrong, checkout.FieldError{Field: "url", Code: code})
	}
	types, code := readTypes(in.Types)
	if code != "" {
		wrong = append(wrong, checkout.FieldError{Field: "types", Code: code})
	}
	if len(wrong) > 0 {
		return Issued{}, nil, &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: wrong}
	}
	var issued Issued
	replay, err := h.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		if err := tx.LockMerchant(sc.MerchantID); err != nil { // two who create at once take turns
			return nil, err
		}
		have, err := tx.Endpoints(sc.MerchantID, sc.Live)
		if err != nil {
			return nil, err
		}
		if len(have) >= maxEndpoints {
			return nil, checkout.Fail(checkout.Conflict, "error.too_many_endpoints")
		}
		e := checkout.Endpoint{
			ID: checkout.NewID(checkout.PrefixEndpoint, tx.Now(), h.Random), MerchantID: sc.MerchantID, Live: sc.Live,
			URL: in.URL, Types: types, CreatedAt: tx.Now(),
		}
		secret := newSecret(h.Random)
		e.Secrets = []checkout.EndpointSecret{{Sealed: h.Box.Seal([]byte(secret), secretPlace(e.ID))}}
		issued = Issued{Endpoint: e, Secret: secret}
		if err := tx.InsertEndpoint(&e); err != nil {
			return nil, err
		}
		return issued, recordEndpoint(ctx, tx, &e, "webhook.added", "endpoint_added")
	})
	return issued, replay, err
}

// readTypes checks what an endpoint wants to hear of, each once.
func readTypes(types []string) (clean []string, code string) {
	for _, t := range types {
		if !slices.Contains(checkout.WebhookTypes(), t) {
			return nil, "unknown_value"
		}
		if !slices.Contains(clean, t) {
			clean = append(clean, t)
		}
	}
	return clean, ""
}

// Endpoints lists the scope's endpoints, newest first.
func (h *Hooks) Endpoints(ctx context.Context, sc Scope) ([]checkout.Endpoint, error) {
	var list []checkout.Endpoint
	err := h.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = tx.Endpoints(sc.MerchantID, sc.Live)
		return err
	})
	return list, err
}

// Endpoint reads one endpoint of the scope. NotFound when it is not theirs.
func (h *Hooks) Endpoint(ctx context.Context, sc Scope, id string) (checkout.Endpoint, error) {
	var e checkout.Endpoint
	err := h.DB.View(ctx, func(tx *db.Tx) error {
		got, err := tx.ScopedEndpoint(sc.MerchantID, sc.Live, id)
		if err == nil {
			e = *got
		}
		return notFound(err)
	})
	return e, err
}

// Delete removes an endpoint: nothing is sent there any more. Errors: NotFound.
func (h *Hooks) Delete(ctx context.Context, sc Scope, id string) error {
	return h.DB.Update(ctx, func(tx *db.Tx) error {
		e, err := locked(tx, sc, id)
		if err != nil {
			return err
		}
		if err := recordEndpoint(ctx, tx, e, "webhook.removed", "endpoint_removed"); err != nil {
			return err
		}
		return tx.DeleteEndpoint(e)
	})
}

// Rotate gives an endpoint a new secret. For overlap the old one signs as well, so that a receiver can
// be changed at leisure; none, when it got into wrong hands. Errors: NotFound, Invalid.
func (h *Hooks) Rotate(ctx context.Context, sc Scope, id string, overlap time.Duration, o *Once) (Issued, *Replay, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Issued{}, nil, checkout.WrongField("overlap_hours", "out_of_range")
	}
	var issued Issued
	replay, err := h.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		e, err := locked(tx, sc, id)
		if err != nil {
			return nil, err
		}
		secret, now := newSecret(h.Random), tx.Now()
		secrets := []checkout.EndpointSecret{{Sealed: h.Box.Seal([]byte(secret), secretPlace(e.ID))}}
		for _, old := range e.Secrets {
			if old.Until.IsZero() || old.Until.After(now.Add(overlap)) {
				old.Until = now.Add(overlap)
			}
			if now.Before(old.Until) && len(secrets) < maxSecrets {
				secrets = append(secrets, old)
			}
		}
		e.Secrets = secrets
		issued = Issued{Endpoint: *e, Secret: secret}
		if err := tx.SaveEndpointSecrets(e.ID, secrets); err != nil {
			return nil, err
		}
		return issued, recordEndpoint(ctx, tx, e, "webhook.rotated", "endpoint_rotated")
	})
	return issued, replay, err
}

// Reseal seals again, under the installation's present key, the secrets that an older one sealed, and
// returns how many endpoints that were.
func (h *Hooks) Reseal(ctx context.Context) (n int, err error) {
	err = h.DB.Update(ctx, func(tx *db.Tx) error {
		n = 0
		all, err := tx.AllEndpoints()
		if err != nil {
			return err
		}
		for i := range all {
			// Once more under its lock: a rotation may have come in between.
			e, err := tx.LockEndpoint(all[i].MerchantID, all[i].Live, all[i].ID)
			if err != nil {
				return err
			}
			old := false
			for j := range e.Secrets {
				s := &e.Secrets[j]
				if h.Box.Current(s.Sealed) {
					continue
				}
				plain, err := h.Box.Open(s.Sealed, secretPlace(e.ID))
				if err != nil {
					return fmt.Errorf("open a secret of %s: %w", e.ID, err)
				}
				s.Sealed, old = h.Box.Seal(plain, secretPlace(e.ID)), true
			}
			if !old {
				continue
			}
			if err := tx.SaveEndpointSecrets(e.ID, e.Secrets); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Enable sends to a disabled endpoint again, beginning with what was held for it. One that is enabled
// stays so. Errors: NotFound.
func (h *Hooks) Enable(ctx context.Context, sc Scope, id string, o *Once) (checkout.Endpoint, *Replay, error) {
	var e checkout.Endpoint
	replay, err := h.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		got, err := locked(tx, sc, id)
		if err != nil {
			return nil, err
		}
		if !got.DisabledAt.IsZero() {
			if err := tx.EnableEndpoint(got); err != nil {
				return nil, err
			}
			if err := recordEndpoint(ctx, tx, got, "webhook.enabled", ""); err != nil {
				return nil, err
			}
			got.DisabledAt, got.DisabledWhy, got.FailingSince = time.Time{}, "", time.Time{}
		}
		e = *got
		return e, nil
	})
	return e, replay, err
}

// locked reads an endpoint that the scope may see, and holds its row.
func locked(tx *db.Tx, sc Scope, id string) (*checkout.Endpoint, error) {
	e, err := tx.LockEndpoint(sc.MerchantID, sc.Live, id)
	return e, notFound(err)
}

// notFound turns the store's plain not-found into what people are told.
func notFound(err error) error {
	if errors.Is(err, checkout.NotFound) {
		return &checkout.Error{Kind: checkout.NotFound, Key: "error.not_found", Err: err}
	}
	return err
}
