//go:build unix

package app_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// BenchmarkPaymentBesideMany lets customers pay without a pause: alone, while ten thousand invoices of a file
// are made and their letters queued, and alone again. It tells payments a second in windows of a second
// (their median), and how long the file took beside them.
func BenchmarkPaymentBesideMany(b *testing.B) {
	const lines, customers, alone = 10_000, 16, 8
	for range b.N {
		s, a, merchant := newHookedShop(b)
		sc := payments.Scope{MerchantID: merchant, Live: true}
		rows := make([]checkout.RunRow, lines)
		for i := range rows {
			rows[i] = checkout.RunRow{Line: i + 2, Ask: checkout.RunAsk{
				Name: fmt.Sprint("Customer ", i), Email: fmt.Sprintf("c%d@example.com", i), Amount: 1_500_000, Reference: fmt.Sprint("R-", i),
			}}
		}
		run, err := a.Engine.CheckRun(b.Context(), sc, payments.NewRun{Name: "customers.csv", Unit: "rial", Lines: rows}, checkout.Actor{Kind: "user", ID: "usr_1"})
		if err != nil {
			b.Fatal(err)
		}
		var paid atomic.Int64
		over := make(chan struct{})
		var all sync.WaitGroup
		for range customers {
			all.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					if err := s.pay(); err != nil {
						b.Error(err)
						return
					}
					paid.Add(1)
				}
			})
		}
		window := func() float64 {
			before, began := paid.Load(), time.Now()
			time.Sleep(time.Second)
			return float64(paid.Load()-before) / time.Since(began).Seconds()
		}
		window() // caches fill
		var without, with []float64
		for range alone {
			without = append(without, window())
		}
		began := time.Now()
		if err := a.Engine.StartRun(b.Context(), sc, run.ID, true, false); err != nil {
			b.Fatal(err)
		}
		for made := 0; made < lines; {
			with = append(with, window())
			err := a.Engine.DB.View(b.Context(), func(tx *db.Tx) error {
				got, err := tx.Run(run.ID)
				if err == nil {
					made = got.Made
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			if time.Since(began) > 5*time.Minute {
				b.Fatalf("only %d of %d are made", made, lines)
			}
		}
		took := time.Since(began)
		for range alone {
			without = append(without, window())
		}
		close(over)
		all.Wait()
		slices.Sort(without)
		slices.Sort(with)
		b.ReportMetric(without[len(without)/2], "payments/s-alone")
		b.ReportMetric(with[len(with)/2], "payments/s-beside")
		b.ReportMetric(with[len(with)/2]/without[len(without)/2], "ratio")
		b.ReportMetric(took.Seconds(), "s-file")
	}
}
