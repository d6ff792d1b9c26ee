package server

import (
	"bytes"
	"context"
	"fmt"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"
)

// Drawn is a page that was rendered and compressed once, to be sent many times. It must hold nothing
// of the request it was drawn for.
type Drawn struct{ html, zipped []byte }

// Draw renders a page to be kept.
func Draw(ctx context.Context, page templ.Component) (*Drawn, error) {
	var html, zipped bytes.Buffer
	if err := page.Render(ctx, &html); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	if err := zip(&zipped, html.Bytes()); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return &Drawn{html: bytes.Clone(html.Bytes()), zipped: bytes.Clone(zipped.Bytes())}, nil
}

// Send answers with the page.
func (d *Drawn) Send(c echo.Context, status int) error {
	if takesGzip(c) {
		send(c, status, d.zipped, true)
	} else {
		send(c, status, d.html, false)
	}
	return nil
}
