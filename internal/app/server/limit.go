package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"dargah/internal/app/checkout"
)

// maxCounted bounds the addresses that are remembered: beyond it the old windows are dropped, and
// if none is old, strangers share one count until some are.
const maxCounted = 100_000

// maxShared bounds the counts that are told in one turn.
const maxShared = 500

// Limiter counts by address: so many in a window that begins with the first one. It counts in memory,
// since a call that is counted must not cost a write; what is near its end is shared by Share.
type Limiter struct {
	name   string
	most   int
	window time.Duration

	mu     sync.Mutex
	counts map[netip.Prefix]*count
	news   map[netip.Prefix]bool // what Share has not told yet
	swept  time.Time
}

type count struct {
	n     int // with those of other processes that we heard of
	told  int // of them, how many stand in the shared count
	until time.Time
}

// NewLimiter allows most calls of an address within a window. Its name is that of the shared count.
func NewLimiter(name string, most int, window time.Duration) *Limiter {
	return &Limiter{name: name, most: most, window: window, counts: map[netip.Prefix]*count{}, news: map[netip.Prefix]bool{}}
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
	if c.n >= l.most/10 { // whoever is far from the limit costs no write
		l.news[key] = true
	}
	return true, 0
}

// Counts is where several processes add up what each of them counted.
type Counts interface {
	CountTries(ctx context.Context, all []checkout.Tally) error
}

// Share adds what was counted since the last time to the shared counts, and takes over what others
// counted meanwhile. What it cannot tell it tells the next time; when we die before, it is not counted.
func (l *Limiter) Share(ctx context.Context, with Counts) error {
	keys, counts, all := l.untold()
	if len(all) == 0 {
		return nil
	}
	err := with.CountTries(ctx, all)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, key := range keys {
		c, t := counts[i], all[i]
		switch {
		case l.counts[key] != c: // its window is over
		case err != nil:
			l.news[key] = true
		default:
			c.n += t.Total - c.told - t.N // what others counted
			c.told, c.until = t.Total, t.Until
		}
	}
	return err
}

// untold takes what Share has to tell, in one order, so that two processes do not wait for each other in a
// circle.
func (l *Limiter) untold() (keys []netip.Prefix, counts []*count, all []checkout.Tally) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := func(key netip.Prefix) string {
		sum := sha256.Sum256([]byte("limit\x00" + l.name + "\x00" + key.String()))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for key := range l.news {
		if len(keys) == maxShared {
			break
		}
		delete(l.news, key)
		if l.counts[key] != nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b netip.Prefix) int { return strings.Compare(name(a), name(b)) })
	for _, key := range keys {
		c := l.counts[key]
		counts = append(counts, c)
		all = append(all, checkout.Tally{Name: name(key), N: c.n - c.told, Window: l.window})
	}
	return keys, counts, all
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
				delete(l.news, k)
			}
		}
	}
	if len(l.counts) < maxCounted {
		return key
	}
	return netip.Prefix{}
}
