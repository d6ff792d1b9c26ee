package app

import (
	"errors"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/seal"
	"dargah/internal/gateways"
)

// Variable is one line of the environment's table: what checkout help env prints and what
// docs/configuration.md repeats.
type Variable struct {
	Name    string
	Default string // "" when there is none
	Absent  string // what stands in the table instead of a default: "none" or "off"
	Text    string
	Secret  bool // it may be given by a file, as NAME_FILE, and is never repeated in an error

	set func(c *Config, value string) error // the error says what was expected
}

// Variables returns the table of CONTRACT §3, in its order.
func Variables() []Variable {
	return []Variable{
		{Name: "CHECKOUT_ADDR", Default: "127.0.0.1:8080", Text: "address to listen on", set: setAddr(func(c *Config) *string { return &c.Addr })},
		{Name: "CHECKOUT_BASE_URL", Absent: "none, required by serve", Text: "public origin; https unless the host is loopback. Links and callbacks are built from it, never from the Host header", set: setBaseURL},
		{Name: "CHECKOUT_DATABASE_URL", Default: "sqlite:data/checkout.db", Secret: true, Text: "sqlite:FILE or postgres://user:password@host/name", set: setDatabaseURL},
		{Name: "CHECKOUT_DATABASE_POOL_URL", Absent: "off", Secret: true, Text: "the same PostgreSQL through PgBouncer, pool_mode transaction: the way of the server's transactions. Migrations, locks and commands take the direct one", set: setPoolURL},
		{Name: "CHECKOUT_SECRET_KEY", Absent: "none, required by serve", Secret: true, Text: "32 bytes in base64, encrypts credentials at rest; checkout key new prints one. Older keys may follow the present one, after commas: they only open what they once sealed", set: setSecretKeys},
		{Name: "CHECKOUT_TRUSTED_PROXIES", Absent: "none", Text: "CIDRs, separated by commas, whose forwarded headers are believed", set: setPrefixes(func(c *Config) *[]netip.Prefix { return &c.TrustedProxies })},
		{Name: "CHECKOUT_TLS_DOMAINS", Absent: "off", Text: "domains, separated by commas, for which certificates are got and renewed by itself; CHECKOUT_ADDR is then :443 unless given", set: setDomains},
		{Name: "CHECKOUT_TLS_EMAIL", Absent: "off", Text: "address that the certificate authority may write to", set: setMail(func(c *Config) *string { return &c.TLSEmail })},
		{Name: "CHECKOUT_ACME_URL", Absent: "off", Text: "directory of another certificate authority than Let's Encrypt", set: setHTTPURL(func(c *Config) *string { return &c.ACMEURL })},
		{Name: "CHECKOUT_HTTP_ADDR", Absent: ":80 with domains", Text: "where http is sent on to https, and the certificate authority looks", set: setAddr(func(c *Config) *string { return &c.HTTPAddr })},
		{Name: "CHECKOUT_SMTP_URL", Absent: "off", Secret: true, Text: "mail server: smtp://user:pass@host:587 (STARTTLS is demanded unless the host is loopback) or smtps://user:pass@host:465. Without it letters wait in the outbox", set: setSMTP},
		{Name: "CHECKOUT_MAIL_FROM", Absent: "off", Text: "sender of letters, such as pay@example.ir; required with CHECKOUT_SMTP_URL", set: setMail(func(c *Config) *string { return &c.MailFrom })},
		{Name: "CHECKOUT_DKIM_DOMAIN", Absent: "off", Text: "domain that letters are signed for; the mail server usually does this", set: setDKIMName(func(c *Config) *string { return &c.DKIMDomain })},
		{Name: "CHECKOUT_DKIM_SELECTOR", Absent: "off", Text: "name of the key in that domain's DNS", set: setDKIMName(func(c *Config) *string { return &c.DKIMSelector })},
		{Name: "CHECKOUT_DKIM_KEY", Absent: "off", Secret: true, Text: "private key in PEM, RSA or Ed25519; all three or none", set: setDKIMKey},
		{Name: "CHECKOUT_GATEWAY_TIMEOUT", Default: "20s", Text: "one call to a gateway", set: setDuration(func(c *Config) *time.Duration { return &c.GatewayTimeout })},
		{Name: "CHECKOUT_ATTEMPT_TTL", Default: "30m", Text: "a customer who has not come back by then has abandoned the attempt", set: setDuration(func(c *Config) *time.Duration { return &c.AttemptTTL })},
		{Name: "CHECKOUT_DRAIN", Absent: "off", Text: "how long requests are still taken at SIGTERM while /readyz already says 503, so that a proxy that asks there sends none any more, such as 5s", set: setDuration(func(c *Config) *time.Duration { return &c.Drain })},
		{Name: "CHECKOUT_METRICS_ADDR", Absent: "off", Text: "Prometheus on its own listener, at /metrics", set: setAddr(func(c *Config) *string { return &c.MetricsAddr })},
		{Name: "CHECKOUT_ALERT_URL", Absent: "off", Secret: true, Text: "an address that is told, as JSON by POST, what needs the operator; operators get a letter as well", set: setHTTPURL(func(c *Config) *string { return &c.AlertURL })},
		{Name: "CHECKOUT_BACKUP_DIR", Absent: "off", Text: "folder for backups that serve makes by itself", set: func(c *Config, value string) error { c.BackupDir = value; return nil }},
		{Name: "CHECKOUT_BACKUP_EVERY", Default: "24h", Text: "how often", set: setDuration(func(c *Config) *time.Duration { return &c.BackupEvery })},
		{Name: "CHECKOUT_BACKUP_KEEP", Default: "14", Text: "how many are kept; older ones are removed after a good one", set: setBackupKeep},
		{Name: "CHECKOUT_BACKUP_RECIPIENT", Absent: "off", Text: "public key of age (age1…) for which backups are encrypted", set: setBackupRecipient},
		{Name: "CHECKOUT_LOG_LEVEL", Default: "info", Text: "debug, info, warn or error", set: setLogLevel},
		{Name: "CHECKOUT_LOG_FORMAT", Default: "json", Text: "json or text", set: setLogFormat},
		{Name: "CHECKOUT_WEBHOOK_ALLOW", Absent: "none", Text: "CIDRs, separated by commas, allowed as webhook targets besides public addresses, by http as well", set: setPrefixes(func(c *Config) *[]netip.Prefix { return &c.WebhookAllow })},
		{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Absent: "off", Text: "OpenTelemetry collector that is sent traces, by OTLP over HTTP (http/protobuf), such as http://127.0.0.1:4318", set: setHTTPURL(func(c *Config) *string { return &c.OTLPEndpoint })},
		{Name: "OTEL_EXPORTER_OTLP_HEADERS", Absent: "none", Secret: true, Text: "name=value pairs, separated by commas, that it is sent with them", set: setOTLPHeaders},
		{Name: "OTEL_SERVICE_NAME", Default: "checkout", Text: "what the program is called there", set: func(c *Config, value string) error { c.OTLPService = value; return nil }},
	}
}

// Shown is the default as the table shows it.
func (v Variable) Shown() string {
	if v.Default != "" {
		return v.Default
	}
	return v.Absent
}

// Names are the variable and, for a secret, its twin that names a file.
func (v Variable) Names() string {
	if v.Secret {
		return v.Name + ", " + v.Name + "_FILE"
	}
	return v.Name
}

// Markdown is the variable's row in docs/configuration.md.
func (v Variable) Markdown() string {
	names := "`" + strings.ReplaceAll(v.Names(), ", ", "`, `") + "`"
	shown := v.Shown()
	if v.Default != "" {
		shown = "`" + shown + "`"
	}
	return "| " + names + " | " + shown + " | " + v.Text + " |"
}

func setAddr(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		_, port, err := net.SplitHostPort(value)
		if err != nil {
			return errors.New("host:port, such as 127.0.0.1:8080")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return errors.New("host:port with a port from 0 to 65535, such as 127.0.0.1:8080")
		}
		*field(c) = value
		return nil
	}
}

func setBaseURL(c *Config, value string) error {
	expected := errors.New("an origin and nothing behind it, such as https://pay.example.ir (http only on loopback)")
	u, err := url.Parse(strings.TrimSuffix(value, "/"))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return expected
	}
	if strings.HasSuffix(u.Host, ":") || strings.ContainsAny(value, "?#") {
		return expected
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !gateways.Loopback(u.Hostname())) {
		return expected
	}
	c.BaseURL = u.Scheme + "://" + strings.ToLower(u.Host)
	return nil
}

func setDatabaseURL(c *Config, value string) error {
	expected := errors.New("sqlite:FILE or postgres://user:password@host/name")
	if file, ok := strings.CutPrefix(value, "sqlite:"); ok {
		if strings.Trim(file, "/") == "" {
			return expected
		}
		c.DatabaseURL = value
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return expected
	}
	c.DatabaseURL = value
	return nil
}

func setPoolURL(c *Config, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return errors.New("postgres://user:password@host:port/name of the pooler")
	}
	c.DatabasePoolURL = value
	return nil
}

func setSecretKeys(c *Config, value string) error {
	var keys []string
	for part := range strings.SplitSeq(value, ",") {
		keys = append(keys, strings.TrimSpace(part))
	}
	if _, err := seal.New(keys...); err != nil { // its errors hold no part of a key
		return errors.New("32 bytes in base64, as checkout key new prints them")
	}
	c.SecretKeys = keys
	return nil
}

func setPrefixes(field func(*Config) *[]netip.Prefix) func(*Config, string) error {
	return func(c *Config, value string) error {
		var list []netip.Prefix
		for part := range strings.SplitSeq(value, ",") {
			part = strings.TrimSpace(part)
			prefix, err := netip.ParsePrefix(part)
			if err != nil {
				ip, err := netip.ParseAddr(part)
				if err != nil || ip.Zone() != "" {
					return errors.New("CIDRs separated by commas, such as 10.0.0.0/8,fd00::/8")
				}
				prefix = netip.PrefixFrom(ip, ip.BitLen())
			}
			list = append(list, prefix.Masked())
		}
		*field(c) = list
		return nil
	}
}

func setDomains(c *Config, value string) error {
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if !gateways.HostName(part) {
			return errors.New("domain names separated by commas, such as pay.example.ir")
		}
		c.TLSDomains = append(c.TLSDomains, part)
	}
	return nil
}

func setMail(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if _, err := mail.ParseAddress(value); err != nil {
			return errors.New("an e-mail address, such as pay@example.ir")
		}
		*field(c) = value
		return nil
	}
}

func setHTTPURL(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		u, err := url.Parse(value)
		if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return errors.New("an http or https address")
		}
		*field(c) = value
		return nil
	}
}

func setDuration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Second {
			return errors.New("a duration of 1s or more, such as 90s or 10m")
		}
		*field(c) = d
		return nil
	}
}

func setLogLevel(c *Config, value string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[value]
	if !ok {
		return errors.New("debug, info, warn or error")
	}
	c.LogLevel = level
	return nil
}

func setLogFormat(c *Config, value string) error {
	if value != "json" && value != "text" {
		return errors.New("json or text")
	}
	c.LogFormat = value
	return nil
}
