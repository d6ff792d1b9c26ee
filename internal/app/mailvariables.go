package app

import (
	"errors"
	"regexp"

	"dargah/internal/app/mail"
)

func setSMTP(c *Config, value string) error {
	if err := mail.CheckServer(value); err != nil {
		return errors.New("smtp://user:pass@host:587 or smtps://user:pass@host:465")
	}
	c.SMTPURL = value
	return nil
}

var dnsName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

func setDKIMName(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if len(value) > 253 || !dnsName.MatchString(value) {
			return errors.New("a name in DNS, such as example.ir or mail2026")
		}
		*field(c) = value
		return nil
	}
}

func setDKIMKey(c *Config, value string) error {
	if err := mail.CheckKey(value); err != nil { // its error holds no part of a key
		return errors.New("a private key in PEM (RSA of 1024 bits or more, or Ed25519)")
	}
	c.DKIMKey = value
	return nil
}

// checkMail asks that what belongs together is given together.
func (c *Config) checkMail() error {
	if c.SMTPURL != "" && c.MailFrom == "" {
		return &ConfigError{Name: "CHECKOUT_MAIL_FROM", Expected: "the sender of letters, such as pay@example.ir, because CHECKOUT_SMTP_URL is given"}
	}
	if given := []bool{c.DKIMDomain != "", c.DKIMSelector != "", c.DKIMKey != ""}; given[0] != given[1] || given[1] != given[2] {
		return &ConfigError{Name: "CHECKOUT_DKIM_DOMAIN, CHECKOUT_DKIM_SELECTOR, CHECKOUT_DKIM_KEY", Expected: "all three, or none"}
	}
	return nil
}
