package faults_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/db/dbtest"
)

// siege holds as many connections to an address as it gets, each with half a request on it, and comes
// again when it is thrown out.
type siege struct {
	over chan struct{}
	all  sync.WaitGroup
}

func lay(addr string, connections int) *siege {
	s := &siege{over: make(chan struct{})}
	for range connections {
		s.all.Go(func() {
			for !s.lifted() {
				c, err := net.DialTimeout("tcp", addr, time.Second)
				if err != nil {
					time.Sleep(20 * time.Millisecond)
					continue
				}
				_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: "))
				closed := make(chan struct{})
				go func() { defer close(closed); _, _ = c.Read(make([]byte, 1)) }()
				select {
				case <-closed:
				case <-s.over:
				}
				_ = c.Close()
				<-closed
			}
		})
	}
	return s
}

func (s *siege) lifted() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

func (s *siege) lift() {
	close(s.over)
	s.all.Wait()
}

// TestF37_NoFilesLeft: the process may not open one file more, because strangers hold all its
// connections. The verify that is out is written down, a load balancer is not told that all is well,
// nothing is lost; and when they have gone, all goes on without a restart.
func TestF37_NoFilesLeft(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		const most = 80
		h.boot("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, most))
		inv, back, g := h.asked("gardeshpay")
		c := h.bring(4, false)
		h.until("somebody came back", func() bool { return c.backs.Load() > 0 })

		open := func() int {
			list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.now.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		s := lay(h.getenv("CHECKOUT_ADDR"), 3*most)
		h.until("no file may be opened", func() bool { return open() >= most-1 })
		g.open()
		h.until("the answer is written down", func() bool {
			return number(t, h.url, "SELECT COUNT(*) FROM invoices WHERE id = $1 AND status = 'paid'", inv.ID) == 1
		})
		balancer := &http.Client{Transport: network(), Timeout: time.Second}
		h.until("a load balancer hears that it is not well", func() bool {
			resp, err := balancer.Get(h.base + "/readyz")
			if err != nil {
				return true
			}
			_ = resp.Body.Close()
			return resp.StatusCode != http.StatusOK
		})
		time.Sleep(time.Second)
		s.lift()

		h.untilReady()
		before := c.backs.Load()
		h.until("customers come back again", func() bool { return c.backs.Load() > before+4 })
		c.disperse()
		h.atRest()
		h.paidOnce(inv, back.reference)
		select {
		case <-h.now.ended:
			t.Error("it died of it")
		default:
		}
		h.stop()
		lawful(t, h.url)
	})
}

// TestF37_OutOfMemory: the kernel gives no more memory, in the middle of customers who pay, and the
// process dies where it happens to be. As kill -9: the next life goes on.
func TestF37_OutOfMemory(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		prlimit := tool(t, "prlimit")
		h := newHouse(t, fresh(t))
		h.bank.every(verify, moody)
		h.boot()
		c := h.bring(6, false)
		for life := range 3 {
			before := c.backs.Load()
			h.until("somebody came back", func() bool { return c.backs.Load() > before })
			pid := strconv.Itoa(h.now.cmd.Process.Pid)
			if out, err := exec.Command(prlimit, "--pid", pid, "--as="+strconv.FormatInt(size(t, pid), 10)).CombinedOutput(); err != nil {
				t.Fatalf("prlimit: %v: %s", err, out)
			}
			// Whoever checks a password needs 64 MB at once.
			go func() {
				_, _ = h.request(http.MethodPost, h.base+"/admin/login", url.Values{"email": {"nobody@example.ir"}, "password": {"a long enough one"}}, "Origin", h.base)
			}()
			err := h.end()
			if err == nil || !starved(h.now.said.String()) {
				t.Errorf("life %d ended with %v: %.300s", life, err, h.now.said)
			}
			h.boot()
		}
		c.disperse()
		h.bank.every(verify, nil)
		h.atRest()
		h.oracle()
		h.stop()
		lawful(t, h.url)
	})
}

// starved reports whether a process's last words are those of one that got no memory. Mostly the
// runtime says so. Its collector does not look at what it was given for its queue of spans (newSpanSPMC,
// Go 1.26), and dies of the address 0 instead, outside of any goroutine: no code of ours runs there.
func starved(said string) bool {
	return strings.Contains(said, "memory") ||
		strings.Contains(said, "SIGSEGV") && strings.Contains(said, "goroutine 0 gp=") && strings.Contains(said, "runtime.(*spanQueue)")
}

// size is how much address space a process has now.
func size(t *testing.T, pid string) int64 {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "statm"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestLoad_MemoryAndGoroutinesStayBounded: what is in memory after many payments is what was there
// after few, and nobody is left running.
func TestLoad_MemoryAndGoroutinesStayBounded(t *testing.T) {
	h := newHouse(t, sqlite(t))
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.Open(ctx, h.config(), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	a.Start(ctx)
	l, err := net.Listen("tcp", h.getenv("CHECKOUT_ADDR"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	h.bank.every(verify, moody)

	type held struct{ goroutines, heap int }
	var rounds []held
	for range 4 {
		c := h.bring(8, false)
		h.until("sixty came back", func() bool { return c.backs.Load() > 60 })
		c.disperse()
		h.atRest()
		now := held{goroutines: 1 << 30, heap: 1 << 40}
		for range 20 { // the least of some looks: a schedule may be running
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			now = held{min(now.goroutines, runtime.NumGoroutine()), min(now.heap, int(m.HeapAlloc))}
			time.Sleep(20 * time.Millisecond)
		}
		rounds = append(rounds, now)
	}
	first, last := rounds[0], rounds[len(rounds)-1]
	// The bank's ledger is in this process as well, and grows by some kilobytes with each payment.
	if last.goroutines > first.goroutines+30 || last.heap > first.heap+8<<20 {
		t.Errorf("goroutines and bytes after each round: %v", rounds)
	}
	t.Logf("goroutines and bytes after each round: %v", rounds)
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	lawful(t, h.url)
}
