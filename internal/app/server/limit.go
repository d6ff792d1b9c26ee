package server

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// maxCounted bounds the addresses that are remembered: beyond it the old windows are dropped, and
// if none is old, strangers share one count until some are.
const maxCounted = 100_000

// Limiter counts by address: so many in a window that begins with the first one.
type Limiter struct {
	most   int
	window time.Duration

	mu     sync.Mutex
	counts map[netip.Prefix]*count
	swept  time.Time
}

type count struct {
	n     int
	until time.Time
}

// NewLimiter allows most calls of an address within a window.
func NewLimiter(most int, window time.Duration) *Limiter {
	return &Limiter{most: most, window: window, counts: map[netip.Prefix]*count{}}
}

// Allow counts one call, and reports whether it may go on and, if not, how long to wait. An IPv6
// customer owns a /64, so that is one address. A caller on loopback is this machine itself (a test,
// a shop's own program, a proxy that was not declared, behind which stands every customer at once):
// counting it would lock out all of them.
func (l *Limiter) Allow(a netip.Addr, now time.Time) (bool, time.Duration) {
	if a.IsLoopback() {
		return true, 0
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	key, err := a.Prefix(bits)
	if err != nil {
		return true, 0
	}
	return l.count(key, now)
}

// AllowWord counts one call about a word: a token, a number. The word itself is not kept.
func (l *Limiter) AllowWord(word string, now time.Time) (bool, time.Duration) {
	sum := sha256.Sum256([]byte(word))
	return l.count(netip.PrefixFrom(netip.AddrFrom16([16]byte(sum[:16])), 128), now)
}

func (l *Limiter) count(key netip.Prefix, now time.Time) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.counts) >= maxCounted {
		key = l.forget(key, now)
	}
	c := l.counts[key]
	if c == nil || !now.Before(c.until) {
		c = &count{until: now.Add(l.window)}
		l.counts[key] = c
	}
	if c.n >= l.most {
		return false, c.until.Sub(now)
	}
	c.n++
	return true, 0
}

// forget drops the windows that are over, at most once a second, and returns the key under which
// to count now.
func (l *Limiter) forget(key netip.Prefix, now time.Time) netip.Prefix {
	if l.counts[key] != nil {
		return key
	}
	if now.Sub(l.swept) >= time.Second {
		l.swept = now
		for k, c := range l.counts {
			if !now.Before(c.until) {
				delete(l.counts, k)
			}
		}
	}
	if len(l.counts) < maxCounted {
		return key
	}
	return netip.Prefix{}
}
