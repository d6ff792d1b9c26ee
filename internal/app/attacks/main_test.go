// Package attacks_test plays the strangers: every row of the threat table's parts about callbacks,
// gateways, links and webhooks (T1 to T52, T70 to T73) is a test of that name against the running server, over its real
// listener and its real store, with a scripted gateway at the addresses of its accounts. What the
// attacker sees and what the merchant's API says afterwards is all that is asked.
//
// Unless a row says otherwise, three things hold after every attack: nothing is paid that was not,
// the gateway was not asked to capture anything, and the books say once what came. Where the row and
// the contract differ, the contract wins and the test says so.
package attacks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority is the one certificate authority that this process believes in, as a machine believes
// in its own: the server under test has no switch for it, so it is put where the system's are.
var authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "attacks-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := found(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: names.dial}
	return m.Run()
}

// found makes the authority and hands it to the machine. Certificates are looked up once, at the
// first TLS connection, so this comes before every test.
func found(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the attacks"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return err
	}
	if authority.cert, err = x509.ParseCertificate(raw); err != nil {
		return err
	}
	authority.key = key
	file := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SSL_CERT_FILE", file); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_DIR", dir)
}

// certificate is signed by the authority and names the given hosts.
func certificate(t testing.TB, until time.Time, hosts ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			about.IPAddresses = append(about.IPAddresses, ip)
		} else {
			about.DNSNames = append(about.DNSNames, host)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, about, authority.cert, key.Public(), authority.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// until waits for a condition, for as long as a loaded machine may need.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(90 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}
