package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"dargah/internal/app/metrics"
	"dargah/internal/app/payments"
	"dargah/internal/app/worker"
	"dargah/internal/db"
)

// observer looks at a server from within: for Prometheus, and for the people who are told.
type observer struct {
	app     *App
	host    string
	machine atomic.Pointer[machine]
}

// machine is what was found out about this machine the last time.
type machine struct {
	free  *int64
	ahead *time.Duration
	ends  *time.Time
}

// abroadEvery is how often others' clocks and our own certificate are looked at.
const abroadEvery = time.Hour

// observe makes a house watch itself. It begins with the worker, and holds nothing up.
func (a *App) observe() *observer {
	o := &observer{app: a}
	o.machine.Store(&machine{})
	if o.host, _ = os.Hostname(); o.host == "" {
		o.host = "here"
	}
	a.worker.Every("watch", alertEvery, o.watch)
	a.worker.Every("look abroad", abroadEvery, o.lookAbroad)
	if a.cfg.AlertURL != "" {
		a.worker.Register(worker.Kind{Name: jobAlert, Concurrency: 1, Handle: o.sayAlert})
	}
	return o
}

// lookHere reads what costs nothing.
func (o *observer) lookHere() {
	m := *o.machine.Load()
	m.free = nil
	if path, free, err := freeDisk(o.app.cfg.DatabaseURL); err == nil && path != "" {
		m.free = &free
	}
	o.machine.Store(&m)
}

// lookAbroad asks the gateways' servers for the time, and looks at our certificate as a browser does.
func (o *observer) lookAbroad(ctx context.Context) error {
	servers, err := o.app.Engine.LiveServers(ctx)
	if err != nil {
		return err
	}
	d := &doctor{out: map[string]bool{}}
	for _, server := range servers {
		_, _ = d.ask(ctx, server+"/") // one that cannot be reached tells no time
	}
	m := *o.machine.Load()
	m.ahead, m.ends = nil, nil
	if len(d.clocks) > 0 {
		best := d.best()
		m.ahead = &best.ahead
	}
	if u, err := url.Parse(o.app.cfg.BaseURL); err == nil && u.Scheme == "https" {
		m.ends = servedUntil(ctx, u)
	}
	o.machine.Store(&m)
	return nil
}

// certificateEnd is when the certificate that a browser would meet ends.
func certificateEnd(ctx context.Context, u *url.URL) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, perCheck)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = "443"
	}
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter, nil
}

// servedUntil is until when browsers take the certificate there, nil when nobody answers. One that they do not
// take, because it has ended or is another's, ends now.
func servedUntil(ctx context.Context, u *url.URL) *time.Time {
	end, err := certificateEnd(ctx, u)
	if _, distrusted := errors.AsType[*tls.CertificateVerificationError](err); distrusted {
		now := time.Now()
		return &now
	}
	if err != nil {
		return nil
	}
	return &end
}

// state is what Prometheus is told.
func (o *observer) state(ctx context.Context) (metrics.State, error) {
	var v db.Vitals
	var s metrics.State
	err := o.app.db.View(ctx, func(tx *db.Tx) (err error) {
		if v, err = tx.Vitals(payments.JobVerify); err != nil {
			return err
		}
		kept, err := tx.Alerts()
		if err != nil {
			return err
		}
		b, err := readBackupState(tx)
		if err != nil {
			return err
		}
		s = metrics.State{Alerts: map[string]bool{}, BackupAt: &b.Good, BackupBad: b.Error != ""}
		for _, code := range alertCodes() {
			s.Alerts[code] = false
		}
		for name := range kept {
			code, _, _ := strings.Cut(name, "@")
			s.Alerts[code] = true
		}
		if !v.Oldest.IsZero() {
			s.OldestUnverified = tx.Now().Sub(v.Oldest)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s.Review, s.Strays, s.DeadJobs, s.Webhooks, s.Letters = v.Review, v.Strays, v.Dead, v.Webhooks, v.Letters
	stats := o.app.db.Stats()
	s.Updates, s.Commits, s.Reruns, s.CommitSeconds = stats.Updates, stats.Commits, stats.Reruns, stats.Committing.Seconds()
	m := o.machine.Load()
	s.DiskFree, s.ClockAhead, s.CertEnds = m.free, m.ahead, m.ends
	return s, nil
}

// serveMetrics answers Prometheus on a listener of its own until the returned function is called.
func serveMetrics(ctx context.Context, addr string, m *metrics.Metrics, o *observer) (stop func(), err error) {
	l, err := listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	m.Tell(o.state)
	server := &http.Server{
		Handler: m.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.app.log.Error("metrics ended", "err", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}
