package db_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// What several processes counted under one name is one sum, in a window that begins with the first of them.
func TestCountTries(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		c := &clock{at: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)}
		url := fresh(t)
		first := dbtest.Open(t, db.Options{URL: url, Now: c.now})
		second := dbtest.Open(t, db.Options{URL: url, Now: c.now})
		begun := c.now()
		count := func(d *db.DB, n int) (tally checkout.Tally) {
			tally = checkout.Tally{Name: "name", N: n, Window: time.Minute}
			update(t, d, func(tx *db.Tx) error { return tx.CountTries(&tally) })
			return tally
		}
		for i, tt := range []struct {
			d         *db.DB
			n, want   int
			wait, end time.Duration
		}{
			{first, 3, 3, 0, time.Minute},
			{second, 4, 7, 30 * time.Second, time.Minute},
			{first, 1, 8, 29 * time.Second, time.Minute},
			{second, 2, 2, time.Second, 2 * time.Minute},
		} {
			c.step(int(tt.wait.Milliseconds()))
			if got := count(tt.d, tt.n); got.Total != tt.want || !got.Until.Equal(begun.Add(tt.end)) {
				t.Errorf("%d: %d until %s, want %d until %s", i, got.Total, got.Until.Sub(begun), tt.want, tt.end)
			}
		}
		update(t, first, func(tx *db.Tx) error {
			n, until, err := tx.CountTry("name", time.Minute)
			if n != 3 || !until.Equal(begun.Add(2*time.Minute)) {
				t.Errorf("one more: %d until %s", n, until)
			}
			return err
		})
	})
}
