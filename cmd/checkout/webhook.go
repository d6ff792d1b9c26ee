package main

import (
	"fmt"
	"strings"

	"dargah/internal/app"
)

type webhookCmd struct {
	Add    webhookAddCmd    `cmd:"" help:"Add an endpoint. Its secret is shown once."`
	List   webhookListCmd   `cmd:"" help:"List a merchant's endpoints."`
	Remove webhookRemoveCmd `cmd:"" help:"Remove an endpoint: nothing is sent there any more."`
}

type webhookAddCmd struct {
	Merchant string   `required:"" placeholder:"SLUG" help:"The merchant whose events it hears of."`
	Test     bool     `help:"Events of test mode."`
	URL      string   `arg:"" name:"url" help:"https address, or http on loopback and in the networks of CHECKOUT_WEBHOOK_ALLOW."`
	Types    []string `name:"type" placeholder:"TYPE" help:"A type of event such as invoice.paid; repeat it for more. Without it, all."`
}

// Run adds an endpoint.
func (c *webhookAddCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		e, err := o.AddWebhook(s.ctx, c.Merchant, !c.Test, c.URL, c.Types)
		if err != nil {
			return err
		}
		return s.print(e, "%s\nThis secret is shown once; the endpoint's id is %s.", e.Secret, e.ID)
	})
}

type webhookListCmd struct {
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant whose endpoints they are."`
	Test     bool   `help:"Those of test mode."`
}

// Run lists the endpoints of one mode.
func (c *webhookListCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		list, err := o.Webhooks(s.ctx, c.Merchant, !c.Test)
		if err != nil {
			return err
		}
		lines := make([]string, 0, len(list))
		for _, e := range list {
			lines = append(lines, fmt.Sprintf("%s  %-8s  %s  %s", e.ID, e.Status, e.URL, strings.Join(e.Types, ",")))
		}
		if len(lines) == 0 {
			lines = []string{"no endpoints"}
		}
		return s.print(list, "%s", strings.Join(lines, "\n"))
	})
}

type webhookRemoveCmd struct {
	Merchant string `required:"" placeholder:"SLUG" help:"The merchant whose endpoint it is."`
	Test     bool   `help:"One of test mode."`
	ID       string `arg:"" name:"id" help:"The endpoint's id, whe_…"`
}

// Run removes an endpoint.
func (c *webhookRemoveCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		if err := o.RemoveWebhook(s.ctx, c.Merchant, !c.Test, c.ID); err != nil {
			return err
		}
		return s.print(map[string]any{"id": c.ID, "deleted": true}, "endpoint %s removed", c.ID)
	})
}
