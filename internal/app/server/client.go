package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// ClientAddr returns who asks: the other end of the connection, or, when that is a proxy of
// CHECKOUT_TRUSTED_PROXIES, the nearest address in X-Forwarded-For that no such proxy has. Anyone
// else's forwarded headers are what they are: a stranger's words.
func (s *Server) ClientAddr(c echo.Context) netip.Addr { return s.clientAddr(c.Request()) }

func (s *Server) clientAddr(r *http.Request) netip.Addr {
	peer := peerOf(r)
	if !s.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return peer // a chain that cannot be read ends at the last hop that could
		}
		peer = addr.Unmap().WithZone("")
		if !s.trusts(peer) {
			return peer
		}
	}
	return peer
}

func (s *Server) fromProxy(r *http.Request) bool {
	return len(s.options.TrustedProxies) > 0 && s.trusts(peerOf(r))
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.options.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func peerOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.IPv6Unspecified() // a socket without addresses
	}
	return addr.Unmap().WithZone("")
}

// isOurs reports whether a Host header names us. The port is not compared: proxies and port
// mappings change it, and no link is ever built from it. On loopback the three names are one.
func (s *Server) isOurs(host string) bool {
	if strings.EqualFold(host, s.base.Host) {
		return true
	}
	name := hostname(host)
	return strings.EqualFold(name, s.base.Hostname()) || (s.loopback && isLoopback(name))
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}

// CrossSite reports whether another site made the browser send this request (CONTRACT §4): a
// Sec-Fetch-Site of cross-site, or an Origin that is not ours. A client that sends neither header
// is no browser that could be misled, and is served.
func (s *Server) CrossSite(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site == "cross-site" {
		return true
	}
	switch origin {
	case "":
		return false
	case "null": // an opaque origin; the browser itself may still vouch for it
		return site != "same-origin"
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return true // no browser sends a name, a path or a query in it
	}
	if u.Scheme == s.base.Scheme && strings.EqualFold(withPort(u), withPort(s.base)) {
		return false
	}
	return !s.loopback || !isLoopback(u.Hostname()) || !strings.EqualFold(u.Host, r.Host)
}

func withPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}
