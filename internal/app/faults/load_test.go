package faults_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd are customers who pay one invoice after the other, whatever the server does meanwhile. What
// breaks they try again, as people and programs do; one in four does not come back after an error.
type crowd struct {
	*shop
	over     chan struct{}
	all      sync.WaitGroup
	invoices atomic.Int64 // made
	backs    atomic.Int64 // ways back that were answered
	gone     atomic.Int64 // customers who left when their way back was not answered

	strict bool // no answer of 5xx is expected, whatever happens

	mu   sync.Mutex
	seen map[string]int // answers that were not expected, and how often
}

// bring lets customers come until disperse.
func (s *shop) bring(customers int, strict bool) *crowd {
	c := &crowd{shop: s, strict: strict, over: make(chan struct{}), seen: map[string]int{}}
	crowd := strconv.FormatUint(rand.Uint64(), 36) // so that its keys are its own
	for i := range customers {
		c.all.Go(func() {
			gateway := []string{"gardeshpay", "ghesta"}[i%2]
			for n := 0; !c.ended(); n++ {
				c.visit(gateway, fmt.Sprintf("%s-%d-%d", crowd, i, n))
			}
		})
	}
	return c
}

// disperse lets nobody new come and waits for those who are there.
func (c *crowd) disperse() {
	c.Helper()
	close(c.over)
	c.all.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for what, n := range c.seen {
		c.Errorf("%d times: %s", n, what)
	}
}

func (c *crowd) ended() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// strange remembers an answer that nobody should get.
func (c *crowd) strange(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what]++
}

// visit is one customer from the invoice to the way back.
func (c *crowd) visit(gateway, key string) {
	inv, ok := c.ask(key)
	if !ok {
		return
	}
	c.invoices.Add(1)
	page, ok := c.leaveFor(inv, gateway)
	if !ok {
		return
	}
	outcome := "paid"
	switch n := rand.IntN(20); {
	case n == 0:
		outcome = "canceled"
	case n == 1:
		outcome = "declined"
	}
	back, err := c.settle(page, outcome)
	if err != nil {
		c.strange("the bank: " + err.Error())
		return
	}
	c.comeBack(back)
	if rand.IntN(4) == 0 {
		_, _ = c.take(back) // a reload
	}
}

// ask makes an invoice, under one idempotency key until it is there.
func (c *crowd) ask(key string) (inv invoice, ok bool) {
	for try := 0; ; try++ {
		r, err := c.send("POST", c.base+"/api/v1/invoices", strings.NewReader(fmt.Sprintf(`{"amount":%d,"reference":%q,"customer":{"name":"سارا","mobile":"09121234567"}}`, amount, key)),
			"Authorization", "Bearer "+c.key, "Content-Type", "application/json", "Idempotency-Key", key)
		switch {
		case err == nil && r.status == http.StatusCreated:
			err = json.Unmarshal([]byte(r.body), &inv)
			return inv, err == nil
		case err == nil && !c.passes(r):
			c.strange("an invoice: " + r.String())
			return inv, false
		case !c.again(try):
			return inv, false
		}
	}
}

// leaveFor presses until the gateway's page is there.
func (c *crowd) leaveFor(inv invoice, gateway string) (page string, ok bool) {
	for try := 0; ; try++ {
		r, err := c.choose(inv, gateway)
		switch {
		case err == nil && r.status == http.StatusSeeOther && strings.HasPrefix(r.location(), c.bank.url):
			return r.location(), true
		case err == nil && !c.passes(r):
			c.strange("choose: " + r.String())
			return "", false
		case !c.again(try):
			return "", false
		}
	}
}

// comeBack takes the way back until somebody answers, or leaves.
func (c *crowd) comeBack(back comeback) {
	for try := 0; ; try++ {
		r, err := c.take(back)
		switch {
		case err == nil && r.status == http.StatusSeeOther:
			c.backs.Add(1)
			return
		case err == nil && !c.passes(r):
			c.strange("the way back: " + r.String())
			return
		case rand.IntN(4) == 0:
			c.gone.Add(1)
			return
		case !c.again(try):
			return
		}
	}
}

// passes says that an answer is a trouble of the moment: the store is silent, or the gateway is.
func (c *crowd) passes(r reply) bool {
	return !c.strict && (r.status == http.StatusServiceUnavailable || r.status == http.StatusBadGateway)
}

// again waits a little, and says whether to go on trying.
func (c *crowd) again(try int) bool {
	time.Sleep(c.pause + rand.N(c.pause))
	return try < int(c.most/c.pause) && !(c.ended() && try > 500)
}

// atRest waits until nobody is being asked about, which it must come to within a minute after the
// last fault.
func (s *shop) atRest() {
	s.Helper()
	s.until("all is at rest", func() bool {
		for _, status := range []string{"returned", "verifying"} {
			var list struct{ Data []attempt }
			if err := s.try("GET", "/attempts?limit=1&status="+url.QueryEscape(status), "", &list); err != nil || len(list.Data) > 0 {
				return false
			}
		}
		return true
	})
}

// moody is a bank in which one call in ten goes wrong, each in its own way.
func moody(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	deeds := []deed{resets, losesAnswer, says(503, ""), answers}
	if n := rand.IntN(30); n < len(deeds) {
		deeds[n](w, r, serve)
		return
	}
	answers(w, r, serve)
}
