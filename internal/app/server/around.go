package server

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/tracing"
)

const headerRequestID = "X-Request-Id"

type requestIDKey struct{}

var requestIDs = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// around is the outermost ring of every request: its id, the headers of every answer, the error
// turned into a page, one line of log. The line holds the route's pattern and never the path: a
// path holds the token of a payment link.
func (s *Server) around(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now() // a duration, not a moment: the wall clock of tests does not move
		id := s.requestID(c.Request())
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestIDKey{}, id)))
		c.Response().Header().Set(headerRequestID, id)
		s.headers.set(c.Response().Header(), s.options.LoopbackForms())
		span := s.trace(c)
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		s.traced(c, span, id)
		s.tell(c, id, time.Since(began))
		return nil
	}
}

// trace begins the span of a request. Nothing is believed of a trace that a stranger says he has.
func (s *Server) trace(c echo.Context) *tracing.Span {
	if s.options.Trace == nil {
		return nil
	}
	ctx, span := tracing.Start(s.options.Trace.With(c.Request().Context()), "", tracing.Server)
	c.SetRequest(c.Request().WithContext(ctx))
	return span
}

// traced ends it, under the route's pattern: the path holds a token.
func (s *Server) traced(c echo.Context, span *tracing.Span, id string) {
	route := c.Path()
	if span == nil || route == "/healthz" || route == "/readyz" || route == "/static/*" {
		return // no span that ended, so nobody hears of it
	}
	if !s.routes()[route] {
		route = ""
	}
	method, status := c.Request().Method, c.Response().Status
	span.Name(strings.TrimSpace(method + " " + route))
	span.Set("http.request.method", method)
	span.Set("http.route", route)
	span.SetInt("http.response.status_code", int64(status))
	span.Set("request.id", id)
	span.Fail(status >= http.StatusInternalServerError)
	span.End()
}

// tell writes the line of log.
func (s *Server) tell(c echo.Context, id string, took time.Duration) {
	route, method, status := c.Path(), c.Request().Method, c.Response().Status
	if !s.routes()[route] {
		route = ""
	}
	if s.options.Observe != nil {
		s.options.Observe(method, route, status, took)
	}
	level := slog.LevelInfo
	if route == "/healthz" || route == "/readyz" {
		level = slog.LevelDebug
	}
	s.options.Log.LogAttrs(c.Request().Context(), level, "request",
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", took), slog.String("request_id", id))
}

// requestID makes the id of a request. A proxy that we trust may have made one already; a stranger's
// would let him write into our log.
func (s *Server) requestID(r *http.Request) string {
	if given := r.Header.Get(headerRequestID); given != "" && len(given) <= 64 && s.fromProxy(r) && isToken(given) {
		return given
	}
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return "req_" + requestIDs.EncodeToString(b[:])
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

// RequestID returns the id of the request that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// recover turns a panic into a page with the request's id; the trace goes to the log alone.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(v) // net/http's own word for "hang up"
			}
			err = fmt.Errorf("panic: %s\n%s", checkout.Panicked(v), debug.Stack())
		}()
		return next(c)
	}
}

// checkHost refuses names that are not ours: a page made under a foreign name could be cached or
// mailed under it. Health checks come by address and are let through.
func (s *Server) checkHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if s.isOurs(r.Host) || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			return next(c)
		}
		return c.String(http.StatusMisdirectedRequest, "misdirected request: this server does not answer for that name\n")
	}
}
