package payments

import (
	"context"
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Reseal seals again, under the installation's present key, the gateway accounts' secrets that an older
// one sealed, and returns how many accounts that were. Each account is its own transaction: what was
// done stays done.
func (e *Engine) Reseal(ctx context.Context) (int, error) {
	var all []checkout.GatewayAccount
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		all, err = tx.AllGatewayAccounts()
		return err
	})
	n := 0
	for i := range all {
		if err != nil {
			break
		}
		var changed bool
		if changed, err = e.resealAccount(ctx, &all[i]); changed && err == nil {
			n++
		}
	}
	return n, err
}

func (e *Engine) resealAccount(ctx context.Context, found *checkout.GatewayAccount) (changed bool, err error) {
	for k, sealed := range found.Sealed {
		changed = changed || k != "" && !e.Box.Current(sealed)
	}
	if !changed {
		return false, nil
	}
	err = e.DB.Update(ctx, func(tx *db.Tx) error {
		changed = false
		// As SetAccount does: whoever saves settings at this moment and we take turns.
		if err := tx.LockMerchant(found.MerchantID); err != nil {
			return err
		}
		row, err := tx.GatewayAccount(found.MerchantID, found.Live, found.Gateway)
		if errors.Is(err, checkout.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for k, sealed := range row.Sealed {
			again, old, err := e.Box.Again(sealed, secretPlace(row.ID, k))
			if err != nil {
				return err
			}
			row.Sealed[k], changed = again, changed || old
		}
		if !changed {
			return nil
		}
		return tx.SaveGatewayAccount(row)
	})
	return changed, err
}
