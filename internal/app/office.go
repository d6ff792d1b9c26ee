package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/app/wire"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// Office is where the short commands work: beside a running server, on the same database, with no
// listener, no worker and no gateway of their own.
type Office struct {
	cfg    Config
	db     *db.DB
	access *access.Access
}

// OpenOffice opens the database. An empty one gets its schema; an older one is refused.
func OpenOffice(ctx context.Context, cfg Config) (*Office, error) {
	store, err := db.Open(ctx, db.Options{URL: cfg.DatabaseURL, CreateIfEmpty: true})
	if err != nil {
		return nil, err
	}
	return officeOn(cfg, store), nil
}

func officeOn(cfg Config, store *db.DB) *Office {
	return &Office{cfg: cfg, db: store, access: newAccess(store, nil, time.Now, slog.New(slog.DiscardHandler), nobody)}
}

// nobody spawns nothing: a command does its work before it ends.
func nobody(func(context.Context)) bool { return false }

func newAccess(store *db.DB, box *seal.Box, now func() time.Time, log *slog.Logger, spawn func(func(context.Context)) bool) *access.Access {
	return access.New(access.Options{
		DB: store, Passwords: auth.NewPasswords(), Box: box, Random: rand.Reader, Log: log, Spawn: spawn, Now: now,
	})
}

// Close closes the database.
func (o *Office) Close() error { return o.db.Close() }

// NewMerchant is what merchant create takes.
type NewMerchant = access.NewMerchant

// Merchant is what merchant create prints.
type Merchant struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

// CreateMerchant adds a merchant.
func (o *Office) CreateMerchant(ctx context.Context, in NewMerchant) (Merchant, error) {
	m, err := o.access.CreateMerchant(ctx, in)
	return Merchant{m.ID, m.Slug}, err
}

// NewUser is what user create takes.
type NewUser = access.NewUser

// User is what user create prints.
type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// CreateUser adds a login.
func (o *Office) CreateUser(ctx context.Context, in NewUser) (User, error) {
	u, err := o.access.CreateUser(ctx, in)
	return User{u.ID, u.Email}, err
}

// APIKey is what apikey create prints; the secret is nowhere else.
type APIKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// SavedGateway is what gateway set prints: the names of what was saved, never the values.
type SavedGateway struct {
	Merchant string   `json:"merchant"`
	Gateway  string   `json:"gateway"`
	Livemode bool     `json:"livemode"`
	Set      []string `json:"set"`
}

// SetGateway saves settings of one account; those that are not named stay as they are.
func (o *Office) SetGateway(ctx context.Context, slug, gateway string, live bool, values map[string]string) (SavedGateway, error) {
	if err := o.cfg.NeedSecretKey(); err != nil {
		return SavedGateway{}, err
	}
	scope, err := o.scope(ctx, slug, live)
	if err != nil {
		return SavedGateway{}, err
	}
	engine, err := o.engine(ctx)
	if err != nil {
		return SavedGateway{}, err
	}
	if err := engine.SetAccount(ctx, scope, gateway, values, checkout.Actor{}); err != nil {
		return SavedGateway{}, err
	}
	saved := SavedGateway{Merchant: slug, Gateway: gateway, Livemode: live, Set: []string{}}
	for _, key := range adapters(nil)[gateway].Keys() { // in the order of the documentation
		if _, set := values[key.Name]; set {
			saved.Set = append(saved.Set, key.Name)
		}
	}
	return saved, nil
}

// InvoiceRequest is what invoice create takes.
type InvoiceRequest struct {
	Merchant       string
	Live           bool
	Amount         int64
	Description    string
	Reference      string
	CustomerName   string
	CustomerMobile string
	CustomerEmail  string
	Items          []wire.Item
	Gateways       []string
	ExpiresAt      time.Time
	ReturnURL      string
	Locale         string
	Metadata       map[string]string
	SendEmail      bool
}

// CreateInvoice makes an invoice, and returns it as the API does.
func (o *Office) CreateInvoice(ctx context.Context, in InvoiceRequest) (wire.Invoice, error) {
	// Both are needed for a link that works: whoever makes one must be set up like the server.
	if err := errors.Join(o.cfg.NeedBaseURL(), o.cfg.NeedSecretKey()); err != nil {
		return wire.Invoice{}, err
	}
	scope, err := o.scope(ctx, in.Merchant, in.Live)
	if err != nil {
		return wire.Invoice{}, err
	}
	engine, err := o.engine(ctx)
	if err != nil {
		return wire.Invoice{}, err
	}
	inv, _, err := engine.CreateInvoice(ctx, scope, in.invoice(), checkout.Actor{}, nil)
	if err != nil {
		return wire.Invoice{}, err
	}
	return wire.NewInvoice(&inv, engine.PaymentURL(&inv)), nil
}

func (in *InvoiceRequest) invoice() payments.NewInvoice {
	n := payments.NewInvoice{
		Amount: money.Rial(in.Amount), Description: in.Description, Reference: in.Reference,
		Customer: checkout.Customer{Name: in.CustomerName, Mobile: in.CustomerMobile, Email: in.CustomerEmail},
		Gateways: in.Gateways, ExpiresAt: in.ExpiresAt, ReturnURL: in.ReturnURL, Locale: in.Locale,
		Metadata: in.Metadata, SendEmail: in.SendEmail,
	}
	for _, item := range in.Items {
		n.Items = append(n.Items, checkout.Item{Title: item.Title, Quantity: item.Quantity, UnitAmount: money.Rial(item.UnitAmount)})
	}
	return n
}

// scope is a merchant, found by its slug, in one mode.
func (o *Office) scope(ctx context.Context, slug string, live bool) (payments.Scope, error) {
	var id string
	err := o.db.View(ctx, func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug(slug)
		if err != nil {
			return err
		}
		id = m.ID
		return nil
	})
	if errors.Is(err, checkout.NotFound) {
		err = &checkout.Error{Kind: checkout.NotFound, Key: "error.no_merchant"}
	}
	if err != nil {
		return payments.Scope{}, fmt.Errorf("find merchant %q: %w", slug, err)
	}
	return payments.Scope{MerchantID: id, Live: live}, nil
}

// engine is the engine without the means to reach a gateway: what commands ask of it stays in the
// database.
func (o *Office) engine(ctx context.Context) (*payments.Engine, error) {
	box, err := o.cfg.box()
	if err != nil {
		return nil, err
	}
	if err := checkKey(ctx, o.db, box); err != nil {
		return nil, err
	}
	unreachable := adapters(gateways.NewClient(gateways.ClientOptions{Timeout: o.cfg.GatewayTimeout}))
	return payments.New(payments.Options{
		DB: o.db, Box: box, BaseURL: o.cfg.BaseURL, Live: unreachable, Test: unreachable,
		TestSettings: testSettings(o.cfg.BaseURL), Breaker: &gateways.Breaker{}, AttemptTTL: o.cfg.AttemptTTL,
		Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Spawn: nobody,
	}), nil
}
