package payments_test

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// summed is how far the shop's feed is summed up.
func (w *world) summed() (at db.FeedAt) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		at, err = tx.Summed(checkout.Feed{MerchantID: w.scope.MerchantID, Live: w.scope.Live})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return at
}

// sumUp gives everything its place and sums it up.
func (w *world) sumUp() {
	w.Helper()
	if err := w.FeedNews(w.Context()); err != nil {
		w.Fatal(err)
	}
	if err := w.SumUp(w.Context()); err != nil {
		w.Fatal(err)
	}
	if at := w.summed(); at.Last == 0 || at.Summed != at.Last {
		w.Errorf("summed up to %d of %d", at.Summed, at.Last)
	}
}

// Days are Tehran's, and their numbers stay: a database holds what was summed up under them, and the next
// release adds to it.
func TestDayNumber(t *testing.T) {
	for at, want := range map[time.Time]int64{
		time.Date(1970, 1, 1, 12, 0, 0, 0, time.UTC):                          0,
		time.Date(2000, 1, 1, 20, 29, 59, 999_999_999, time.UTC):              10957,
		time.Date(2000, 1, 1, 20, 30, 0, 0, time.UTC):                         10958,
		time.Date(2026, 10, 1, 20, 29, 59, 0, time.UTC):                       20727,
		time.Date(2026, 10, 1, 20, 30, 0, 0, time.UTC):                        20728,
		time.Date(2026, 10, 2, 0, 0, 0, 0, time.FixedZone("", 4*60*60-30*60)): 20728,
	} {
		if got := payments.DayNumber(at); got != want {
			t.Errorf("%s is day %d, want %d", at, got, want)
		}
	}
}

// What is kept of a day is exactly this: ends and payments by gateway, a refund under the gateway that was
// paid by, and how long it took where no person decided. Summed up at once or in parts it is the same.
func TestSumUp_WhatIsKept(t *testing.T) {
	for name, parts := range map[string]bool{"at once": false, "in parts": true} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				sum := func() {
					t.Helper()
					if parts {
						w.sumUp()
					}
				}
				inv := w.invoice(1_500_000)
				sum() // one place alone
				w.mustBack(w.start(inv, "gardeshpay"), "1001")
				sum()
				_, a := w.inReview()
				sum()
				if _, _, err := w.ResolveAttempt(t.Context(), w.scope, a.ID, payments.Resolution{Outcome: "paid", Note: "seen at the bank"}, clerk, nil); err != nil {
					t.Fatal(err)
				}
				sum()
				if _, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: 400_000}, clerk, nil); err != nil {
					t.Fatal(err)
				}
				w.sumUp()
				var got []db.DaySum
				err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
					got, err = tx.DaySums(checkout.Feed{MerchantID: w.scope.MerchantID, Live: true}, 0)
					return err
				})
				got = slices.DeleteFunc(got, func(s db.DaySum) bool { return s.Count == 0 && s.Total == 0 })
				slices.SortFunc(got, func(a, b db.DaySum) int {
					return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.What, b.What))
				})
				want := []db.DaySum{
					{Day: 20727, Gateway: "gardeshpay", What: "end:paid", Count: 1},
					{Day: 20727, Gateway: "gardeshpay", What: "paid", Count: 1, Total: 1_500_000},
					{Day: 20727, Gateway: "gardeshpay", What: "refunded", Count: 1, Total: 400_000},
					{Day: 20727, Gateway: "gardeshpay", What: "took:000", Count: 1},
					{Day: 20727, Gateway: "ghesta", What: "end:paid", Count: 1},
					{Day: 20727, Gateway: "ghesta", What: "paid", Count: 1, Total: 1_500_000},
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%+v, %v; want\n%+v", got, err, want)
				}
			})
		})
	}
}

// A feed that is longer than one turn is summed up in several, each as far as it goes; and where nothing is
// new, what was summed up stays so: begun anew, everything would count twice.
func TestSumUp_SeveralTurns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 510 {
			w.invoice(1000)
		}
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.SumUpOnly(t.Context(), w.summed(), 1); err != nil {
			t.Fatal(err)
		}
		if at := w.summed(); at.Summed == 0 || at.Summed >= at.Last {
			t.Errorf("after one turn: %d of %d", at.Summed, at.Last)
		}
		w.mustBack(w.start(w.invoice(1_000_000), "gardeshpay"), "1001")
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		from := w.summed()
		from.Summed = 0
		if err := w.SumUpOnly(t.Context(), from, 5); err != nil || w.summed().Summed == w.summed().Last {
			t.Errorf("from where somebody else began: %+v, %v", w.summed(), err)
		}
		if err := w.SumUpOnly(t.Context(), w.summed(), 2); err != nil || w.summed().Summed != w.summed().Last {
			t.Errorf("after two more: %+v, %v", w.summed(), err)
		}
		end := w.summed()
		more := end
		more.Last++ // a place that nothing stands at
		if err := w.SumUpOnly(t.Context(), more, 2); err != nil || w.summed() != end {
			t.Errorf("where nothing is new: %+v, %v; want %+v", w.summed(), err, end)
		}
	})
}

// A payment whose card the gateway did not tell is found under no card.
func TestSumUp_WithoutACard(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, mask := range []string{"", "12", "****", "603799******0000"} {
			answer := paid("774411229933"[:8+i])
			answer.CardMask = mask
			ref := "55001234567"[:8+i]
			w.card.say(ref, answer)
			inv := w.invoice(1_500_000)
			w.mustBack(w.start(inv, "gardeshpay"), ref)
			w.work()
			w.sumUp()
			if mask == "603799******0000" {
				if got := w.found("******0000"); !slices.Equal(got, []string{inv.ID}) {
					t.Errorf("by its card %v are found, want %s alone", got, inv.ID)
				}
			} else if got := w.found("******0000"); len(got) != 0 {
				t.Errorf("with the card %q it is found as 0000", mask)
			}
		}
	})
}

// What a reading found that was undone counts once.
func TestDays_ReadAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), "1001")
		w.Engine = w.rewired(func(o *payments.Options) { o.DB = rerun{w.db, func() {}} })
		days, err := w.Days(t.Context(), w.scope, from)
		if n, total := days.Paid(from, from); err != nil || n != 1 || total != 1_500_000 {
			t.Errorf("%d paid %d, %v", n, total, err)
		}
	})
}

// While the store takes nothing, who reads much that is new is told that the sums are behind, and not that
// the page has failed.
func TestDays_NothingIsTaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		for range 201 {
			w.invoice(1000)
		}
		for _, fed := range []bool{false, true} {
			if fed {
				if err := w.FeedNews(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			e := w.rewired(func(o *payments.Options) { o.DB = away{w.db, true} })
			days, err := e.Days(t.Context(), w.scope, from)
			if n, _ := days.Paid(from, from); err != nil || !days.Behind || n != 0 {
				t.Errorf("with places %t: behind %t, %v", fed, days.Behind, err)
			}
		}
	})
}

// TestDisk_DaysMuchBehind: whichever statement fails of a reading that sums up first, who reads is told so or
// told that the sums are behind, and never shown sums that lack something.
func TestDisk_DaysMuchBehind(t *testing.T) {
	w, d := onDisk(t, quickSQLite(t))
	from := w.clock.now()
	other := w.engine()
	for range 210 {
		if _, _, err := other.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 1000}, clerk, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), "1001")
	w.spawned.Wait()
	if err := other.FeedNews(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		d.arm(n)
		days, err := w.Days(t.Context(), w.scope, from)
		hit := d.failed()
		d.arm(0)
		count, total := days.Paid(from, w.clock.now())
		right := !days.Behind && count == 1 && total == 1_500_000
		if hit == "" {
			if err != nil || !right {
				t.Errorf("undisturbed: behind %t, %d paid %d, %v", days.Behind, count, total, err)
			}
			break
		}
		if d.swallowed {
			t.Errorf("statement %d failed, and its transaction went on: %s", n, hit)
		}
		if err == nil && !days.Behind && !right {
			t.Errorf("statement %d failed, and what is shown is %d paid %d: %s", n, count, total, hit)
		}
		if looked := strings.Contains(hit, "summed_position, last_position FROM feeds"); err != nil && !errors.Is(err, errDisk) || err == nil && looked {
			t.Errorf("statement %d failed, and what it says is %v: %s", n, err, hit)
		}
	}
	if at := w.summed(); at.Summed == 0 || at.Summed != at.Last {
		t.Errorf("summed up to %d of %d", at.Summed, at.Last)
	}
}
