package main

import (
	"context"
	"fmt"

	"dargah/internal/app"
)

type apikeyCmd struct {
	Create apikeyCreateCmd `cmd:"" help:"Make a key. Its secret is shown once."`
	List   apikeyListCmd   `cmd:"" help:"List keys, without their secrets."`
	Revoke apikeyRevokeCmd `cmd:"" help:"End a key: the next call with it is refused."`
}

type apikeyCreateCmd struct {
	Merchant string   `required:"" placeholder:"SLUG" help:"The merchant it opens."`
	Name     string   `required:"" help:"What it is for, such as the shop's name."`
	Test     bool     `help:"Test mode: simulated gateways, no real money."`
	Scopes   []string `default:"read,write" help:"What it may do: read, write, or both."`
}

// Run makes a key.
func (c *apikeyCreateCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		k, err := o.CreateAPIKey(s.ctx, c.Merchant, c.Name, !c.Test, c.Scopes...)
		if err != nil {
			return err
		}
		return s.print(k, "%s\nThis secret is shown once; the key's id is %s.", k.Secret, k.ID)
	})
}

// keysOf says whose keys are meant.
type keysOf struct {
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant whose keys they are."`
	Test     bool   `help:"Those of test mode."`
}

func (k keysOf) list(s *shell, keys func(ctx context.Context, slug string, live bool) ([]app.ListedKey, error)) error {
	list, err := keys(s.ctx, k.Merchant, !k.Test)
	if err != nil {
		return err
	}
	if s.json {
		return s.print(list, "")
	}
	for _, key := range list {
		if _, err := fmt.Fprintf(s.out, "%s  %s  %s\n", key.ID, key.Name, key.State()); err != nil {
			return err
		}
	}
	return nil
}

type apikeyListCmd struct{ keysOf }

// Run lists keys.
func (c *apikeyListCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error { return c.list(s, o.APIKeys) })
}

// oneKey is a key to end.
type oneKey struct {
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant whose key it is."`
	ID       string `arg:"" help:"The key's id."`
}

func (k oneKey) end(s *shell, revoke func(ctx context.Context, slug, id string) error) error {
	if err := revoke(s.ctx, k.Merchant, k.ID); err != nil {
		return err
	}
	return s.print(map[string]any{"id": k.ID, "revoked": true}, "key %s is revoked", k.ID)
}

type apikeyRevokeCmd struct{ oneKey }

// Run ends a key.
func (c *apikeyRevokeCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error { return c.end(s, o.RevokeAPIKey) })
}

type linkkeyCmd struct {
	Create linkkeyCreateCmd `cmd:"" help:"Make a key. Its secret is shown once."`
	List   linkkeyListCmd   `cmd:"" help:"List keys, without their secrets."`
	Revoke linkkeyRevokeCmd `cmd:"" help:"End a key: links that it signed show nothing any more."`
}

type linkkeyCreateCmd struct {
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant whose links it signs."`
	Name     string `default:"links" help:"What it is for."`
	Test     bool   `help:"Test mode: the links' invoices are of test mode."`
}

// Run makes a key.
func (c *linkkeyCreateCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		k, err := o.CreateLinkKey(s.ctx, c.Merchant, c.Name, !c.Test)
		if err != nil {
			return err
		}
		return s.print(k, "%s\nThis secret is shown once; the key's id is %s, which each link names.", k.Secret, k.ID)
	})
}

type linkkeyListCmd struct{ keysOf }

// Run lists keys.
func (c *linkkeyListCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error { return c.list(s, o.LinkKeys) })
}

type linkkeyRevokeCmd struct{ oneKey }

// Run ends a key.
func (c *linkkeyRevokeCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error { return c.end(s, o.RevokeLinkKey) })
}
