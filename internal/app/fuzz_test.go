package app_test

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/gateways"
)

// FuzzLoad: a value of the environment is taken only for what it says, and a wrong one is refused by
// its name, without a word of a secret.
func FuzzLoad(f *testing.F) {
	variables := app.Variables()
	for i := range variables {
		for _, seed := range []string{"https://pay.example.ir", "http://127.0.0.1:8080/", "http://evil.tld", "https://a:canarysecret@b", "127.0.0.1:8080", ":0", "10.0.0.0/8,fd00::/8", "1.2.3.4", "20s", "-1s", "postgres://u:canarysecret@h/db", "sqlite:/x", "sqlite:", "debug", "json", "smtp://u:canarysecret@h:587", "canarysecret", "a@b.c", "\x00", " ", "pay.example.ir, shop.example.ir"} {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		v := variables[int(which)%len(variables)]
		c, err := app.Load(func(name string) string {
			if name == v.Name {
				return value
			}
			return ""
		})
		var wrong *app.ConfigError
		if err != nil {
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), v.Name) {
				t.Fatalf("%s=%q: %v", v.Name, value, err)
			}
			if v.Secret && strings.Contains(value, "canarysecret") && strings.Contains(err.Error(), "canarysecret") {
				t.Fatalf("%s: the error tells %v", v.Name, err)
			}
			return
		}
		if c.BaseURL != "" {
			u, err := url.Parse(c.BaseURL)
			if err != nil || u.Host == "" || c.BaseURL != u.Scheme+"://"+u.Host || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !gateways.Loopback(u.Hostname()))) {
				t.Fatalf("%q became the origin %q: %v", value, c.BaseURL, err)
			}
		}
		if c.GatewayTimeout < time.Second || c.AttemptTTL < time.Second || c.DatabaseURL == "" || c.TLSEmail != "" || c.ACMEURL != "" {
			t.Fatalf("%s=%q: %+v", v.Name, value, c)
		}
		for _, name := range c.TLSDomains { // no certificate authority knows an address or a bare word
			if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(strings.Trim(name, "."), ".") || strings.ToLower(name) != name || url.PathEscape(name) != name {
				t.Fatalf("%s=%q: %q", v.Name, value, name)
			}
		}
		for _, list := range [][]netip.Prefix{c.TrustedProxies, c.WebhookAllow} {
			for _, p := range list {
				if !p.IsValid() || p != p.Masked() || !strings.Contains(value, p.Addr().String()) && !strings.ContainsAny(value, ":/") {
					t.Fatalf("%s=%q: %s", v.Name, value, p)
				}
			}
		}
	})
}
