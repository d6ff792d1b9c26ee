package faults_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

var kills = flag.Int("faults.kills", 10, "TestF32: how often the server is killed, on each database")

// TestF32_KilledUnderLoad: SIGKILL after 10 to 500 ms of customers at both gateways, again and again,
// while one call to the bank in ten goes wrong. At rest the books are the bank's.
func TestF32_KilledUnderLoad(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		h.bank.every(start, moody)
		h.bank.every(verify, moody)
		h.boot()
		c := h.bring(8, false)
		for range *kills {
			time.Sleep(10*time.Millisecond + rand.N(490*time.Millisecond))
			h.kill()
			h.boot()
		}
		c.disperse()
		h.bank.every(start, nil)
		h.bank.every(verify, nil)
		h.atRest()
		h.oracle()
		h.stop()
		lawful(t, h.url)
		t.Logf("%d kills, %d invoices, %d ways back answered, %d customers left after an error, %d verifies heard by the bank",
			*kills, c.invoices.Load(), c.backs.Load(), c.gone.Load(), len(h.bank.calls(verify)))
		if c.backs.Load() == 0 {
			t.Error("nobody ever came back: there was no load")
		}
	})
}

// TestF33_StoppedUnderLoad: a deploy on one machine, SIGTERM and the next start, several times under
// load: whoever is answered is answered well, the others find nobody there and come again, the
// process ends by itself with 0, and what it had begun is finished or taken up.
func TestF33_StoppedUnderLoad(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		h.boot()
		c := h.bring(8, true)
		for range 4 {
			time.Sleep(200*time.Millisecond + rand.N(300*time.Millisecond))
			h.stop()
			h.boot()
		}
		time.Sleep(200 * time.Millisecond)
		c.disperse()
		h.atRest()
		h.oracle()
		h.stop()
		lawful(t, h.url)
		if c.backs.Load() == 0 {
			t.Error("nobody ever came back: there was no load")
		}
	})
}

// TestF33_RollingRestart: two instances behind a balancer that knows of them what /readyz says and nothing
// else. One is stopped after the other, and started again. Not one request of any customer fails.
func TestF33_RollingRestart(t *testing.T) {
	t.Parallel()
	a := newHouse(t, dbtest.PostgresURL(t), "CHECKOUT_DRAIN=2s")
	b := *a
	b.set("CHECKOUT_ADDR", freePort(t))
	b.shop = &shop{TB: t, base: a.base, key: a.key, bank: a.bank, client: through(func() string { return b.getenv("CHECKOUT_ADDR") }), pause: a.pause, most: a.most}
	a.boot()
	b.boot()

	ready := func(h *house) bool {
		r, err := h.request(http.MethodGet, h.base+"/readyz", nil)
		return err == nil && r.status == http.StatusOK
	}
	var turn, broken atomic.Int64
	var served [2]atomic.Int64
	customers := *a.shop
	customers.client = browser(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host != a.getenv("CHECKOUT_ADDR") {
			return network().RoundTrip(req) // the bank's
		}
		houses := [2]*house{a, &b}
		n := turn.Add(1) % 2
		for range 100 { // as a proxy does, which asks every moment and not once: on a busy machine one look may fail
			if ready(houses[n]) {
				break
			}
			n = 1 - n
			time.Sleep(10 * time.Millisecond)
		}
		resp, err := houses[n].client.Transport.RoundTrip(req)
		if err != nil {
			broken.Add(1)
		}
		served[n].Add(1)
		return resp, err
	}))
	c := customers.bring(8, true)
	for i := range 4 {
		down, up := a, &b
		if i%2 == 1 {
			down, up = &b, a
		}
		down.stop()
		was := served[(i+1)%2].Load()
		down.boot()
		up.until("customers are served by the other one", func() bool { return served[(i+1)%2].Load() > was })
		down.until("customers are served again", func() bool { return ready(down) })
	}
	c.disperse()
	a.atRest()
	a.oracle()
	a.stop()
	b.stop()
	lawful(t, a.url)
	if n := broken.Load(); n != 0 {
		t.Errorf("%d requests were broken", n)
	}
	if c.backs.Load() == 0 {
		t.Error("nobody ever came back: there was no load")
	}
}

// TestF33_StoppedWhileVerifying: the verify that is out when SIGTERM comes is waited for and written
// down, and the browser that waits for it is answered. One that the gateway does not answer in its time
// is left to the next life.
func TestF33_StoppedWhileVerifying(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url, "CHECKOUT_GATEWAY_TIMEOUT=1m")
		h.boot()
		inv := h.invoice()
		back := h.paidAt(inv, gateway)
		g := newGate(t)
		h.bank.next(verify, g.after())
		answered := make(chan reply, 1)
		go func() {
			r, err := h.take(back)
			if err != nil {
				t.Errorf("the browser that was there first: %v", err)
			}
			answered <- r
		}()
		g.wait(t)
		if err := h.now.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		h.until("nobody new is let in", func() bool { _, err := h.request(http.MethodGet, h.base+"/healthz", nil); return err != nil })
		if r := <-answered; r.status != http.StatusSeeOther { // within its five seconds, answer or not
			t.Errorf("the browser that was there first: %v", r)
		}
		select {
		case <-h.now.ended:
			t.Error("it did not wait for the bank's answer")
		default:
		}
		g.open()
		if err := h.end(); err != nil {
			t.Errorf("ended with %v: %s", err, h.now.said)
		}
		if got := number(t, url, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"); got != 1 {
			t.Error("the answer was heard and not written down")
		}
		h.boot()
		h.paidOnce(inv, back.reference)
		if n := len(h.bank.calls(verify)); n != 1 {
			t.Errorf("asked %d times", n)
		}

		h.stop()
		h.set("CHECKOUT_GATEWAY_TIMEOUT", "1s")
		h.boot()
		inv = h.invoice()
		back = h.paidAt(inv, gateway)
		h.bank.every(verify, hangs)
		h.mustTake(back)
		h.stop()
		h.bank.every(verify, nil)
		h.boot()
		h.paidOnce(inv, back.reference)
		h.stop()
		lawful(t, url)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
