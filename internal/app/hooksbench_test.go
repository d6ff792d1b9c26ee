//go:build unix

package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/webhooks"
)

// receiver notes how long after its commit each message arrived.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	delays []time.Duration
}

func newReceiver(b *testing.B) *receiver {
	b.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		now := time.Now()
		var m struct{ Timestamp time.Time }
		if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
			b.Error(err)
		}
		r.mu.Lock()
		r.delays = append(r.delays, now.Sub(m.Timestamp))
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(r.Close)
	return r
}

// heard waits for so many messages and returns their delays, the shortest first.
func (r *receiver) heard(n int) []time.Duration {
	for {
		r.mu.Lock()
		if len(r.delays) >= n {
			sorted := slices.Clone(r.delays)
			r.mu.Unlock()
			slices.Sort(sorted)
			return sorted
		}
		r.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func addHook(b *testing.B, a *app.App, merchantID, url string) {
	b.Helper()
	_, _, err := a.Webhooks.Create(b.Context(), webhooks.Scope{MerchantID: merchantID, Live: true}, webhooks.NewEndpoint{URL: url}, nil)
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWebhookDelay lets customers come at a hundred a second, as far as the machine keeps up, and
// tells how long after its commit each of three messages for a payment arrives.
func BenchmarkWebhookDelay(b *testing.B) {
	s, a, merchant := newHookedShop(b)
	r := newReceiver(b)
	addHook(b, a, merchant, r.URL)
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var all sync.WaitGroup
	b.ResetTimer()
	for range b.N {
		<-pace.C
		all.Go(func() {
			if err := s.pay(); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	took := b.Elapsed()
	delays := r.heard(3 * b.N)
	ms := func(share float64) float64 {
		return float64(delays[int(share*float64(len(delays)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "payments/s")
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
	b.ReportMetric(ms(1), "max-ms")
}

// BenchmarkPaymentBesideHangingWebhooks pays in two houses in turns: in one of them a thousand
// deliveries hang at receivers that never answer.
func BenchmarkPaymentBesideHangingWebhooks(b *testing.B) {
	free, _, _ := newHookedShop(b)
	hung, a, _ := newHookedShop(b)
	hang(b, a, 1000)
	const rounds, customers = 8, 16
	each := max(b.N/rounds/2, customers)
	cpu := map[*shop]time.Duration{}
	run := func(s *shop) float64 {
		spent := processorTime(b)
		defer func() { cpu[s] += processorTime(b) - spent }()
		var left atomic.Int64
		left.Store(int64(each))
		began := time.Now()
		var all sync.WaitGroup
		for range customers {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					if err := s.pay(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		return float64(each) / time.Since(began).Seconds()
	}
	run(free)
	run(hung)
	clear(cpu)
	b.ResetTimer()
	var without, with []float64
	for i := range rounds {
		if i%2 == 0 {
			without, with = append(without, run(free)), append(with, run(hung))
		} else {
			with, without = append(with, run(hung)), append(without, run(free))
		}
	}
	slices.Sort(without)
	slices.Sort(with)
	b.ReportMetric(without[rounds/2], "payments/s-alone")
	b.ReportMetric(with[rounds/2], "payments/s-beside")
	b.ReportMetric(with[rounds/2]/without[rounds/2], "ratio")
	b.ReportMetric(float64(cpu[hung])/float64(cpu[free]), "processor-time-ratio")
}

// processorTime is what this process has taken: on a machine with other work it tells more than a
// stop-watch.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hang makes so many deliveries for receivers that take a message and never answer, each shop's at
// twenty endpoints, and waits until as many are on their way as may be.
func hang(b *testing.B, a *app.App, deliveries int) {
	b.Helper()
	var now atomic.Int64
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now.Add(1)
		defer now.Add(-1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	b.Cleanup(srv.Close)
	b.Cleanup(func() { close(release) })
	for made, n := 0, 0; made < deliveries; n++ {
		m, err := a.Access.CreateMerchant(b.Context(), access.NewMerchant{Name: "Hanging", Slug: fmt.Sprintf("hanging-%d", n)})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 20 {
			addHook(b, a, m.ID, fmt.Sprintf("%s/%d/%d", srv.URL, n, i))
		}
		for range 5 {
			if _, _, err := a.Engine.CreateInvoice(context.Background(), payments.Scope{MerchantID: m.ID, Live: true}, payments.NewInvoice{Amount: money.Rial(10_000)}, checkout.Actor{}, nil); err != nil {
				b.Fatal(err)
			}
			made += 20
		}
	}
	for now.Load() < webhooks.Places/4 {
		time.Sleep(10 * time.Millisecond)
	}
}
