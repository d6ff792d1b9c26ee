package server

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"
)

// A page is rendered whole before its first byte leaves: a template that fails half-way becomes an
// error page, not half a receipt.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Level 1: on a page of a few KB the better levels save a tenth and cost three times the time.
var zippers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(nil)
	}
	return w
}}

// maxKept is the largest buffer that goes back to the pool.
const maxKept = 256 << 10

// Render answers with a page.
func Render(c echo.Context, status int, page templ.Component) error {
	body := getBuffer()
	defer putBuffer(body)
	if err := page.Render(c.Request().Context(), body); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	if !takesGzip(c) {
		send(c, status, body.Bytes(), false)
		return nil
	}
	zipped := getBuffer()
	defer putBuffer(zipped)
	if err := zip(zipped, body.Bytes()); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	send(c, status, zipped.Bytes(), true)
	return nil
}

func takesGzip(c echo.Context) bool {
	return strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip")
}

func send(c echo.Context, status int, body []byte, zipped bool) {
	h := c.Response().Header()
	h["Content-Type"] = htmlType
	h["Vary"] = varyEncoding
	if zipped {
		h["Content-Encoding"] = gzipEncoding
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return
	}
	_, _ = c.Response().Write(body) // the browser has gone; what we did is stored
}

var (
	htmlType     = []string{"text/html; charset=utf-8"}
	varyEncoding = []string{"Accept-Encoding"}
	gzipEncoding = []string{"gzip"}
)

func zip(to *bytes.Buffer, body []byte) error {
	w := zippers.Get().(*gzip.Writer)
	defer zippers.Put(w)
	w.Reset(to)
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}

func getBuffer() *bytes.Buffer {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKept {
		buffers.Put(b)
	}
}
