package ghesta_test

import (
	"net/url"
	"strings"
	"testing"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gatewaystest"
	"dargah/internal/gateways/ghesta"
)

// FuzzInstallment: with any instalment address that can be saved, every payment code leads to that
// address's own host, and stands in the address as it is.
func FuzzInstallment(f *testing.F) {
	for _, seed := range []string{
		"https://payping.ir/installment/{code}?type=ghesta", "https://payping.ir/i?code={code}", "https://{code}/x", "https://payping.ir.{code}/x", "https://payping.ir/{code}/{code}", "https://payping.ir{code}", "https://payping.ir/#{code}", "https://payping.ir:{code}/", "http://127.0.0.1:1/{code}",
		"https://u{code}@payping.ir/", "https:/{code}", "https://payping.ir//{code}", "https://payping.ir/%7Bcode%7D", "https://payping.ir/{code}@evil.tld", "https://payping.ir\\{code}/",
	} {
		f.Add(seed, "82a4f72")
		f.Add(seed, "..a")
	}
	g := ghesta.New(nil)
	f.Fuzz(func(t *testing.T, address, code string) {
		s := gatewaystest.Defaults(g)
		s["installment_url"] = address
		if g.Check(s) != nil || !gateways.ValidToken(code) {
			return
		}
		before, err := url.Parse(strings.Replace(address, "{code}", "x", 1))
		if err != nil {
			t.Fatalf("saved %q: %v", address, err)
		}
		to := strings.Replace(address, "{code}", url.PathEscape(code), 1)
		u, err := url.Parse(to)
		if err != nil || u.Scheme != "https" || u.Host != before.Host || u.User != nil || u.Host == "" || !strings.Contains(u.RequestURI(), code) {
			t.Fatalf("%q and %q lead to %q: %v", address, code, to, err)
		}
	})
}
