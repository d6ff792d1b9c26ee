package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are how often each key may call: a bucket for every key that was ever seen. Keys are made
// by hand, so there are never many.
type Limits struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	buckets sync.Map // key id → *rate.Limiter
}

// NewLimits allows perSecond calls of one key, and burst at once.
func NewLimits(perSecond float64, burst int, now func() time.Time) *Limits {
	return &Limits{rate: rate.Limit(perSecond), burst: burst, now: now}
}

// Take counts a call of a key. When it is one too many, it says how long to wait and is not counted.
func (l *Limits) Take(key string) (wait time.Duration, ok bool) {
	now := l.now()
	r := l.bucket(key).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *Limits) bucket(key string) *rate.Limiter {
	if b, ok := l.buckets.Load(key); ok {
		return b.(*rate.Limiter)
	}
	b, _ := l.buckets.LoadOrStore(key, rate.NewLimiter(l.rate, l.burst))
	return b.(*rate.Limiter)
}
