package gateways

import (
	"sync"
	"time"
)

const (
	breakerFailures = 5
	breakerRest     = 30 * time.Second
)

// Breaker spares customers the wait for a vendor that is down: after five troubles in a row an
// account is not asked for tokens, and after 30 s one customer at a time tries again. It guards
// Start only; verify is always asked, since money may be waiting there. It forgets at a restart.
//
// It is written here because sony/gobreaker calls time.Now itself, so that its rest could only be
// tested by sleeping, and its two-step form leaves a probe that never reports open for ever.
type Breaker struct {
	// Now is the clock; nil means time.Now. Set it before first use.
	Now func() time.Time

	mu       sync.Mutex
	circuits map[string]*circuit
}

type circuit struct {
	failures int
	since    time.Time // of the first trouble in the present row
	rests    time.Time // no call before this; zero while closed
}

// Allow says whether key may be asked now. When a rest is over it allows one caller and begins
// another rest, so that a caller who dies without a report blocks nobody.
func (b *Breaker) Allow(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.circuits[key]
	if c == nil || c.rests.IsZero() {
		return true
	}
	now := b.now()
	if now.Before(c.rests) {
		return false
	}
	c.rests = now.Add(breakerRest)
	return true
}

// Report tells how a call ended. A refusal that the vendor explained is no trouble.
func (b *Breaker) Report(key string, trouble bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !trouble {
		delete(b.circuits, key)
		return
	}
	if b.circuits == nil {
		b.circuits = map[string]*circuit{}
	}
	c := b.circuits[key]
	if c == nil {
		c = &circuit{since: b.now()}
		b.circuits[key] = c
	}
	c.failures++
	// Calls that were already out when it opened do not prolong the rest.
	if c.failures >= breakerFailures && c.rests.IsZero() {
		c.rests = b.now().Add(breakerRest)
	}
}

// State says whether key rests, and since when the vendor has been in trouble. When the rest is over
// it says no: the next customer is the probe, and Allow keeps the others back until it reports.
func (b *Breaker) State(key string) (trouble bool, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.circuits[key]
	if c == nil || !b.now().Before(c.rests) {
		return false, time.Time{}
	}
	return true, c.since
}

func (b *Breaker) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}
