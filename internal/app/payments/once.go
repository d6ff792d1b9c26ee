package payments

import (
	"context"

	"dargah/internal/db"
)

// Once is a call that must not happen twice, and Replay the answer of the first one.
type (
	Once   = db.Once
	Replay = db.Replay
)

// once runs act in one transaction, together with the key of the call when it has one.
func (e *Engine) once(ctx context.Context, sc Scope, o *Once, act func(tx *db.Tx) (any, error)) (*Replay, error) {
	if o == nil {
		return nil, e.DB.Update(ctx, func(tx *db.Tx) error {
			_, err := act(tx)
			return err
		})
	}
	return db.DoOnce(ctx, e.DB, db.KeyedCall{Once: *o, MerchantID: sc.MerchantID, Live: sc.Live}, act)
}
