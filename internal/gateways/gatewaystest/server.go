package gatewaystest

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// vendor is the other side of one fixture. It answers once and keeps what it was asked.
type vendor struct {
	server *httptest.Server
	base   string
	roots  *x509.CertPool

	mu    sync.Mutex
	asked []heard
}

type heard struct {
	method, target string
	header         http.Header
	body           string
}

func serve(t *testing.T, f fixture) *vendor {
	t.Helper()
	v := &vendor{roots: x509.NewCertPool()}
	v.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v.mu.Lock()
		v.asked = append(v.asked, heard{r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body)})
		v.mu.Unlock()
		v.reply(t, f, w, r)
	}))
	v.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	v.server.EnableHTTP2 = f.server["http2"] == "true"
	switch f.server["tls"] {
	case "off":
		v.server.Start()
	case "expired":
		v.server.TLS = &tls.Config{Certificates: []tls.Certificate{expired(t, v.roots)}}
		v.server.StartTLS()
	case "1.1":
		v.server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		v.server.StartTLS()
	default:
		v.server.StartTLS()
	}
	if f.server["tls"] != "off" && f.server["tls"] != "untrusted" {
		v.roots.AddCert(v.server.Certificate())
	}
	v.base = v.server.URL
	if f.server["tls"] == "wrong-host" {
		// The certificate names 127.0.0.1 and example.com only.
		v.base = strings.Replace(v.base, "127.0.0.1", "localhost", 1)
	}
	if f.server["fault"] == "refuse" {
		v.server.Close()
	} else {
		t.Cleanup(v.server.Close)
	}
	return v
}

func (v *vendor) reply(t *testing.T, f fixture, w http.ResponseWriter, r *http.Request) {
	switch f.server["fault"] {
	case "reset":
		reset(w)
		return
	case "hang":
		<-r.Context().Done()
		return
	case "drip":
		w.Header().Set("Content-Length", "1000")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		return
	}
	status, header, body := message(t, strings.ReplaceAll(f.answer, "{base}", v.base))
	for _, h := range header {
		w.Header().Add(h[0], h[1])
	}
	if n, err := strconv.Atoi(f.server["header_bytes"]); err == nil {
		w.Header().Set("X-Filler", strings.Repeat("x", n))
	}
	if n, err := strconv.Atoi(f.server["pad_bytes"]); err == nil {
		body += strings.Repeat(" ", n)
	}
	// Bytes that a text file cannot hold.
	body = strings.NewReplacer("{BOM}", "\ufeff", "{FF}", "\xff", "{RLO}", "\u202e").Replace(body)
	code, err := strconv.Atoi(status)
	if err != nil {
		t.Errorf("answer begins with %q, not a status", status)
	}
	payload := []byte(body)
	if f.server["gzip"] == "true" {
		payload = zipped(payload)
		w.Header().Set("Content-Encoding", "gzip")
	}
	if f.server["fault"] == "truncate" {
		w.Header().Set("Content-Length", strconv.Itoa(len(payload)+10))
	}
	w.WriteHeader(code)
	_, _ = w.Write(payload)
}

func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// expired makes a trusted certificate for 127.0.0.1 whose time has passed.
func expired(t *testing.T, roots *x509.CertPool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "expired"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("make certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("read certificate: %v", err)
	}
	roots.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
