package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"dargah/internal/app/payments"
)

// What the tests of the strict reader need: whether a body parses, and what was read, in the words
// of encoding/json.
func Parse(raw []byte) (any, error) {
	n, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return n.any(), nil
}

func (n *node) any() any {
	switch n.kind {
	case '{':
		m := map[string]any{}
		for i := range n.members {
			m[n.members[i].name] = n.members[i].value.any()
		}
		return m
	case '[':
		l := []any{}
		for i := range n.items {
			l = append(l, n.items[i].any())
		}
		return l
	case '"':
		return n.text
	case '0':
		return json.Number(n.text)
	case 'n':
		return nil
	default:
		return n.kind == 't'
	}
}

// The sentinel errors of the reader.
var (
	ErrNotJSON  = errNotJSON
	ErrTooDeep  = errTooDeep
	ErrRepeated = errRepeated
	ErrNotText  = errNotText
)

// The members that each body takes, by the name of its schema.
var Members = membersOf

// Language is the language of an Accept-Language.
func Language(accept string) string { return string(language(accept)) }

// ReadCreate reads the body of POST /invoices.
func ReadCreate(raw []byte) (payments.NewInvoice, error) {
	n, err := parse(raw)
	if err != nil {
		return payments.NewInvoice{}, err
	}
	return readCreate(&n)
}

// Once reads the Idempotency-Key of a POST to a path.
func Once(path string, keys []string, body []byte) (*payments.Once, error) {
	return idempotency(&http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Idempotency-Key": keys}}, body)
}

// Query reads the parameters of a list: its limit and the beginning of its time, besides q.
func Query(raw string) (limit int, from time.Time, q string, err error) {
	c := &call{exchange: &exchange{req: &http.Request{URL: &url.URL{RawQuery: raw}}}}
	if err := c.readQuery([]string{"limit", "created_from", "q"}); err != nil {
		return 0, time.Time{}, "", err
	}
	if limit, err = c.limit(); err != nil {
		return 0, time.Time{}, "", err
	}
	from, err = c.time("created_from")
	return limit, from, c.query.Get("q"), err
}

// Plausible says whether an id in a path may be looked up.
var Plausible = plausible
