package payments

import (
	"context"
	"sort"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// Days is what the days of a shop brought, up to the moment it was read.
type Days struct {
	// Behind says that the sums do not reach to this moment, and are empty: more was there than a reader
	// waits for, as after an upgrade of a large database.
	Behind bool
	sums   sums
}

// Days reads the sums of a shop's days from that of a moment on, with everything that is stored, also
// what was not summed up yet.
func (e *Engine) Days(ctx context.Context, sc Scope, from time.Time) (Days, error) {
	feed := checkout.Feed{MerchantID: sc.MerchantID, Live: sc.Live}
	d, at, err := e.daysNow(ctx, feed, from)
	if err != nil || !d.Behind {
		return d, err
	}
	if err := e.feedNews(ctx, feed, newsAtOnce); err != nil {
		return d, nil //nolint:nilerr // The store takes nothing now; what it holds can be added up without.
	}
	if err := e.DB.View(ctx, func(tx *db.Tx) (err error) { at, err = tx.Summed(feed); return err }); err != nil {
		return d, err
	}
	if err := e.sumUp(ctx, at, sumsAtOnce/4); err != nil {
		return d, nil //nolint:nilerr // as above
	}
	d, _, err = e.daysNow(ctx, feed, from)
	return d, err
}

// daysNow adds to the sums what is behind them, in one snapshot.
func (e *Engine) daysNow(ctx context.Context, feed checkout.Feed, from time.Time) (Days, db.FeedAt, error) {
	var d Days
	var at db.FeedAt
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		d = Days{sums: sums{}}
		var err error
		if at, err = tx.Summed(feed); err != nil {
			return err
		}
		if at.Last-at.Summed > mostBehind {
			d.Behind = true
			return nil
		}
		missing, err := tx.FeedMissing(feed, mostBehind+1)
		if err != nil {
			return err
		}
		if d.Behind = len(missing) > mostBehind; d.Behind {
			return nil
		}
		_, behind, err := tx.FeedBehind(feed, at.Summed, mostBehind)
		if err != nil {
			return err
		}
		for _, news := range [][]db.News{behind, missing} {
			for i := range news {
				if err := d.sums.take(&news[i]); err != nil {
					return err
				}
			}
		}
		list, err := tx.DaySums(feed, DayNumber(from))
		for _, s := range list {
			d.sums.add(s.Day, s.Gateway, s.What, s.Count, s.Total)
		}
		return err
	})
	return d, at, err
}

// each passes the sums of a kind, from the day of a moment to that of another, both included.
func (d Days) each(kind string, from, to time.Time, pass func(gateway, rest string, v sumValue)) {
	first, last := DayNumber(from), DayNumber(to)
	for k, v := range d.sums {
		if rest, ok := strings.CutPrefix(k.what, kind); ok && k.day >= first && k.day <= last && v.count != 0 {
			pass(k.gateway, rest, v)
		}
	}
}

// Paid is how many payments there were, and what they came to.
func (d Days) Paid(from, to time.Time) (count int, total money.Rial) {
	return d.money(sumPaid, from, to)
}

// Refunded is how many refunds were recorded, and what they came to.
func (d Days) Refunded(from, to time.Time) (count int, total money.Rial) {
	return d.money(sumRefunded, from, to)
}

func (d Days) money(kind string, from, to time.Time) (count int, total money.Rial) {
	d.each(kind, from, to, func(_, _ string, v sumValue) { count, total = count+int(v.count), total+v.total })
	return count, total
}

// Ends are how the attempts that began in these days ended, by gateway and state.
func (d Days) Ends(from, to time.Time) []db.Ended {
	counts := map[db.Ended]int{}
	d.each(sumEnd, from, to, func(gateway, status string, v sumValue) {
		counts[db.Ended{Gateway: gateway, Status: checkout.AttemptStatus(status)}] += int(v.count)
	})
	var list []db.Ended
	for e, n := range counts {
		e.Count = n
		list = append(list, e)
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].Gateway < list[j].Gateway || list[i].Gateway == list[j].Gateway && list[i].Status < list[j].Status
	})
	return list
}

// Took is how long half of the payments took at most, from the customer's return to the proof, to within
// 6 %. False when there were none, or only such that a person decided.
func (d Days) Took(from, to time.Time) (time.Duration, bool) {
	counts, all := map[int]int64{}, int64(0)
	d.each(sumTook, from, to, func(_, bucket string, v sumValue) {
		n, err := strconv.Atoi(bucket)
		if err == nil {
			counts[n] += v.count
			all += v.count
		}
	})
	var buckets []int
	for b := range counts {
		buckets = append(buckets, b)
	}
	sort.Ints(buckets)
	left := (all + 1) / 2
	for _, b := range buckets {
		if left -= counts[b]; left <= 0 {
			return bucketMiddle(b), true
		}
	}
	return 0, false
}
