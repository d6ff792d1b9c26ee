package webhooks

import (
	"context"

	"dargah/internal/db"
)

// Once is a call that must not happen twice, and Replay the answer of the first one.
type (
	Once   = db.Once
	Replay = db.Replay
)

// once runs act in one transaction, together with the key of the call when it has one. Answers may hold
// a secret that is shown once, so they are kept sealed.
func (h *Hooks) once(ctx context.Context, sc Scope, o *Once, act func(tx *db.Tx) (any, error)) (*Replay, error) {
	if o == nil {
		return nil, h.DB.Update(ctx, func(tx *db.Tx) error {
			_, err := act(tx)
			return err
		})
	}
	return db.DoOnce(ctx, h.DB, h.keyed(sc, o), act)
}

func (h *Hooks) keyed(sc Scope, o *Once) db.KeyedCall {
	place := answerPlace(sc.MerchantID, sc.Live, o.Key)
	return db.KeyedCall{
		Once: *o, MerchantID: sc.MerchantID, Live: sc.Live,
		Seal: func(body []byte) string { return h.Box.Seal(body, place) },
		Open: func(answer string) ([]byte, error) { return h.Box.Open(answer, place) },
	}
}
