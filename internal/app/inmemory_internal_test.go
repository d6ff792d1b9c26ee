package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func call(t *testing.T, ctx context.Context, h http.HandlerFunc) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://pay.example.ir/simulator/v2/pay?x=1", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "bearer simulator")
	return inMemory{h}.RoundTrip(req)
}

func TestInMemory_CarriesTheCall(t *testing.T) {
	resp, err := call(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"a":1}` || r.URL.Path != "/simulator/v2/pay" || r.RequestURI != "/simulator/v2/pay?x=1" ||
			r.Host != "pay.example.ir" || r.Header.Get("Authorization") != "bearer simulator" || r.Method != http.MethodPost {
			t.Errorf("the handler got %s %s %q %v", r.Method, r.RequestURI, body, r.Header)
		}
		w.Header().Set("X-One", "1")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "hello")
	})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusTeapot || string(body) != "hello" || resp.Header.Get("X-One") != "1" || resp.Header.Get("X-Late") != "" {
		t.Errorf("got %d %q %v", resp.StatusCode, body, resp.Header)
	}
}

func TestInMemory_PanicIsABrokenConnection(t *testing.T) {
	for _, cause := range []any{http.ErrAbortHandler, "anything else"} {
		if _, err := call(t, t.Context(), func(http.ResponseWriter, *http.Request) { panic(cause) }); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("panic(%v): %v", cause, err)
		}
	}
}

func TestInMemory_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	_, err := call(t, ctx, func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release // a handler that listens to nobody
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("deaf handler: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	_, err = call(t, ctx, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("hanging answer: %v", err)
	}
}
