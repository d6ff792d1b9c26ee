package webhooks_test

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"dargah/internal/app/webhooks"
)

// FuzzSecret: what is read as a secret has one spelling and enough bytes, and the standard's library
// reads the same.
func FuzzSecret(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsec_")
	f.Add("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\nw")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := webhooks.ReadSecret(s)
		if err != nil {
			if len(key) != 0 || strings.Contains(s, "_") && len(s) > 8 && strings.Contains(err.Error(), s) {
				t.Fatalf("%q: refused, and told: %v", s, err)
			}
			return
		}
		if len(key) < 24 || len(key) > 64 || s != "whsec_"+base64.StdEncoding.EncodeToString(key) {
			t.Fatalf("%q is read as %x", s, key)
		}
		wh, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000, 0)
		ours, err := webhooks.Signature(s, "msg_1", at, []byte("body"))
		theirs, other := wh.Sign("msg_1", at, []byte("body"))
		if err != nil || other != nil || ours != theirs {
			t.Fatalf("signed %s and %s: %v %v", ours, theirs, err, other)
		}
	})
}

// FuzzSignature: the standard's library takes what we sign, and nothing else under it: another id,
// time or body, also where the three joined are the same text.
func FuzzSignature(f *testing.F) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // of the standard's own tests
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", int64(1614265330), []byte(`{"test": 2432232314}`), uint(0), byte(1))
	f.Add("evt_1", int64(12), []byte("3.x"), uint(2), byte(0))
	f.Add("evt.1", int64(12), []byte("x"), uint(0), byte(0))
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id string, seconds int64, body []byte, at uint, flip byte) {
		if seconds < 0 || seconds > 1<<40 || strings.ContainsAny(id, "\r\n") {
			return
		}
		sign, err := webhooks.Signature(secret, id, time.Unix(seconds, 0), body)
		if id == "" || strings.Contains(id, ".") {
			if err == nil {
				t.Fatalf("signed under %q", id)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		verify := func(id string, seconds int64, body []byte) error {
			h := http.Header{}
			h.Set("webhook-id", id)
			h.Set("webhook-timestamp", strconv.FormatInt(seconds, 10))
			h.Set("webhook-signature", "v1,AAAA v2,"+sign[3:]+" "+sign)
			return wh.VerifyIgnoringTimestamp(body, h)
		}
		if err := verify(id, seconds, body); err != nil {
			t.Fatalf("%q %d %q: %v", id, seconds, body, err)
		}
		if verify(id+"x", seconds, body) == nil || verify(id, seconds+1, body) == nil || verify(id, seconds*10, body) == nil && seconds != 0 || verify(id, seconds, append([]byte("."), body...)) == nil {
			t.Fatal("another message is taken")
		}
		if flip != 0 && len(body) > 0 {
			changed := append([]byte(nil), body...)
			changed[int(at%uint(len(body)))] ^= flip
			if verify(id, seconds, changed) == nil {
				t.Fatal("a changed body is taken")
			}
		}
	})
}

// FuzzAddress: an address that may be saved is read alike by net/url and net/http, leads to one host
// and holds no credentials.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"https://shop.example/hook?a=1", "https://127.1/", "https://[::ffff:7f00:1]:8443/x", "https://a@b/", "https://0x7f.1/", "http://localhost:8080", "https://shop.example:/",
		"https://shop.example\\@127.0.0.1/", "https://１２７.０.０.１/", "https://[fe80::1%25eth0]/", "https:///x", "https://a b/", "https://shop.example#x", "https://%31%32%37.0.0.1/", "https://127.0.0.1./",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := webhooks.PlainURL(s)
		if !ok {
			return
		}
		again, err := url.Parse(s)
		if err != nil || again.Host != u.Host || u.Hostname() == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
			t.Fatalf("%q is read as %#v: %v", s, u, err)
		}
		req, err := http.NewRequest(http.MethodPost, s, http.NoBody)
		if err == nil && req.URL.Host != u.Host {
			t.Fatalf("%q leads to %q and to %q", s, u.Host, req.URL.Host)
		}
		host := strings.TrimSuffix(u.Hostname(), ".")
		if _, err := netip.ParseAddr(host); err == nil {
			return
		}
		last := host[strings.LastIndexByte(host, '.')+1:]
		_, decimal := strconv.ParseUint(last, 10, 64)
		hex, isHex := strings.CutPrefix(strings.ToLower(last), "0x")
		if _, err := strconv.ParseUint(hex, 16, 64); decimal == nil || isHex && err == nil {
			t.Fatalf("%q ends in a number that a resolver may take for an address", s)
		}
	})
}

// FuzzGuard: where the guard lets a connection lead, a second, simpler reader finds nothing special
// about the address.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "::ffff:7f00:1", "64:ff9b::7f00:1", "2001:4860:4860::8888", "fd00::1", "169.254.169.254", "100.64.0.1", "2002:7f00:1::"} {
		ip := netip.MustParseAddr(s)
		f.Add(ip.AsSlice(), uint16(443), false)
		f.Add(ip.AsSlice(), uint16(25), true)
	}
	special := []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"),
	}
	own := netip.MustParsePrefix("10.9.0.0/16")
	f.Fuzz(func(t *testing.T, raw []byte, port uint16, plain bool) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		to := netip.AddrPortFrom(ip, port)
		bare := ip.Unmap()
		inside := own.Contains(bare)
		if err := webhooks.Check([]netip.Prefix{own}, to, plain); (err == nil) != inside {
			if inside || plain {
				t.Fatalf("%s, plain %v: %v", to, plain, err)
			}
			if bare.IsLoopback() || bare.IsPrivate() || bare.IsLinkLocalUnicast() || bare.IsMulticast() || bare.IsUnspecified() || !bare.IsGlobalUnicast() || port != 443 && port < 1024 {
				t.Fatalf("%s may be reached", to)
			}
			for _, p := range special {
				if p.Contains(bare) {
					t.Fatalf("%s of %s may be reached", to, p)
				}
			}
		}
		if webhooks.Check(nil, to, true) == nil {
			t.Fatalf("%s by http", to)
		}
	})
}

// FuzzRetryAfter: a receiver may make us wait, for an hour at most, and never back in time.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "120", "-1", "99999999999999999999", "Sat, 28 Nov 2026 10:00:00 GMT", " 5", "5 ", "5.5", "0x5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := webhooks.RetryAfter(s, origin); d < 0 || d > time.Hour {
			t.Fatalf("%q: %s", s, d)
		}
	})
}
