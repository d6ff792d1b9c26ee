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
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"dargah/internal/db/dbtest"
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

// doors are where a server that has its own certificate listens.
type doors struct {
	https, plain string
	transport    *http.Transport
}

func newDoors(t *testing.T) *doors { return &doors{https: freeAddr(t), plain: freeAddr(t)} }

// trusting lets those who come to any name reach the doors, and believe one authority.
func (d *doors) trusting(t *testing.T, roots *x509.CertPool) {
	d.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ":80") {
			return (&net.Dialer{}).DialContext(ctx, network, d.plain)
		}
		return (&net.Dialer{}).DialContext(ctx, network, d.https)
	}}
	t.Cleanup(d.transport.CloseIdleConnections)
}

func (d *doors) get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.transport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// ready is the answer of a server that is reached by a certificate of its own, nil before.
func (d *doors) ready(t *testing.T) *http.Response {
	t.Helper()
	resp, err := d.get(t, "https://pay.example.test/readyz")
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return resp
}

func port(at string) int {
	_, p, _ := net.SplitHostPort(at)
	n, _ := strconv.Atoi(p)
	return n
}

// certified is the environment of a server that gets its certificate from an authority.
func certified(directory, trusted string, d *doors) []string {
	return []string{
		"CHECKOUT_BASE_URL=https://pay.example.test", "CHECKOUT_TLS_DOMAINS=pay.example.test", "CHECKOUT_TLS_EMAIL=op@example.test",
		"CHECKOUT_ACME_URL=" + directory, "SSL_CERT_FILE=" + trusted, "CHECKOUT_ADDR=" + d.https, "CHECKOUT_HTTP_ADDR=" + d.plain,
	}
}

// The server gets its certificate by itself, sends http on to https, and has it again after a new start
// without asking: it lies in the database, sealed.
func TestServe_CertificateByItself(t *testing.T) {
	h, d := newHouse(t), newDoors(t)
	directory, trusted, roots, orders := authority(t, port(d.plain), port(d.https))
	d.trusting(t, roots)
	h.env = append(h.env, certified(directory, trusted, d)...)
	p := h.start("serve")
	var answer *http.Response
	p.until("https with our certificate", func() bool { answer = d.ready(t); return answer != nil })
	if answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, HSTS %q", answer.Proto, answer.Header.Get("Strict-Transport-Security"))
	}
	resp, err := d.get(t, "http://other.example.test/i/abc?lang=en")
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != "https://pay.example.test/i/abc?lang=en" {
		t.Errorf("http: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	p.stop()
	first := orders()
	if first == 0 {
		t.Error("nobody asked the authority")
	}
	d.transport.CloseIdleConnections()
	p = h.start("serve")
	p.until("https again", func() bool { return d.ready(t) != nil })
	p.stop()
	if orders() != first {
		t.Errorf("the authority was asked %d times, and %d more after a new start", first, orders()-first)
	}
}

// Two processes on one database, started one right after the other, ask for one certificate and serve it both. The authority
// knocks at one of them alone, whichever has asked.
func TestServe_CertificateOfTwo(t *testing.T) {
	h, one, two := newHouse(t), newDoors(t), newDoors(t)
	h.env = append(h.env, "CHECKOUT_DATABASE_URL="+dbtest.PostgresURL(t))
	directory, trusted, roots, orders := authority(t, port(one.plain), port(one.https))
	beside := *h
	h.env = append(slices.Clone(h.env), certified(directory, trusted, one)...)
	beside.env = append(slices.Clone(beside.env), certified(directory, trusted, two)...)
	var serials []string
	first := h.start("serve")
	// A knock at a door that is not open yet would be tried again in a minute only.
	first.until("the door is open", func() bool {
		c, err := net.Dial("tcp", one.plain)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	second := beside.start("serve")
	for i, d := range []*doors{one, two} {
		d.trusting(t, roots)
		var answer *http.Response
		[]*running{first, second}[i].until("https with our certificate", func() bool { answer = d.ready(t); return answer != nil })
		serials = append(serials, answer.TLS.PeerCertificates[0].SerialNumber.String())
	}
	if serials[0] != serials[1] || orders() != 1 {
		t.Errorf("certificates %q after %d orders, want one", serials, orders())
	}
	first.stop()
	second.stop()
}
