package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// sendEvery is how late a collector hears of a span, and sendAt how many are sent before that.
	sendEvery = 2 * time.Second
	sendAt    = 512
	// mostKept bounds what waits for a collector that does not answer; beyond it spans are dropped.
	mostKept = 8192
	// sendWithin is how long one call may take, and how long all that are left at the end of the process may.
	sendWithin = 5 * time.Second
	// complainEvery is how often the log is told that the collector takes nothing.
	complainEvery = time.Minute
)

// Options say where traces go.
type Options struct {
	Endpoint string // OTEL_EXPORTER_OTLP_ENDPOINT: /v1/traces is added
	Headers  http.Header
	Service  string
	Log      *slog.Logger
}

// Tracer collects spans and sends them. nil collects nothing.
type Tracer struct {
	Options
	client *http.Client

	mu      sync.Mutex
	spans   []*Span
	dropped int
	full    chan struct{}
	told    time.Time
}

// New sends nothing before Run.
func New(o Options) *Tracer {
	o.Endpoint = strings.TrimSuffix(o.Endpoint, "/") + "/v1/traces"
	return &Tracer{Options: o, client: &http.Client{Timeout: sendWithin}, full: make(chan struct{}, 1)}
}

// keep takes a span that ended.
func (t *Tracer) keep(s *Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spans) >= mostKept {
		t.dropped++
		return
	}
	t.spans = append(t.spans, s)
	if len(t.spans) == sendAt {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends, and then what is left. A call that is under way at that moment goes on: what it
// carries is kept nowhere else.
func (t *Tracer) Run(ctx context.Context) {
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(sendWithin, cut) })()
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.send(calls)
			return
		case <-tick.C:
		case <-t.full:
		}
		t.send(calls)
	}
}

// send gives the collector what there is. What it does not take is dropped: a trace is worth no memory
// that a payment may need.
func (t *Tracer) send(ctx context.Context) {
	t.mu.Lock()
	spans, dropped := t.spans, t.dropped
	t.spans, t.dropped = nil, 0
	t.mu.Unlock()
	if len(spans) == 0 {
		return
	}
	if err := t.post(ctx, encode(t.Service, spans)); err != nil && time.Since(t.told) > complainEvery {
		t.told = time.Now()
		t.Log.Warn("the collector of traces takes nothing", "err", err, "lost", len(spans)+dropped)
	}
}

func (t *Tracer) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address cannot be called")
	}
	for name, values := range t.Headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := t.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address may hold a secret
		}
		return err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("it answers %d", resp.StatusCode)
	}
	return nil
}
