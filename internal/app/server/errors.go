package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// statuses is the one table that turns a kind of trouble into a status.
var statuses = map[checkout.Kind]int{
	checkout.Invalid:     http.StatusUnprocessableEntity,
	checkout.NotFound:    http.StatusNotFound,
	checkout.Conflict:    http.StatusConflict,
	checkout.Forbidden:   http.StatusForbidden,
	checkout.Unauthed:    http.StatusUnauthorized,
	checkout.TooMany:     http.StatusTooManyRequests,
	checkout.GatewayDown: http.StatusBadGateway,
	checkout.Unavailable: http.StatusServiceUnavailable,
	checkout.Internal:    http.StatusInternalServerError,
}

// Status returns the status of a kind, 500 for one that is not in the list.
func Status(k checkout.Kind) int {
	if status, ok := statuses[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// StatusOf returns the status of any error that a handler may return.
func StatusOf(err error) int {
	var h *echo.HTTPError
	if errors.As(err, &h) {
		return h.Code
	}
	return Status(checkout.KindOf(err))
}

// retryAfter is when to come again after a 503, in seconds: a database that restarts or a lock that
// is held needs a moment, and the callback's page brings itself again as soon.
const retryAfter = "5"

// fail is where every error of a handler ends: it is logged here, once, and becomes a page that
// says what it means and whom to tell the request's id. The text of the error stays with us.
func (s *Server) fail(err error, c echo.Context) {
	status := StatusOf(err)
	if status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.options.Log.ErrorContext(c.Request().Context(), "request failed",
			slog.Int("status", status), slog.String("request_id", RequestID(c.Request().Context())), slog.Any("error", err))
	}
	if c.Response().Committed {
		return
	}
	var fallback error
	if strings.HasPrefix(c.Request().URL.Path, "/api/") {
		fallback = problem(c, status)
	} else {
		fallback = Fail(c, status, Way{})
	}
	if fallback != nil {
		http.Error(c.Response(), http.StatusText(status), status)
	}
}

// Way is the way on from an error page.
type Way struct {
	// Home is where its button leads, "" for no button.
	Home string
	// Locale is the reader's language; "" takes it from the request.
	Locale i18n.Locale
	// Title and Text are said instead of what the status means, when they are given.
	Title, Text string
	// Once says that asking this address again is more than looking: a callback's. Its page then
	// has no link to itself in the other language.
	Once bool
}

// Fail answers with the page of a status. All unknown addresses read the same: which links exist is
// nobody's to find out.
func Fail(c echo.Context, status int, way Way) error {
	l := way.Locale
	if l == "" {
		l = Locale(c, i18n.FA)
	}
	view := templates.ProblemView{Sheet: templates.Sheet{L: l, Switch: ownPath(c.Request())}, Home: way.Home}
	view.Title, view.Text = sentences(l, status)
	if way.Title != "" {
		view.Title, view.Text = way.Title, way.Text
	}
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", retryAfter)
	}
	if status != http.StatusNotFound {
		view.RequestID = RequestID(c.Request().Context())
	}
	if way.Once || c.Request().Method != http.MethodGet {
		view.Sheet.Switch = "" // the same address asked with GET is another page
	}
	return Render(c, status, templates.Problem(view))
}

// ownPath is a request's path as a link on its own page. A stranger may have written //evil.example
// or /\evil.example, which as a link leads there.
func ownPath(r *http.Request) string {
	return "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
}

// sentences says what a status means to a customer.
func sentences(l i18n.Locale, status int) (title, text string) {
	switch status {
	case http.StatusNotFound:
		return l.T("problem.missing.title"), l.T("problem.missing.text")
	case http.StatusForbidden:
		return l.T("problem.foreign.title"), l.T("problem.foreign.text")
	case http.StatusTooManyRequests:
		return l.T("problem.fast.title"), l.T("problem.fast.text")
	case http.StatusMethodNotAllowed:
		return l.T("problem.method.title"), l.T("problem.method.text")
	}
	if status >= http.StatusInternalServerError {
		return l.T("problem.ours.title"), l.T("problem.ours.text")
	}
	return l.T("problem.unread.title"), l.T("problem.unread.text")
}

// problem is the answer under /api/ where no operation was reached: RFC 9457, as everything there.
func problem(c echo.Context, status int) error {
	code := map[int]string{
		http.StatusNotFound: string(checkout.NotFound), http.StatusMethodNotAllowed: "method_not_allowed",
		http.StatusServiceUnavailable: string(checkout.Unavailable),
	}[status]
	if code == "" {
		code = string(checkout.Internal)
		if status < http.StatusInternalServerError {
			code = "bad_request"
		}
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", retryAfter)
	}
	return c.JSON(status, map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code,
	})
}

// Locale returns the language that the address asks for with lang=en or lang=fa, or fallback.
func Locale(c echo.Context, fallback i18n.Locale) i18n.Locale {
	if c.Request().URL.RawQuery == "" {
		return fallback
	}
	if l, ok := i18n.ParseLocale(c.QueryParam("lang")); ok {
		return l
	}
	return fallback
}
