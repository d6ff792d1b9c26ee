package app

import (
	"context"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
	"dargah/internal/app/seal"
	"dargah/internal/app/wire"
	"dargah/internal/app/worker"
)

// openMail gives the outbox its mail server. Without one nothing is taken out of it: letters wait, and
// those that are still of use leave when there is one.
func openMail(a *App, cfg Config, o Options, box *seal.Box) error {
	room, err := mail.New(mail.Options{
		DB: a.db, Box: box, BaseURL: cfg.BaseURL, SMTP: cfg.SMTPURL, From: cfg.MailFrom,
		DKIM: mail.DKIM{Domain: cfg.DKIMDomain, Selector: cfg.DKIMSelector, Key: cfg.DKIMKey}, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return fmt.Errorf("set up letters: %w", err)
	}
	a.Mail = room
	if room.Sends() {
		// Endless: how often a letter is tried is the room's to decide; what fails here is the store.
		a.worker.Register(worker.Kind{Name: checkout.JobLetter, Concurrency: mail.LettersAtOnce, Handle: traced(o.Trace, room.RunLetter), Endless: true})
	}
	a.worker.Every("letters", pruneEvery, room.Prune)
	return nil
}

// SendInvoice asks a customer to pay, by e-mail, and returns the invoice as the API does.
func (o *Office) SendInvoice(ctx context.Context, slug string, live bool, id string) (wire.Invoice, error) {
	if err := errors.Join(o.cfg.NeedBaseURL(), o.cfg.NeedSecretKey()); err != nil {
		return wire.Invoice{}, err
	}
	scope, err := o.scope(ctx, slug, live)
	if err != nil {
		return wire.Invoice{}, err
	}
	engine, err := o.engine(ctx)
	if err != nil {
		return wire.Invoice{}, err
	}
	inv, _, err := engine.SendInvoice(ctx, scope, id, checkout.Actor{}, nil)
	if err != nil {
		return wire.Invoice{}, err
	}
	return wire.NewInvoice(&inv, engine.PaymentURL(&inv)), nil
}
