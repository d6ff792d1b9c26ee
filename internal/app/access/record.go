package access

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// recordOf writes a deed about a person into the log of each of their shops. The actor is who calls,
// the person themselves where nobody is in yet.
func (a *Access) recordOf(ctx context.Context, tx *db.Tx, userID string, d checkout.Deed) error {
	u, err := tx.User(userID)
	if err != nil {
		return err
	}
	if d.By == (checkout.Actor{}) {
		d.By = checkout.ActorOf(ctx)
	}
	if d.Alarm != "" {
		d.Person = userID
	}
	return tx.RecordOf(u, d)
}

// shopDeed is a deed about a shop, by who calls.
func shopDeed(ctx context.Context, merchantID string, area, kind string) checkout.Deed {
	return checkout.Deed{MerchantID: merchantID, Live: true, By: checkout.ActorOf(ctx), Area: area, Kind: kind}
}
