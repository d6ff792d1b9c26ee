package db_test

import (
	"context"
	"sync"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestPostgres_SerializableWrites: two transactions that each read what the other writes cannot both stand
// as they ran. PostgreSQL undoes one at its commit (40001), and it is run again on what is true then.
func TestPostgres_SerializableWrites(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.Serializable(t, dbtest.PostgresURL(t))})
	var mu sync.Mutex
	runs, met := map[string]int{}, make(chan struct{})
	var both, done sync.WaitGroup
	both.Add(2)
	go func() { both.Wait(); close(met) }()
	seen := map[string]int64{}
	for _, name := range []string{"a", "b"} {
		done.Go(func() {
			err := d.Update(context.Background(), func(tx *db.Tx) error {
				n, err := tx.Int(`SELECT COUNT(*) FROM settings`)
				if err != nil {
					return err
				}
				mu.Lock()
				runs[name]++
				first := runs[name] == 1
				seen[name] = n
				mu.Unlock()
				if first {
					both.Done()
					<-met
				}
				return put(tx, name, "1")
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	done.Wait()
	if n := count(t, d, `SELECT COUNT(*) FROM settings`); n != 2 || seen["a"]+seen["b"] != 1 {
		t.Errorf("%d rows; one saw %d and the other %d before it", n, seen["a"], seen["b"])
	}
	if runs["a"]+runs["b"] != 3 || d.Stats().Reruns != 1 {
		t.Errorf("runs %v, %d of them anew", runs, d.Stats().Reruns)
	}
}

// TestPostgres_SerializableReads: who only reads may be undone too. The reader sees that the day was closed,
// and then, without a line that belongs to that day, what was taken on it; the line's writer, who saw the day
// open, has committed meanwhile.
func TestPostgres_SerializableReads(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.Serializable(t, dbtest.PostgresURL(t))})
	update(t, d, func(tx *db.Tx) error { return put(tx, "day", "open") })
	sawOpen, goOn, taken := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		taken <- d.Update(context.Background(), func(tx *db.Tx) error {
			if _, err := tx.Setting("day"); err != nil {
				return err
			}
			once.Do(func() { close(sawOpen) })
			<-goOn
			return tx.Exec(`INSERT INTO throttles (name, tries, until_ms) VALUES ('taken', 1, 1)`)
		})
	}()
	<-sawOpen
	update(t, d, func(tx *db.Tx) error { return tx.SetSetting("day", "closed") })
	runs, lines := 0, int64(0)
	err := d.View(context.Background(), func(tx *db.Tx) error {
		day, err := tx.Setting("day")
		if err != nil {
			return err
		}
		if day != "closed" {
			t.Errorf("the day is %s", day)
		}
		if runs++; runs == 1 {
			close(goOn)
			if err := <-taken; err != nil {
				t.Errorf("the writer: %v", err)
			}
		}
		lines, err = tx.Int(`SELECT COUNT(*) FROM throttles`)
		return err
	})
	if err != nil || runs != 2 || lines != 1 {
		t.Errorf("%v after %d runs, with %d lines", err, runs, lines)
	}
}
