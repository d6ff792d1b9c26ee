package main

import (
	"fmt"
	"strings"

	"dargah/internal/app"
)

type gatewayCmd struct {
	Set gatewaySetCmd `cmd:"" help:"Save settings; those that are not named stay as they are."`
}

type gatewaySetCmd struct {
	Merchant string   `required:"" placeholder:"SLUG" help:"The merchant whose account it is."`
	Test     bool     `help:"The account of test mode: limits, amount_unit, verify_window and enabled only."`
	Gateway  string   `arg:"" enum:"gardeshpay,ghesta" help:"gardeshpay or ghesta."`
	Values   []string `arg:"" name:"key=value" help:"Settings; key=@FILE reads a value from a file, so that a secret stands in no list of processes."`
}

// Run saves the settings of one account.
func (c *gatewaySetCmd) Run(s *shell) error {
	values := map[string]string{}
	for _, pair := range c.Values {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			// Not repeated: it may be a secret whose key was forgotten.
			return &usageError{"expected settings as key=value"}
		}
		if _, twice := values[key]; twice {
			return &usageError{fmt.Sprintf("%s is given twice", key)}
		}
		var err error
		if values[key], err = orFile(key, value); err != nil {
			return err
		}
	}
	return s.withOffice(func(o *app.Office) error {
		saved, err := o.SetGateway(s.ctx, c.Merchant, c.Gateway, !c.Test, values)
		if err != nil {
			return err
		}
		mode := "live"
		if c.Test {
			mode = "test"
		}
		return s.print(saved, "%s of %s (%s) saved: %s", saved.Gateway, saved.Merchant, mode, strings.Join(saved.Set, ", "))
	})
}
