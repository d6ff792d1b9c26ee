package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

const (
	demoSlug  = "meybod"
	demoEmail = "owner@meybod.example"
)

// DemoLinks is what checkout demo prints.
type DemoLinks struct {
	URL       string      `json:"url"`
	PayableFA string      `json:"payable_fa"`
	PayableEN string      `json:"payable_en"`
	States    []DemoState `json:"states"`
	Docs      string      `json:"docs"`
	APIKey    string      `json:"api_key"`
	Admin     string      `json:"admin"`
	Email     string      `json:"admin_email"`
	Password  string      `json:"admin_password"`
	Data      string      `json:"data"`
}

// DemoState is one invoice of the demo and the state it is in.
type DemoState struct {
	State string `json:"state"`
	URL   string `json:"url"`
}

// Text is what a person reads in the terminal.
func (d DemoLinks) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Dargah is running. Both gateways are simulated; no real money moves.\n\n")
	fmt.Fprintf(&b, "Pay an invoice      %s\n", d.PayableFA)
	fmt.Fprintf(&b, "         (English)  %s\n\n", d.PayableEN)
	for _, s := range d.States {
		fmt.Fprintf(&b, "%-19s %s\n", s.State, s.URL)
	}
	fmt.Fprintf(&b, "\nAdmin               %s\n", d.Admin)
	fmt.Fprintf(&b, "         email      %s\n", d.Email)
	fmt.Fprintf(&b, "         password   %s\n", d.Password)
	fmt.Fprintf(&b, "API documentation   %s\n", d.Docs)
	fmt.Fprintf(&b, "API key (test)      %s\n", d.APIKey)
	fmt.Fprintf(&b, "Data                %s (--fresh begins anew)\n\n", d.Data)
	b.WriteString("Stop with Ctrl-C.")
	return b.String()
}

// stage makes the merchant and an invoice in every state, or finds those of an earlier run.
func (a *App) stage(ctx context.Context, clock *demoClock, o DemoOptions) (DemoLinks, error) {
	merchant, err := a.demoMerchant(ctx)
	if err != nil {
		return DemoLinks{}, err
	}
	secret, err := keep(filepath.Join(o.Dir, demoAPIKey), func() (string, error) {
		_, secret, err := a.Access.CreateKey(ctx, demoSlug, "demo", false)
		return secret, err
	})
	if err != nil {
		return DemoLinks{}, fmt.Errorf("make an API key: %w", err)
	}
	password, err := a.demoLogin(ctx, o.Dir)
	if err != nil {
		return DemoLinks{}, fmt.Errorf("make a login: %w", err)
	}
	s := &stager{app: a, clock: clock, scope: payments.Scope{MerchantID: merchant.ID}, browser: newBrowser(a.Server)}
	d := DemoLinks{URL: a.cfg.BaseURL, Docs: a.cfg.BaseURL + "/api/v1/docs", APIKey: secret, Data: o.Dir}
	d.Admin, d.Email, d.Password = a.cfg.BaseURL+"/admin", demoEmail, password
	defer clock.set(0)
	for _, sc := range scenes() {
		inv, err := s.find(ctx, sc)
		if errors.Is(err, checkout.NotFound) {
			if sc.past && !clock.past(sc.ago) {
				continue // somebody paid it in an earlier run, and its hour will not come again
			}
			inv, err = s.play(ctx, sc)
		}
		if err != nil {
			return DemoLinks{}, fmt.Errorf("%s: %w", sc.state, err)
		}
		link := a.Engine.PaymentURL(&inv)
		switch sc.state {
		case scenePayableFA:
			d.PayableFA = link
		case scenePayableEN:
			d.PayableEN = link
		default:
			d.States = append(d.States, DemoState{State: sc.state, URL: link})
		}
	}
	_, err = keep(filepath.Join(o.Dir, demoStaged), func() (string, error) { return time.Now().UTC().Format(time.RFC3339), nil })
	return d, err
}

func (a *App) demoMerchant(ctx context.Context) (checkout.Merchant, error) {
	var found checkout.Merchant
	err := a.db.View(ctx, func(tx *db.Tx) error {
		m, err := tx.MerchantBySlug(demoSlug)
		if err == nil {
			found = *m
		}
		return err
	})
	if !errors.Is(err, checkout.NotFound) {
		return found, err
	}
	return a.Access.CreateMerchant(ctx, access.NewMerchant{
		Name: "خانهٔ سفال میبد", Slug: demoSlug, Website: "https://meybodpottery.ir", Phone: "035 3235 4120",
		Address: "یزد، میبد، بلوار قاضی میرحسین، پلاک ۱۸",
	})
}

// demoLogin makes the owner's login with a random password, and returns the password.
func (a *App) demoLogin(ctx context.Context, dir string) (string, error) {
	return keep(filepath.Join(dir, demoPassword), func() (string, error) {
		password := checkout.NewToken(rand.Reader)
		_, err := a.Access.CreateUser(ctx, access.NewUser{
			Email: demoEmail, Password: password, Merchant: demoSlug, Role: access.RoleOwner, Operator: true,
		})
		return password, err
	})
}

// stager plays the scenes.
type stager struct {
	app     *App
	clock   *demoClock
	scope   payments.Scope
	browser *browser
}

// find returns the newest invoice of a scene if it still is in the scene's state.
func (s *stager) find(ctx context.Context, sc scene) (checkout.Invoice, error) {
	list, _, err := s.app.Engine.Invoices(ctx, s.scope, payments.InvoiceFilter{Reference: sc.invoice.Reference, Limit: 1})
	if err != nil {
		return checkout.Invoice{}, err
	}
	if len(list) == 0 || list[0].At(s.clock.now()) != sc.status {
		return checkout.Invoice{}, checkout.NotFound
	}
	if sc.attempt == "" {
		return list[0], nil
	}
	attempts, err := s.app.Engine.InvoiceAttempts(ctx, s.scope, list[0].ID)
	if err != nil {
		return checkout.Invoice{}, err
	}
	for _, at := range attempts {
		if at.Status == sc.attempt {
			return list[0], nil
		}
	}
	return checkout.Invoice{}, checkout.NotFound
}

// play makes the invoice of a scene at its hour and lets the scene happen.
func (s *stager) play(ctx context.Context, sc scene) (checkout.Invoice, error) {
	s.clock.set(sc.ago)
	in := sc.invoice
	in.ExpiresAt = s.clock.now().Add(sc.life)
	inv, _, err := s.app.Engine.CreateInvoice(ctx, s.scope, in, checkout.Actor{}, nil)
	if err != nil {
		return checkout.Invoice{}, err
	}
	if sc.act != nil {
		if err := sc.act(ctx, s, inv); err != nil {
			return checkout.Invoice{}, err
		}
	}
	return s.await(ctx, sc, inv)
}

// patience is how long a scene may take to come to its state.
const patience = 15 * time.Second

// await waits until an invoice is where its scene ends; expiry and abandonment are written down by
// the sweep, the answer of a verify by whoever asked.
func (s *stager) await(ctx context.Context, sc scene, inv checkout.Invoice) (checkout.Invoice, error) {
	for began := time.Now(); time.Since(began) < patience; {
		if err := s.app.Engine.Sweep(ctx); err != nil {
			return inv, err
		}
		now, err := s.find(ctx, sc)
		if err == nil || !errors.Is(err, checkout.NotFound) {
			return now, err
		}
		select {
		case <-ctx.Done():
			return inv, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return inv, errors.New("the scene did not come to its end")
}

// visit takes a customer to a gateway and back.
func (s *stager) visit(ctx context.Context, inv checkout.Invoice, gateway, outcome, times string) error {
	at, err := s.browser.leave(ctx, s.app.Engine.PaymentURL(&inv), gateway)
	if err != nil {
		return err
	}
	return s.browser.comeBack(ctx, at, outcome, times)
}
