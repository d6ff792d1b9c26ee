package gateways

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxRequestID  = 128
	maxRetryAfter = 24 * time.Hour
)

// Response is what a vendor answered over HTTP.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// OK says that the status is a 2xx.
func (r Response) OK() bool { return r.Status >= 200 && r.Status <= 299 }

// Documented says that a refusal with this status is one: a 2xx, or a 4xx that speaks about the
// payment and not about our credentials or our pace (CONTRACT §6.4).
func (r Response) Documented() bool {
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return r.OK() || (r.Status >= 400 && r.Status <= 499)
}

// RequestID is X-PayPingRequest-ID, which PayPing asks merchants to keep for support (it is on
// every answer, errors too), reduced to printable ASCII.
func (r Response) RequestID() string {
	var b strings.Builder
	for _, c := range []byte(r.Header.Get("X-PayPingRequest-ID")) {
		if c > ' ' && c < 0x7f && b.Len() < maxRequestID {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// RetryAfter is what a 429 or 503 asked for. A date is measured against the answer's own Date,
// so that a wrong clock on either side does not matter.
func (r Response) RetryAfter() time.Duration {
	if r.Status != http.StatusTooManyRequests && r.Status != http.StatusServiceUnavailable {
		return 0
	}
	value := strings.TrimSpace(r.Header.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if until, err := http.ParseTime(value); err == nil {
		if said, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			wait = until.Sub(said)
		}
	}
	return min(max(wait, 0), maxRetryAfter)
}

// Evidence begins the Answer of a verify call: everything that is true before the body has been
// understood. Its outcome is Unknown, and Unheard follows CONTRACT §6.5: nothing came back, or a
// 5xx, or a 2xx which, if it stays Unknown, is outside the documentation.
func Evidence(resp Response, err error, redact Redactor) Answer {
	a := Answer{
		Sent:       true,
		Status:     resp.Status,
		RequestID:  resp.RequestID(),
		Body:       redact.Body(resp.Body),
		RetryAfter: resp.RetryAfter(),
		Unheard:    resp.OK() || resp.Status >= 500,
	}
	var call *CallError
	switch {
	case err == nil:
		return a
	case errors.Is(err, ErrOversize):
		a.Message = ErrOversize.Error()
		return a
	case errors.As(err, &call):
		a.Sent = call.Sent
	}
	// A reset in the middle of any answer, whatever its status, leaves us not knowing it.
	a.Unheard = a.Sent
	a.Message = redact.Text(err.Error(), maxMessage)
	if a.Body == "" {
		a.Body = a.Message
	}
	return a
}

// Settle closes an Answer with what its body proves: it was heard.
func (a Answer) Settle(outcome Outcome, code, message string) Answer {
	a.Outcome, a.Code, a.Message = outcome, code, message
	if outcome != Unknown {
		a.Unheard = false
	}
	return a
}

// Trouble is the StartError of a vendor that did not answer as documented.
func Trouble(resp Response, err error, code, message string, redact Redactor) *StartError {
	e := &StartError{
		Trouble: true, Code: code, Message: redact.Text(message, maxMessage), Err: err,
		RequestID: resp.RequestID(), Body: redact.Body(resp.Body),
	}
	if e.Err == nil {
		e.Err = errors.New(message)
	}
	if e.Body == "" {
		e.Body = e.Message
	}
	return e
}

// CallTrouble is the StartError of a call without a usable answer.
func CallTrouble(resp Response, err error, redact Redactor) *StartError {
	var call *CallError
	code := "no_answer"
	switch {
	case errors.Is(err, ErrOversize):
		code = "undocumented_answer"
	case errors.As(err, &call) && !call.Sent:
		code = "unreachable"
	}
	return Trouble(resp, err, code, err.Error(), redact)
}
