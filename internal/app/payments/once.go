package payments

import (
	"context"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// errReplay ends a transaction whose key was taken by a call that committed first.
var errReplay = errors.New("idempotency key taken")

// once runs act in one transaction, together with the key of the call when it has one: either both
// are stored or neither. A call with a key that is in flight waits for the first, because the two
// want the same row. act must have no effect outside the transaction.
func (e *Engine) once(ctx context.Context, sc Scope, o *Once, act func(tx *db.Tx) (any, error)) (*Replay, error) {
	if o == nil {
		return nil, e.DB.Update(ctx, func(tx *db.Tx) error {
			_, err := act(tx)
			return err
		})
	}
	var replay *Replay
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		var err error
		if replay, err = stored(tx, sc, o); err != nil || replay != nil {
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
		crash.At("once.before-key")
		first, err := tx.PutIdempotency(db.Idempotency{
			MerchantID: sc.MerchantID, Live: sc.Live, Key: o.Key, RequestHash: o.Hash, Status: status, Answer: string(body),
		})
		if err == nil && !first {
			return errReplay // PostgreSQL: the other call committed while we worked; all of ours is undone
		}
		crash.At("once.key-in")
		return err
	})
	crash.At("once.after")
	if err == nil || replay != nil {
		return replay, err
	}
	// The first call may have committed while this one waited for the invoice, and then found it
	// changed: its answer is this one's too.
	look := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		replay, err = stored(tx, sc, o)
		return err
	})
	if look != nil || replay != nil {
		return replay, look
	}
	return nil, err
}

// stored returns the answer of an earlier call with the same key, nil when there is none, and an
// error when the earlier call was another one.
func stored(tx *db.Tx, sc Scope, o *Once) (*Replay, error) {
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
	return &Replay{Status: old.Status, Body: []byte(old.Answer)}, nil
}
