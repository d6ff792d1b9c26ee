package gateways

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"dargah/internal/app/crash"
)

// Bounds of one call to a vendor. A documented answer of either vendor is below 2 KiB; what is
// far above it is not an answer but an accident or an attack.
const (
	connectTimeout   = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	// Shorter than any server's usual keep-alive, so that we rarely write into a connection
	// which the vendor is just closing: such a verify would count as unheard for nothing.
	idleTimeout    = 30 * time.Second
	defaultTimeout = 20 * time.Second
	maxConnsHost   = 1024
	maxIdleHost    = 512
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
)

// ErrOversize says that an answer was longer than any documented one.
var ErrOversize = errors.New("the answer is longer than 64 KiB")

var errForbiddenAddress = errors.New("the name leads to an address no gateway can have")

// ClientOptions set up a Client.
type ClientOptions struct {
	// Timeout bounds one call as a whole; 0 means 20 s.
	Timeout time.Duration
	// Transport carries the calls; nil means NewTransport(nil). The simulator of test mode is
	// a RoundTripper in memory.
	Transport http.RoundTripper
}

// Client speaks to vendors. It follows no redirect, uses no proxy of the environment, keeps no
// cookies and never asks twice by itself: whether to ask again is the engine's decision.
type Client struct {
	transport http.RoundTripper
	timeout   time.Duration
	// traced says that transport reports its connections, so that Sent can be known exactly.
	traced bool
}

// NewClient returns a client with the given bounds.
func NewClient(o ClientOptions) *Client {
	c := &Client{transport: o.Transport, timeout: o.Timeout}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.transport == nil {
		c.transport = NewTransport(nil)
	}
	_, c.traced = c.transport.(*http.Transport)
	return c
}

// NewTransport returns the bounded transport for real vendors. Certificates are checked against
// roots, or the system's when it is nil; there is no switch that skips the check.
func NewTransport(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: refuseForbidden}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * maxIdleHost,
		MaxIdleConnsPerHost:    maxIdleHost,
		MaxConnsPerHost:        maxConnsHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// refuseForbidden stops a connection to link-local (cloud metadata), multicast and unspecified
// addresses, whatever a name server said. Private addresses stay possible: only the operator
// sets addresses, a relay inside is common, and TLS proves who answers.
func refuseForbidden(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read address %q: %w", address, err)
	}
	ip := ap.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return errForbiddenAddress
	}
	return nil
}

// CallError is a call without a usable answer.
type CallError struct {
	// Sent is false when the request certainly never left: no connection was made.
	Sent bool
	Err  error
}

func (e *CallError) Error() string { return e.Err.Error() }

func (e *CallError) Unwrap() error { return e.Err }

// PostJSON posts question as JSON and reads the whole answer, whatever its status. The error, when there is
// one, is a *CallError; the Response then holds what was heard before (perhaps the status).
func (c *Client) PostJSON(ctx context.Context, url string, header http.Header, question any) (Response, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return Response{}, &CallError{Err: fmt.Errorf("write the question: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { connected.Store(true); crash.At("gateway.connected") },
		WroteRequest: func(httptrace.WroteRequestInfo) { crash.At("gateway.sent") },
	})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Response{}, &CallError{Err: fmt.Errorf("make request: %w", err)}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Dargah")

	// RoundTrip and not http.Client.Do: a 3xx is an answer like another here, and Do would turn
	// one with a broken Location into an error that hides the status.
	crash.At("gateway.before")
	resp, err := c.transport.RoundTrip(req)
	crash.At("gateway.heard")
	if err != nil {
		return Response{}, &CallError{Sent: c.sent(err, connected.Load()), Err: fmt.Errorf("ask the gateway: %w", err)}
	}
	defer func() { _ = resp.Body.Close() }()
	answer := Response{Status: resp.StatusCode, Header: resp.Header}
	// Read to the end, so that the connection can be used again; the limit counts after
	// decompression.
	answer.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
	if err != nil {
		return answer, &CallError{Sent: true, Err: fmt.Errorf("read the answer: %w", err)}
	}
	if len(answer.Body) > maxBodyBytes {
		answer.Body = answer.Body[:maxBodyBytes]
		return answer, &CallError{Sent: true, Err: ErrOversize}
	}
	return answer, nil
}

// sent says whether a failed request may have left. A transport of our own tells when it has a
// connection; of another only a failed dial is certain.
func (c *Client) sent(err error, connected bool) bool {
	if c.traced {
		return connected
	}
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial"
}
