package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestPostgres_StandsStill: a process that stops in the midst of a transaction (its machine is being moved,
// or lost its power) must not keep others from the rows that it holds. When it wakes up its transaction is
// gone, and it hears so.
func TestPostgres_StandsStill(t *testing.T) {
	dbtest.NeedPostgres(t)
	for name, pooled := range map[string]bool{"direct": false, "pooled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := dbtest.PostgresURL(t)
			opts := db.Options{URL: direct, Serve: true}
			if pooled {
				opts.PoolURL = dbtest.Pooler(t, direct)
			}
			sleeper := dbtest.Open(t, opts.Still(2*time.Second))
			other := dbtest.Open(t, opts)
			update(t, other, func(tx *db.Tx) error { return put(tx, "row", "before") })
			set := func(tx *db.Tx, value string) error {
				return tx.Exec(`UPDATE settings SET value = $1 WHERE name = 'row'`, value)
			}
			asleep, awake := make(chan struct{}), make(chan struct{})
			slept := make(chan error, 1)
			go func() {
				tries := 0
				slept <- sleeper.Update(context.Background(), func(tx *db.Tx) error {
					if tries++; tries > 1 {
						return errors.New("it ran again")
					}
					if err := set(tx, "asleep"); err != nil {
						return err
					}
					close(asleep)
					<-awake
					return put(tx, "other row", "asleep")
				})
			}()
			select {
			case <-asleep:
			case err := <-slept:
				t.Fatal(err)
			}
			update(t, other, func(tx *db.Tx) error { return set(tx, "after") })
			close(awake)
			if err := <-slept; !errors.Is(err, checkout.Unavailable) {
				t.Errorf("the sleeper was told %v", err)
			}
			if n := count(t, other, `SELECT COUNT(*) FROM settings WHERE value = 'asleep'`); n != 0 {
				t.Error("half of the sleeper's transaction is there")
			}
			update(t, sleeper, func(tx *db.Tx) error { return set(tx, "awake") })
		})
	}
}
