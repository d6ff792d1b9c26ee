package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"filippo.io/age"
)

// Config is the environment, read once at start and never again.
type Config struct {
	Addr        string
	BaseURL     string // public origin without a trailing slash; "" when not given
	DatabaseURL string
	// DatabasePoolURL is the way of serve's transactions to the same PostgreSQL; "" for the direct one.
	DatabasePoolURL string
	SecretKeys      []string // the first one seals, the others only open; empty when not given
	TrustedProxies  []netip.Prefix
	TLSDomains      []string
	TLSEmail        string
	ACMEURL         string
	SMTPURL         string
	MailFrom        string
	DKIMDomain      string
	DKIMSelector    string
	DKIMKey         string
	GatewayTimeout  time.Duration
	AttemptTTL      time.Duration
	Drain           time.Duration // 0: at once
	MetricsAddr     string
	LogLevel        slog.Level
	LogFormat       string // "json" or "text"
	WebhookAllow    []netip.Prefix
	HTTPAddr        string // redirects to https, with TLSDomains
	AlertURL        string
	// Scheduled backups; none without a folder.
	BackupDir       string
	BackupEvery     time.Duration
	BackupKeep      int
	BackupRecipient age.Recipient // nil: not encrypted
	OTLPEndpoint    string
	OTLPHeaders     http.Header
	OTLPService     string

	// readKeys reads the secret keys again. Nil when they stand in the environment, which never changes.
	readKeys func() ([]string, error)
}

// ConfigError names the variable that is wrong, and what was expected. It never holds the value
// of a secret.
type ConfigError struct {
	Name     string
	Expected string
	Got      string // quoted; "" for secrets
}

func (e *ConfigError) Error() string {
	if e.Got == "" {
		return e.Name + ": expected " + e.Expected
	}
	return e.Name + ": expected " + e.Expected + ", got " + e.Got
}

// Load reads every variable of the table through getenv (os.Getenv). An empty variable counts as
// one that is not given. The first wrong one stops it with a *ConfigError.
func Load(getenv func(string) string) (Config, error) {
	var c Config
	for _, v := range Variables() {
		value, err := v.read(getenv)
		if err != nil {
			return Config{}, err
		}
		if value == "" {
			continue
		}
		if err := v.set(&c, value); err != nil {
			return Config{}, v.wrong(value, err)
		}
	}
	if err := c.checkTLS(strings.TrimSpace(getenv("CHECKOUT_ADDR"))); err != nil {
		return Config{}, err
	}
	if getenv("CHECKOUT_SECRET_KEY_FILE") != "" {
		c.readKeys = readKeys(getenv)
	}
	if err := c.checkMail(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// read returns the value of a variable, from its file when its _FILE twin is given.
func (v Variable) read(getenv func(string) string) (string, error) {
	value := strings.TrimSpace(getenv(v.Name))
	if !v.Secret {
		if value == "" {
			value = v.Default
		}
		return value, nil
	}
	path := getenv(v.Name + "_FILE")
	if path == "" {
		if value == "" {
			value = v.Default
		}
		return value, nil
	}
	if value != "" {
		return "", &ConfigError{Name: v.Name + "_FILE", Expected: "to be empty when " + v.Name + " is given"}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return "", &ConfigError{Name: v.Name + "_FILE", Expected: "a file that can be read (" + err.Error() + ")", Got: fmt.Sprintf("%q", path)}
	}
	value = strings.TrimSpace(string(raw))
	if value == "" {
		return "", &ConfigError{Name: v.Name + "_FILE", Expected: "a file that holds the value, this one is empty", Got: fmt.Sprintf("%q", path)}
	}
	return value, nil
}

// wrong turns what a setter expected into a ConfigError.
func (v Variable) wrong(value string, expected error) error {
	e := &ConfigError{Name: v.Name, Expected: expected.Error()}
	if !v.Secret {
		e.Got = fmt.Sprintf("%q", value)
	}
	return e
}

// NeedBaseURL returns an error that names the variable when no public origin was given.
func (c *Config) NeedBaseURL() error {
	if c.BaseURL != "" {
		return nil
	}
	return &ConfigError{Name: "CHECKOUT_BASE_URL", Expected: "the public origin, such as https://pay.example.ir"}
}

// NeedSecretKey returns an error that names the variable when no secret key was given.
func (c *Config) NeedSecretKey() error {
	if len(c.SecretKeys) > 0 {
		return nil
	}
	return &ConfigError{Name: "CHECKOUT_SECRET_KEY", Expected: "32 bytes in base64; checkout key new prints one"}
}

// readKeys reads the secret keys as Load does, and nothing else.
func readKeys(getenv func(string) string) func() ([]string, error) {
	return func() ([]string, error) {
		for _, v := range Variables() {
			if v.Name != "CHECKOUT_SECRET_KEY" {
				continue
			}
			value, err := v.read(getenv)
			if err != nil {
				return nil, err
			}
			var c Config
			if err := v.set(&c, value); err != nil {
				return nil, v.wrong(value, err)
			}
			return c.SecretKeys, nil
		}
		return nil, nil
	}
}
