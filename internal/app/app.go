// Package app is the roof of the house: it reads the environment, wires every room, starts them,
// and drains them when the process is asked to stop. Nobody else imports everything.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/admin"
	"dargah/internal/app/api"
	"dargah/internal/app/crash"
	"dargah/internal/app/evidence"
	"dargah/internal/app/mail"
	"dargah/internal/app/metrics"
	"dargah/internal/app/pages"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/app/settlement"
	"dargah/internal/app/tracing"
	"dargah/internal/app/webhooks"
	"dargah/internal/app/worker"
	"dargah/internal/db"
	"dargah/internal/gateways/simulator"
)

const (
	// sweepEvery is how late an invoice may be written down as expired, or an attempt as abandoned.
	sweepEvery = 2 * time.Second
	// feedEvery is how much a reader of the feed may have to put in its place at most.
	feedEvery = 2 * time.Second
	// sumEvery is less often: a payment is mostly over by then, and its story is read once.
	sumEvery = 10 * time.Second
	// remindEvery is how late a reminder may be written.
	remindEvery = time.Minute
	// looksEvery is how long a look at a link may be remembered without being written down.
	looksEvery = 10 * time.Second
	// countsEvery is how late a process learns how often others saw a busy address.
	countsEvery = time.Second
	// pruneEvery is how late what may be forgotten is forgotten.
	pruneEvery = time.Hour
	// loopbackEvery is how late an account that moved to this machine gets its form-action.
	loopbackEvery = 5 * time.Second
	// keysEvery is how late a new secret key in its file is used for sealing.
	keysEvery = 5 * time.Second
	// verifiers is how many verify calls run at once; each waits for a gateway and costs little.
	// A gateway that hangs must not keep the others' customers waiting: there are places enough.
	verifiers = 256

	// How often one API key may call: far above what a shop needs; it stops a program that runs wild.
	apiPerSecond = 2000
	apiBurst     = 2000

	simulatorPath = "/simulator"
)

// Options are what a test or the demo sets beside the environment.
type Options struct {
	// NoMigrate refuses an older schema instead of migrating it.
	NoMigrate bool
	// Machine is the machine's clock, time.Now when nil. The house's own goes on at its own pace when
	// somebody sets that back (db.Forward).
	Machine func() time.Time
	// Now is the house's clock as it stands, instead of Machine's.
	Now func() time.Time
	// Live carries the calls to the gateways of live mode; nil is the network.
	Live http.RoundTripper
	// Hooks carries webhooks; nil is the network, behind the guard.
	Hooks http.RoundTripper
	// Metrics count the calls to gateways; nil counts nothing.
	Metrics *metrics.Metrics
	// Trace hears how payments go; nil hears nothing.
	Trace *tracing.Tracer
	Log   *slog.Logger
}

// App is a whole house, ready to serve.
type App struct {
	Server     *server.Server
	Engine     *payments.Engine
	Access     *access.Access
	Webhooks   *webhooks.Hooks
	Mail       *mail.Room
	Settlement *settlement.Room

	cfg    Config
	db     *db.DB
	worker *worker.Worker
	log    *slog.Logger
	// loopback says whether a form of ours may lead to this machine: the base URL or a gateway
	// account is on loopback. Looked up beside the requests, since every page asks.
	loopback atomic.Bool
	certs    *certificates  // nil: without TLS of our own
	ran      sync.WaitGroup // the worker's loops
}

// Open wires every room on a migrated database that no other server holds. It starts nothing.
func Open(ctx context.Context, cfg Config, o Options) (*App, error) {
	if err := errors.Join(cfg.NeedBaseURL(), cfg.NeedSecretKey()); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	if o.Now == nil {
		// One clock for every room: a worker by the machine's, which was set back by an hour, would
		// wait an hour for what the store says is due in five seconds.
		o.Now = db.Forward(o.Machine)
	}
	store, err := db.Open(ctx, db.Options{URL: cfg.DatabaseURL, PoolURL: cfg.DatabasePoolURL, Now: o.Now, Migrate: !o.NoMigrate, CreateIfEmpty: true, Serve: true})
	if err != nil {
		return nil, err
	}
	warnOf(store.Missing(), o.Log)
	a, err := furnish(ctx, cfg, o, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return a, nil
}

// warnOf says once what the database lacks, and what nobody may do on it therefore (docs/scaling.md).
func warnOf(missing []db.Guard, log *slog.Logger) {
	var words []string
	for _, g := range missing {
		words = append(words, "no "+string(g)+", so that "+g.Unless())
	}
	if len(words) > 0 {
		log.Warn("this database has "+strings.Join(words, "; and "), "docs", "scaling.md")
	}
}

// furnish puts every room in its place on an open store.
func furnish(ctx context.Context, cfg Config, o Options, store *db.DB) (*App, error) {
	a := &App{cfg: cfg, db: store, log: o.Log}
	box, err := cfg.box()
	if err != nil {
		return nil, err
	}
	if err := checkServingKey(ctx, store, box, &cfg); err != nil {
		return nil, err
	}
	crash.At("open.key-checked")
	sim, err := openSimulator(ctx, cfg.BaseURL, store, o.Now)
	if err != nil {
		return nil, err
	}
	a.worker = worker.New(worker.Options{DB: store, Now: o.Now, Log: o.Log})
	a.Access = newAccess(store, box, o.Now, o.Log, a.worker.Spawn)
	a.Access.BaseURL = cfg.BaseURL
	a.Engine = openEngine(cfg, o, store, box, sim, a.worker)
	a.Webhooks = openHooks(cfg, o, store, box, a.worker)
	a.worker.Register(worker.Kind{Name: payments.JobVerify, Concurrency: verifiers, Handle: traced(o.Trace, a.Engine.RunVerify), Endless: true, Settles: true})
	if err := openMail(a, cfg, o, box); err != nil {
		return nil, err
	}
	a.worker.Every("sweep", sweepEvery, a.Engine.Sweep)
	a.worker.Every("feed", feedEvery, a.Engine.FeedNews)
	a.worker.Every("sums", sumEvery, a.Engine.SumUp)
	a.worker.Every("looks", looksEvery, a.Engine.KeepLooks)
	a.worker.Every("remind", remindEvery, a.Engine.Remind)
	a.worker.Register(worker.Kind{Name: payments.JobRules, Concurrency: 1, Handle: a.Engine.RunRules, Endless: true})
	a.worker.Register(worker.Kind{Name: payments.JobRun, Concurrency: 2, Handle: a.Engine.RunMany, Endless: true})
	a.worker.Every("prune runs", pruneEvery, a.Engine.PruneRuns)
	a.worker.Every("forget", pruneEvery, a.Engine.Forget)
	a.worker.Every("prune", pruneEvery, a.Engine.Prune)
	a.worker.Every("prune logins", pruneEvery, a.Access.Prune)
	if cfg.readKeys != nil {
		a.worker.Every("keys", keysEvery, func(context.Context) error { return renewKeys(box, o.Log) })
	}
	a.worker.Every("loopback", loopbackEvery, a.lookForLoopback)
	if err := errors.Join(a.worker.Prepare(ctx), a.Engine.Prepare(ctx), a.Webhooks.Prepare(ctx), a.lookForLoopback(ctx)); err != nil {
		return nil, err
	}
	crash.At("open.prepared")
	a.Server, err = openServer(a, cfg, o, sim)
	return a, err
}

// openSimulator builds the gateways of test mode on the ledger that the database keeps for them.
func openSimulator(ctx context.Context, baseURL string, store *db.DB, now func() time.Time) (*simulator.Simulator, error) {
	entries, err := simulatorEntries(ctx, store, 0)
	if err != nil {
		return nil, fmt.Errorf("read the simulator's ledger: %w", err)
	}
	sim, err := simulator.New(simulator.Options{
		PublicURL: baseURL + simulatorPath, Now: now, Journal: journalOf(store), Entries: entries,
	})
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	return sim, nil
}

// openServer hangs the faces on the HTTP kit.
func openServer(a *App, cfg Config, o Options, sim *simulator.Simulator) (*server.Server, error) {
	srv, err := server.New(server.Options{
		BaseURL: cfg.BaseURL, TrustedProxies: cfg.TrustedProxies, Ready: a.db.Ping, Log: o.Log, Now: o.Now,
		LoopbackForms: a.loopback.Load, Trace: o.Trace,
	})
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	customers := pages.Mount(srv, a.Engine, cfg.BaseURL, o.Now)
	a.worker.Every("counts", countsEvery, func(ctx context.Context) error { return customers.ShareCounts(ctx, a.Access) })
	api.Mount(srv.Echo, api.Options{Engine: a.Engine, Webhooks: a.Webhooks, Keys: a.Access, Limits: access.NewLimits(apiPerSecond, apiBurst, o.Now), BaseURL: cfg.BaseURL, Log: o.Log})
	a.Settlement = settlement.New(a.db, rand.Reader)
	admin.Mount(admin.Options{
		Server: srv, Engine: a.Engine, Access: a.Access, Webhooks: a.Webhooks, Mail: a.Mail, DB: a.db, Sessions: a.db.Sessions(), BaseURL: cfg.BaseURL, Now: o.Now, Log: o.Log,
		Sign:       func(message []byte) ([]byte, []byte) { return a.Engine.Box.Sign(evidence.Domain, message) },
		Settlement: a.Settlement,
		Backups:    a.shownBackups,
	})
	mountSimulator(srv, sim)
	return srv, nil
}
