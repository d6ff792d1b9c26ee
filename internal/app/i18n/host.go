package i18n

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// HostText returns the name of a site's host for reading, "" for an address without one. Names are read with
// the eyes, and other scripts have letters that look like Latin ones: what is neither ASCII nor wholly of the
// Arabic script is shown as it stands in the name service (xn--…), and so is what is no name at all.
func HostText(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if !persian(label) {
			if label, err = idna.Punycode.ToASCII(label); err != nil || strings.Trim(label, hostLetters) != "" {
				return ""
			}
			if named, err := idna.Punycode.ToUnicode(label); err == nil && persian(named) {
				label = named
			}
		}
		labels[i] = label
	}
	if host = strings.Join(labels, "."); CleanText(host) != host {
		return ""
	}
	return host
}

const hostLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// persian reports whether a label has letters of the Arabic script and no others: no Persian letter can be
// taken for a Latin one.
func persian(label string) bool {
	letters := 0
	for _, r := range label {
		switch {
		case unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r):
			letters++
		case r == '-' || r == '\u200c' || unicode.IsDigit(r):
		default:
			return false
		}
	}
	return letters > 0
}
