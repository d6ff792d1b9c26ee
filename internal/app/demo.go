package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"dargah/internal/app/seal"
	"dargah/internal/gateways"
)

// DemoOptions are the flags of checkout demo.
type DemoOptions struct {
	Addr  string
	Dir   string // holds the database, its key and the API key
	Fresh bool
	LogTo io.Writer
	// Ready is called once, when everything is there and answers.
	Ready func(ctx context.Context, links DemoLinks) error
}

// The files of a demo's folder.
const (
	demoDatabase = "checkout.db"
	demoKey      = "secret.key"
	demoAPIKey   = "api.key"
	demoPassword = "admin.password"
	// demoStaged stands there once every scene has been played. Without it the clock begins in the
	// past: nothing was played yet, or somebody stopped us in the middle.
	demoStaged = "staged"
)

// Demo serves the whole product on a folder of its own, in test mode, until ctx ends.
func Demo(ctx context.Context, o DemoOptions) error {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil || (host != "" && !gateways.Loopback(host) && !isUnspecified(host)) {
		return fmt.Errorf("--addr: expected a port on this machine such as 127.0.0.1:8081, got %q", o.Addr)
	}
	l, err := listen(ctx, o.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // the server closes it; this is for the way there
	cfg, err := demoConfig(o, "http://"+publicHost(l.Addr()))
	if err != nil {
		return err
	}
	clock := &demoClock{}
	if _, err := os.Stat(filepath.Join(o.Dir, demoStaged)); errors.Is(err, os.ErrNotExist) {
		clock.behind.Store(int64(curtain))
	}
	log := slog.New(slog.NewTextHandler(o.LogTo, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := Open(ctx, cfg, Options{Now: clock.now, Log: log})
	if err != nil {
		return err
	}
	a.Start(ctx)
	links, err := a.stage(ctx, clock, o)
	if err != nil {
		return errors.Join(fmt.Errorf("set the stage: %s", err.Error()), a.Stop(ctx)) // our own fault, so our own words
	}
	if err := o.Ready(ctx, links); err != nil {
		return errors.Join(err, a.Stop(ctx))
	}
	return a.Serve(ctx, l)
}

// demoConfig is what the environment would say, made up: the demo reads nothing of it.
func demoConfig(o DemoOptions, baseURL string) (Config, error) {
	if o.Fresh {
		if err := clearDemo(o.Dir); err != nil {
			return Config{}, err
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Config{}, fmt.Errorf("make the demo's folder: %w", err)
	}
	key, err := keep(filepath.Join(o.Dir, demoKey), func() (string, error) { return seal.NewKey(), nil })
	if err != nil {
		return Config{}, fmt.Errorf("keep the demo's secret key: %w", err)
	}
	return Load(func(name string) string {
		return map[string]string{
			"CHECKOUT_BASE_URL":     baseURL,
			"CHECKOUT_DATABASE_URL": "sqlite:" + filepath.Join(o.Dir, demoDatabase),
			"CHECKOUT_SECRET_KEY":   key,
			// The simulator answers at once or never: nobody learns from waiting longer.
			"CHECKOUT_GATEWAY_TIMEOUT": "10s",
			// Whoever tries webhooks here has his receiver on this machine.
			"CHECKOUT_WEBHOOK_ALLOW": "127.0.0.0/8,::1",
		}[name]
	})
}

// clearDemo removes what a demo makes, by name, and nothing else: --data may have been mistyped.
func clearDemo(dir string) error {
	for _, name := range []string{demoDatabase, demoDatabase + "-wal", demoDatabase + "-shm", demoDatabase + ".migrating", demoKey, demoAPIKey, demoPassword, demoStaged} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("throw away the old demo: %w", err)
		}
	}
	return nil
}

// keep returns what a file holds, or makes it and stores it for this user alone.
func keep(path string, make func() (string, error)) (string, error) {
	raw, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	value, err := make()
	if err != nil {
		return "", err
	}
	return value, os.WriteFile(path, []byte(value+"\n"), 0o600)
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// demoClock runs behind the wall clock while the stage is set, so that what should lie in the past
// (an invoice that expired, a customer who never came back) really happened there.
type demoClock struct{ behind atomic.Int64 }

func (c *demoClock) now() time.Time { return time.Now().Add(-time.Duration(c.behind.Load())) }

// set moves the clock forward to so long ago; never back, since the past of a database is written.
func (c *demoClock) set(behind time.Duration) {
	c.behind.Store(min(c.behind.Load(), int64(behind)))
}

// past reports whether the clock still is so far behind.
func (c *demoClock) past(behind time.Duration) bool { return c.behind.Load() >= int64(behind) }
