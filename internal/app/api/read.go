package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

const (
	// maxBody is the largest body we take.
	maxBody = 64 << 10
	// maxQueryValue is above the longest cursor and the longest reference.
	maxQueryValue = 512
	maxOnceKey    = 255

	defaultLimit = 20
	maxLimit     = 100
)

// readBody reads and parses the body; an absent one reads as {}. It also takes the
// Idempotency-Key of a POST, since the body is part of what must be the same.
func (c *call) readBody(r *route) error {
	method := r.op.Method
	raw, err := c.rawBody()
	if err != nil {
		return err
	}
	if len(raw) == 0 && r.bare {
		raw = []byte("{}")
	} else if err := jsonBody(c.req.Header, method); err != nil {
		return err
	}
	if c.body, err = parse(raw); err != nil {
		return malformed(err)
	}
	if method != http.MethodPost {
		return nil
	}
	c.once, err = idempotency(c.req, raw)
	return err
}

func (c *call) rawBody() ([]byte, error) {
	tooLarge := &fault{status: http.StatusRequestEntityTooLarge, code: kindTooLarge}
	if c.req.ContentLength > maxBody {
		c.out.Header().Set("Connection", "close") // nobody reads the rest
		return nil, tooLarge
	}
	var b bytes.Buffer
	if c.req.ContentLength > 0 {
		b.Grow(int(c.req.ContentLength) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(c.req.Body, maxBody+1))
	if over := new(http.MaxBytesError); errors.As(err, &over) || n > maxBody {
		c.out.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	if err != nil {
		return nil, &fault{status: http.StatusBadRequest, code: "body_unread", err: fmt.Errorf("read body: %w", err)}
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// jsonBody refuses other content types. None at all is read as JSON: there is nothing else that
// it could be. A form of another site can set none of these, so the refusal is also a defence.
func jsonBody(h http.Header, method string) error {
	wrong := &fault{status: http.StatusUnsupportedMediaType, code: kindMediaType}
	if h.Get("Content-Encoding") != "" {
		return wrong
	}
	value := h.Get("Content-Type")
	if value == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if err != nil || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return wrong
	}
	if kind == "application/json" || (method == http.MethodPatch && kind == "application/merge-patch+json") {
		return nil
	}
	return wrong
}

func malformed(err error) error {
	code := "malformed_json"
	switch {
	case errors.Is(err, errRepeated):
		code = "repeated_member"
	case errors.Is(err, errTooDeep):
		code = "too_deep"
	case errors.Is(err, errNotText):
		code = "not_unicode"
	}
	return &fault{status: http.StatusBadRequest, code: code, err: err}
}

// idempotency reads the Idempotency-Key. The hash says what must be the same for the same answer:
// method, path, and the body but for the white space around its parts.
func idempotency(req *http.Request, raw []byte) (*payments.Once, error) {
	keys := req.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil
	}
	if len(keys) > 1 || !printable(keys[0]) {
		return nil, checkout.WrongField("Idempotency-Key", "bad_idempotency_key")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, malformed(errNotJSON)
	}
	sum := sha256.New()
	_, _ = io.WriteString(sum, req.Method+" "+req.URL.Path+"\n") // a hash never fails
	_, _ = sum.Write(compact.Bytes())
	return &payments.Once{Key: keys[0], Hash: hex.EncodeToString(sum.Sum(nil))}, nil
}

func printable(key string) bool {
	if key == "" || len(key) > maxOnceKey {
		return false
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// readQuery takes the parameters that a list knows. An unknown one is refused: a filter with a
// slip in its name would silently show everything.
func (c *call) readQuery(known []string) error {
	query, err := url.ParseQuery(c.req.URL.RawQuery)
	if err != nil {
		return &fault{status: http.StatusBadRequest, code: "malformed_query", err: err}
	}
	s := &shape{}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names) // faults in the same order every time
	for _, name := range names {
		values := query[name]
		switch {
		case !contains(known, name):
			s.fault(shorten(strings.ToValidUTF8(name, "�")), codeUnknown)
		case len(values) > 1:
			s.fault(name, "repeated")
		case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
			s.fault(name, codeNotText)
		case len(values[0]) > maxQueryValue:
			s.fault(name, "too_long")
		}
	}
	c.query = query
	return s.err()
}

// limit reads the size of a page.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n < 1 || n > maxLimit):
		return 0, checkout.WrongField("limit", codeOutOfRange)
	case err != nil:
		return 0, checkout.WrongField("limit", codeNotInteger)
	}
	return n, nil
}

// time reads a moment of a filter, zero when absent.
func (c *call) time(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, ok := parseTime(text)
	if !ok {
		return time.Time{}, checkout.WrongField(name, codeNotTime)
	}
	return t, nil
}
