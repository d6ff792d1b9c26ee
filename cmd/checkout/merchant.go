package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"dargah/internal/app"
)

type merchantCmd struct {
	Create merchantCreateCmd `cmd:"" help:"Add a merchant."`
}

type merchantCreateCmd struct {
	Name    string `required:"" help:"Name, as customers read it."`
	Slug    string `required:"" help:"Short name for commands and addresses: a-z, 0-9 and -."`
	Website string `help:"The shop's site, shown on the payment page."`
	Phone   string `help:"Telephone number, shown on the payment page."`
	Address string `help:"Postal address, shown on the receipt."`
	Email   string `help:"E-mail address of the shop."`
	Locale  string `default:"fa" enum:"fa,en" help:"Language of new invoices: fa or en."`
}

// Run adds a merchant.
func (c *merchantCreateCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		m, err := o.CreateMerchant(s.ctx, app.NewMerchant{
			Name: c.Name, Slug: c.Slug, Website: c.Website, Phone: c.Phone, Address: c.Address, Email: c.Email, Locale: c.Locale,
		})
		if err != nil {
			return err
		}
		return s.print(m, "merchant %s created, its id is %s", m.Slug, m.ID)
	})
}

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Add a login."`
}

type userCreateCmd struct {
	Email         string `required:"" help:"E-mail address to log in with."`
	Merchant      string `placeholder:"SLUG" help:"The merchant it belongs to."`
	Role          string `default:"" enum:"owner,staff,viewer," help:"owner, staff or viewer."`
	PasswordStdin bool   `required:"" help:"Read the password from stdin, so that it stands in no list of processes."`
	Operator      bool   `help:"May set up the whole installation."`
}

// Run adds a login.
func (c *userCreateCmd) Run(s *shell) error {
	if (c.Merchant == "") != (c.Role == "") {
		return &usageError{"--merchant and --role belong together"}
	}
	if c.Merchant == "" && !c.Operator {
		return &usageError{"missing flags: --merchant=SLUG and --role=owner|staff|viewer (or --operator)"}
	}
	password, err := readLine(s.in)
	if err != nil {
		return fmt.Errorf("read the password from stdin: %w", err)
	}
	return s.withOffice(func(o *app.Office) error {
		u, err := o.CreateUser(s.ctx, app.NewUser{Email: c.Email, Password: password, Merchant: c.Merchant, Role: c.Role, Operator: c.Operator})
		if err != nil {
			return err
		}
		return s.print(u, "user %s created, its id is %s", u.Email, u.ID)
	})
}

// readLine reads one line without its end; what stands behind it is ignored.
func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("it is empty")
	}
	return line, nil
}

// withOffice opens the database for one command and closes it again.
func (s *shell) withOffice(fn func(*app.Office) error) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	o, err := app.OpenOffice(s.ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(o), o.Close())
}
