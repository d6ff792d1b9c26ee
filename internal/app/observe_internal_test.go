package app

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

// TestServedUntil: a certificate that no browser takes is an alarm, and a server that does not answer is
// another one's.
func TestServedUntil(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if end := servedUntil(t.Context(), u); end == nil || end.Before(begun) || end.After(time.Now()) {
		t.Errorf("a certificate of nobody serves until %v", end)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	_ = l.Close()
	if end := servedUntil(t.Context(), u); end != nil {
		t.Errorf("nobody answers until %v", end)
	}
}

// TestSayAlert_FollowsNoRedirect: what came of a redirect would be a GET without the alert.
func TestSayAlert_FollowsNoRedirect(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path)
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
		}
	}))
	defer srv.Close()
	say := func(path string) error {
		o := &observer{app: &App{cfg: Config{AlertURL: srv.URL + path}}}
		return o.sayAlert(t.Context(), checkout.Job{Payload: "{}"})
	}
	if err := say("/moved"); err == nil || len(got) != 1 {
		t.Errorf("moved: %v, asked %v", err, got)
	}
	if err := say("/here"); err != nil || len(got) != 2 || got[1] != "POST /here" {
		t.Errorf("there: %v, asked %v", err, got)
	}
}
