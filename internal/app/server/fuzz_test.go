package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func fuzzed(tb testing.TB, base string, trusted ...netip.Prefix) *Server {
	tb.Helper()
	s, err := New(Options{BaseURL: base, TrustedProxies: trusted})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// FuzzParseForm holds the reader against a simpler one: what it takes is a list of pairs, each name
// once whatever its case, decoded by nothing but the rules of a form.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{
		"a=1&b=2", "a=1;b=2", "trackingNumber=88&invoiceNumber=1", "a=1?trackingNumber=2", "refid=1&refid=2", "RefId=1&refid=1", "%zz", "%ff%fe", "%00", "", "&&==", "a=%2", "a=+%20", "code=1&refid=\u06f1\u06f2", "K=1&\u212a=2", "a&a", "=1&=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseForm(raw)
		if err != nil {
			return
		}
		names, pairs := map[string]bool{}, 0
		for pair := range strings.SplitSeq(raw, "&") {
			if pair == "" {
				continue
			}
			pairs++
			name, value, _ := strings.Cut(pair, "=")
			name, okName := decoded(name)
			value, okValue := decoded(value)
			if !okName || !okValue || strings.Contains(pair, ";") || names[strings.ToLower(name)] {
				t.Fatalf("took %q", raw)
			}
			names[strings.ToLower(name)] = true
			if list := got[name]; len(list) != 1 || list[0] != value {
				t.Fatalf("%q: %q is %q, want %q", raw, name, list, value)
			}
		}
		if pairs != len(got) {
			t.Fatalf("%q: %d pairs became %v", raw, pairs, got)
		}
	})
}

// decoded is one part of a pair, by the rules of a form.
func decoded(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b.WriteByte(' ')
		case '%':
			const hex = "0123456789abcdef"
			if i+2 >= len(s) {
				return "", false
			}
			high, low := strings.IndexByte(hex, s[i+1]|0x20), strings.IndexByte(hex, s[i+2]|0x20)
			if high < 0 || low < 0 {
				return "", false
			}
			b.WriteByte(byte(high<<4 | low))
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), utf8.ValidString(b.String()) && !strings.ContainsRune(b.String(), 0)
}

// FuzzOrigin: a request that is served as one of ours says so in the browser's own words: no header
// at all, our origin to the letter, or an opaque one that the browser vouches for.
func FuzzOrigin(f *testing.F) {
	public, local := fuzzed(f, "https://pay.example.com"), fuzzed(f, "http://127.0.0.1:8080")
	for _, seed := range [][3]string{
		{"https://pay.example.com", "same-origin", "pay.example.com"},
		{"https://pay.example.com:443", "", ""},
		{"http://pay.example.com", "", ""},
		{"null", "", ""},
		{"null", "same-origin", ""},
		{"", "cross-site", ""},
		{"", "", ""},
		{"https://pay.example.com.evil.tld", "", ""},
		{"https://PAY.example.com", "", ""},
		{"http://localhost:8080", "", "localhost:8080"},
		{"http://127.0.0.1:9", "", "127.0.0.1:8080"},
		{"https://x@pay.example.com", "", ""},
		{"https://pay.example.com?evil.tld@", "", ""},
		{"https://pay.example.com/", "", ""},
		{"//pay.example.com", "", ""},
		{"http://[::1]:8080", "", "[::1]:8080"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, origin, site, host string) {
		r := &http.Request{Host: host, Header: http.Header{"Origin": {origin}, "Sec-Fetch-Site": {site}}}
		if !public.CrossSite(r) {
			lower := strings.ToLower(origin)
			plain := lower == "https://pay.example.com" || lower == "https://pay.example.com:443"
			if site == "cross-site" || (origin != "" && !plain && (origin != "null" || site != "same-origin")) {
				t.Fatalf("%q (%q) is taken for ours", origin, site)
			}
		}
		if !local.CrossSite(r) && origin != "" && origin != "null" {
			u, err := url.Parse(origin)
			if err != nil || !isLoopback(u.Hostname()) || (u.Host != "127.0.0.1:8080" && !strings.EqualFold(u.Host, host)) {
				t.Fatalf("%q at %q is taken for ours", origin, host)
			}
			if !strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
				t.Fatalf("%q, which no browser sends, is taken for ours", origin)
			}
		}
	})
}

// FuzzHost: a name that we answer for is ours but for its port, its case and a dot at the end.
func FuzzHost(f *testing.F) {
	public, local := fuzzed(f, "https://pay.example.com"), fuzzed(f, "http://127.0.0.1:8080")
	for _, seed := range []string{"pay.example.com", "PAY.example.com:443", "pay.example.com.", "pay.example.com.evil.tld", "evil.tld", "", "[::1]:9", "127.0.0.1", "localhost:1", "[pay.example.com]", "pay.example.com:80:80", "127.1", "x@pay.example.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		// With and without what may be a port: an address of IPv6 has colons of its own.
		names := []string{host}
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			names = append(names, host[:i])
		}
		public1, local1 := false, false
		for _, name := range names {
			name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
			addr, err := netip.ParseAddr(name)
			public1 = public1 || name == "pay.example.com"
			local1 = local1 || name == "localhost" || (err == nil && addr.IsLoopback())
		}
		if public.isOurs(host) && !public1 || local.isOurs(host) && !local1 {
			t.Fatalf("we answer for %q", host)
		}
	})
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// FuzzForwarded: a stranger's word about who asks counts for nothing. Behind a proxy of ours the
// address is the nearest one that no such proxy has, and all that stand behind it in the chain are
// proxies.
func FuzzForwarded(f *testing.F) {
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	s := fuzzed(f, "https://pay.example.com", trusted)
	for _, seed := range []string{"", "203.0.113.9", "203.0.113.9, 10.0.0.2", "127.0.0.1, 203.0.113.9", "x, 203.0.113.9", "203.0.113.9, x", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:db8::1,,", " 1.2.3.4 ,\t10.1.1.1", "01.2.3.4"} {
		f.Add(seed, "req-1")
		f.Add(seed, "a\nb")
	}
	f.Fuzz(func(t *testing.T, chain, id string) {
		for _, peer := range []string{"192.0.2.7:4711", "10.0.0.1:4711", "[::ffff:10.0.0.1]:1"} {
			r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {chain}, headerRequestID: {id}}}
			got, direct := s.clientAddr(r), peerOf(r)
			if !trusted.Contains(direct) {
				if got != direct || s.requestID(r) == id {
					t.Fatalf("%s is taken for %s, its id is %q", direct, got, s.requestID(r))
				}
				continue
			}
			if made := s.requestID(r); made != id && !strings.HasPrefix(made, "req_") || made == id && !plainID.MatchString(id) && !strings.HasPrefix(id, "req_") {
				t.Fatalf("id %q became %q", id, made)
			}
			if got == direct {
				continue
			}
			hops := strings.Split(chain, ",")
			at := -1
			for i := len(hops) - 1; i >= 0 && at < 0; i-- {
				addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
				if err != nil {
					t.Fatalf("%q: %s stands behind what cannot be read", chain, got)
				}
				addr = addr.Unmap().WithZone("")
				if addr == got {
					at = i
				} else if !trusted.Contains(addr) {
					t.Fatalf("%q: %s, but %s is nearer", chain, got, addr)
				}
			}
			if at < 0 {
				t.Fatalf("%q: %s is not in it", chain, got)
			}
		}
	})
}
