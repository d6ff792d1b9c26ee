package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"dargah/internal/app/tracing"
)

// work is what a payment does with spans.
func work(ctx context.Context) {
	ctx, s := tracing.Start(ctx, "outer", tracing.Server)
	inner, in := tracing.Start(tracing.Carry(context.Background(), ctx), "inner", tracing.Internal)
	tracing.Of(inner, "inv_1")
	in.Set("a", "b")
	in.SetInt("n", -7)
	in.Fail(true)
	tracing.Event(inner, "evt_1", "invoice.paid")
	in.End()
	s.Name("better")
	s.End()
}

// Where nobody asked for traces nothing is made, and nothing is kept.
func TestOff_CostsNothing(t *testing.T) {
	var none *tracing.Tracer
	ctx := none.With(t.Context())
	if ctx != t.Context() {
		t.Error("a context was made")
	}
	if n := testing.AllocsPerRun(100, func() { work(ctx) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A collector that takes nothing costs no memory without bound, and the log is told without the address's
// secrets; what it takes afterwards is whole, from however many goroutines it came.
func TestRun_CollectorComesAndGoes(t *testing.T) {
	var up atomic.Bool
	var mu sync.Mutex
	spans := map[string]*tracev1.Span{}
	var raw bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		raw.Reset()
		_, _ = raw.ReadFrom(r.Body)
		var data tracev1.TracesData
		if err := proto.Unmarshal(raw.Bytes(), &data); err != nil {
			t.Error(err)
		}
		for _, s := range data.ResourceSpans[0].ScopeSpans[0].Spans {
			spans[string(s.SpanId)+s.Name] = s
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	tracer := tracing.New(tracing.Options{Endpoint: strings.Replace(server.URL, "http://", "http://user:canary@", 1) + "/", Service: "s", Log: slog.New(slog.NewTextHandler(&log, nil))})
	send := func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		tracer.Run(ctx)
	}
	crowd := func(each int) {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range each {
					work(tracer.With(t.Context()))
				}
			})
		}
		all.Wait()
	}
	crowd(1000) // 30,000 spans
	send()
	if !strings.Contains(log.String(), "lost=30000") || strings.Contains(log.String(), "canary") {
		t.Errorf("the log says %q", &log)
	}
	up.Store(true)
	crowd(10)
	send()
	if len(spans) != 201 { // the event is one, however often it is told
		t.Errorf("%d spans arrived", len(spans))
	}
	for _, s := range spans {
		if s.Name == "inner" && (s.Status.GetCode() != tracev1.Status_STATUS_CODE_ERROR || s.Attributes[0].Value.GetStringValue() != "b" || s.Attributes[1].Value.GetIntValue() != -7 || len(s.ParentSpanId) != 8) {
			t.Errorf("arrived as %v", s)
		}
		for _, other := range spans { // all are of one invoice
			if string(s.TraceId) != string(other.TraceId) {
				t.Fatal("two traces")
			}
		}
	}
}

// A process that ends while the collector still reads loses nothing: neither what is under way nor what came
// since.
func TestRun_EndsInTheMidstOfACall(t *testing.T) {
	var spans atomic.Int64
	called, answer := make(chan struct{}, 9), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		<-answer
		raw, err := io.ReadAll(r.Body)
		var data tracev1.TracesData
		if err != nil || proto.Unmarshal(raw, &data) != nil {
			t.Errorf("cut: %v", err)
			return
		}
		spans.Add(int64(len(data.ResourceSpans[0].ScopeSpans[0].Spans)))
	}))
	defer server.Close()
	tracer := tracing.New(tracing.Options{Endpoint: server.URL, Service: "s", Log: slog.New(slog.DiscardHandler)})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); tracer.Run(ctx) }()
	for range 200 {
		work(tracer.With(t.Context()))
	}
	<-called
	work(tracer.With(t.Context()))
	end()
	close(answer)
	<-ended
	if n := spans.Load(); n != 603 {
		t.Errorf("%d spans arrived", n)
	}
}
