package db_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"dargah/internal/db"
)

// BenchmarkStoreUpdate is one durable change: UPDATE of one row by its key and INSERT of another,
// at synchronous=FULL on a real file.
func BenchmarkStoreUpdate(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkUpdate(b, callers) })
	}
}

const benchRows = 20000

func benchmarkUpdate(b *testing.B, callers int) {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "bench.db"), CreateIfEmpty: true})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	err = d.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Exec(`CREATE TABLE bench_row (id INTEGER PRIMARY KEY, invoice TEXT, gateway TEXT, token TEXT, state TEXT, reference TEXT)`); err != nil {
			return err
		}
		if err := tx.Exec(`CREATE TABLE bench_event (id INTEGER PRIMARY KEY, attempt INTEGER, kind TEXT, at INTEGER)`); err != nil {
			return err
		}
		for i := range benchRows {
			if err := tx.Exec(`INSERT INTO bench_row VALUES ($1, $2, 'fake', $3, 'started', NULL)`, i, fmt.Sprintf("inv_%012d", i), fmt.Sprintf("tok_%020d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	before := d.Stats()
	var n atomic.Int64
	b.ResetTimer()
	done := make(chan error, callers)
	for range callers {
		go func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					done <- nil
					return
				}
				err := d.Update(ctx, func(tx *db.Tx) error {
					if err := tx.Exec(`UPDATE bench_row SET state = 'paid', reference = $1 WHERE id = $2`, fmt.Sprintf("ref_%d", i), i*7919%benchRows); err != nil {
						return err
					}
					return tx.Exec(`INSERT INTO bench_event (attempt, kind, at) VALUES ($1, 'paid', $2)`, i, i)
				})
				if err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	after := d.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(float64(b.N)/float64(after.Commits-before.Commits), "updates/commit")
}
