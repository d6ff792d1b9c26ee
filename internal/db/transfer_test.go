package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var errKilled = errors.New("killed")

// TestCopy_GoesOn: a copy that dies three times, before or after the commit of any batch, goes on where it
// stood, either way between the engines, and is whole in the end. What is half there is nobody's database.
func TestCopy_GoesOn(t *testing.T) {
	dbtest.NeedPostgres(t)
	ctx := context.Background()
	lite, postgres := dbtest.SQLiteURL(t), dbtest.EmptyPostgresURL(t)
	fill(t, strings.TrimPrefix(lite, "sqlite:"))
	d := dbtest.Open(t, db.Options{URL: lite})
	update(t, d, func(tx *db.Tx) error { // a table of several batches
		return tx.Exec(`INSERT INTO settings (name, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT 'many ' || (i * 7919 % 1000), 'سفال' || i FROM n`)
	})
	first := whole(t, lite)
	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	for _, way := range [][2]string{{lite, postgres}, {postgres, back}} {
		t.Run(way[0][:4], func(t *testing.T) {
			steps := 0
			most := len(first) + 40/3
			for _, kill := range []int{1 + rand.IntN(most), 1 + rand.IntN(most), 2} {
				left := kill
				c, err := db.CopyWatched(ctx, way[0], way[1], 3, func(string) error {
					if left--; left == 0 {
						return errKilled
					}
					return nil
				})
				if !errors.Is(err, errKilled) {
					t.Fatalf("killed at step %d of a run that had %d rows: %v", kill, c.Before, err)
				}
				steps++
				for what, opts := range map[string]db.Options{"open": {}, "serve": {Serve: true, Migrate: true}, "create": {CreateIfEmpty: true}} {
					if opts.URL = way[1]; opened(opts) == nil || !errors.Is(opened(opts), db.ErrCopying) {
						t.Errorf("after death %d (step %d): %s: %v", steps, kill, what, opened(opts))
					}
				}
			}
			c, err := db.Copy(ctx, way[0], way[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.Before == 0 || c.Before >= c.Total() {
				t.Errorf("%d of %d rows were there before", c.Before, c.Total())
			}
			same(t, fmt.Sprintf("%.4s to %.4s", way[0], way[1]), first, whole(t, way[1]))
			if _, err := db.Copy(ctx, way[0], way[1], nil); !errors.Is(err, db.ErrHasData) {
				t.Errorf("copied over a copy: %v", err)
			}
		})
	}
}

func opened(opts db.Options) error {
	d, err := db.Open(context.Background(), opts)
	if err == nil {
		_ = d.Close()
	}
	return err
}

// TestCopy_AnotherSource: a target that another copy began to fill is left alone, also when it is the same
// source that has changed since; a copy that is not right never becomes a database.
func TestCopy_AnotherSource(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := context.Background()
		from, to := fresh(t), "sqlite:"+filepath.Join(t.TempDir(), "to.db")
		books(t, from)
		end := func(what string) error {
			if what == "copy.batch-stored" {
				return errKilled
			}
			return nil
		}
		if _, err := db.CopyWatched(ctx, from, to, 1, end); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		d := dbtest.Open(t, db.Options{URL: from})
		update(t, d, func(tx *db.Tx) error { return tx.SetSetting("kept", "2") })
		if _, err := db.Copy(ctx, from, to, nil); !errors.Is(err, db.ErrOtherCopy) {
			t.Errorf("went on from a source that changed: %v", err)
		}
		update(t, d, func(tx *db.Tx) error { return tx.SetSetting("kept", "1") })
		if _, err := db.Copy(ctx, from, to, func(*db.DB) error { return errKilled }); !errors.Is(err, errKilled) {
			t.Errorf("took what was found wrong: %v", err)
		}
		if err := opened(db.Options{URL: to}); !errors.Is(err, db.ErrCopying) {
			t.Errorf("what was found wrong is a database: %v", err)
		}
		if c, err := db.Copy(ctx, from, to, nil); err != nil || c.Before != c.Total() {
			t.Errorf("all was there: %d of %d, %v", c.Before, c.Total(), err)
		}
		same(t, "copy", whole(t, from), whole(t, to))
	})
}
