package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"dargah/internal/app/crash"
	"dargah/internal/app/metrics"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// ServeOptions are the flags of checkout serve.
type ServeOptions struct {
	NoMigrate bool
	LogTo     io.Writer
	// Setup is told the one-time set-up link when no operator exists. May be nil.
	Setup func(url string) error
}

// Serve is the production server, until ctx ends.
func Serve(ctx context.Context, cfg Config, o ServeOptions) error {
	log := newLog(o.LogTo, cfg)
	var count *metrics.Metrics
	if cfg.MetricsAddr != "" {
		count = metrics.New()
	}
	trace, traces := openTraces(ctx, cfg, log)
	defer traces() // behind the drain, whose spans it sends too
	a, err := Open(ctx, cfg, Options{NoMigrate: o.NoMigrate, Log: log, Metrics: count, Trace: trace})
	if err != nil {
		return err
	}
	watching := a.observe()
	a.scheduleBackups()
	l, err := listen(ctx, cfg.Addr)
	if err != nil {
		return errors.Join(err, a.Stop(ctx))
	}
	crash.At("open.listening")
	if len(cfg.TLSDomains) > 0 {
		plain, err := listen(ctx, cfg.HTTPAddr)
		if err != nil {
			return errors.Join(err, l.Close(), a.Stop(ctx))
		}
		a.certs = a.openCertificates(a.Engine.Box, l, plain)
		defer a.certs.stop()
	}
	if os.Getenv("GOGC") == "" {
		// A payment leaves much garbage and little that stays: a few more megabytes save a good part of
		// the collector's work. (150 would hold 5 MiB less and took seven hundredths of all CPU more; 300
		// would save three, and hold 7 MiB more.)
		debug.SetGCPercent(200)
	}
	if err := a.offerSetup(ctx, o.Setup); err != nil {
		return errors.Join(err, a.Stop(ctx))
	}
	if count != nil {
		stop, err := serveMetrics(ctx, cfg.MetricsAddr, count, watching)
		if err != nil {
			return errors.Join(err, a.Stop(ctx))
		}
		defer stop()
	}
	a.Start(ctx)
	if a.certs != nil {
		if err := a.certs.manage(ctx, cfg.TLSDomains); err != nil {
			return errors.Join(err, l.Close(), a.Stop(ctx))
		}
	}
	log.Info("serving", "addr", l.Addr().String(), "base_url", cfg.BaseURL, "database", a.db.Engine())
	return a.Serve(ctx, l)
}

// offerSetup makes the link by which the first operator comes in. It goes to whoever started the
// program, and into no log: who has it owns the installation.
func (a *App) offerSetup(ctx context.Context, tell func(url string) error) error {
	if tell == nil {
		return nil
	}
	token, err := a.Access.NewSetup(ctx)
	if err != nil || token == "" {
		return err
	}
	return tell(a.cfg.BaseURL + "/admin/setup/" + token)
}

func newLog(to io.Writer, cfg Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(to, o))
	}
	return slog.New(slog.NewJSONHandler(to, o))
}

// Migrate brings the schema up to date and returns its version.
func Migrate(ctx context.Context, cfg Config) (int64, error) {
	store, err := db.Open(ctx, db.Options{URL: cfg.DatabaseURL, Migrate: true, CreateIfEmpty: true})
	if err != nil {
		return 0, err
	}
	version, _, err := store.SchemaState(ctx)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("read the schema's version: %w", err), store.Close())
	}
	return version, store.Close()
}

// NewKey returns a fresh secret key.
func NewKey() string { return seal.NewKey() }
