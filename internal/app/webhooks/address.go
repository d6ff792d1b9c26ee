package webhooks

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"code.dny.dev/ssrf"
)

const (
	maxURL        = 2048
	lookupTimeout = 5 * time.Second
)

// errForbidden stops a connection to where webhooks do not go.
var errForbidden = errors.New("webhooks do not go to this address")

// guard decides where a connection may lead. It is asked at dial time, with the address that is really
// dialled: whatever a name server said when the endpoint was saved, or says the second time, or not
// at all, counts for nothing.
type guard struct {
	public *ssrf.Guardian
	allow  []netip.Prefix
}

func newGuard(allow []netip.Prefix) *guard {
	return &guard{public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork()), allow: allow}
}

// allowed reports whether an address is within the operator's own networks.
func (g *guard) allowed(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// check says whether an address may be connected to. plain is http, which never leaves the operator's
// own networks. Elsewhere the ports of other well-known services are refused: a webhook is no way to
// speak to somebody's mail server.
func (g *guard) check(to netip.AddrPort, plain bool) error {
	ip := to.Addr().WithZone("").Unmap()
	switch {
	case g.allowed(ip):
		return nil
	case plain, to.Port() != 443 && to.Port() < 1024:
		return errForbidden
	}
	if err := g.public.SafeAddr(ip); err != nil {
		return errForbidden
	}
	return nil
}

// control is check for a net.Dialer.
func (g *guard) control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return errForbidden
		}
		return g.check(to, plain)
	}
}

// address says what is wrong with an endpoint's address, "" when nothing is: https, or http on
// loopback and in the operator's own networks. This is for the person who types it; what protects is
// check, at every connection.
func (g *guard) address(ctx context.Context, s string) string {
	u, ok := plainURL(s)
	if !ok {
		return "not_url"
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && (ip.Unmap().IsLoopback() || g.allowed(ip)):
		return ""
	case err == nil:
		if port, _ := strconv.ParseUint(u.Port(), 10, 16); u.Scheme != "https" {
			return "not_url"
		} else if port == 0 {
			return forbidden(g.check(netip.AddrPortFrom(ip, 443), false))
		} else {
			return forbidden(g.check(netip.AddrPortFrom(ip, uint16(port)), false))
		}
	case u.Scheme == "https", host == "localhost", len(g.allow) > 0 && g.inside(ctx, host):
		return ""
	}
	return "not_url"
}

func forbidden(err error) string {
	if err != nil {
		return "forbidden_address"
	}
	return ""
}

// inside reports whether a name leads to the operator's own networks alone.
func (g *guard) inside(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && len(ips) > 0 && !slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !g.allowed(ip) })
}

// plainURL reads an http or https address that every reader reads alike: no credentials, no fragment,
// no numbers that some resolvers take for an address (127.1, 0x7f.1, 2130706433).
func plainURL(s string) (*url.URL, bool) {
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\' || r == utf8.RuneError
	}
	if len(s) > maxURL || strings.ContainsFunc(s, odd) || strings.Contains(s, "#") {
		return nil, false
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Hostname() == "" || u.Opaque != "" {
		return nil, false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, false
		}
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if strings.HasSuffix(u.Host, ":") || strings.Contains(host, "%") {
		return nil, false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return u, host == u.Hostname()
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return u, last != "" && !numeric(last)
}

// numeric reports whether a resolver may read the last part of a name as a number.
func numeric(label string) bool {
	label = strings.ToLower(label)
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return !strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsDigit(r) })
}
