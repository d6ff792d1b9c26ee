package webhooks

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// schedule is when a delivery is tried again after each failed try (CONTRACT §8): three days, eleven
// tries in all.
var schedule = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// hopeless is after how long without any success an endpoint is disabled, once a delivery has used
	// up its tries.
	hopeless = 72 * time.Hour
	// scatter keeps deliveries that failed together from coming back together: up to a twentieth later.
	scatter = 20
)

// longest is the latest that a pause may end.
func longest(pause time.Duration) time.Duration { return pause + pause/scatter }

func scattered(pause time.Duration) time.Duration {
	return pause + time.Duration(rand.Int64N(int64(pause/scatter)+1))
}

// settle records a try and moves its delivery on. It returns why the endpoint was disabled over it, ""
// when it was not.
func (h *Hooks) settle(tx *db.Tx, p *parcel, t checkout.Try, wait time.Duration) (disabled string, err error) {
	d, err := tx.LockDelivery(p.id)
	if errors.Is(err, checkout.NotFound) {
		return "", nil // forgotten meanwhile
	}
	if err != nil {
		return "", err
	}
	d.Attempts++
	t.Attempt = d.Attempts
	if err := tx.InsertTry(d.ID, &t); err != nil {
		return "", err
	}
	d.LastStatus = t.Status
	held := d.Fence == p.fence && d.Status == checkout.DeliveryPending
	// Somebody asked for it to be sent again while this try was on its way.
	asked := held && d.NextAt.Before(d.LeaseUntil)
	if held {
		d.LeaseUntil = time.Time{}
	}
	if success(t.Status) {
		if err := tx.EndpointHeard(d.EndpointID); err != nil {
			return "", err
		}
		if held {
			d.Round = 0
			if !asked {
				d.Status, d.NextAt, d.ByHand = checkout.DeliverySucceeded, time.Time{}, false
			}
		}
		return "", saved(tx, d)
	}
	e, err := tx.Endpoint(d.EndpointID)
	if errors.Is(err, checkout.NotFound) {
		return "", saved(tx, d) // removed meanwhile, which ended its deliveries
	}
	if err == nil {
		err = tx.EndpointFailed(e.ID, t.At)
	}
	if err != nil {
		return "", err
	}
	if e.FailingSince.IsZero() {
		e.FailingSince = t.At
	}
	if held && !asked {
		disabled = putOff(tx.Now(), d, e, t, wait)
	}
	if err := saved(tx, d); err != nil || disabled == "" {
		return "", err
	}
	return disabled, h.disable(tx, e, disabled)
}

func saved(tx *db.Tx, d *checkout.Delivery) error {
	err := tx.SaveDelivery(d)
	crash.At("webhook.recorded-in")
	return err
}

// putOff decides when a failed delivery is tried again, and whether its endpoint is given up.
func putOff(now time.Time, d *checkout.Delivery, e *checkout.Endpoint, t checkout.Try, wait time.Duration) (disable string) {
	d.Round++
	end := func(s checkout.DeliveryStatus) { d.Status, d.NextAt, d.ByHand = s, time.Time{}, false }
	switch {
	case !e.DisabledAt.IsZero() && d.ByHand:
		end(checkout.DeliveryFailed) // one try is what was asked for
	case !e.DisabledAt.IsZero():
		end(checkout.DeliveryHeld)
	case t.Status == http.StatusGone:
		end(checkout.DeliveryFailed)
		return checkout.DisabledGone
	case d.Round > len(schedule):
		end(checkout.DeliveryFailed)
		if now.Sub(e.FailingSince) >= hopeless {
			return checkout.DisabledFailing
		}
	default:
		d.NextAt = now.Add(max(scattered(schedule[d.Round-1]), wait))
	}
	return ""
}

// disable gives an endpoint up, never silently: a letter says so to the merchant and to each owner, in
// the same transaction.
func (h *Hooks) disable(tx *db.Tx, e *checkout.Endpoint, why string) error {
	first, err := tx.DisableEndpoint(e, why)
	if err != nil || !first {
		return err
	}
	m, err := tx.Merchant(e.MerchantID)
	if err != nil {
		return err
	}
	to, err := tx.OwnerAddresses(e.MerchantID)
	if err != nil {
		return err
	}
	for _, address := range to {
		_, err := tx.EnqueueLetter(&checkout.Letter{
			MerchantID: m.ID, Live: e.Live, Kind: checkout.LetterEndpointDisabled, Recipient: address, Locale: m.Locale,
			// Once for each time that it is disabled.
			Key: "endpoint_disabled/" + e.ID + "/" + tx.Now().Format(time.RFC3339Nano) + "/" + address,
			Facts: checkout.LetterFacts{
				Shop: checkout.ShopOf(m), Name: e.URL, Why: why, At: tx.Now(),
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
