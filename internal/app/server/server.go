// Package server is the HTTP kit of every face, without business: echo, the headers of every
// page, request ids, limits, errors as pages, rendering into a buffer, who the client is, health.
// The faces hang their routes on Server.Echo; app starts and drains it.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/netutil"

	"dargah/internal/app/tracing"
	"dargah/web/static"
)

// Limits of one connection. A customer on a slow line sends a form of a few hundred bytes; who
// needs longer than this is holding the connection, not paying.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 2 * time.Minute // exports that take longer extend it with http.ResponseController
	idleTimeout       = 75 * time.Second
	maxHeaderBytes    = 16<<10 - 4<<10 // net/http adds 4 KiB of slack of its own
	maxConnections    = 8192
)

// Options wire the kit.
type Options struct {
	BaseURL        string // public origin without a trailing slash
	TrustedProxies []netip.Prefix
	// LoopbackForms reports whether a gateway account is on loopback, so that our forms may lead
	// there (CONTRACT §4). Nil: only when the base URL is on loopback itself. It is asked for
	// every page, so it must be cheap.
	LoopbackForms func() bool
	// Ready says whether the database answers and its migrations are in. Nil is ready.
	Ready func(ctx context.Context) error
	// Observe hears of every request, for metrics. May be nil.
	Observe func(method, route string, status int, took time.Duration)
	// Trace sees every request but those for health and files. May be nil.
	Trace *tracing.Tracer
	Log   *slog.Logger
	Now   func() time.Time
}

// Server is the kit. Routes are hung on Echo before Serve is called.
type Server struct {
	Echo *echo.Echo

	options  Options
	base     *url.URL
	loopback bool // the base URL is
	headers  headers
	routes   func() map[string]bool
	draining atomic.Bool
	http     *http.Server
}

// New returns a server with health, static files and error pages in place.
func New(o Options) (*Server, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("base URL %q: expected an origin like https://pay.example.com", o.BaseURL)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{Echo: echo.New(), options: o, base: base, loopback: isLoopback(base.Hostname())}
	if o.LoopbackForms == nil {
		s.options.LoopbackForms = func() bool { return s.loopback }
	}
	s.headers = newHeaders(base.Scheme == "https")
	s.routes = sync.OnceValue(s.knownRoutes)
	s.Echo.HideBanner, s.Echo.HidePort = true, true
	s.Echo.HTTPErrorHandler = s.fail
	s.Echo.IPExtractor = func(r *http.Request) string { return s.clientAddr(r).String() }
	s.Echo.Pre(s.around, s.recover, s.checkHost)
	s.mount()
	s.http = &http.Server{
		Handler:           s.Echo,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // strangers' broken handshakes
	}
	return s, nil
}

func (s *Server) mount() {
	files := echo.WrapHandler(static.Handler())
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		s.Echo.Add(method, "/static/*", files)
		s.Echo.Add(method, "/healthz", s.health)
		s.Echo.Add(method, "/readyz", s.ready)
		s.Echo.Add(method, "/favicon.ico", func(c echo.Context) error {
			return c.Redirect(http.StatusFound, static.Path("mark.svg"))
		})
	}
}

// ServeHTTP makes the server a handler, for tests and for app's own listeners.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Echo.ServeHTTP(w, r) }

// Serve answers on l until Shutdown. It returns nil after a Shutdown.
func (s *Server) Serve(l net.Listener) error {
	return closed(s.http.Serve(netutil.LimitListener(l, maxConnections)))
}

// ServeTLS is Serve with certificates, and with HTTP/2.
func (s *Server) ServeTLS(l net.Listener, certificates *tls.Config) error {
	s.http.TLSConfig = certificates
	return closed(s.http.ServeTLS(netutil.LimitListener(l, maxConnections), "", ""))
}

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// Leave says "not ready" to the load balancer and goes on taking requests.
func (s *Server) Leave() { s.draining.Store(true) }

// Shutdown says "not ready" to the load balancer, lets the requests at work end, and takes no new
// ones. What ctx does not wait for is cut; every step of a payment is stored before it is taken.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Leave()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), s.http.Close())
	}
	return nil
}

// knownRoutes are the patterns that may stand in a log. Echo leaves the path itself, with a token
// in it, where it found no route.
func (s *Server) knownRoutes() map[string]bool {
	known := map[string]bool{}
	for _, r := range s.Echo.Routes() {
		known[r.Path] = true
	}
	return known
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
