package main

import (
	"fmt"

	"dargah/internal/app"
)

type backupCmd struct {
	File  string `arg:"" help:"Where to write it: one SQLite file, whichever the database is."`
	Force bool   `help:"Replace the file if it exists."`
}

// Run writes one moment of the database to a file.
func (c *backupCmd) Run(s *shell) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	b, err := app.MakeBackup(s.ctx, cfg, c.File, c.Force)
	if err != nil {
		return err
	}
	return s.print(b, "%s holds %d rows of %d tables; %d histories prove themselves.\nIt opens only with the same CHECKOUT_SECRET_KEY: keep that elsewhere.", b.File, b.Rows, len(b.Tables), b.Chains)
}

type restoreCmd struct {
	File     string `arg:"" help:"A file that checkout backup wrote, or one of the server's own, encrypted or not."`
	Force    bool   `help:"Replace the data that are there. An SQLite file is kept under another name."`
	Identity string `placeholder:"FILE" help:"The private key, as age-keygen writes it, of an encrypted one."`
}

// Run puts a backup in the place of the database.
func (c *restoreCmd) Run(s *shell) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	r, err := app.Restore(s.ctx, cfg, c.File, c.Identity, c.Force)
	if err != nil {
		return err
	}
	more := ""
	if r.Aside != "" {
		more = fmt.Sprintf("\nThe old data are in %s.", r.Aside)
	}
	if !r.KeySeen {
		more += "\nThe secret key was not tried on it: none is given, or the backup holds nothing sealed."
	}
	return s.print(r, "%d rows of %d tables are back. New invoices are numbered from %d on; everybody has to log in again.%s", r.Rows, len(r.Tables), r.Numbers, more)
}

type dbCmd struct {
	Copy dbCopyCmd `cmd:"" help:"Copy a whole database into an empty one, between SQLite and PostgreSQL either way."`
}

type dbCopyCmd struct {
	From string `required:"" placeholder:"URL" help:"sqlite:PATH or postgres://…"`
	To   string `required:"" placeholder:"URL" help:"sqlite:PATH or postgres://…, without data."`
}

// Run copies.
func (c *dbCopyCmd) Run(s *shell) error {
	done, err := app.CopyDatabase(s.ctx, c.From, c.To)
	if err != nil {
		return err
	}
	more := ""
	if done.Served {
		more = "\nA server is running on the source: what it writes from now on is not in the copy."
	}
	return s.print(done, "%d rows of %d tables are copied, read again there, and the same.%s", done.Rows, len(done.Tables), more)
}
