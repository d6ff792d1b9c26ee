package main

import (
	"fmt"

	"dargah/internal/app"
)

type verifyLogCmd struct {
	File     string `arg:"" help:"An evidence file, as an invoice's page gives it."`
	Key      string `placeholder:"KEY" help:"The public key that must have signed it; an installation tells its own at /admin/evidence-key."`
	Database bool   `help:"Also compare its events with the database of CHECKOUT_DATABASE_URL."`
}

// Run proves that a file was not changed. Exit 1 names the first event that does not fit.
func (c *verifyLogCmd) Run(s *shell) error {
	v, err := app.VerifyLog(s.ctx, s.getenv, c.File, app.VerifyOptions{Key: c.Key, Database: c.Database})
	if err != nil {
		return err
	}
	more := ""
	switch {
	case v.Ours:
		more += "\nIt was signed by this installation."
	case c.Key == "":
		more += "\nIt was signed with the key " + v.Key + ".\nThat this is the key of " + v.MadeBy + " is told by " + v.MadeBy + "/admin/evidence-key and not by the file."
	}
	if v.Compared {
		more += fmt.Sprintf("\nThe database holds the same events, and %d more since.", v.Since)
	}
	return s.print(v, "%s was not changed: invoice %s of %s, %s, %d rial, %d events, made %s.%s",
		v.File, v.Number, v.Shop, v.Status, v.Amount, v.Events, v.MadeAt.Format("2006-01-02 15:04:05 UTC"), more)
}
