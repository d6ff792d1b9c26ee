package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/wire"
	"dargah/internal/db"
)

const (
	replayBatch = 500
	// mostReplayed is how many deliveries one call may replay; the answer says where to go on.
	mostReplayed = 10_000
)

// DeliveryFilter selects deliveries of one endpoint, newest first.
type DeliveryFilter struct {
	Status string
	Before string // the id of the last one of the page before
	Limit  int
}

// Deliveries lists an endpoint's deliveries, and says whether there are more. Errors: NotFound, Invalid.
func (h *Hooks) Deliveries(ctx context.Context, sc Scope, endpointID string, f DeliveryFilter) (list []checkout.Delivery, more bool, err error) {
	if f.Status != "" && !slices.Contains(checkout.DeliveryStatuses(), checkout.DeliveryStatus(f.Status)) {
		return nil, false, checkout.WrongField("status", "unknown_value")
	}
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := tx.ScopedEndpoint(sc.MerchantID, sc.Live, endpointID); err != nil {
			return notFound(err)
		}
		list, err = tx.Deliveries(db.DeliveryQuery{EndpointID: endpointID, Status: f.Status, BeforeID: f.Before, Limit: f.Limit + 1})
		return err
	})
	if err != nil || len(list) <= f.Limit {
		return list, false, err
	}
	return list[:f.Limit], true, nil
}

// Delivery reads one delivery with its tries. Errors: NotFound.
func (h *Hooks) Delivery(ctx context.Context, sc Scope, id string) (d checkout.Delivery, tries []checkout.Try, err error) {
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		got, err := tx.ScopedDelivery(sc.MerchantID, sc.Live, id)
		if err != nil {
			return notFound(err)
		}
		d = *got
		tries, err = tx.Tries(id)
		return err
	})
	return d, tries, err
}

// Test sends a message of a type of its own to one endpoint, as any other is sent: signed, tried
// again, on record. Errors: NotFound.
func (h *Hooks) Test(ctx context.Context, sc Scope, endpointID string, o *Once) (checkout.Delivery, *Replay, error) {
	var d checkout.Delivery
	replay, err := h.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		e, err := locked(tx, sc, endpointID)
		if err != nil {
			return nil, err
		}
		now := tx.Now()
		id := checkout.NewID(checkout.PrefixEvent, now, h.Random)
		event := checkout.Event{Type: checkout.EventWebhookTest, CreatedAt: now}
		body, err := wire.Marshal(wire.NewMessage(&event, id, sc.Live, wire.Ping{Object: "ping", EndpointID: e.ID}))
		if err != nil {
			return nil, fmt.Errorf("test message: %w", err)
		}
		d = checkout.Delivery{
			ID: checkout.NewID(checkout.PrefixDelivery, now, h.Random), EventID: id, EndpointID: e.ID, Type: event.Type,
			Status: checkout.DeliveryPending, ByHand: true, NextAt: now, CreatedAt: now,
		}
		message := checkout.Message{EventID: id, MerchantID: sc.MerchantID, Live: sc.Live, Type: event.Type, Body: string(body), CreatedAt: now}
		return d, tx.InsertMessages([]checkout.Message{message}, []checkout.Delivery{d})
	})
	return d, replay, err
}

// Redeliver sends a delivery once more, whatever came of it: the same id, the same bytes, a new
// signature. Its schedule begins anew. Errors: NotFound.
func (h *Hooks) Redeliver(ctx context.Context, sc Scope, id string, o *Once) (checkout.Delivery, *Replay, error) {
	var d checkout.Delivery
	replay, err := h.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		if _, err := tx.ScopedDelivery(sc.MerchantID, sc.Live, id); err != nil {
			return nil, notFound(err)
		}
		got, err := tx.LockDelivery(id)
		if err != nil {
			return nil, notFound(err)
		}
		again(got, tx.Now())
		d = *got
		return d, tx.SaveDelivery(got)
	})
	return d, replay, err
}

// again makes a delivery due now. One that is on its way keeps its lease: it is sent again afterwards.
func again(d *checkout.Delivery, now time.Time) {
	d.Status, d.NextAt, d.Round, d.ByHand = checkout.DeliveryPending, now, 0, true
}

// Replayed is what a replay came to.
type Replayed struct {
	EndpointID string
	Deliveries int
	NextFrom   string // the event at which to go on, "" when these were all
}

// Replay sends everything from an event onwards once more, and what this endpoint was never sent for
// the first time, in the order in which it happened. It goes in steps: if we die in the midst of it,
// the same call sends the rest, and some of it again. Errors: NotFound, Invalid (the event), Conflict
// (the endpoint is disabled).
func (h *Hooks) Replay(ctx context.Context, sc Scope, endpointID, from string, o *Once) (Replayed, *Replay, error) {
	r := Replayed{EndpointID: endpointID}
	if o != nil { // an earlier call's answer comes before all the work
		var old *Replay
		call := h.keyed(sc, o)
		err := h.DB.View(ctx, func(tx *db.Tx) (err error) {
			old, err = call.Earlier(tx)
			return err
		})
		if err != nil || old != nil {
			return r, old, err
		}
	}
	at := time.Time{}
	err := h.DB.View(ctx, func(tx *db.Tx) (err error) {
		if _, err = tx.ScopedEndpoint(sc.MerchantID, sc.Live, endpointID); err != nil {
			return notFound(err)
		}
		at, err = tx.EventTime(sc.MerchantID, sc.Live, from)
		if errors.Is(err, checkout.NotFound) {
			return checkout.WrongField("from", "unknown_event")
		}
		return err
	})
	if err != nil {
		return r, nil, err
	}
	// Of the events of one millisecond nobody can say which came first: all of them are sent.
	next := &db.ReplayRow{CreatedAt: at}
	for next != nil && r.Deliveries < mostReplayed {
		var n int
		var after *db.ReplayRow
		err := h.DB.Update(ctx, func(tx *db.Tx) (err error) {
			n, after, err = h.replayBatch(tx, sc, endpointID, next)
			return err
		})
		if err != nil {
			return r, nil, err
		}
		r.Deliveries += n
		next = after
	}
	if next != nil {
		r.NextFrom = next.EventID
	}
	replay, err := h.once(ctx, sc, o, func(*db.Tx) (any, error) { return r, nil })
	return r, replay, err
}

// replayBatch replays one step's worth from a message on, and returns the one behind it, nil when these
// were all.
func (h *Hooks) replayBatch(tx *db.Tx, sc Scope, endpointID string, from *db.ReplayRow) (n int, next *db.ReplayRow, err error) {
	e, err := locked(tx, sc, endpointID)
	if err != nil {
		return 0, nil, err
	}
	if !e.DisabledAt.IsZero() {
		return 0, nil, checkout.Fail(checkout.Conflict, "error.endpoint_disabled")
	}
	rows, err := tx.MessagesFrom(e, from.CreatedAt, from.EventID, replayBatch+1)
	if err != nil {
		return 0, nil, err
	}
	if len(rows) > replayBatch {
		next, rows = &rows[replayBatch], rows[:replayBatch]
	}
	var fresh []checkout.Delivery
	for i := range rows {
		row := &rows[i]
		if !e.Wants(row.Type) {
			continue
		}
		n++
		if row.DeliveryID == "" {
			fresh = append(fresh, checkout.Delivery{
				ID: checkout.NewID(checkout.PrefixDelivery, tx.Now(), h.Random), EventID: row.EventID, EndpointID: e.ID, Type: row.Type,
				Status: checkout.DeliveryPending, NextAt: tx.Now(), CreatedAt: tx.Now(),
			})
			continue
		}
		d, err := tx.LockDelivery(row.DeliveryID)
		if err != nil {
			return 0, nil, err
		}
		again(d, tx.Now())
		d.ByHand = false
		if err := tx.SaveDelivery(d); err != nil {
			return 0, nil, err
		}
	}
	return n, next, tx.InsertDeliveries(fresh)
}
