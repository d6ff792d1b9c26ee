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

// BenchmarkPaymentBesideMany lets customers pay without a pause while ten thousand invoices of a file are made
// and their letters queued. The run is stopped and gone on with every few seconds, and each stretch is held
// against the one before it without the run, since a machine's own speed changes by the minute. It tells
// payments a second of both, the median of the stretches' ratios, and how long the file took beside those who pay.
func BenchmarkPaymentBesideMany(b *testing.B) {
	const lines, customers, stretch = 10_000, 16, 4 * time.Second
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
		pays := func(long time.Duration) float64 {
			before, began := paid.Load(), time.Now()
			time.Sleep(long)
			return float64(paid.Load()-before) / time.Since(began).Seconds()
		}
		pays(2 * stretch) // caches fill
		var without, with, ratios []float64
		var took time.Duration
		for made := 0; made < lines; {
			alone := pays(stretch)
			began := time.Now()
			if err := a.Engine.StartRun(b.Context(), sc, run.ID, true, false); err != nil {
				b.Fatal(err)
			}
			beside := pays(stretch)
			if err := a.Engine.StopRun(b.Context(), sc, run.ID); err != nil {
				b.Fatal(err)
			}
			took += time.Since(began)
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
			if took > 5*time.Minute {
				b.Fatalf("only %d of %d are made", made, lines)
			}
			if made < lines { // the last one was alone for a part of its stretch
				without, with, ratios = append(without, alone), append(with, beside), append(ratios, beside/alone)
			}
		}
		close(over)
		all.Wait()
		for _, list := range [][]float64{without, with, ratios} {
			slices.Sort(list)
		}
		b.ReportMetric(without[len(without)/2], "payments/s-alone")
		b.ReportMetric(with[len(with)/2], "payments/s-beside")
		b.ReportMetric(ratios[len(ratios)/2], "ratio")
		b.ReportMetric(took.Seconds(), "s-file")
	}
}
