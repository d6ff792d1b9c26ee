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
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
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
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		s.tell(c, id, time.Since(began))
		return nil
	}
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
