package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// checkTLS asks that certificates are for the address that customers meet.
func (c *Config) checkTLS(addr string) error {
	if len(c.TLSDomains) == 0 {
		if c.TLSEmail != "" || c.ACMEURL != "" || c.HTTPAddr != "" {
			return &ConfigError{Name: "CHECKOUT_TLS_EMAIL, CHECKOUT_ACME_URL, CHECKOUT_HTTP_ADDR", Expected: "to be empty without CHECKOUT_TLS_DOMAINS"}
		}
		return nil
	}
	u, err := url.Parse(c.BaseURL)
	if c.BaseURL != "" && (err != nil || u.Scheme != "https" || !slices.Contains(c.TLSDomains, u.Hostname())) {
		return &ConfigError{Name: "CHECKOUT_TLS_DOMAINS", Expected: "to hold the host of CHECKOUT_BASE_URL, which is https", Got: strconv.Quote(strings.Join(c.TLSDomains, ","))}
	}
	if addr == "" {
		c.Addr = ":443"
	}
	if c.HTTPAddr == "" {
		c.HTTPAddr = ":80"
	}
	return nil
}

// certificates gets, keeps and renews those of our domains.
type certificates struct {
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	plain  *http.Server
	done   chan struct{}
}

// openCertificates prepares everything and asks nobody yet. https and plain are the listeners: the
// authority looks at one of them.
func (a *App) openCertificates(box *seal.Box, https, plain net.Listener) *certificates {
	c := &certificates{done: make(chan struct{})}
	quiet := zap.NewNop() // what matters comes as an event
	c.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil }, Logger: quiet,
	})
	c.magic = certmagic.New(c.cache, certmagic.Config{
		Storage: newCertStore(a.db, box), Logger: quiet, OnEvent: a.certEvent,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // nobody else is called
	})
	authority := a.cfg.ACMEURL
	if authority == "" {
		authority = certmagic.LetsEncryptProductionCA
	}
	c.issuer = certmagic.NewACMEIssuer(c.magic, certmagic.ACMEIssuer{
		CA: authority, Email: a.cfg.TLSEmail, Agreed: true, AltHTTPPort: portOf(plain), AltTLSALPNPort: portOf(https), Logger: quiet,
	})
	c.magic.Issuers = []certmagic.Issuer{c.issuer}
	c.plain = &http.Server{
		Handler:           c.issuer.HTTPChallengeHandler(toHTTPS(a.cfg.BaseURL)),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	go func() {
		defer close(c.done)
		if err := c.plain.Serve(plain); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the redirect to https ended", "err", err)
		}
	}()
	return c
}

func portOf(l net.Listener) int {
	if at, ok := l.Addr().(*net.TCPAddr); ok {
		return at.Port
	}
	return 0
}

// toHTTPS sends everybody to the public address, whatever name they came by.
func toHTTPS(baseURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, baseURL+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// config is for the listener.
func (c *certificates) config() *tls.Config {
	t := c.magic.TLSConfig()
	t.NextProtos = append([]string{"h2", "http/1.1"}, t.NextProtos...)
	t.MinVersion = tls.VersionTLS12
	return t
}

// manage begins to get and to renew. It returns at once: nobody waits for the authority.
func (c *certificates) manage(ctx context.Context, domains []string) error {
	return c.magic.ManageAsync(context.WithoutCancel(ctx), domains)
}

func (c *certificates) stop() {
	_ = c.plain.Close()
	<-c.done
	c.cache.Stop()
}

// certEvent puts into the log what an operator wants to know.
func (a *App) certEvent(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		a.log.Info("certificate obtained", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		a.log.Error("certificate not obtained; it is tried again", "domain", data["identifier"], "renewal", data["renewal"], "err", data["error"])
	}
	return nil
}

// resealCertificates is a part of key rotate.
func resealCertificates(ctx context.Context, store *db.DB, box *seal.Box) (int, error) {
	return store.Reseal(ctx, db.Resealing{
		List:  (*db.Tx).SealedCertificates,
		Store: (*db.Tx).ResealCertificate,
		Again: func(s *db.Sealed) (string, bool, error) { return box.Again(s.Value, certPlace(s.ID)) },
	})
}
