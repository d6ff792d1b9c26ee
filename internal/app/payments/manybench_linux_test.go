package payments_test

import (
	"syscall"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMany_TenThousand brings a file of 10,000 customers, and makes their invoices and letters as the
// worker does: paced. How much of two cores it takes meanwhile is what those who pay lose by it.
//
//	go test ./internal/app/payments -run '^$' -bench Many_TenThousand -benchtime 1x
func BenchmarkMany_TenThousand(b *testing.B) {
	const n = 10_000
	for range b.N {
		d, err := db.Open(b.Context(), db.Options{URL: dbtest.SQLiteURL(b)})
		if err != nil {
			b.Fatal(err)
		}
		w := newWorld(b, d, &clock{at: time.Now()})
		w.clock.at = time.Now()
		began, used := time.Now(), cpu(b)
		r := w.brought(customers(n))
		checked := time.Since(began)
		if err := w.StartRun(b.Context(), w.scope, r.ID, true, false); err != nil {
			b.Fatal(err)
		}
		if err := w.RunMany(b.Context(), checkout.Job{Kind: payments.JobRun, Key: r.ID}); err != nil {
			b.Fatal(err)
		}
		took, spent := time.Since(began), cpu(b)-used
		var o db.OutboxState
		err = d.View(b.Context(), func(tx *db.Tx) (err error) {
			o, err = tx.Outbox(w.scope.MerchantID, true)
			return err
		})
		if got, _ := w.run1(r.ID); err != nil || got.Made != n || o.Waiting != n {
			b.Fatalf("%+v, %d letters wait, %v", got, o.Waiting, err)
		}
		b.ReportMetric(checked.Seconds(), "s-checked")
		b.ReportMetric(took.Seconds(), "s-all")
		b.ReportMetric(spent.Seconds(), "cpu-s")
		b.ReportMetric(100*spent.Seconds()/(2*took.Seconds()), "%-of-2-cores")
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
