package app_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/seal"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestLoad_Defaults(t *testing.T) {
	c, err := app.Load(env())
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.DatabaseURL != "sqlite:data/checkout.db" || c.GatewayTimeout != 20*time.Second ||
		c.AttemptTTL != 30*time.Minute || c.LogLevel != slog.LevelInfo || c.LogFormat != "json" {
		t.Errorf("defaults: %+v", c)
	}
	if c.BaseURL != "" || c.SecretKeys != nil || c.TrustedProxies != nil {
		t.Errorf("what has no default is set: %+v", c)
	}
	if c.NeedBaseURL() == nil || c.NeedSecretKey() == nil {
		t.Error("serve could start without a public origin or a key")
	}
}

func TestLoad_WrongValues(t *testing.T) {
	tests := []struct{ name, value string }{
		{"CHECKOUT_ADDR", "8080"},
		{"CHECKOUT_ADDR", "127.0.0.1:99999"},
		{"CHECKOUT_ADDR", "127.0.0.1:http"},
		{"CHECKOUT_ADDR", "127.0.0.1:"},
		{"CHECKOUT_BASE_URL", "http://pay.example.ir"},
		{"CHECKOUT_BASE_URL", "https://pay.example.ir/shop"},
		{"CHECKOUT_BASE_URL", "https://pay.example.ir?x=1"},
		{"CHECKOUT_BASE_URL", "https://pay.example.ir?"},
		{"CHECKOUT_BASE_URL", "https://pay.example.ir#x"},
		{"CHECKOUT_BASE_URL", "https://user@pay.example.ir"},
		{"CHECKOUT_BASE_URL", "https://pay.example.ir:"},
		{"CHECKOUT_BASE_URL", "pay.example.ir"},
		{"CHECKOUT_BASE_URL", "https://"},
		{"CHECKOUT_BASE_URL", "http://127.0.0.1.example.ir"},
		{"CHECKOUT_BASE_URL", "ftp://127.0.0.1"},
		{"CHECKOUT_TRUSTED_PROXIES", "10.0.0.0/33"},
		{"CHECKOUT_TRUSTED_PROXIES", "10.0.0.0/8,,"},
		{"CHECKOUT_TRUSTED_PROXIES", "proxy"},
		{"CHECKOUT_GATEWAY_TIMEOUT", "20"},
		{"CHECKOUT_GATEWAY_TIMEOUT", "999ms"},
		{"CHECKOUT_ATTEMPT_TTL", "-5m"},
		{"CHECKOUT_METRICS_ADDR", "metrics"},
		{"CHECKOUT_LOG_LEVEL", "loud"},
		{"CHECKOUT_LOG_FORMAT", "xml"},
		{"CHECKOUT_WEBHOOK_ALLOW", "everything"},
		{"CHECKOUT_MAIL_FROM", "nobody"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector"},
	}
	for _, tt := range tests {
		_, err := app.Load(env(tt.name, tt.value))
		var wrong *app.ConfigError
		if !errors.As(err, &wrong) || wrong.Name != tt.name {
			t.Errorf("%s=%s: %v", tt.name, tt.value, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, "expected ") || !strings.Contains(text, tt.value) {
			t.Errorf("%s=%s: not one line with what was expected and found: %q", tt.name, tt.value, text)
		}
	}
}

func TestLoad_SecretsAreNeverRepeated(t *testing.T) {
	for name, value := range map[string]string{
		"CHECKOUT_SECRET_KEY":   "canary-not-base64",
		"CHECKOUT_DATABASE_URL": "mysql://root:canary@db/pay",
		"CHECKOUT_SMTP_URL":     "http://user:canary@mail",

		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=canary%zz",
	} {
		_, err := app.Load(env(name, value))
		if err == nil || !strings.HasPrefix(err.Error(), name+": expected ") {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = app.Load(env(name+"_FILE", file)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s_FILE: %v", name, err)
		}
	}
}

func TestLoad_BaseURL(t *testing.T) {
	for given, want := range map[string]string{
		"https://Pay.Example.ir":  "https://pay.example.ir",
		"https://pay.example.ir/": "https://pay.example.ir",
		"http://127.0.0.1:8080":   "http://127.0.0.1:8080",
		"http://localhost:8080/":  "http://localhost:8080",
		"http://[::1]:8080":       "http://[::1]:8080",
	} {
		c, err := app.Load(env("CHECKOUT_BASE_URL", given))
		if err != nil || c.BaseURL != want {
			t.Errorf("%s: got %q, %v", given, c.BaseURL, err)
		}
	}
}

func TestLoad_SecretFromFile(t *testing.T) {
	key := seal.NewKey()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := app.Load(env("CHECKOUT_SECRET_KEY_FILE", file))
	if err != nil || len(c.SecretKeys) != 1 || c.SecretKeys[0] != key {
		t.Fatalf("%d keys, %v", len(c.SecretKeys), err)
	}
	if _, err := app.Load(env("CHECKOUT_SECRET_KEY_FILE", file, "CHECKOUT_SECRET_KEY", key)); err == nil {
		t.Error("two keys at once were taken")
	}
	if _, err := app.Load(env("CHECKOUT_SECRET_KEY_FILE", file+".none")); err == nil || !strings.HasPrefix(err.Error(), "CHECKOUT_SECRET_KEY_FILE: ") {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(file, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Load(env("CHECKOUT_SECRET_KEY_FILE", file)); err == nil {
		t.Error("an empty file was taken")
	}
	two := seal.NewKey()
	c, err = app.Load(env("CHECKOUT_SECRET_KEY", two+", "+key))
	if err != nil || len(c.SecretKeys) != 2 || c.SecretKeys[0] != two {
		t.Errorf("a rotated key: %d keys, %v", len(c.SecretKeys), err)
	}
}

// What this version does not do is never silently ignored.
func TestLoad_WhatIsNotBuiltYet(t *testing.T) {
	for _, wrong := range [][]string{
		{"CHECKOUT_TLS_EMAIL", "a@example.ir"},
		{"CHECKOUT_ACME_URL", "https://ca.example"},
		{"CHECKOUT_HTTP_ADDR", ":80"},
		{"CHECKOUT_TLS_DOMAINS", "pay.example.ir", "CHECKOUT_BASE_URL", "http://127.0.0.1"},
		{"CHECKOUT_TLS_DOMAINS", "pay.example.ir", "CHECKOUT_BASE_URL", "https://other.example.ir"},
	} {
		if _, err := app.Load(env(wrong...)); err == nil || !strings.Contains(err.Error(), "CHECKOUT_TLS_DOMAINS") {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	c, err := app.Load(env("CHECKOUT_TLS_DOMAINS", "pay.example.ir", "CHECKOUT_BASE_URL", "https://pay.example.ir"))
	if err != nil || c.Addr != ":443" || c.HTTPAddr != ":80" {
		t.Errorf("with domains: %q, %q: %v", c.Addr, c.HTTPAddr, err)
	}
	c, err = app.Load(env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant=1"))
	if err != nil || c.OTLPHeaders.Get("Authorization") != "Bearer abc" || c.OTLPHeaders.Get("X-Tenant") != "1" || c.OTLPService != "checkout" {
		t.Errorf("traces: %v %q: %v", c.OTLPHeaders, c.OTLPService, err)
	}
}

// TestVariables_Docs keeps docs/configuration.md and checkout help env equal.
func TestVariables_Docs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(top(t), "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, v := range app.Variables() {
		want.WriteString(v.Markdown() + "\n")
	}
	if !strings.Contains(string(raw), want.String()) {
		t.Errorf("docs/configuration.md does not hold this table:\n%s", want.String())
	}
}
