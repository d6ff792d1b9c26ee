package main_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// authority is a certificate authority of its own, Let's Encrypt's pebble, for whom every name is this
// machine. It looks at the two ports. trusted is a file with the certificate that it is itself asked under.
func authority(t *testing.T, httpPort, tlsPort int) (url, trusted string, roots *x509.CertPool, orders func() int) {
	t.Helper()
	stream, err := net.Listen("tcp", "127.0.0.1:0") // it asks by TCP
	if err != nil {
		t.Fatal(err)
	}
	names := &dns.Server{Listener: stream, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = names.ActivateAndServe() }()
	t.Cleanup(func() { _ = names.Shutdown() })
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := pebbledb.NewMemoryStore()
	issuing := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: 90 * 24 * 3600}})
	front := wfe.New(quiet, store, va.New(quiet, httpPort, tlsPort, true, stream.Addr().String(), store), issuing, nil, true, false, 0, 0)
	var asked atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			asked.Add(1)
		}
		front.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	root := issuing.GetRootCert(0)
	block, _ := pem.Decode(root.PEM())
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	trusted = filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL + wfe.DirectoryPath, trusted, roots, func() int { return int(asked.Load()) }
}

// The server gets its certificate by itself, sends http on to https, and has it again after a new start
// without asking: it lies in the database, sealed.
func TestServe_CertificateByItself(t *testing.T) {
	h := newHouse(t)
	https, plain := freeAddr(t), freeAddr(t)
	port := func(at string) int {
		_, p, _ := net.SplitHostPort(at)
		n, _ := strconv.Atoi(p)
		return n
	}
	directory, trusted, roots, orders := authority(t, port(plain), port(https))
	h.env = append(h.env, "CHECKOUT_BASE_URL=https://pay.example.test", "CHECKOUT_TLS_DOMAINS=pay.example.test", "CHECKOUT_TLS_EMAIL=op@example.test",
		"CHECKOUT_ACME_URL="+directory, "SSL_CERT_FILE="+trusted, "CHECKOUT_ADDR="+https, "CHECKOUT_HTTP_ADDR="+plain)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ":80") {
			return (&net.Dialer{}).DialContext(ctx, network, plain)
		}
		return (&net.Dialer{}).DialContext(ctx, network, https)
	}}
	defer transport.CloseIdleConnections()
	var answer *http.Response
	ready := func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://pay.example.test/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		answer = resp
		return resp.StatusCode == http.StatusOK
	}
	p := h.start("serve")
	p.until("https with our certificate", ready)
	if answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, HSTS %q", answer.Proto, answer.Header.Get("Strict-Transport-Security"))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://other.example.test/i/abc?lang=en", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != "https://pay.example.test/i/abc?lang=en" {
		t.Errorf("http: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	p.stop()
	first := orders()
	if first == 0 {
		t.Error("nobody asked the authority")
	}
	transport.CloseIdleConnections()
	p = h.start("serve")
	p.until("https again", ready)
	p.stop()
	if orders() != first {
		t.Errorf("the authority was asked %d times, and %d more after a new start", first, orders()-first)
	}
}
