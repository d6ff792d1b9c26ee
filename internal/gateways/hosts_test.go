package gateways_test

import (
	"net/url"
	"strings"
	"testing"

	"dargah/internal/gateways"
)

const ownHosts = "gardeshpay.ir, GardeshPay.com"

func TestJoinRedirect(t *testing.T) {
	for _, c := range []struct {
		base, hosts string
		onLoopback  bool
		want        string
	}{
		{"https://ipg.gardeshpay.ir/r", ownHosts, false, "https://ipg.gardeshpay.ir/r/t"},
		{"https://gardeshpay.com/r//", ownHosts, false, "https://gardeshpay.com/r/t"},
		{"HTTPS://IPG.GARDESHPAY.IR/r", ownHosts, false, "HTTPS://IPG.GARDESHPAY.IR/r/t"},
		{"https://ipg.gardeshpay.ir", ownHosts, false, "https://ipg.gardeshpay.ir/t"},
		{"https://ipg.gardeshpay.ir:443/r", ownHosts, false, "https://ipg.gardeshpay.ir:443/r/t"},
		{"http://127.0.0.1:9090/r", "127.0.0.1", true, "http://127.0.0.1:9090/r/t"},
		{"http://[::1]:9090/r", "::1", true, "http://[::1]:9090/r/t"},
		{"http://localhost:9090/r", "gardeshpay.ir,localhost", true, "http://localhost:9090/r/t"},
		{"https://pay.example.ir:8443/simulator", "pay.example.ir:8443", false, "https://pay.example.ir:8443/simulator/t"},
		{"https://pay.example.ir:9443/simulator", "pay.example.ir:8443", false, ""},
		{"https://pay.example.ir/simulator", "pay.example.ir:8443", false, ""},
		{"https://a.pay.example.ir:8443/simulator", "pay.example.ir:8443", false, ""},
		{"http://pay.example.ir:8443/simulator", "pay.example.ir:8443", false, ""},
		{"http://127.0.0.1:9090/r", "127.0.0.1:9090", false, ""},
		{"http://127.0.0.1:9090/r", "127.0.0.1", false, ""},
		{"http://127.0.0.2/r", "127.0.0.1", true, ""},
		{"http://1.127.0.0.1/r", "127.0.0.1", true, ""},
		{"http://gardeshpay.ir/r", ownHosts, true, ""},
		{"http://127.0.0.1.gardeshpay.ir/r", ownHosts, true, ""},
		{"http://2130706433/r", "127.0.0.1", true, ""},
		{"https://com/r", ownHosts, false, ""},
		{"https://ir/r", "gardeshpay.ir", false, ""},
		{"https://gardeshpay.ir:/r", ownHosts, false, ""},
		{"https://gardeshpay.ir:80/r", ownHosts, false, ""},
		{"https://-x.gardeshpay.ir/r", ownHosts, false, ""},
		{"https:///gardeshpay.ir/r", ownHosts, false, ""},
		{"https:gardeshpay.ir/r", ownHosts, false, ""},
		{"https://gardeshpay.ir/%zz", ownHosts, false, ""},
		{"https://gardeshpay.ir/\u202e", ownHosts, false, ""},
		{"https://gardeshpay.ir\t/r", ownHosts, false, ""},
		{"data:text/html,x", ownHosts, false, ""},
		{"ftp://gardeshpay.ir/r", ownHosts, false, ""},
		{"https://gardeshpay.ir/" + strings.Repeat("a", 3000), ownHosts, false, ""},
		{"https://evil.tld/r", "", false, ""},
		{"https://gardeshpay.com/r", "gardeshpay.ir,,gardeshpay.com", false, "https://gardeshpay.com/r/t"},
		{"https://gardeshpay.ir/r", "ir", false, ""},
		{"https://IPG.gardeshpay.ir:443/r", ownHosts, false, "https://IPG.gardeshpay.ir:443/r/t"},
		{"https://[2001:db8::1]/r", "2001:db8::1", false, "https://[2001:db8::1]/r/t"},
		{"https://PAY.example.ir:8443/simulator", "pay.example.ir:8443", false, "https://PAY.example.ir:8443/simulator/t"},
		{"https://127.0.0.1:9090/r", "127.0.0.1", true, "https://127.0.0.1:9090/r/t"},
		{"http://[::1]:9090/r", "[::1]", true, "http://[::1]:9090/r/t"},
		{"ftp://127.0.0.1/r", "127.0.0.1", true, ""},
		{"https://gardeshpay.ir/" + strings.Repeat("a", 2048-22), ownHosts, false, "https://gardeshpay.ir/" + strings.Repeat("a", 2048-22) + "/t"},
		{"https://gardeshpay.ir/" + strings.Repeat("a", 2048-21), ownHosts, false, ""},
	} {
		got, err := gateways.JoinRedirect(c.base, "t", c.hosts, c.onLoopback)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%.60q on %q: %q, %v; want %q", c.base, c.hosts, got, err, c.want)
		}
	}
}

// TestJoinRedirect_Token: what is not a token sends nobody anywhere.
func TestJoinRedirect_Token(t *testing.T) {
	for _, token := range []string{"", ".", "..", "a/b", "a?b", "a#b", "a b", "a\\b", "\u202e"} {
		if got, err := gateways.JoinRedirect("https://gardeshpay.ir/r", token, ownHosts, false); err == nil || got != "" {
			t.Errorf("token %q sends to %q", token, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "128.0.0.1": false, "::2": false, "0.0.0.0": false, "2130706433": false,
	} {
		if got := gateways.Loopback(host); got != want {
			t.Errorf("%q is this machine: %t", host, got)
		}
	}
	for address, want := range map[string]bool{"http://127.0.0.1:1/x": true, "https://[::1]/": true, "https://bank.example/": false, "http://%zz": false, "": false} {
		if got := gateways.LoopbackURL(address); got != want {
			t.Errorf("%q leads to this machine: %t", address, got)
		}
	}
}

func FuzzJoinRedirect(f *testing.F) {
	for _, seed := range []string{
		"https://ipg.gardeshpay.ir/r", "https://gardeshpay.ir@evil.tld", "//evil.tld", "https://gardeshpay.ir\\@evil.tld",
		"https://evil.tld\\.gardeshpay.ir", "https://gardeshpay.ir.evil.tld", "javascript:gardeshpay.ir", "https://gardeshpay.ir:443/..",
		"http://127.0.0.1:1/", "https://[::1]/", "https://gardeshpay%2eir", "https://gardeshpay.ir/\r\nX: y", "https://ｇardeshpay.ir",
	} {
		f.Add(seed, "t1", false)
		f.Add(seed, "..", true)
	}
	f.Fuzz(func(t *testing.T, base, token string, onLoopback bool) {
		got, err := gateways.JoinRedirect(base, token, "gardeshpay.ir,127.0.0.1", onLoopback)
		if err != nil {
			if got != "" {
				t.Fatalf("%q beside %v", got, err)
			}
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("sends to %q: %v", got, err)
		}
		host := strings.ToLower(u.Hostname())
		foreign := host != "gardeshpay.ir" && !strings.HasSuffix(host, ".gardeshpay.ir")
		local := onLoopback && host == "127.0.0.1"
		if foreign && !local {
			t.Fatalf("sends to foreign host %q", got)
		}
		if u.Scheme != "https" && !local {
			t.Fatalf("sends without TLS: %q", got)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasSuffix(got, "/"+token) {
			t.Fatalf("sends to %q", got)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] > '~' || got[i] == '\\' || got[i] == '"' || got[i] == '<' {
				t.Fatalf("sends to %q", got)
			}
		}
	})
}
