package gateways

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

const (
	maxURL   = 2048
	maxLabel = 63
)

// plainURL says that s holds only what a redirect address of a gateway needs. Everything that browsers
// and net/url read differently is outside: @ ? # \ spaces, control characters, non-ASCII.
func plainURL(s string) bool { return only(s, "._~:/%+=,;!$*[]-") }

// HostName says that s is a name of two labels and more, in small letters; the last begins with one, so
// that no address is a name.
func HostName(s string) bool {
	labels, last := 0, ""
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > maxLabel || !only(label, "-") || lower(label) != label || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		labels, last = labels+1, label
	}
	return labels > 1 && letter(last[0])
}

// Loopback says that host (without port) can only be this machine.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, _ := netip.ParseAddr(strings.Trim(host, "[]")) // what is no address is nobody's
	return ip.IsLoopback()
}

// LoopbackURL says that address leads to this machine.
func LoopbackURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && Loopback(u.Hostname())
}

// JoinRedirect returns {base}/{token} when base is an address on one of hosts (names separated by
// commas, and what is below them), or why a customer must not be sent there. Loopback targets are
// possible only for an account that is itself on loopback and names them. A name with a port is
// that port exactly; people cannot set one (CheckHosts), but the simulator of test mode lives at
// our own public address, whatever its port.
func JoinRedirect(base, token, hosts string, onLoopback bool) (string, error) {
	if !ValidToken(token) {
		return "", errors.New("the gateway's token is not one")
	}
	if len(base) > maxURL || !plainURL(base) {
		return "", errors.New("the gateway's address is not a plain URL")
	}
	u, err := url.Parse(base)
	if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
		return "", errors.New("the gateway's address is not a plain URL")
	}
	host := lower(u.Hostname())
	withPort := hostListed(lower(u.Host), hosts)
	if !withPort && !hostListed(host, hosts) {
		return "", errors.New("the gateway's address is on a foreign host")
	}
	switch local := Loopback(host); {
	case local && !onLoopback:
		return "", errors.New("the gateway's address is on this machine")
	case local && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		return "", errors.New("the gateway's address is not https")
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && u.Port() != "443" && !withPort:
		return "", errors.New("the gateway's address has a port")
	}
	return strings.TrimRight(base, "/") + "/" + token, nil
}

// hostListed says that host is one of the names or below one of them.
func hostListed(host, names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		name = strings.Trim(lower(strings.TrimSpace(name)), "[]")
		if name == "" {
			continue
		}
		if host == name {
			return true
		}
		if HostName(host) && HostName(name) && strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}
