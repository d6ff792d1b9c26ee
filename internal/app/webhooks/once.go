package webhooks

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// errReplay ends a transaction whose key was taken by a call that committed first.
var errReplay = errors.New("idempotency key taken")

// once runs act in one transaction, together with the key of the call when it has one, as the engine
// does with its own. Answers may hold a secret that is shown once, so they are kept sealed.
func (h *Hooks) once(ctx context.Context, sc Scope, o *Once, act func(tx *db.Tx) (any, error)) (*Replay, error) {
	if o == nil {
		return nil, h.DB.Update(ctx, func(tx *db.Tx) error {
			_, err := act(tx)
			return err
		})
	}
	var replay *Replay
	err := h.DB.Update(ctx, func(tx *db.Tx) error {
		var err error
		if replay, err = h.stored(tx, sc, o); err != nil || replay != nil {
			return err
		}
		result, err := act(tx)
		if err != nil {
			return err
		}
		status, body, err := o.Render(result)
		if err != nil {
			return fmt.Errorf("render answer: %w", err)
		}
		first, err := tx.PutIdempotency(db.Idempotency{
			MerchantID: sc.MerchantID, Live: sc.Live, Key: o.Key, RequestHash: o.Hash, Status: status, Answer: h.Box.Seal(body, answerPlace(sc, o)),
		})
		if err == nil && !first {
			return errReplay // PostgreSQL: the other call committed while we worked; all of ours is undone
		}
		return err
	})
	if err == nil || replay != nil {
		return replay, err
	}
	// The first call may have committed while this one worked: its answer is this one's too.
	look := h.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		replay, err = h.stored(tx, sc, o)
		return err
	})
	if look != nil || replay != nil {
		return replay, look
	}
	return nil, err
}

// stored returns the answer of an earlier call with the same key, nil when there is none, and an
// error when the earlier call was another one.
func (h *Hooks) stored(tx *db.Tx, sc Scope, o *Once) (*Replay, error) {
	old, err := tx.Idempotency(sc.MerchantID, sc.Live, o.Key)
	if errors.Is(err, checkout.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if old.RequestHash != o.Hash {
		return nil, &checkout.Error{Kind: checkout.Invalid, Key: "error.idempotency_mismatch", Fields: []checkout.FieldError{{Field: "Idempotency-Key", Code: "idempotency_mismatch"}}}
	}
	body, err := h.Box.Open(old.Answer, answerPlace(sc, o))
	if err != nil {
		return nil, fmt.Errorf("open the answer of %s: %w", o.Key, err)
	}
	return &Replay{Status: old.Status, Body: body}, nil
}

// answerPlace binds a sealed answer to its row.
func answerPlace(sc Scope, o *Once) string {
	return "idempotency_keys/" + sc.MerchantID + "/" + strconv.FormatBool(sc.Live) + "/" + o.Key
}
