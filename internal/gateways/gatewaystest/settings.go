package gatewaystest

import (
	"errors"
	"strings"
	"testing"

	"dargah/internal/gateways"
)

// Setting is one value of one key, and whether it may be set; Also are settings beside it.
type Setting struct {
	Key, Value string
	Fine       bool
	Also       gateways.Settings
}

// CheckSettings checks each setting on top of the defaults: a wrong one is refused under its own
// name, with words about what was expected and without repeating a secret.
func CheckSettings(t *testing.T, g gateways.Gateway, settings []Setting) {
	t.Helper()
	if err := g.Check(Defaults(g)); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	for _, c := range append(settings, common...) {
		s := Defaults(g)
		for key, value := range c.Also {
			s[key] = value
		}
		s[c.Key] = c.Value
		err := g.Check(s)
		var wrong *gateways.SettingError
		switch {
		case c.Fine && err != nil:
			t.Errorf("%s=%.80q: %v", c.Key, c.Value, err)
		case !c.Fine && !errors.As(err, &wrong):
			t.Errorf("%s=%.80q: %v, want a *SettingError", c.Key, c.Value, err)
		case !c.Fine && (wrong.Key != c.Key || wrong.Expected == "" || (len(c.Value) > 20 && strings.Contains(err.Error(), c.Value))):
			t.Errorf("%s=%.80q: %v", c.Key, c.Value, err)
		}
	}
}

// common are the settings both gateways have, and what is true of every address.
var common = []Setting{
	{Key: "amount_unit", Value: "toman", Fine: true},
	{Key: "amount_unit", Value: "Rial"},
	{Key: "amount_unit", Value: ""},
	{Key: "verify_window", Value: "1s", Fine: true},
	{Key: "verify_window", Value: "1h30m", Fine: true},
	{Key: "verify_window", Value: "999ms"},
	{Key: "verify_window", Value: "15"},
	{Key: "verify_window", Value: "-15m"},
	{Key: "verify_window", Value: ""},
	{Key: "min_amount", Value: "1", Fine: true},
	{Key: "min_amount", Value: "0"},
	{Key: "min_amount", Value: "-1"},
	{Key: "min_amount", Value: "+5"},
	{Key: "min_amount", Value: "1e4"},
	{Key: "min_amount", Value: "۱۰۰۰"},
	{Key: "min_amount", Value: "1,000"},
	{Key: "max_amount", Value: "9999999999999", Fine: true},
	{Key: "max_amount", Value: "10000000000000"},
	{Key: "max_amount", Value: "99999999999999999999"},
	{Key: "max_amount", Value: "1"},
	{Key: "max_amount", Value: "5", Fine: true, Also: gateways.Settings{"min_amount": "5"}},
	{Key: "enabled", Value: "false", Fine: true},
	{Key: "enabled", Value: "yes"},
	{Key: "verify_url", Value: "https://api.example.ir:8443/v1/verify", Fine: true},
	{Key: "verify_url", Value: "http://127.0.0.1:9090/verify", Fine: true},
	{Key: "verify_url", Value: "http://[::1]:9090/verify", Fine: true},
	{Key: "verify_url", Value: "http://localhost/verify", Fine: true},
	{Key: "verify_url", Value: "http://api.example.ir/verify"},
	{Key: "verify_url", Value: "http://localhost.evil.tld/verify"},
	{Key: "verify_url", Value: "http://10.0.0.1/verify"},
	{Key: "verify_url", Value: "ftp://127.0.0.1/verify"},
	{Key: "verify_url", Value: "https://user:pass@api.example.ir/"},
	{Key: "verify_url", Value: "https://api.example.ir/#a"},
	{Key: "verify_url", Value: "https://api.example.ir/#"},
	{Key: "verify_url", Value: "https://api.example.ir/" + strings.Repeat("a", 2048-23), Fine: true},
	{Key: "verify_url", Value: "https://api.example.ir/" + strings.Repeat("a", 2048-22)},
	{Key: "verify_url", Value: "https://api.example.ir:0/"},
	{Key: "verify_url", Value: "https://api.example.ir:99999/"},
	{Key: "verify_url", Value: "https:///verify"},
	{Key: "verify_url", Value: "https:api.example.ir"},
	{Key: "verify_url", Value: "/verify"},
	{Key: "verify_url", Value: ""},
	{Key: "verify_url", Value: "https://api.example.ir/a b"},
	{Key: "verify_url", Value: "https://api.example.ir/a\\b"},
	{Key: "verify_url", Value: "https://api.example.ir/a!b~", Fine: true},
	{Key: "verify_url", Value: "https://api.example.ir/\r\nX: y"},
	{Key: "verify_url", Value: "https://درگاه.ایران/"},
	{Key: "verify_url", Value: "https://api.example.ir/" + strings.Repeat("a", 2048)},
}
