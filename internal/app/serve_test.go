package app_test

import (
	"context"
	"net"
	"testing"

	"dargah/internal/app"
)

// serve runs a house on l until the test ends, and waits for it.
func serve(tb testing.TB, a *app.App, l net.Listener) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	a.Start(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, l) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
}
