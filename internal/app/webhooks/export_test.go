package webhooks

import (
	"net/netip"
	"net/url"
	"time"
)

// What tests look at from inside.
var (
	NewSecret  = newSecret
	ReadSecret = readSecret
	Signature  = signature
	RetryAfter = retryAfter
)

// Check is the guard's word about an address.
func Check(allow []netip.Prefix, to netip.AddrPort, plain bool) error {
	return newGuard(allow).check(to, plain)
}

// PlainURL is how an address is read.
func PlainURL(s string) (*url.URL, bool) { return plainURL(s) }

// Free is how many deliveries may begin at an endpoint; Began, Heard and Ended are what happens to one.
func (h *Hooks) Free(id string) int             { return h.lanes.free(id, 0) }
func (h *Hooks) Began(id string)                { h.lanes.begin(id) }
func (h *Hooks) Ended(id string, well bool)     { h.lanes.heard(id, well); h.lanes.end(id) }
func (h *Hooks) Known() int                     { h.lanes.mu.Lock(); defer h.lanes.mu.Unlock(); return len(h.lanes.open) }
func Longest(pause time.Duration) time.Duration { return longest(pause) }
