package gateways_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
)

func TestRetryAfter(t *testing.T) {
	const date = "Sun, 22 Nov 2026 10:00:00 GMT"
	for _, c := range []struct {
		status      int
		after, date string
		want        time.Duration
	}{
		{429, "120", "", 2 * time.Minute},
		{503, " 5 ", "", 5 * time.Second},
		{200, "120", "", 0},
		{500, "120", "", 0},
		{429, "", "", 0},
		{429, "-5", "", 0},
		{429, "soon", "", 0},
		{429, "99999999999999999999", "", 0},
		{429, "2000000000", "", 24 * time.Hour},
		{429, "3000000000", "", 0}, // a century is no answer to "when"
		{503, "Sun, 22 Nov 2026 10:01:00 GMT", date, time.Minute},
		{503, "Sun, 22 Nov 2026 09:00:00 GMT", date, 0},
		{503, "Sun, 22 Nov 2026 10:01:00 GMT", "", 0},
	} {
		r := gateways.Response{Status: c.status, Header: http.Header{"Retry-After": {c.after}, "Date": {c.date}}}
		if got := r.RetryAfter(); got != c.want {
			t.Errorf("%d %q at %q: %v, want %v", c.status, c.after, c.date, got, c.want)
		}
	}
}

// Whether an answer is one, and whether a refusal is one, is judged by its status.
func TestResponse_Statuses(t *testing.T) {
	for status, want := range map[int]string{
		0: "", 199: "", 200: "ok documented", 299: "ok documented", 300: "", 302: "", 399: "", 400: "documented", 401: "", 403: "", 404: "documented", 422: "documented", 429: "", 499: "documented", 500: "", 503: "",
	} {
		r, got := gateways.Response{Status: status}, ""
		if r.OK() {
			got = "ok "
		}
		if r.Documented() {
			got += "documented"
		}
		if got != want {
			t.Errorf("%d is %q, want %q", status, got, want)
		}
	}
}

// PayPing's number of an answer is kept in letters that can be read aloud, and no more of them than that.
func TestResponse_RequestID(t *testing.T) {
	for given, want := range map[string]string{"": "", "0HN7-x!~": "0HN7-x!~", " a b\tc\x7fd\x80é": "abcd"} {
		r := gateways.Response{Header: http.Header{}}
		r.Header.Set("X-PayPingRequest-ID", given)
		if got := r.RequestID(); got != want {
			t.Errorf("%q is kept as %q, want %q", given, got, want)
		}
	}
}

// TestEvidence_BrokenOff: an answer that broke off is not known, whatever its status; one that is too
// long was heard, and is judged by its status. Both say what happened, without secrets and in bounds.
func TestEvidence_BrokenOff(t *testing.T) {
	redact := gateways.NewRedactor([]string{"s3cret"})
	long := fmt.Errorf("s3cret %w", errors.New(strings.Repeat("v", 600)))
	broken := &gateways.CallError{Sent: true, Err: long}
	a := gateways.Evidence(gateways.Response{Status: 404, Body: []byte("half of it")}, broken, redact)
	if !a.Sent || !a.Unheard || a.Status != 404 || a.Body != "half of it" || a.Message != "[hidden] "+strings.Repeat("v", 488)+"…" || len(a.Message) != 500 {
		t.Errorf("broken off: %+v", a)
	}
	if a = gateways.Evidence(gateways.Response{}, broken, redact); a.Body != a.Message || a.Message == "" {
		t.Errorf("nothing is kept of a call without an answer: %+v", a)
	}
	oversize := &gateways.CallError{Sent: true, Err: gateways.ErrOversize}
	for status, unheard := range map[int]bool{200: true, 302: false, 404: false, 500: true} {
		a := gateways.Evidence(gateways.Response{Status: status, Body: []byte("x")}, oversize, redact)
		if !a.Sent || a.Unheard != unheard || a.Message != gateways.ErrOversize.Error() || a.Body != "x" {
			t.Errorf("oversize with %d: %+v", status, a)
		}
	}
	never := &gateways.CallError{Err: errors.New("refused")}
	if a := gateways.Evidence(gateways.Response{}, never, redact); a.Sent || a.Unheard {
		t.Errorf("never left: %+v", a)
	}
	cause := errors.New("cause")
	if e := gateways.Trouble(gateways.Response{}, cause, "c", "words", redact); !errors.Is(e, cause) || e.Error() != "start: cause" || e.Message != "words" {
		t.Errorf("trouble: %+v", e)
	}
	if e := gateways.Trouble(gateways.Response{}, nil, "c", "words", redact); e.Error() != "start: words" {
		t.Errorf("trouble: %v", e)
	}
	for code, err := range map[string]error{"undocumented_answer": oversize, "unreachable": never, "no_answer": broken} {
		if e := gateways.CallTrouble(gateways.Response{}, err, redact); e.Code != code || !e.Trouble || !errors.Is(e, err) {
			t.Errorf("%v is %q", err, e.Code)
		}
	}
	if e := gateways.CallTrouble(gateways.Response{}, cause, redact); e.Code != "no_answer" {
		t.Errorf("%v is %q", cause, e.Code)
	}
	if e := gateways.Trouble(gateways.Response{}, nil, "c", "s3cret "+strings.Repeat("v", 600), redact); len(e.Message) != 500 || e.Body != e.Message || strings.Contains(e.Message, "s3cret") || e.Err == nil {
		t.Errorf("trouble: %+v", e)
	}
}
