package db_test

import (
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestClock_SetBackGoesOn: what is to be asked again in five seconds must not stand still until the
// machine's clock has caught up, whether it was set back below its hour at the start or to it.
func TestClock_SetBackGoesOn(t *testing.T) {
	for name, steps := range map[string][]time.Duration{
		"back":             {0, -time.Hour},
		"ahead and back":   {0, time.Hour, 0},
		"back, ahead more": {0, -time.Hour, 2 * time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, open func(opts db.Options) *db.DB) {
				var wrong atomic.Int64
				machine := func() time.Time { return time.Now().Round(0).Add(time.Duration(wrong.Load())) }
				d := open(db.Options{Now: db.Forward(machine)})
				now := func() (at time.Time) {
					t.Helper()
					if err := d.Update(t.Context(), func(tx *db.Tx) error { at = tx.Now(); return nil }); err != nil {
						t.Fatal(err)
					}
					return at
				}
				last := now()
				for _, step := range steps {
					wrong.Store(int64(step))
					next := now()
					for range 400 { // a few milliseconds are enough for a clock that goes
						if next.After(last) {
							break
						}
						time.Sleep(5 * time.Millisecond)
						next = now()
					}
					if !next.After(last) {
						t.Fatalf("the machine's clock is wrong by %v: ours stands at %v", step, next)
					}
					last = next
				}
			})
		})
	}
}
