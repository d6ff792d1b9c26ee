package gateways

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Reached is how far one gets on the way to an address, without saying anything there. Stage names
// where it ended: dns, connect or tls; "" when the whole way is free.
type Reached struct {
	Host    string
	Stage   string
	Secure  bool      // over TLS, with a certificate that counts
	Expires time.Time // of that certificate
	Took    time.Duration
}

// Reach looks a vendor's address up, connects and shakes hands as a call would, and hangs up.
func (c *Client) Reach(ctx context.Context, address string) Reached {
	began := time.Now() // a duration, not a moment
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return Reached{Stage: "dns"}
	}
	r := Reached{Host: u.Hostname(), Secure: u.Scheme == "https"}
	t, ours := c.transport.(*http.Transport)
	if !ours { // in memory: there is no way to go
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout+handshakeTimeout)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = "80"
		if r.Secure {
			port = "443"
		}
	}
	conn, err := t.DialContext(ctx, "tcp", net.JoinHostPort(r.Host, port))
	if err != nil {
		r.Stage = "connect"
		if unknown := new(net.DNSError); errors.As(err, &unknown) {
			r.Stage = "dns"
		}
		return r
	}
	defer func() { _ = conn.Close() }()
	if r.Secure {
		config := t.TLSClientConfig.Clone()
		config.ServerName = r.Host
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			r.Stage = "tls"
			return r
		}
		r.Expires = secured.ConnectionState().PeerCertificates[0].NotAfter
	}
	r.Took = time.Since(began)
	return r
}
