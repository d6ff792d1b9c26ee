package payments

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// What the sums of a day hold, by gateway. The state of an attempt stands behind sumEnd, a bucket of
// durations behind sumTook.
const (
	sumPaid     = "paid"
	sumRefunded = "refunded"
	sumEnd      = "end:"
	sumTook     = "took:"
)

const (
	// sumBatch is how many places of the feed are summed up in one transaction, which holds a row or two
	// for each of them and a few for the days.
	sumBatch = 500
	// sumsAtOnce is how many such transactions run for a feed before the others have their turn.
	sumsAtOnce = 20
	// mostBehind is how much a reader adds by itself. Beyond it, it sums up first.
	mostBehind = 200
)

// sumKey names one sum.
type sumKey struct {
	day           int64
	gateway, what string
}

type sumValue struct {
	count int64
	total money.Rial
}

// sums are the sums that some events come to.
type sums map[sumKey]sumValue

func (s sums) add(day int64, gateway, what string, count int64, total money.Rial) {
	k := sumKey{day, gateway, what}
	v := s[k]
	v.count, v.total = v.count+count, v.total+total
	s[k] = v
}

// DayNumber is a moment's day in Tehran, counted from 1970-01-01.
func DayNumber(t time.Time) int64 {
	l := t.In(i18n.Tehran())
	return time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// story adds what an invoice's events up to a sequence come to, times sign. What the new events bring is
// the story with them less the story without: so an attempt that was given up and pays after all, or
// that a person resolves, leaves one sum and enters another, whatever came between.
func (s sums) story(n *db.News, until, sign int64) error {
	told := map[string]string{}
	var paidBy *db.NewsEvent
	for i := range n.Events {
		e := &n.Events[i]
		if e.Sequence > until {
			break
		}
		switch e.Type {
		case checkout.EventInvoicePaid:
			paidBy, told[e.AttemptID] = e, string(checkout.AttemptPaid)
			s.add(DayNumber(e.At), e.Gateway, sumPaid, sign, money.Rial(sign)*e.Paid)
			if !e.ResolvedByOne && !e.Returned.IsZero() && !e.Verified.IsZero() {
				s.add(DayNumber(e.At), e.Gateway, sumTook+bucketName(bucketOf(e.Verified.Sub(e.Returned))), sign, 0)
			}
		case checkout.EventInvoiceRefunded:
			var data struct{ Amount money.Rial }
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				return fmt.Errorf("refund of invoice number %d: %w", n.Number, err)
			}
			gateway := ""
			if paidBy != nil {
				gateway = paidBy.Gateway
			}
			s.add(DayNumber(e.At), gateway, sumRefunded, sign, money.Rial(sign)*data.Amount)
		case checkout.EventAttemptResolved:
			var data struct{ Outcome string }
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				return fmt.Errorf("resolution of invoice number %d: %w", n.Number, err)
			}
			if data.Outcome != "closed" { // closed stays what it was: unclaimed
				told[e.AttemptID] = data.Outcome
			}
		case checkout.EventVerifyAsked:
			told[e.AttemptID] = string(checkout.AttemptVerifying)
		default:
			if status, ok := strings.CutPrefix(e.Type, "attempt."); ok {
				told[e.AttemptID] = status
			}
		}
	}
	began := map[string]bool{}
	for i := range n.Events {
		e := &n.Events[i]
		status := told[e.AttemptID]
		if e.AttemptID == "" || began[e.AttemptID] || status == "" || checkout.AttemptStatus(status).Out() {
			continue
		}
		began[e.AttemptID] = true
		s.add(DayNumber(e.Began), e.Gateway, sumEnd+status, sign, 0)
	}
	return nil
}

// take adds what is new in an invoice's story.
func (s sums) take(n *db.News) error {
	if err := s.story(n, n.First-1, -1); err != nil {
		return err
	}
	return s.story(n, n.Last, 1)
}

// list is the sums that are not nothing, in the order of their key.
func (s sums) list() []db.DaySum {
	var list []db.DaySum
	for k, v := range s {
		if v != (sumValue{}) {
			list = append(list, db.DaySum{Day: k.day, Gateway: k.gateway, What: k.what, Count: v.count, Total: v.total})
		}
	}
	slices.SortFunc(list, func(a, b db.DaySum) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), strings.Compare(a.Gateway, b.Gateway), strings.Compare(a.What, b.What))
	})
	return list
}

// finds are the values by which the invoices of the news are found from now on.
func finds(news []db.News) []db.Find {
	var list []db.Find
	for i := range news {
		n := &news[i]
		for _, e := range n.Events {
			if e.Sequence < n.First {
				continue
			}
			switch e.Type {
			case checkout.EventInvoiceCreated, checkout.EventInvoiceUpdated:
				list = append(list, db.Find{Value: int64(n.Amount), Number: n.Number})
			case checkout.EventInvoicePaid:
				if value, ok := db.CardFind(e.CardMask[max(0, len(e.CardMask)-4):]); ok {
					list = append(list, db.Find{Value: value, Number: n.Number})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b db.Find) int { return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Number, b.Number)) })
	return slices.Compact(list)
}

// SumUp brings the sums of days, and the finds, up to the end of every feed. Nothing depends on when it
// runs: whoever reads adds what is behind it.
func (e *Engine) SumUp(ctx context.Context) error {
	var feeds []db.FeedAt
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		feeds, err = tx.Unsummed()
		return err
	})
	for _, at := range feeds {
		err = errors.Join(err, e.sumUp(ctx, at, sumsAtOnce))
	}
	return err
}

// sumUp reads the feed in a snapshot, where it is in nobody's way, and then writes a few rows.
func (e *Engine) sumUp(ctx context.Context, at db.FeedAt, most int) error {
	for n := 0; n < most && at.Summed < at.Last && ctx.Err() == nil; n++ {
		var last int64
		var news []db.News
		err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
			last, news, err = tx.FeedBehind(at.Feed, at.Summed, sumBatch)
			return err
		})
		if err != nil {
			return err
		}
		if last == 0 {
			return nil
		}
		total := sums{}
		for i := range news {
			if err := total.take(&news[i]); err != nil {
				return err
			}
		}
		err = e.DB.Update(ctx, func(tx *db.Tx) error {
			return tx.SumUp(at.Feed, at.Summed, last, total.list(), finds(news))
		})
		if errors.Is(err, checkout.Conflict) {
			return nil // somebody else sums this feed up
		}
		if err != nil {
			return err
		}
		at.Summed = last
	}
	return nil
}

// bucketOf puts a duration into one of the buckets of a histogram: of each doubling of a millisecond
// there are eight, so that a bucket's middle is at most 6 % off what is in it.
func bucketOf(d time.Duration) int {
	ms := uint64(max(d.Milliseconds(), 0))
	if ms < 16 {
		return int(ms)
	}
	exponent := bits.Len64(ms) - 4 // ms>>exponent is 8 to 15
	return min(exponent*8+int(ms>>exponent), 999)
}

// bucketMiddle is the duration that a bucket stands for.
func bucketMiddle(bucket int) time.Duration {
	if bucket < 16 {
		return time.Duration(bucket) * time.Millisecond
	}
	exponent := bucket/8 - 1
	low := uint64(bucket%8+8) << exponent
	return time.Duration(low+(uint64(1)<<exponent)/2) * time.Millisecond
}

func bucketName(bucket int) string { return fmt.Sprintf("%03d", bucket) }
