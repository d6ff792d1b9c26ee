package gateways_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/gateways"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func inMemory(f roundTrip) *gateways.Client {
	return gateways.NewClient(gateways.ClientOptions{Transport: f})
}

func TestPostJSON_ReusesConnections(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Statuses and lengths that a careless reader leaves unread.
		w.WriteHeader([]int{200, 302, 400, 503}[len(r.URL.Path)%4])
		_, _ = io.WriteString(w, strings.Repeat("x", 60_000))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := gateways.NewClient(gateways.ClientOptions{})
	for i := range 20 {
		resp, err := client.PostJSON(context.Background(), server.URL+"/"+strings.Repeat("a", i), nil, json.RawMessage("{}"))
		if err != nil || len(resp.Body) != 60_000 {
			t.Fatalf("call %d: %v, %d bytes", i, err, len(resp.Body))
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("opened %d connections for 20 calls, want 1", n)
	}
}

func TestPostJSON_KeepsManyIdle(t *testing.T) {
	const callers = 200
	var opened atomic.Int64
	var gate sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		gate.Done()
		gate.Wait()
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := gateways.NewClient(gateways.ClientOptions{})
	for range 3 {
		gate.Add(callers)
		var done sync.WaitGroup
		for range callers {
			done.Go(func() {
				if _, err := client.PostJSON(context.Background(), server.URL, nil, json.RawMessage("{}")); err != nil {
					t.Errorf("call: %v", err)
				}
			})
		}
		done.Wait()
	}
	// A connection may come back to the pool a moment after its caller; far fewer than 600 it is.
	if n := opened.Load(); n > callers+callers/2 {
		t.Errorf("opened %d connections for 3 rounds of %d", n, callers)
	}
}

func TestPostJSON_IgnoresProxyOfEnvironment(t *testing.T) {
	if tr := gateways.NewTransport(nil); tr.Proxy != nil {
		t.Error("a proxy of the environment would see every bearer")
	}
}

func TestPostJSON_ForbiddenAddresses(t *testing.T) {
	client := gateways.NewClient(gateways.ClientOptions{})
	for _, host := range []string{"169.254.169.254", "[fe80::1%25lo]", "[::ffff:169.254.169.254]", "0.0.0.0", "224.0.0.1"} {
		_, err := client.PostJSON(context.Background(), "http://"+host+":1/", nil, json.RawMessage("{}"))
		var call *gateways.CallError
		if !errors.As(err, &call) || call.Sent || !strings.Contains(err.Error(), "no gateway can have") {
			t.Errorf("%s: %v, want a refusal before sending", host, err)
		}
	}
}

func TestPostJSON_InMemory(t *testing.T) {
	client := inMemory(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.WriteString(r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body))
		return w.Result(), nil
	})
	resp, err := client.PostJSON(context.Background(), "https://example.com/p", http.Header{"Authorization": {"bearer x"}}, json.RawMessage("{}"))
	if err != nil || resp.Status != http.StatusTeapot || string(resp.Body) != "POST /p bearer x {}" {
		t.Errorf("got %d %q, %v", resp.Status, resp.Body, err)
	}
}

// TestPostJSON_CannotBeWritten: what is no JSON never leaves, and says so.
func TestPostJSON_CannotBeWritten(t *testing.T) {
	client := inMemory(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, io.EOF
	})
	_, err := client.PostJSON(context.Background(), "https://example.com/", nil, func() {})
	var call *gateways.CallError
	if !errors.As(err, &call) || call.Sent || !strings.Contains(err.Error(), "write the question") {
		t.Errorf("%v", err)
	}
}

func TestPostJSON_SentInMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		sent bool
	}{
		{"a failed dial never left", &net.OpError{Op: "dial", Err: errors.New("refused")}, false},
		{"a failed read may have been heard", &net.OpError{Op: "read", Err: errors.New("reset")}, true},
		{"anything else may have been heard", io.ErrUnexpectedEOF, true},
	} {
		client := inMemory(func(*http.Request) (*http.Response, error) { return nil, c.err })
		_, err := client.PostJSON(context.Background(), "https://example.com/", nil, nil)
		var call *gateways.CallError
		if !errors.As(err, &call) || call.Sent != c.sent || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPostJSON_CanceledBefore(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := gateways.NewClient(gateways.ClientOptions{}).PostJSON(ctx, server.URL, nil, nil)
	var call *gateways.CallError
	if !errors.As(err, &call) || call.Sent || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a cancellation that never left", err)
	}
}
