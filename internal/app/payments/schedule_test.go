package payments

import (
	"testing"
	"time"
)

// TestNextAsk holds every step of the plan, to the moment: the delays one after another, the word of a gateway
// that wants to be left alone, and the call at the deadline, which is the last one unless it was the first.
func TestNextAsk(t *testing.T) {
	now := time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	far := in(15 * time.Minute)
	for _, c := range []struct {
		name            string
		asked, deadline time.Time
		silences, asks  int
		wait            time.Duration
		want            time.Duration
		again           bool
	}{
		{"after the first silence", now, far, 1, 1, 0, 0, true},
		{"after the second", now, far, 2, 2, 0, 5 * time.Second, true},
		{"after the third", now, far, 3, 3, 0, 15 * time.Second, true},
		{"after the fourth", now, far, 4, 4, 0, 30 * time.Second, true},
		{"after the fifth", now, far, 5, 5, 0, time.Minute, true},
		{"after the sixth", now, far, 6, 6, 0, time.Minute, true},
		{"after the hundredth", now, far, 100, 100, 0, time.Minute, true},
		{"it wants more time", now, far, 1, 1, 40 * time.Second, 40 * time.Second, true},
		{"it wants less than we give", now, far, 4, 4, 7 * time.Second, 30 * time.Second, true},
		{"it wants an hour", now, far, 1, 1, time.Hour, time.Minute, true},
		{"the deadline comes before", now, in(3 * time.Second), 2, 2, 0, 3 * time.Second, true},
		{"the deadline comes with it", now, in(5 * time.Second), 2, 2, 0, 5 * time.Second, true},
		{"the call hung past the deadline", in(-20 * time.Second), in(-time.Second), 2, 2, 0, 0, true},
		{"the call at the deadline", in(-2 * time.Second), in(-2 * time.Second), 7, 7, 0, 0, false},
		{"the call behind the deadline", in(-time.Second), in(-2 * time.Second), 2, 2, 0, 0, false},
		{"the only call came at the deadline", in(-2 * time.Second), in(-2 * time.Second), 1, 1, 0, 0, true},
	} {
		at, again := nextAsk(c.asked, now, c.deadline, c.silences, c.asks, c.wait)
		if !at.Equal(in(c.want)) || again != c.again {
			t.Errorf("%s: asked again in %s, %t; want %s, %t", c.name, at.Sub(now), again, c.want, c.again)
		}
	}
}

// TestLimits_OfTheContract: how many references an attempt may try and attempts an invoice may see, and that
// a return which can be neither heard nor stored is answered within five seconds all the same.
func TestLimits_OfTheContract(t *testing.T) {
	if references, attempts := MaxReferences, MaxAttempts; references != 5 || attempts != 30 {
		t.Errorf("%d references, %d attempts", references, attempts)
	}
	if all := CallbackWait + wayBack; all > 5*time.Second {
		t.Errorf("a return is answered after %s", all)
	}
}
