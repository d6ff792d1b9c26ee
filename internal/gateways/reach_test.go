package gateways_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"dargah/internal/gateways"
)

// TestReach_HowFar: the way to an address is as free as a call would find it, and where it is not, the stage
// that shuts it is named.
func TestReach_HowFar(t *testing.T) {
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	plain, secured := httptest.NewServer(silent), httptest.NewUnstartedServer(silent)
	secured.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that we break off
	secured.StartTLS()
	defer plain.Close()
	defer secured.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	left, leave := context.WithCancel(t.Context())
	leave()
	ends := secured.Certificate().NotAfter
	_, port, _ := net.SplitHostPort(secured.Listener.Addr().String())
	for _, c := range []struct {
		ctx     context.Context
		address string
		roots   *x509.CertPool
		want    gateways.Reached
	}{
		{t.Context(), plain.URL + "/path", nil, gateways.Reached{Host: "127.0.0.1"}},
		{t.Context(), secured.URL, roots, gateways.Reached{Host: "127.0.0.1", Secure: true, Expires: ends}},
		{t.Context(), secured.URL, x509.NewCertPool(), gateways.Reached{Host: "127.0.0.1", Secure: true, Stage: "tls"}},
		{t.Context(), "https://localhost:" + port, roots, gateways.Reached{Host: "localhost", Secure: true, Stage: "tls"}}, // another name's certificate
		{t.Context(), plain.URL[:len("http")] + "s" + plain.URL[len("http"):], roots, gateways.Reached{Host: "127.0.0.1", Secure: true, Stage: "tls"}},
		{t.Context(), "http://169.254.169.254/", nil, gateways.Reached{Host: "169.254.169.254", Stage: "connect"}},
		{left, "http://bank.invalid/", nil, gateways.Reached{Host: "bank.invalid", Stage: "dns"}},
		{t.Context(), "http://%zz", nil, gateways.Reached{Stage: "dns"}},
		{t.Context(), "/path", nil, gateways.Reached{Stage: "dns"}},
	} {
		transport := gateways.NewTransport(c.roots)
		got := gateways.NewClient(gateways.ClientOptions{Transport: transport}).Reach(c.ctx, c.address)
		if name := transport.TLSClientConfig.ServerName; name != "" {
			t.Errorf("%s: every call is held to the name %s now", c.address, name)
		}
		if took := got.Took > 0; took != (c.want.Stage == "") {
			t.Errorf("%s took %s", c.address, got.Took)
		}
		got.Took = 0
		if got != c.want {
			t.Errorf("%s is %+v, want %+v", c.address, got, c.want)
		}
	}
	tested := inMemory(func(*http.Request) (*http.Response, error) { return nil, errors.New("asked") })
	if got := tested.Reach(t.Context(), "https://bank.example:8443/x"); got != (gateways.Reached{Host: "bank.example", Secure: true}) {
		t.Errorf("in memory it is %+v", got)
	}
}

// hungUp is a connection that is told to be closed.
type hungUp struct {
	net.Conn
	closed bool
}

func (c *hungUp) Close() error { c.closed = true; return nil }

// TestReach_Where: the port is the address's, or its scheme's; one waits no longer than a call would for its
// connection and its handshake, and hangs up.
func TestReach_Where(t *testing.T) {
	for address, want := range map[string]string{
		"http://bank.example": "bank.example:80", "https://bank.example/x": "bank.example:443", "http://bank.example:8080": "bank.example:8080", "https://bank.example:8443": "bank.example:8443", "http://[2001:db8::1]/": "[2001:db8::1]:80",
	} {
		transport, dialed, conn := gateways.NewTransport(nil), "", &hungUp{}
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialed = network + " " + addr
			if until, given := ctx.Deadline(); !given || time.Until(until) > 8*time.Second || time.Until(until) < 6*time.Second {
				t.Errorf("%s: one waits until %s", address, until)
			}
			if address[:5] == "https" {
				return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
			}
			return conn, nil
		}
		got := gateways.NewClient(gateways.ClientOptions{Transport: transport}).Reach(t.Context(), address)
		if dialed != "tcp "+want || conn.closed != (got.Stage == "") {
			t.Errorf("%s: dialed %s, hung up: %t, %+v", address, dialed, conn.closed, got)
		}
	}
}
