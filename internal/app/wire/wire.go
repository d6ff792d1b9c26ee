// Package wire holds the JSON shapes of invoice, attempt and event (CONTRACT §7): one for the
// API's answers and for webhooks, so that a program reads the same object wherever it meets it.
// What is absent is null, never "" and never left out; no token and no hash ever gets here,
// the payment link's address aside.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Marshal renders v as it goes over the wire: one line, and <, > and & as they are. The same
// bytes are stored for an idempotent repeat, so there must be only one renderer.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("render json: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// text is nil for "", which is how absent texts stand in the store.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment is nil for the zero time. RFC 3339 in UTC with the milliseconds of the store.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
