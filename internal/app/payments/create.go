package payments

import (
	"context"
	"maps"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// linkLife is how long a payment link lives when nobody says otherwise; maxLife is the longest.
const (
	linkLife = 7 * 24 * time.Hour
	maxLife  = 366 * 24 * time.Hour
)

// CreateInvoice stores a new open invoice with its event and, when the call has one, its idempotency
// key, in one transaction. Errors: Invalid with the wrong fields.
func (e *Engine) CreateInvoice(ctx context.Context, sc Scope, in NewInvoice, by checkout.Actor, o *Once) (checkout.Invoice, *Replay, error) {
	var inv checkout.Invoice
	crash.At("create.before")
	replay, err := e.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		var err error
		inv, err = e.newInvoice(tx, sc, in, by)
		return inv, err
	})
	if err != nil || replay != nil {
		return checkout.Invoice{}, replay, err
	}
	return inv, nil, nil
}

func (e *Engine) newInvoice(tx *db.Tx, sc Scope, in NewInvoice, by checkout.Actor) (checkout.Invoice, error) {
	inv, err := e.draft(tx, sc, in)
	if err != nil {
		return inv, err
	}
	return inv, e.insertInvoice(tx, &inv, "", by)
}

// draft is the invoice that is asked for, checked and without a number.
func (e *Engine) draft(tx *db.Tx, sc Scope, in NewInvoice) (checkout.Invoice, error) {
	now := tx.Now()
	inv := checkout.Invoice{
		ID: checkout.NewID(checkout.PrefixInvoice, now, e.Random), MerchantID: sc.MerchantID, Live: sc.Live,
		Token: checkout.NewToken(e.Random), Status: checkout.InvoiceOpen, Amount: in.Amount,
		Description: in.Description, Reference: in.Reference, Customer: in.Customer, Items: in.Items, Gateways: in.Gateways,
		ReturnURL: in.ReturnURL, Locale: in.Locale, Metadata: in.Metadata, SendEmail: in.SendEmail,
		CreatedAt: now, ExpiresAt: in.ExpiresAt.Truncate(time.Millisecond),
	}
	if len(inv.Gateways) == 0 {
		inv.Gateways = GatewayNames()
	}
	if inv.ExpiresAt.IsZero() {
		inv.ExpiresAt = now.Add(linkLife)
	}
	if inv.Locale == "" {
		m, err := tx.Merchant(sc.MerchantID)
		if err != nil {
			return inv, err
		}
		inv.Locale = m.Locale
	}
	if err := validate(&inv, now); err != nil {
		return inv, err
	}
	if inv.SendEmail && inv.Customer.Email == "" {
		return inv, checkout.WrongField("customer.email", "required")
	}
	return inv, nil
}

// insertInvoice gives a draft its number and stores it with its event. linkKey is the key of the signed
// link that asked for it, "" for none.
func (e *Engine) insertInvoice(tx *db.Tx, inv *checkout.Invoice, linkKey string, by checkout.Actor) error {
	if linkKey == "" {
		return e.insertFrom(tx, inv, nil, by)
	}
	return e.insertFrom(tx, inv, facts{"link_key": linkKey}, by)
}

// insertFrom is insertInvoice with what its first event says of where it came from.
func (e *Engine) insertFrom(tx *db.Tx, inv *checkout.Invoice, origin facts, by checkout.Actor) error {
	number, err := tx.NextInvoiceNumber(inv.MerchantID, inv.Live)
	if err != nil {
		return err
	}
	s := e.creation(tx, inv, number, by)
	if err := s.create(origin); err != nil {
		return err
	}
	if err := tx.InsertEvents(s.events); err != nil {
		return err
	}
	return s.record()
}

// creation is the step that stores a draft under a number.
func (e *Engine) creation(tx *db.Tx, inv *checkout.Invoice, number int64, by checkout.Actor) *step {
	inv.Number = strconv.FormatInt(number, 10)
	return &step{engine: e, tx: tx, inv: inv, from: inv.Status, by: by}
}

// create stores the invoice with all that hangs on it but its events, which are for the caller to store.
// The first event belongs to the row itself: sequence and hash go in with the INSERT.
func (s *step) create(origin facts) error {
	inv := s.inv
	data := facts{"amount": int64(inv.Amount), "number": inv.Number}
	maps.Copy(data, origin)
	if err := s.event(checkout.EventInvoiceCreated, "", "", data); err != nil {
		return err
	}
	if inv.SendEmail {
		if _, err := s.request(); err != nil {
			return err
		}
	}
	if err := s.tx.InsertInvoice(inv); err != nil {
		return err
	}
	crash.At("create.row-in")
	if err := findable(s.tx, nil, inv); err != nil {
		return err
	}
	return s.sendOut()
}
