package access

import (
	"context"

	"dargah/internal/db"
)

// ResealFactors seals again, under the installation's present key, the second factors that an older one
// sealed, and returns how many that were.
func (a *Access) ResealFactors(ctx context.Context) (int, error) {
	return a.DB.Reseal(ctx, db.Resealing{
		List:  (*db.Tx).SealedFactors,
		Store: (*db.Tx).ResealFactor,
		Again: func(s *db.Sealed) (string, bool, error) { return a.Box.Again(s.Value, factorPlace(s.ID)) },
	})
}

// ResealLinkKeys is ResealFactors for the secrets of link keys, which never change.
func (a *Access) ResealLinkKeys(ctx context.Context) (n int, err error) {
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		n = 0
		all, err := tx.AllLinkKeys()
		if err != nil {
			return err
		}
		for i := range all {
			again, old, err := a.Box.Again(all[i].Sealed, all[i].Place())
			if err != nil {
				return err
			}
			if !old {
				continue
			}
			if err := tx.ResealLinkKey(all[i].ID, again); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
