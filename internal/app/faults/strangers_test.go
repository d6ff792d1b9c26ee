package faults_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// drip sends a form one byte at a time until it is thrown out, again and again, and counts how often
// that happened.
func drip(all *sync.WaitGroup, addr, path string, over <-chan struct{}, thrown *atomic.Int64) {
	all.Go(func() {
		for {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err != nil {
				return
			}
			_, err = c.Write([]byte("POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nOrigin: http://" + addr +
				"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n"))
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				for buf := make([]byte, 512); ; {
					if _, err := c.Read(buf); err != nil {
						return
					}
				}
			}()
			for err == nil {
				select {
				case <-over:
					_ = c.Close()
					<-closed
					return
				case <-closed:
					thrown.Add(1)
					err = net.ErrClosed
				case <-time.After(200 * time.Millisecond):
					_, err = c.Write([]byte("a"))
				}
			}
			_ = c.Close()
			<-closed
		}
	})
}

// TestStrangers_SlowAndHalfOpen: two thousand connections with half a request on each, forms that come a
// byte at a time, and a receiver of webhooks that drips its answers, for as long as they like. Customers
// pay as if nobody were there: no answer of 5xx, each of them is served at the first try.
func TestStrangers_SlowAndHalfOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sqlite(t))
	h.boot()
	over := make(chan struct{})
	dripping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-over:
				return
			case <-r.Context().Done():
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
			}
		}
	}))
	t.Cleanup(dripping.Close)
	h.calls(http.MethodPost, "/webhook-endpoints", `{"url":"`+dripping.URL+`"}`, http.StatusCreated, nil)

	addr, inv := h.getenv("CHECKOUT_ADDR"), h.invoice()
	const half = 2000
	s := lay(addr, half)
	var all sync.WaitGroup
	var thrown atomic.Int64
	_, token, _ := strings.Cut(inv.PaymentURL, "/i/")
	for range 50 {
		drip(&all, addr, "/i/"+token+"/pay", over, &thrown)
	}
	lifted := sync.OnceFunc(func() { s.lift(); close(over); all.Wait() })
	t.Cleanup(lifted)
	h.until("they are all there", func() bool {
		list, err := os.ReadDir("/proc/" + strconv.Itoa(h.now.cmd.Process.Pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list) > half
	})
	c := h.bring(4, true)
	h.until("customers have paid", func() bool { return c.backs.Load() >= 40 })
	h.until("who drips is thrown out", func() bool { return thrown.Load() > 0 })
	h.until("customers pay still", func() bool { return c.backs.Load() >= 60 })
	c.disperse()
	if n := c.gone.Load(); n > 0 {
		t.Errorf("%d customers were not answered", n)
	}
	h.atRest()
	lifted()
	h.stop()
	lawful(t, h.url)
}
