package mail

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Reseal seals again, under the installation's present key, the links of letters that wait, and returns
// how many that were. What has ended holds no link any more.
func (r *Room) Reseal(ctx context.Context) (int, error) {
	return r.DB.Reseal(ctx, db.Resealing{
		List:  (*db.Tx).SealedLetters,
		Store: (*db.Tx).ResealLetter,
		Again: func(s *db.Sealed) (string, bool, error) {
			return r.Box.Again(s.Value, checkout.SealedLetter(s.Place))
		},
	})
}
