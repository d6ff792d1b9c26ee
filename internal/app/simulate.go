package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"dargah/internal/gateways/simulator"
)

// Simulator serves the two simulated gateways alone, with their control API, until ctx ends. Its
// ledger lives in memory: it is a tool for tests, and nothing of it is worth keeping.
func Simulator(ctx context.Context, addr string, ready func(url string) error) error {
	l, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	url := "http://" + publicHost(l.Addr())
	sim, err := simulator.New(simulator.Options{PublicURL: url, Control: true})
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	srv := &http.Server{
		Handler:           sim,
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // a hanging answer ends with us
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	if err := ready(url); err != nil {
		return errors.Join(err, srv.Close(), <-served)
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve the simulator: %w", err)
	case <-ctx.Done():
	}
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(down); err != nil {
		_ = srv.Close() // somebody keeps a connection busy; there is nothing to lose here
	}
	<-served
	return nil
}

// listen opens a port, and says in one line what to do when it is taken.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &ListenError{Addr: addr, Err: err}
	}
	return l, nil
}

// ListenError says that an address cannot be listened on.
type ListenError struct {
	Addr string
	Err  error
}

func (e *ListenError) Error() string { return fmt.Sprintf("listen on %s: %v", e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// publicHost is how a browser on this machine reaches a listener.
func publicHost(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
