package webhooks

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// recordEndpoint writes what somebody did to an endpoint into the log, and tells the owners of what
// could lead the shop's news elsewhere.
func recordEndpoint(ctx context.Context, tx *db.Tx, e *checkout.Endpoint, kind, alarm string) error {
	return tx.Record(&checkout.Deed{
		MerchantID: e.MerchantID, Live: e.Live, By: checkout.ActorOf(ctx), Area: checkout.AreaWebhook, Kind: kind, Object: e.ID, Name: e.URL, Alarm: alarm,
	})
}
