package faults_test

import (
	"flag"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// Of BenchmarkTwoProcesses (docs/performance.md).
var (
	stretch   = flag.Duration("faults.stretch", 5*time.Second, "BenchmarkTwoProcesses: how long customers go to one process, then to both")
	stretches = flag.Int("faults.stretches", 6, "BenchmarkTwoProcesses: how many such pairs")
)

// BenchmarkTwoProcesses has 64 customers pay at a bank that takes 50 ms, on one PostgreSQL: for a while at
// one process, for a while at two, in turns, since the machine's own speed changes. Customers, bank, database
// and processes share one machine: only what they leave idle can a second process use.
func BenchmarkTwoProcesses(b *testing.B) {
	const customers = 64
	one := newHouse(b, dbtest.PostgresURL(b), "GOMAXPROCS=1")
	slow := func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		time.Sleep(50 * time.Millisecond)
		serve(w, r)
	}
	one.bank.every(start, slow)
	one.bank.every(verify, slow)
	two := *one
	two.set("CHECKOUT_ADDR", freePort(b))
	one.boot()
	two.shop = &shop{TB: b, base: one.base, key: one.key, bank: one.bank, client: through(func() string { return two.getenv("CHECKOUT_ADDR") }), pause: one.pause, most: one.most}
	two.boot()
	hosts := []string{one.getenv("CHECKOUT_ADDR"), two.getenv("CHECKOUT_ADDR")}
	var turn, open atomic.Int64
	open.Store(1)
	wire := &http.Transport{MaxIdleConnsPerHost: customers, DisableCompression: true}
	shop := *one.shop
	shop.client = browser(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host != hosts[0] {
			return wire.RoundTrip(req) // the bank's
		}
		r := req.Clone(req.Context())
		r.URL.Host, r.Host = hosts[turn.Add(1)%open.Load()], hosts[0]
		return wire.RoundTrip(r)
	}))
	c := shop.bring(customers, false)
	rate := func(processes int64) float64 {
		open.Store(processes)
		time.Sleep(*stretch / 5) // those who are out come back
		was, begun := c.backs.Load(), time.Now()
		time.Sleep(*stretch)
		return float64(c.backs.Load()-was) / time.Since(begun).Seconds()
	}
	rate(2) // the first ones find cold caches
	var alone, both, ratio []float64
	for range *stretches {
		a, t := rate(1), rate(2)
		alone, both, ratio = append(alone, a), append(both, t), append(ratio, t/a)
	}
	c.disperse()
	one.oracle()
	one.stop()
	two.stop()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middleOf(alone), "one/s")
	b.ReportMetric(middleOf(both), "two/s")
	b.ReportMetric(middleOf(ratio), "ratio")
}

func middleOf(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
