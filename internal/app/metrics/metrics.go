// Package metrics counts for Prometheus: what the gateways answered and how long it took, where the
// calls go by, and how the installation is doing, when somebody asks. Counting is a few atomic
// additions beside a call to a gateway; what stands in the database is read by who asks.
package metrics

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"dargah/internal/gateways"
)

// Metrics are an installation's counters. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	claims   *prometheus.CounterVec
}

// New returns counters that stand at zero.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "checkout_gateway_calls_total", Help: "Calls to gateways by what they came to. Of verify, paid is a payment.",
		}, []string{"gateway", "mode", "call", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "checkout_gateway_call_seconds", Help: "How long a call to a gateway took.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40},
		}, []string{"gateway", "mode", "call"}),
		claims: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "checkout_callbacks_total", Help: "Customers who came back from a gateway, by what they claimed.",
		}, []string{"gateway", "claim"}),
	}
	m.registry.MustRegister(m.calls, m.seconds, m.claims, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	return mux
}

// Gateway counts the calls of a gateway.
func (m *Metrics) Gateway(g gateways.Gateway, mode string) gateways.Gateway {
	return counted{Gateway: g, m: m, mode: mode}
}

type counted struct {
	gateways.Gateway
	m    *Metrics
	mode string
}

func (c counted) note(call, outcome string, began time.Time) {
	c.m.calls.WithLabelValues(c.Name(), c.mode, call, outcome).Inc()
	c.m.seconds.WithLabelValues(c.Name(), c.mode, call).Observe(time.Since(began).Seconds())
}

// Start counts whether a customer could be sent on.
func (c counted) Start(ctx context.Context, s gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	began := time.Now()
	started, err := c.Gateway.Start(ctx, s, r)
	outcome := "sent_on"
	if err != nil {
		outcome = "trouble"
		if refused, ok := err.(*gateways.StartError); ok && !refused.Trouble { //nolint:errorlint // the contract: it is one
			outcome = "refused"
		}
	}
	c.note("start", outcome, began)
	return started, err
}

// Verify counts what an answer proves.
func (c counted) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	began := time.Now()
	answer := c.Gateway.Verify(ctx, s, r)
	c.note("verify", answer.Outcome.String(), began)
	return answer
}

// ParseCallback counts who comes back.
func (c counted) ParseCallback(values url.Values) (gateways.Claim, error) {
	claim, err := c.Gateway.ParseCallback(values)
	said := "reference"
	switch {
	case err != nil:
		said = "malformed"
	case claim.Canceled:
		said = "canceled"
	}
	c.m.claims.WithLabelValues(c.Name(), said).Inc()
	return claim, err
}
