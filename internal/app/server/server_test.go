package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
)

func newServer(t testing.TB, o server.Options) *server.Server {
	t.Helper()
	if o.BaseURL == "" {
		o.BaseURL = "https://pay.example.com"
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host, r.RemoteAddr = "pay.example.com", "192.0.2.7:4711"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestNew_BaseURL(t *testing.T) {
	for _, base := range []string{"", "pay.example.com", "ftp://x", "https://", "://"} {
		if _, err := server.New(server.Options{BaseURL: base}); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

func TestHost(t *testing.T) {
	public := newServer(t, server.Options{BaseURL: "https://pay.example.com"})
	local := newServer(t, server.Options{BaseURL: "http://127.0.0.1:8080"})
	for _, tt := range []struct {
		s    *server.Server
		host string
		path string
		want int
	}{
		{public, "pay.example.com", "/static/x", 404},
		{public, "PAY.example.com:443", "/static/x", 404},
		{public, "pay.example.com.", "/static/x", 404},
		{public, "evil.example", "/static/x", 421},
		{public, "pay.example.com.evil.example", "/static/x", 421},
		{public, "127.0.0.1", "/static/x", 421},
		{public, "", "/static/x", 421},
		{public, "10.0.0.7:8080", "/healthz", 200},
		{public, "10.0.0.7:8080", "/readyz", 200},
		{local, "localhost:8080", "/static/x", 404},
		{local, "[::1]:9999", "/static/x", 404},
		{local, "127.0.0.1", "/static/x", 404},
		{local, "evil.example", "/static/x", 421},
	} {
		w := ask(tt.s, http.MethodGet, tt.path, func(r *http.Request) {
			r.Host = tt.host
			r.Header.Set("X-Forwarded-Host", "pay.example.com")
		})
		if w.Code != tt.want || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("Host %q %s: %d, want %d", tt.host, tt.path, w.Code, tt.want)
		}
	}
}

func TestPolicy_LoopbackForms(t *testing.T) {
	open := false
	s := newServer(t, server.Options{LoopbackForms: func() bool { return open }})
	policy := func() string {
		return ask(s, http.MethodGet, "/healthz", nil).Header().Get("Content-Security-Policy")
	}
	if strings.Contains(policy(), "127.0.0.1") {
		t.Errorf("closed: %s", policy())
	}
	open = true
	if !strings.HasSuffix(policy(), "form-action 'self' https: http://127.0.0.1:* http://localhost:*") {
		t.Errorf("open: %s", policy())
	}
	local := newServer(t, server.Options{BaseURL: "http://localhost:8080"})
	w := ask(local, http.MethodGet, "/healthz", nil)
	if !strings.Contains(w.Header().Get("Content-Security-Policy"), "http://localhost:*") || w.Header().Get("Strict-Transport-Security") != "" {
		t.Errorf("loopback base: %v", w.Header())
	}
}

func TestStatus(t *testing.T) {
	for err, want := range map[error]int{
		checkout.Invalid: 422, checkout.NotFound: 404, checkout.Conflict: 409, checkout.Forbidden: 403, checkout.Unauthed: 401,
		checkout.TooMany: 429, checkout.GatewayDown: 502, checkout.Unavailable: 503, checkout.Internal: 500,
		errors.New("x"): 500, echo.NewHTTPError(418): 418,
	} {
		if got := server.StatusOf(fmt.Errorf("act: %w", err)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// An error of ours shows its id and none of its text; the log shows both, and never the path. A panic
// shows where it was, and not with what.
func TestErrors_PageAndLog(t *testing.T) {
	var log bytes.Buffer
	var seen []string
	s := newServer(t, server.Options{
		Log: slog.New(slog.NewJSONHandler(&log, nil)),
		Observe: func(_, route string, status int, _ time.Duration) {
			seen = append(seen, fmt.Sprint(route, " ", status))
		},
	})
	s.Echo.GET("/i/:token", func(c echo.Context) error {
		if c.Param("token") == "panic" {
			panic("canary-panic")
		}
		return errors.New("canary-error")
	})
	s.Echo.GET("/api/v1/x", func(echo.Context) error { return checkout.Unavailable })
	for path, canary := range map[string]string{"/i/secret-token": "canary-error", "/i/panic": "canary-panic"} {
		w := ask(s, http.MethodGet, path, nil)
		id := w.Header().Get("X-Request-Id")
		if w.Code != 500 || strings.Contains(w.Body.String(), canary) || !strings.Contains(w.Body.String(), id) {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
		if !strings.Contains(log.String(), id) {
			t.Errorf("%s is not in the log:\n%s", path, log.String())
		}
	}
	// A panic's value may hold anything; its type and where it was say enough.
	if said := log.String(); !strings.Contains(said, "canary-error") || strings.Contains(said, "canary-panic") || !strings.Contains(said, "a value of type string") || !strings.Contains(said, "server_test.go") {
		t.Errorf("the log says:\n%s", said)
	}
	ask(s, http.MethodGet, "/i/secret-token/more", nil)
	ask(s, http.MethodGet, "/secret-token", nil)
	ask(s, http.MethodPost, "/i/secret-token", nil)
	if strings.Contains(log.String(), "secret-token") || strings.Contains(log.String(), "192.0.2.7") {
		t.Errorf("the log holds a token or an address:\n%s", log.String())
	}
	want := []string{"/i/:token 500", "/i/:token 500", "/i/:token 500", "404", "/i/:token 405"} // echo gives a last parameter all that follows
	for i := range want {
		if strings.TrimSpace(seen[i]) != want[i] {
			t.Errorf("request %d was seen as %q, want %q", i, seen[i], want[i])
		}
	}
	var problem struct {
		Status int
		Code   string
	}
	for path, code := range map[string]string{"/api/v1/x": "unavailable", "/api/v1/nothing": "not_found"} {
		w := ask(s, http.MethodGet, path, nil)
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Code != code || problem.Status != w.Code || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A page's link to itself stays with us, whatever address a stranger made.
func TestErrors_LinkToTheirOwnPage(t *testing.T) {
	s := newServer(t, server.Options{})
	for target, want := range map[string]string{
		"/nowhere": `href="/nowhere?lang=en"`, "//evil.example/x": `href="/evil.example/x?lang=en"`, "////evil.example": `href="/evil.example?lang=en"`,
		"/%5Cevil.example": `href="/%5Cevil.example?lang=en"`, "/%2Fevil.example": `href="/%2Fevil.example?lang=en"`, "/%09/evil.example": `href="/%09/evil.example?lang=en"`,
	} {
		w := ask(s, http.MethodGet, "/", func(r *http.Request) {
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
		})
		if w.Code != 404 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d without %s\n%s", target, w.Code, want, w.Body)
		}
	}
}

func TestClientAddr(t *testing.T) {
	for _, tt := range []struct {
		name, peer, forwarded, trusted, want string
	}{
		{"direct", "192.0.2.7:1", "", "", "192.0.2.7"},
		{"a stranger's word", "192.0.2.7:1", "203.0.113.9", "", "192.0.2.7"},
		{"through a proxy", "10.0.0.1:1", "203.0.113.9", "10.0.0.0/8", "203.0.113.9"},
		{"through two", "10.0.0.1:1", "203.0.113.9, 10.0.0.2", "10.0.0.0/8", "203.0.113.9"},
		{"a forged beginning", "10.0.0.1:1", "127.0.0.1, 203.0.113.9", "10.0.0.0/8", "203.0.113.9"},
		{"nonsense", "10.0.0.1:1", "203.0.113.9, x", "10.0.0.0/8", "10.0.0.1"},
		{"empty", "10.0.0.1:1", "", "10.0.0.0/8", "10.0.0.1"},
		{"mapped", "[::ffff:10.0.0.1]:1", "2001:db8::1", "10.0.0.0/8", "2001:db8::1"},
	} {
		o := server.Options{}
		if tt.trusted != "" {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(tt.trusted)}
		}
		s := newServer(t, o)
		var got, real string
		s.Echo.GET("/who", func(c echo.Context) error {
			got, real = s.ClientAddr(c).String(), c.RealIP()
			return nil
		})
		w := ask(s, http.MethodGet, "/who", func(r *http.Request) {
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Real-IP", "127.0.0.1")
			r.Header.Set("X-Request-Id", "theirs")
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
		})
		if got != tt.want || real != tt.want {
			t.Errorf("%s: %s and %s, want %s", tt.name, got, real, tt.want)
		}
		if theirs := w.Header().Get("X-Request-Id") == "theirs"; theirs != (tt.trusted != "") {
			t.Errorf("%s: request id %s", tt.name, w.Header().Get("X-Request-Id"))
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := server.NewLimiter("test", 2, time.Minute)
	allow := func(addr string, at time.Time) bool {
		ok, wait := l.Allow(netip.MustParseAddr(addr), at)
		if ok != (wait == 0) {
			t.Errorf("%s: %t and wait %s", addr, ok, wait)
		}
		return ok
	}
	for i, tt := range []struct {
		addr string
		at   time.Duration
		want bool
	}{
		{"192.0.2.1", 0, true},
		{"192.0.2.1", 0, true},
		{"192.0.2.1", 59 * time.Second, false},
		{"192.0.2.2", 0, true},
		{"192.0.2.1", time.Minute, true},
		{"192.0.2.1", time.Minute, true},
		{"192.0.2.1", 61 * time.Second, false},
		{"2001:db8::1", 0, true},
		{"2001:db8::ffff", 0, true},
		{"2001:db8::2", 0, false},
		{"2001:db8:0:1::1", 0, true},
		{"127.0.0.1", 0, true},
		{"127.0.0.1", 0, true},
		{"127.0.0.1", 0, true},
		{"::1", 0, true},
		{"::1", 0, true},
		{"::1", 0, true},
	} {
		if got := allow(tt.addr, now.Add(tt.at)); got != tt.want {
			t.Errorf("call %d of %s at %s: %t", i, tt.addr, tt.at, got)
		}
	}
}

func TestReady(t *testing.T) {
	down := errors.New("no database")
	s := newServer(t, server.Options{Ready: func(context.Context) error { return down }})
	if w := ask(s, http.MethodGet, "/readyz", nil); w.Code != 503 || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, http.MethodGet, "/healthz", nil); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
}

// A real connection: served, drained, and a header that is too large refused.
func TestServe(t *testing.T) {
	s := newServer(t, server.Options{BaseURL: "http://127.0.0.1:1"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	base := "http://" + l.Addr().String()
	res, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("healthz says %q", body)
	}
	req, err := http.NewRequest(http.MethodGet, base+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Big", strings.Repeat("x", 20<<10))
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 20 KiB: %d", res.StatusCode)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if w := ask(s, http.MethodGet, "/readyz", nil); w.Code != 503 {
		t.Errorf("draining: %d", w.Code)
	}
}

// book is a shared count, as the database keeps it.
type book struct {
	counts map[string]int
	until  time.Time
	err    error
	tells  int
}

func (b *book) CountTries(_ context.Context, all []checkout.Tally) error {
	b.tells++
	if b.err != nil {
		return b.err
	}
	for i := range all {
		b.counts[all[i].Name] += all[i].N
		all[i].Total, all[i].Until = b.counts[all[i].Name], b.until
	}
	return nil
}

// What two processes counted is added up, once, also when telling it fails for a while; whoever is far from
// the limit costs nothing.
func TestLimiter_Share(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := &book{counts: map[string]int{}, until: now.Add(time.Minute)}
	one, two := server.NewLimiter("test", 20, time.Minute), server.NewLimiter("test", 20, time.Minute)
	other := server.NewLimiter("other", 20, time.Minute)
	from := netip.MustParseAddr("192.0.2.1")
	take := func(l *server.Limiter, n int) (allowed int) {
		for range n {
			if ok, _ := l.Allow(from, now); ok {
				allowed++
			}
		}
		return allowed
	}
	share := func(l *server.Limiter) {
		if err := l.Share(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	take(one, 1)
	if share(one); b.tells != 0 {
		t.Error("one call of twenty was told")
	}
	take(one, 7)
	b.err = errors.New("away")
	if err := one.Share(t.Context(), b); !errors.Is(err, b.err) {
		t.Errorf("not told: %v", err)
	}
	b.err = nil
	share(one)
	share(one)
	take(two, 6)
	share(two)
	if n := take(two, 20); n != 6 {
		t.Errorf("after 8 there and 6 here, %d more", n)
	}
	take(one, 1)
	share(two)
	share(one)
	if n := take(one, 20); n != 0 {
		t.Errorf("%d beyond the limit", n)
	}
	if take(other, 20) != 20 {
		t.Error("another count")
	}
	share(other)
	tells := b.tells
	if share(other); b.tells != tells {
		t.Error("told again what was told")
	}
	now = now.Add(time.Minute)
	if n := take(one, 30); n != 20 {
		t.Errorf("%d in the next window", n)
	}
}
