package main_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"dargah/internal/app/mail/mailtest"
)

// collector takes what a tracer sends, and reads it as OpenTelemetry's own code does.
type collector struct {
	*testing.T
	*httptest.Server
	mu    sync.Mutex
	raw   strings.Builder
	spans []*tracev1.Span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{T: t}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		// TracesData is ExportTraceServiceRequest on the wire, and its package brings no gRPC.
		var data tracev1.TracesData
		if err != nil || proto.Unmarshal(raw, &data) != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("X-Key") != "canary otlp" {
			t.Errorf("sent %q to %s with %v: %v", raw, r.URL, r.Header, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(raw)
		for _, rs := range data.ResourceSpans {
			if name := rs.Resource.Attributes[0]; name.Key != "service.name" || name.Value.GetStringValue() != "pay" {
				t.Errorf("the service is %v", name)
			}
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					if len(s.TraceId) != 16 || len(s.SpanId) != 8 || len(s.ParentSpanId)%8 != 0 || s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano || len(s.ProtoReflect().GetUnknown()) > 0 {
						t.Errorf("not a span: %v", s)
					}
				}
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key=canary%20otlp", "OTEL_SERVICE_NAME=pay"}
}

func (c *collector) all() []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*tracev1.Span(nil), c.spans...)
}

// named are the spans of a name.
func (c *collector) named(name string) (list []*tracev1.Span) {
	for _, s := range c.all() {
		if s.Name == name {
			list = append(list, s)
		}
	}
	return list
}

// way is a span's name with those of all it stands under.
func (c *collector) way(s *tracev1.Span) string {
	way := s.Name
	for len(s.ParentSpanId) > 0 {
		var parent *tracev1.Span
		for _, other := range c.all() {
			if string(other.SpanId) == string(s.ParentSpanId) && string(other.TraceId) == string(s.TraceId) {
				parent = other
			}
		}
		if parent == nil {
			return "? < " + way
		}
		s, way = parent, parent.Name+" < "+way
	}
	return way
}

func said(s *tracev1.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// A payment is one trace from the customer's return to the letter and the webhook, also when those leave
// after the process that took the money is gone; a later payment is another.
func TestTraces_CallbackToLetter(t *testing.T) {
	h := newHouse(t)
	c, box := newCollector(t), mailtest.Open(t)
	var hooks sync.WaitGroup
	hooks.Add(2)
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hooks.Done() }))
	defer shop.Close()
	h.env = append(append(h.env, c.env()...), "CHECKOUT_WEBHOOK_ALLOW=127.0.0.0/8")
	p, base := h.serving()
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod", "--email", "canary@example.ir")
	h.must(nil, "webhook", "add", "--merchant", "meybod", "--test", "--type", "invoice.paid", shop.URL)
	const root = "GET /cb/gardeshpay/:token < callback"
	pay := func() {
		var inv invoice
		h.must(&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "1500000", "--json")
		if end := h.pay(inv.PaymentURL, "gardeshpay", "paid"); state(end.body) != "paid" {
			t.Fatalf("ended %q", state(end.body))
		}
	}
	pay()
	p.until("the webhook is in the traces", func() bool { return len(c.named("webhook")) == 1 })
	p.stop() // there is no mail server yet: the shop's letter waits for the next process
	if n := len(c.named("letter")); n != 0 {
		t.Fatalf("%d letters", n)
	}
	h.env = append(h.env, "CHECKOUT_SMTP_URL="+box.URL(), "CHECKOUT_MAIL_FROM=pay@example.ir")
	p, _ = h.serving()
	p.until("the letter is in the traces", func() bool { return len(c.named("letter")) == 1 })
	pay()
	p.until("the second letter is in the traces", func() bool { return len(c.named("letter")) == 2 && len(c.named("webhook")) == 2 })
	p.stop()
	hooks.Wait()
	traces := map[string]int{}
	for name, want := range map[string]string{
		"callback": root, "verify": root + " < verify", "settle": root + " < settle", "event invoice.paid": root + " < settle < event invoice.paid",
		"letter": root + " < settle < event invoice.paid < letter", "webhook": root + " < settle < event invoice.paid < webhook",
	} {
		list := c.named(name)
		if len(list) != 2 {
			t.Errorf("%d spans %q", len(list), name)
		}
		for _, s := range list {
			traces[hex.EncodeToString(s.TraceId)]++
			if way := c.way(s); way != want {
				t.Errorf("stands as %s, expected %s", way, want)
			}
			if s.Status != nil {
				t.Errorf("%s went wrong: %v", name, s.Status)
			}
		}
	}
	if len(traces) != 2 {
		t.Errorf("two payments are %d traces", len(traces))
	}
	for name, want := range map[string][2]string{"verify": {"outcome", "paid"}, "letter": {"letter.kind", "paid"}, "webhook": {"event.type", "invoice.paid"}, "callback": {"gateway", "gardeshpay"}} {
		if got := said(c.named(name)[0], want[0]); got != want[1] {
			t.Errorf("%s says %s %q", name, want[0], got)
		}
	}
	if health := c.named("GET /readyz"); len(health) > 0 || strings.Contains(c.raw.String(), "example.ir") || strings.Contains(c.raw.String(), base) {
		t.Errorf("%d spans of health checks; or an address is in the traces", len(health))
	}
}
