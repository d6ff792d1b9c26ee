package main

import (
	"fmt"
	"os"
	"strings"

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
	From string `required:"" placeholder:"URL" help:"sqlite:PATH or postgres://…; @FILE reads it from a file, so that a password stands in no list of processes."`
	To   string `required:"" placeholder:"URL" help:"The same, of a database without data, or one that a copy of the same began to fill."`
}

// Run copies.
func (c *dbCopyCmd) Run(s *shell) error {
	from, err := orFile("--from", c.From)
	if err != nil {
		return err
	}
	to, err := orFile("--to", c.To)
	if err != nil {
		return err
	}
	done, err := app.CopyDatabase(s.ctx, from, to)
	if err != nil {
		return err
	}
	more := ""
	if done.Before > 0 {
		more = fmt.Sprintf("\n%d of them were there from a copy that ended on its way.", done.Before)
	}
	if done.Served {
		more += "\nA server is running on the source: what it writes from now on is not in the copy."
	}
	if done.Unguarded {
		more += "\nOne of the two databases has no advisory locks: that no server ran on either of them is for you to know."
	}
	return s.print(done, "%d rows of %d tables are copied, read again there, and the same; %d histories prove themselves.%s", done.Rows, len(done.Tables), done.Chains, more)
}

// orFile is a value, or what the file holds that is named behind an @.
func orFile(name, value string) (string, error) {
	file, ok := strings.CutPrefix(value, "@")
	if !ok {
		return value, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s from its file: %w", name, err)
	}
	return strings.TrimSpace(string(raw)), nil
}
