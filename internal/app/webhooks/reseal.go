package webhooks

import (
	"context"
	"strconv"

	"dargah/internal/db"
)

// answerPlace binds the sealed answer of a call with a key to its row.
func answerPlace(merchantID string, live bool, key string) string {
	return "idempotency_keys/" + merchantID + "/" + strconv.FormatBool(live) + "/" + key
}

// ResealAnswers seals again, under the installation's present key, the answers with secrets that are
// kept for a second call, and returns how many that were.
func (h *Hooks) ResealAnswers(ctx context.Context) (int, error) {
	return h.DB.Reseal(ctx, db.Resealing{
		List:  (*db.Tx).SealedAnswers,
		Store: (*db.Tx).ResealAnswer,
		Again: func(s *db.Sealed) (string, bool, error) {
			return h.Box.Again(s.Value, answerPlace(s.MerchantID, s.Live, s.ID))
		},
	})
}
