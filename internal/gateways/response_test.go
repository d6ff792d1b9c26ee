package gateways_test

import (
	"net/http"
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
