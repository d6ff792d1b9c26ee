package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/tracing"
	"dargah/internal/app/worker"
)

// openTraces begins to send traces, when the environment names a collector. The returned function sends
// what is left and ends it.
func openTraces(ctx context.Context, cfg Config, log *slog.Logger) (*tracing.Tracer, func()) {
	if cfg.OTLPEndpoint == "" {
		return nil, func() {}
	}
	t := tracing.New(tracing.Options{Endpoint: cfg.OTLPEndpoint, Headers: cfg.OTLPHeaders, Service: cfg.OTLPService, Log: log})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.Run(ctx)
	}()
	return t, func() { stop(); <-ended }
}

// traced lets a tracer see stored work.
func traced(t *tracing.Tracer, handle worker.Handler) worker.Handler {
	if t == nil {
		return handle
	}
	return func(ctx context.Context, job checkout.Job) error { return handle(t.With(ctx), job) }
}

// setOTLPHeaders reads the list as OpenTelemetry writes it: name=value pairs between commas, in percent-encoding.
func setOTLPHeaders(c *Config, value string) error {
	c.OTLPHeaders = http.Header{}
	for pair := range strings.SplitSeq(value, ",") {
		name, text, ok := strings.Cut(pair, "=")
		text, err := url.PathUnescape(strings.TrimSpace(text))
		name = strings.TrimSpace(name)
		if !ok || err != nil || name == "" || strings.ContainsAny(name, "\r\n :") || strings.ContainsAny(text, "\r\n") {
			return errors.New("name=value pairs separated by commas, such as authorization=Bearer%20abc")
		}
		c.OTLPHeaders.Set(name, text)
	}
	return nil
}
