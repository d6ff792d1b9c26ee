package payments

import (
	"context"
	"slices"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
)

// UpdateInvoice changes an open invoice while no attempt is out: an amount that a customer is
// paying at this moment must not move. Errors: NotFound, Conflict, Invalid.
func (e *Engine) UpdateInvoice(ctx context.Context, sc Scope, id string, ch InvoiceChange, by checkout.Actor) (checkout.Invoice, error) {
	var inv checkout.Invoice
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.scoped(tx, sc, id, by)
		if err != nil {
			return err
		}
		if s.inv.At(tx.Now()) != checkout.InvoiceOpen {
			return checkout.Fail(checkout.Conflict, "error.not_open")
		}
		attempts, err := tx.AttemptsOfInvoice(id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(attempts, func(a checkout.Attempt) bool { return a.Status.Out() }) {
			return checkout.Fail(checkout.Conflict, "error.attempt_out")
		}
		before := *s.inv
		changed := apply(s.inv, ch)
		if err := validate(s.inv, tx.Now()); err != nil {
			return err
		}
		if len(changed) > 0 {
			if err := tx.EditInvoice(s.inv); err != nil {
				return err
			}
			crash.At("edit.in")
			if err := findable(tx, &before, s.inv); err != nil {
				return err
			}
			if slices.Contains(changed, "expires_at") {
				if err := tx.LookAtReminder(s.inv.ID); err != nil {
					return err
				}
			}
			// The names of the fields only: their values may be personal data, which events never hold.
			data := facts{"fields": changed}
			if slices.Contains(changed, "amount") {
				data["amount"] = int64(s.inv.Amount)
			}
			if err := s.event(checkout.EventInvoiceUpdated, "", "", data); err != nil {
				return err
			}
		}
		inv = *s.inv
		return s.save()
	})
	crash.At("edit.after")
	return inv, err
}

// apply puts the given fields into the invoice and returns their names.
func apply(inv *checkout.Invoice, ch InvoiceChange) []string {
	var changed []string
	set(&changed, "amount", &inv.Amount, ch.Amount)
	set(&changed, "description", &inv.Description, ch.Description)
	set(&changed, "reference", &inv.Reference, ch.Reference)
	set(&changed, "customer", &inv.Customer, ch.Customer)
	set(&changed, "items", &inv.Items, ch.Items)
	set(&changed, "gateways", &inv.Gateways, ch.Gateways)
	set(&changed, "expires_at", &inv.ExpiresAt, ch.ExpiresAt)
	set(&changed, "return_url", &inv.ReturnURL, ch.ReturnURL)
	set(&changed, "locale", &inv.Locale, ch.Locale)
	set(&changed, "metadata", &inv.Metadata, ch.Metadata)
	return changed
}

func set[T any](changed *[]string, name string, field, value *T) {
	if value == nil {
		return
	}
	*field = *value
	*changed = append(*changed, name)
}

// CancelInvoice withdraws an invoice. It is refused while a payment is being verified, and allowed
// while a customer is merely out: what comes back then is not verified on purpose. Errors:
// NotFound, Conflict.
func (e *Engine) CancelInvoice(ctx context.Context, sc Scope, id string, by checkout.Actor, o *Once) (checkout.Invoice, *Replay, error) {
	var inv checkout.Invoice
	replay, err := e.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		s, err := e.scoped(tx, sc, id, by)
		if err != nil {
			return nil, err
		}
		if s.inv.Status != checkout.InvoiceOpen && s.inv.Status != checkout.InvoiceExpired {
			return nil, checkout.Fail(checkout.Conflict, "error.not_cancelable")
		}
		if err := s.moveInvoice(checkout.InvoiceCanceled); err != nil {
			return nil, err
		}
		s.inv.CanceledAt = tx.Now()
		if err := s.event(checkout.EventInvoiceCanceled, "", "", nil); err != nil {
			return nil, err
		}
		crash.At("cancel.in")
		if err := s.save(); err != nil {
			return nil, err
		}
		inv = *s.inv
		return inv, nil
	})
	return inv, replay, err
}

// scoped begins a step on an invoice that the scope may see.
func (e *Engine) scoped(tx *db.Tx, sc Scope, id string, by checkout.Actor) (*step, error) {
	s, err := e.begin(tx, id, by)
	if err != nil {
		return nil, notFound(err)
	}
	if s.inv.MerchantID != sc.MerchantID || s.inv.Live != sc.Live {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return s, nil
}
