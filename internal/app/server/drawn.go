package server

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"
)

// Drawn is a page that was rendered once, and compressed once, to be sent many times. It must hold nothing
// of the request it was drawn for.
type Drawn struct {
	html   []byte
	zipped func() ([]byte, error) // made when somebody first takes it
}

// Draw renders a page to be kept.
func Draw(ctx context.Context, page templ.Component) (*Drawn, error) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	if err := page.Render(ctx, buffer); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	html := bytes.Clone(buffer.Bytes())
	return &Drawn{html: html, zipped: sync.OnceValues(func() ([]byte, error) {
		buffer := getBuffer()
		defer putBuffer(buffer)
		if err := zip(buffer, html); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		return bytes.Clone(buffer.Bytes()), nil
	})}, nil
}

// Send answers with the page.
func (d *Drawn) Send(c echo.Context, status int) error {
	if !takesGzip(c) {
		send(c, status, d.html, false)
		return nil
	}
	zipped, err := d.zipped()
	if err != nil {
		return err
	}
	send(c, status, zipped, true)
	return nil
}
