package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// uploadTime is how long a file may take to come, beyond what a form may.
const uploadTime = 2 * time.Minute

// Upload is one file of a form.
type Upload struct {
	Name string // as the browser calls it; untrusted text
	Raw  []byte
}

// ReadUpload reads a multipart form with one file in the field "file" of at most so many bytes. It stands
// in memory and nowhere else. The other fields keep ReadForm's rules. The error is 415, 413 or 400.
func ReadUpload(c echo.Context, most int64) (url.Values, Upload, error) {
	var file Upload
	r := c.Request()
	kind, params, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEMultipartForm {
		return nil, file, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	if r.ContentLength > most+MaxForm {
		return nil, file, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	control := http.NewResponseController(c.Response())
	until := time.Now().Add(uploadTime)
	for _, set := range []func(time.Time) error{control.SetReadDeadline, control.SetWriteDeadline} {
		if err := set(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return nil, file, err
		}
	}
	values, err := file.read(multipart.NewReader(io.LimitReader(r.Body, most+2*MaxForm), params["boundary"]), most)
	var known *echo.HTTPError
	if err != nil && !errors.As(err, &known) {
		c.SetRequest(r.WithContext(context.WithoutCancel(r.Context()))) // who is merely slow is owed a page
		err = echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
	}
	return values, file, err
}

func (u *Upload) read(parts *multipart.Reader, most int64) (url.Values, error) {
	values, seen := url.Values{}, false
	left := int64(MaxForm)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		name := part.FormName()
		if name == "file" && !seen {
			seen = true
			if u.Raw, err = io.ReadAll(io.LimitReader(part, most+1)); err != nil {
				return nil, err
			}
			if int64(len(u.Raw)) > most {
				return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
			}
			if u.Name = part.FileName(); !utf8.ValidString(u.Name) {
				u.Name = ""
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return nil, err
		}
		if left -= int64(len(value) + len(name)); left < 0 {
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		}
		if name == "" || values.Has(name) || name == "file" || !isText(name) || !isText(string(value)) {
			return nil, ErrForm
		}
		values.Set(name, string(value))
	}
}
