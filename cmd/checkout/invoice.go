package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"dargah/internal/app"
)

type invoiceCmd struct {
	Create invoiceCreateCmd `cmd:"" help:"Make an invoice and print its payment link."`
	Send   invoiceSendCmd   `cmd:"" help:"Ask the customer to pay, by e-mail."`
}

type invoiceSendCmd struct {
	ID       string `arg:"" name:"invoice" help:"The invoice's id, inv_…"`
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant who asks for the money."`
	Test     bool   `help:"Test mode: the letter leaves only to the merchant's own people."`
}

// Run puts a letter into the outbox; the server sends it.
func (c *invoiceSendCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		sent, err := o.SendInvoice(s.ctx, c.Merchant, !c.Test, c.ID)
		if err != nil {
			return err
		}
		return s.print(sent, "the letter about invoice %s (%s) is in the outbox", sent.Number, sent.ID)
	})
}

type invoiceCreateCmd struct {
	Merchant       string            `required:"" placeholder:"SLUG" help:"The merchant who asks for the money."`
	Test           bool              `help:"Test mode: simulated gateways, no real money."`
	Amount         int64             `required:"" placeholder:"RIAL" help:"Amount in rial."`
	Description    string            `help:"What it is for."`
	Reference      string            `help:"The shop's own number."`
	CustomerName   string            `placeholder:"NAME" help:"Who is asked to pay."`
	CustomerMobile string            `placeholder:"09…" help:"Mobile number of the customer."`
	CustomerEmail  string            `placeholder:"E" help:"E-mail address of the customer."`
	Items          string            `placeholder:"JSON" help:"Lines as in the API: [{\"title\":\"…\",\"quantity\":2,\"unit_amount\":750000}]. They must add up to the amount."`
	Gateways       []string          `name:"gateway" placeholder:"NAME" help:"gardeshpay or ghesta; repeat it for both. Without it, both."`
	ExpiresAt      string            `placeholder:"TIME" help:"RFC 3339, such as 2026-12-31T20:30:00Z; 7 days from now without it."`
	ReturnURL      string            `name:"return-url" placeholder:"URL" help:"Where the receipt's button leads."`
	Locale         string            `default:"" enum:"fa,en," help:"fa or en; the merchant's without it."`
	Metadata       map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"The shop's own data; repeat it for more."`
	SendEmail      bool              `help:"Ask for a letter to the customer."`
}

// Run makes an invoice.
func (c *invoiceCreateCmd) Run(s *shell) error {
	in := app.InvoiceRequest{
		Merchant: c.Merchant, Live: !c.Test, Amount: c.Amount, Description: c.Description, Reference: c.Reference,
		CustomerName: c.CustomerName, CustomerMobile: c.CustomerMobile, CustomerEmail: c.CustomerEmail,
		Gateways: c.Gateways, ReturnURL: c.ReturnURL, Locale: c.Locale, Metadata: c.Metadata, SendEmail: c.SendEmail,
	}
	if c.Items != "" {
		dec := json.NewDecoder(strings.NewReader(c.Items))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in.Items); err != nil || !errors.Is(dec.Decode(new(any)), io.EOF) {
			return &usageError{`--items: expected JSON such as [{"title":"…","quantity":2,"unit_amount":750000}]`}
		}
	}
	if c.ExpiresAt != "" {
		at, err := time.Parse(time.RFC3339, c.ExpiresAt)
		if err != nil {
			return &usageError{"--expires-at: expected a time such as 2026-12-31T20:30:00Z"}
		}
		in.ExpiresAt = at
	}
	return s.withOffice(func(o *app.Office) error {
		made, err := o.CreateInvoice(s.ctx, in)
		if err != nil {
			return err
		}
		return s.print(made, "%s\ninvoice %s, number %s", made.PaymentURL, made.ID, made.Number)
	})
}
