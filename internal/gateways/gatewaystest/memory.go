package gatewaystest

import (
	"bytes"
	"io"
	"net/http"
	"regexp"

	"dargah/internal/gateways"
)

// Vendor is the other end of a client without a network: it answers everything with what it was told
// last. One caller at a time.
type Vendor struct {
	Status int
	Body   []byte
}

// Client asks the vendor.
func (v *Vendor) Client() *gateways.Client {
	return gateways.NewClient(gateways.ClientOptions{Transport: v})
}

// RoundTrip answers. It reads the request first, as a server would.
func (v *Vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: v.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"X-Paypingrequest-Id": {"req-1"}}, Body: io.NopCloser(bytes.NewReader(v.Body)),
	}, nil
}

// Defaults are an account's settings as they are before anybody sets one.
func Defaults(g gateways.Gateway) gateways.Settings {
	s := gateways.Settings{}
	for _, key := range g.Keys() {
		s[key.Name] = key.Default
	}
	return s
}

var (
	card    = regexp.MustCompile(`(^|[^\p{Nd}])6037991234567890($|[^\p{Nd}])`)
	escaped = regexp.MustCompile(`\\x[0-9a-f]{2}|\\u[0-9a-f]{4}`)
)

// HoldsCard says that s shows the card number of the fixtures. Within a longer run of digits it
// is not one: tokens of 19 digits are kept on purpose. Nor are fifteen digits behind a byte whose
// escape, \xb6, happens to end with the first.
func HoldsCard(s string) bool { return card.MatchString(escaped.ReplaceAllString(s, "~")) }
