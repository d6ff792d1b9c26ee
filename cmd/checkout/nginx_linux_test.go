package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

const publicName = "pay.example.ir"

// proxy is nginx with the configuration that operators copy.
type proxy struct {
	dir           string
	plain, secure string // where it listens
	roots         *x509.CertPool
}

// nginx starts it before an address. Changed is only what another machine has to change: where it
// listens, where the program does, where certificates and logs lie; and the patience with slow clients,
// from 10 and 15 seconds to one, so that the test need not wait for it.
func (h *house) nginx(upstream string) *proxy {
	h.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		dbtest.Missing(h.T, "nginx", "apt-get install nginx-light")
	}
	user, err := dbtest.Unprivileged()
	if err != nil {
		dbtest.Missing(h.T, "nginx", err.Error())
	}
	dir, err := os.MkdirTemp("", "checkout-nginx-")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &proxy{dir: dir, plain: freeAddr(h.T), secure: freeAddr(h.T)}
	p.roots = selfSigned(h.T, dir)
	raw, err := os.ReadFile("../../docs/install/nginx.conf")
	if err != nil {
		h.Fatal(err)
	}
	conf := string(raw)
	for _, change := range [][2]string{
		{"server 127.0.0.1:8080;", "server " + upstream + ";"},
		{"listen 80;", "listen " + p.plain + ";"},
		{"listen 443 ssl", "listen " + p.secure + " ssl"},
		{"listen [::]:80;", ""}, // a machine may have no IPv6
		{"listen [::]:443 ssl http2;", ""},
		{"/etc/ssl/pay.example.ir/", dir + "/"},
		{"/var/log/nginx/", dir + "/"},
		{"client_header_timeout 10s;", "client_header_timeout 1s;"},
		{"client_body_timeout 15s;", "client_body_timeout 1s;"},
	} {
		if !strings.Contains(conf, change[0]) {
			h.Fatalf("the configuration has no %q", change[0])
		}
		conf = strings.ReplaceAll(conf, change[0], change[1])
	}
	// Debian's own nginx.conf around it, as far as it says anything about requests, and no folder outside of ours.
	around := fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 256; }
http {
	access_log %[1]s/access.log;
	error_log %[1]s/error.log;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	include %[1]s/checkout.conf;
}
`, dir)
	for name, text := range map[string]string{"checkout.conf": conf, "nginx.conf": around} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			h.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	if user != nil {
		err = filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, int(user.Uid), int(user.Gid))
		})
		if err != nil {
			h.Fatal(err)
		}
	}
	out := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // the master ends its worker too
		_ = cmd.Wait()
	})
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", p.secure)
		if err == nil {
			_ = c.Close()
			return p
		}
		if time.Now().After(limit) {
			h.Fatalf("nginx does not listen: %v\n%s", err, out)
		}
	}
}

// selfSigned leaves a certificate of ours where nginx looks for it.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{publicName}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, raw := range map[string][]byte{"fullchain.pem": chain, "privkey.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	return roots
}

// browser is a client for whom every name is this proxy, calling from an address of this machine.
func (p *proxy) browser(from net.IP) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	return &http.Client{Transport: says{&http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: p.roots, ServerName: publicName},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasSuffix(addr, ":443") {
				return dialer.DialContext(ctx, network, p.secure)
			}
			return dialer.DialContext(ctx, network, p.plain)
		},
	}}}
}

// says is what a browser says of itself: whence a form was sent. A gateway's page sends the customer back
// with a form of its own. Words that a caller gave already stand.
type says struct{ next http.RoundTripper }

func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && r.Header.Get("Origin") == "" {
		origin, site := "https://"+publicName, "same-origin"
		if strings.HasPrefix(r.URL.Path, "/cb/") {
			origin, site = "https://www.payping.ir", "cross-site"
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", site)
	}
	return s.next.RoundTrip(r)
}

// outside is an address of this machine by which it is not loopback, nil when there is none.
func outside() net.IP {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP
		}
	}
	return nil
}

// The nginx.conf in docs/ before the real program: customers pay through it, it is believed, they are not.
func TestNginx_AsInTheDocs(t *testing.T) {
	h := newHouse(t)
	addr := freeAddr(t)
	proxy := h.nginx(addr)
	const base = "https://" + publicName
	h.env = append(h.env, "CHECKOUT_TRUSTED_PROXIES=127.0.0.1/32")
	p := h.servingAs(addr, base)
	h.shop()
	h.client = proxy.browser(net.IPv4(127, 0, 0, 1))
	var links []string
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		var inv invoice
		h.must(&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "1500000", "--json")
		if links = append(links, inv.PaymentURL); !strings.HasPrefix(inv.PaymentURL, base+"/i/") {
			t.Fatalf("the link is %s", inv.PaymentURL)
		}
		if end := h.pay(inv.PaymentURL, gateway, "paid"); state(end.body) != "paid" || end.at.String() != inv.PaymentURL {
			t.Errorf("%s: ended %q at %s with %d", gateway, state(end.body), end.at, end.status)
		}
	}
	var slow invoice
	h.must(&slow, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "1500000", "--json")
	t.Run("slow", func(t *testing.T) { // its waits pass beside the rest
		t.Run("clients", func(t *testing.T) {
			t.Parallel()
			slowClients(t, proxy, p, strings.TrimPrefix(slow.PaymentURL, base))
		})
		t.Run("all else", func(t *testing.T) {
			t.Parallel()
			proxied(t, h, proxy, links[0])
		})
	})
	p.stop()
	// Also when nobody answers, no log of nginx holds what opens a payment link.
	if end := h.read(h.client.Get(links[0])); end.status != http.StatusBadGateway {
		t.Errorf("behind a program that ended: %d", end.status)
	}
	for _, name := range []string{"access.log", "error.log"} {
		raw, err := os.ReadFile(filepath.Join(proxy.dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, link := range append(links, slow.PaymentURL) {
			if token := link[strings.LastIndex(link, "/")+1:]; strings.Contains(string(raw), token) {
				t.Errorf("a token stands in nginx's %s:\n%s", name, raw)
			}
		}
	}
}

var nginxID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func proxied(t *testing.T, h *house, proxy *proxy, link string) {
	ask := func(client *http.Client, method, address, body string, headers ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(headers); i += 2 {
			if req.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
				req.Host = headers[i+1]
			}
		}
		still := *client
		still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := still.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(raw)
	}
	get := func(address string, headers ...string) *http.Response {
		t.Helper()
		resp, _ := ask(h.client, "GET", address, "", headers...)
		return resp
	}
	// https, by whatever a stranger says of it; the id of a request is nginx's.
	resp := get(link, "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example", "X-Request-ID", "a-strangers-word")
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" || !nginxID.MatchString(resp.Header.Get("X-Request-ID")) {
		t.Errorf("the link: %d %s %v", resp.StatusCode, resp.Proto, resp.Header)
	}
	resp = get("http://" + publicName + strings.TrimPrefix(link, "https://"+publicName) + "?lang=en")
	if resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != link+"?lang=en" {
		t.Errorf("http: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	resp, _ = ask(h.client, "POST", "https://"+publicName+"/admin/login", "email=nobody%40example.ir&password=x")
	for _, cookie := range resp.Cookies() {
		if !cookie.Secure {
			t.Errorf("cookie %s is not for https alone", cookie.Name)
		}
	}
	if resp.StatusCode != http.StatusUnprocessableEntity && resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", resp.StatusCode)
	}
	// Names and origins.
	if resp = get(link, "Host", "evil.example"); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", resp.StatusCode)
	}
	if resp, _ = ask(h.client, "POST", link+"/pay", "gateway=ghesta", "Origin", "https://evil.example"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", resp.StatusCode)
	}
	// What is too large does not reach us, or not by much.
	resp, page := ask(h.client, "POST", "https://"+publicName+"/admin/settings/brand", strings.Repeat("x", 4<<20+1))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(page, "nginx") {
		t.Errorf("5 MB: %d %.80s", resp.StatusCode, page)
	}
	resp, page = ask(h.client, "POST", "https://"+publicName+"/cb/ghesta/nothing", "a="+strings.Repeat("x", 17<<10))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || strings.Contains(page, "nginx") {
		t.Errorf("a callback of 17 KB: %d %.80s", resp.StatusCode, page)
	}
	counted(t, proxy, ask)
}

// counted proves that customers are told apart: one who asks too often is refused, with whatever he says
// of where he comes from, and another is served.
func counted(t *testing.T, proxy *proxy, ask func(client *http.Client, method, address, body string, headers ...string) (*http.Response, string)) {
	from := outside()
	if from == nil {
		t.Log("this machine has no address but loopback, which is not counted")
		return
	}
	customer, other := proxy.browser(from), proxy.browser(net.IPv4(127, 0, 0, 2))
	question := "last4=1234&link=" + url.QueryEscape("https://"+publicName+"/i/nothing")
	for n := range 31 {
		resp, _ := ask(customer, "POST", "https://"+publicName+"/money", question+fmt.Sprint(n), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n))
		if want := map[bool]int{true: http.StatusNotFound, false: http.StatusTooManyRequests}[n < 30]; resp.StatusCode != want {
			t.Errorf("question %d of one customer: %d, expected %d", n+1, resp.StatusCode, want)
		}
	}
	if resp, _ := ask(other, "POST", "https://"+publicName+"/money", question); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another customer: %d", resp.StatusCode)
	}
}

// slowClients: who sends nothing more is sent away before the program hears of him; who is merely slow is served.
func slowClients(t *testing.T, proxy *proxy, p *running, path string) {
	begin := func(words string) *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", proxy.secure, &tls.Config{RootCAs: proxy.roots, ServerName: publicName, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, words); err != nil {
			t.Fatal(err)
		}
		return c
	}
	form := "gateway=gardeshpay"
	head := fmt.Sprintf("POST %s/pay HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, publicName, len(form))
	stuck := []*tls.Conn{begin(head + form[:5]), begin(head[:20])}
	for range 60 {
		stuck = append(stuck, begin(head+form[:7]))
	}
	if strings.Contains(p.errs.String(), `"method":"POST","route":"/i/:token/pay","status":400`) {
		t.Error("half a form reached the program")
	}
	slow := begin(head)
	for _, piece := range []string{form[:6], form[6:12], form[12:]} {
		time.Sleep(400 * time.Millisecond)
		if _, err := io.WriteString(slow, piece); err != nil {
			t.Fatal(err)
		}
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(slow, answer); err != nil || string(answer) != "HTTP/1.1 303" {
		t.Errorf("a slow customer: %q %v", answer, err)
	}
	for _, c := range stuck {
		if raw, err := io.ReadAll(c); err != nil || len(raw) > 0 && !strings.HasPrefix(string(raw), "HTTP/1.1 408") {
			t.Errorf("a client that went silent: %q %v", raw, err)
		}
	}
	if n := strings.Count(p.errs.String(), `"route":"/i/:token/pay","status":400`); n > 0 {
		t.Errorf("%d half forms reached the program", n)
	}
}
