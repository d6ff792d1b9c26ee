package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// MaxForm is the largest body of a form (CONTRACT §4).
const MaxForm = 16 << 10

// ErrForm says that a form or query cannot be read in one way only.
var ErrForm = errors.New("a field is repeated or cannot be decoded")

// ReadForm reads a urlencoded body, and only the body: net/http's own FormValue falls back to the
// query, takes the first of two values and empties the whole form at one bad escape. The error is
// 415, 413 or 400; beside the last one the raw body is returned for the record.
func ReadForm(c echo.Context) (url.Values, string, error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationForm {
		return nil, "", echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if r.ContentLength > MaxForm {
		return nil, "", echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxForm+1))
	if err != nil {
		// net/http ends the request's context when its body cannot be read to the end; who is merely
		// slow still listens, and is owed a page.
		c.SetRequest(r.WithContext(context.WithoutCancel(r.Context())))
		return nil, "", echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
	}
	if len(body) > MaxForm {
		return nil, "", echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	values, err := ParseForm(string(body))
	if err != nil {
		return nil, string(body), echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
	}
	return values, string(body), nil
}

// ParseForm reads a urlencoded form or query strictly: no broken escape, no semicolon, only UTF-8
// without NUL, and every field once, whatever its case.
func ParseForm(raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, ErrForm
	}
	seen := make(map[string]bool, len(values))
	for key, list := range values {
		folded := strings.ToLower(key)
		if len(list) != 1 || seen[folded] || !isText(key) || !isText(list[0]) {
			return nil, ErrForm
		}
		seen[folded] = true
	}
	return values, nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
