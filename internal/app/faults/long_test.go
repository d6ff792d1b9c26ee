package faults_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// Short in every run of the tests, as long as somebody likes by hand (docs/testing.md).
var (
	soak = flag.Duration("faults.soak", 6*time.Second, "TestSoak_MemoryStaysFlat: how long customers pay")
	two  = flag.Duration("faults.two", 4*time.Second, "TestTwo_EitherIsKilled: how long the two processes are killed")
)

// status reads a figure of a process from the kernel: VmRSS in kB, FDSize, Threads.
func (r *run) status(t testing.TB, name string) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(r.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", name, raw)
	return 0
}

// twoInAHundred is a bank in which one call in fifty goes wrong, each in its own way.
func twoInAHundred(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	if rand.IntN(50) == 0 {
		slow := func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
			time.Sleep(2 * time.Second)
			serve(w, r)
		}
		[]deed{resets, losesAnswer, says(http.StatusServiceUnavailable, ""), slow}[rand.IntN(4)](w, r, serve)
		return
	}
	serve(w, r)
}

// TestSoak_MemoryStaysFlat: twenty customers a second pay, two calls to the bank in a hundred go wrong,
// for as long as -faults.soak says. The memory of the last quarter is that of the second, threads and files
// likewise; the books are the bank's.
func TestSoak_MemoryStaysFlat(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sqlite(t))
	h.bank.every(start, twoInAHundred)
	h.bank.every(verify, twoInAHundred)
	h.boot()
	const perSecond = 20
	c := h.bring(0, false)
	type look struct{ kB, threads int }
	var looks []look
	begun, visits := time.Now(), 0
	for tick := time.NewTicker(time.Second / perSecond); time.Since(begun) < *soak; <-tick.C {
		gateway, key := []string{"gardeshpay", "ghesta"}[visits%2], fmt.Sprintf("soak-%d", visits)
		c.all.Go(func() { c.visit(gateway, key) })
		if visits++; visits%perSecond == 0 {
			looks = append(looks, look{h.now.status(t, "VmRSS"), h.now.status(t, "Threads")})
		}
	}
	c.disperse()
	h.bank.every(start, nil)
	h.bank.every(verify, nil)
	h.atRest()
	h.oracle()
	h.stop()
	lawful(t, h.url)
	if c.backs.Load() == 0 || len(looks) < 4 {
		t.Fatalf("%d came back, %d looks: there was no load", c.backs.Load(), len(looks))
	}
	middle := func(quarter int) look {
		part := slices.Clone(looks[quarter*len(looks)/4 : (quarter+1)*len(looks)/4])
		slices.SortFunc(part, func(a, b look) int { return a.kB - b.kB })
		return part[len(part)/2]
	}
	first, last := middle(1), middle(3)
	t.Logf("%s: %d visits, %d came back; memory %d kB in the second quarter and %d kB in the last, threads %d and %d",
		time.Since(begun).Round(time.Second), visits, c.backs.Load(), first.kB, last.kB, first.threads, last.threads)
	const slack = 24 << 10 // kB: what the collector leaves lying about, and the caches of a young process
	if last.kB > first.kB+slack || last.threads > first.threads+20 {
		t.Errorf("it grows: %v", looks)
	}
}

// TestTwo_EitherIsKilled: two processes on one PostgreSQL, customers at both, and either is killed at
// random, for as long as -faults.two says. Whoever finds nobody there comes again and is led to the other.
// At rest the books are the bank's; so they are when all of it goes through PgBouncer.
func TestTwo_EitherIsKilled(t *testing.T) {
	t.Parallel()
	t.Run("direct", func(t *testing.T) { t.Parallel(); eitherIsKilled(t, newHouse(t, dbtest.PostgresURL(t))) })
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		url := dbtest.PostgresURL(t)
		eitherIsKilled(t, newHouse(t, url, "CHECKOUT_DATABASE_POOL_URL="+dbtest.Pooler(t, url)))
	})
}

func eitherIsKilled(t *testing.T, a *house) {
	a.bank.every(start, moody)
	a.bank.every(verify, moody)
	b := *a
	b.set("CHECKOUT_ADDR", freePort(t))
	b.shop = &shop{TB: t, base: a.base, key: a.key, bank: a.bank, client: through(func() string { return b.getenv("CHECKOUT_ADDR") }), pause: a.pause, most: a.most}
	a.boot()
	b.boot()
	houses := []*house{a, &b}
	var turn atomic.Int64
	customers := *a.shop
	customers.client = browser(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host != a.getenv("CHECKOUT_ADDR") {
			return network().RoundTrip(req) // the bank's
		}
		to := houses[turn.Add(1)%2]
		r := req.Clone(req.Context())
		r.URL.Host = to.getenv("CHECKOUT_ADDR")
		r.Host = a.getenv("CHECKOUT_ADDR")
		return network().RoundTrip(r)
	}))
	c := customers.bring(8, false)
	killed := 0
	for begun := time.Now(); time.Since(begun) < *two; killed++ {
		time.Sleep(50*time.Millisecond + rand.N(700*time.Millisecond))
		h := houses[rand.IntN(2)]
		h.kill()
		time.Sleep(rand.N(300 * time.Millisecond))
		h.boot()
	}
	c.disperse()
	a.bank.every(start, nil)
	a.bank.every(verify, nil)
	a.atRest()
	a.oracle()
	a.stop()
	b.stop()
	lawful(t, a.url)
	t.Logf("%d kills, %d invoices, %d ways back answered, %d customers left after an error", killed, c.invoices.Load(), c.backs.Load(), c.gone.Load())
	if c.backs.Load() == 0 || killed == 0 {
		t.Error("there was no load, or nobody was killed")
	}
}
