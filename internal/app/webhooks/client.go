package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"dargah/internal/app/crash"
)

// Bounds of one call to a receiver. Its status is what counts; of its words the first are kept.
const (
	connectTimeout   = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 30 * time.Second
	maxHeaderBytes   = 16 << 10
	maxAnswer        = 64 << 10 // read, so that the connection can be used again
	keptAnswer       = 1 << 10
	// wordsWithin is how long a receiver may go on talking after its status.
	wordsWithin = 2 * time.Second
	maxIdleHost = 16
)

// Why nothing was heard.
const (
	failedDNS       = "dns"
	failedForbidden = "address_refused"
	failedConnect   = "connect"
	failedTLS       = "tls"
	failedTimeout   = "timeout"
	failedBroken    = "broken"
	failedURL       = "url"
	failedInternal  = "internal"
)

// client sends. It follows no redirect, uses no proxy and keeps no cookies, and its connections are
// its own: gateways' and receivers' never wait for each other.
type client struct {
	plain, secure http.RoundTripper
}

func newClient(g *guard, given http.RoundTripper) *client {
	if given != nil {
		return &client{plain: given, secure: given}
	}
	return &client{plain: newTransport(g, true), secure: newTransport(g, false)}
}

func newTransport(g *guard, plain bool) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: g.control(plain)}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           Places,
		MaxIdleConnsPerHost:    maxIdleHost,
		MaxConnsPerHost:        Places,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// heard is what came of one call.
type heard struct {
	status     int    // 0 when nothing was heard
	failure    string // why
	answer     []byte // its first kilobyte
	retryAfter string
}

// send makes one call.
func (c *client) send(ctx context.Context, url string, header http.Header, body []byte) heard {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return heard{failure: failedURL}
	}
	req.Header = header
	transport := c.secure
	switch req.URL.Scheme {
	case "https":
	case "http":
		transport = c.plain
	default:
		return heard{failure: failedURL}
	}
	crash.At("webhook.before-send")
	// RoundTrip and not http.Client.Do: a 3xx is an answer like another, and nobody follows it.
	resp, err := transport.RoundTrip(req)
	crash.At("webhook.heard")
	if err != nil {
		return heard{failure: why(ctx, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	enough := time.AfterFunc(wordsWithin, cancel) // a 200 that drips on for ever is a 200
	defer enough.Stop()
	h := heard{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), answer: make([]byte, keptAnswer)}
	n, err := io.ReadFull(resp.Body, h.answer)
	h.answer = h.answer[:n]
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer-keptAnswer))
	}
	return h
}

// why names the reason for silence, in one of few words: what a receiver, a name server or a stranger's
// certificate says in its errors stands in no list of ours.
func why(ctx context.Context, err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.Is(err, errForbidden):
		return failedForbidden
	case errors.As(err, &dns):
		return failedDNS
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &unknown):
		return failedTLS
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return failedTimeout
	case errors.As(err, &op) && op.Op == "dial":
		return failedConnect
	}
	return failedBroken
}

// retryAfter reads a Retry-After in seconds or as a date; zero when it says nothing, at most an hour:
// a receiver may ask for patience, and not for oblivion.
func retryAfter(value string, now time.Time) time.Duration {
	const most = time.Hour
	var seconds int64
	if n, err := fmt.Sscanf(value, "%d", &seconds); err == nil && n == 1 && fmt.Sprint(seconds) == value {
		return time.Duration(max(min(seconds, int64(most/time.Second)), 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(min(at.Sub(now), most), 0)
	}
	return 0
}
