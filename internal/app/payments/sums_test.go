package payments_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// recounted is what the books say about the days: every attempt, payment and refund is looked at.
type recounted struct {
	paid, refunded map[string]int64 // by day: rial, and under "n" in front how many
	ends           map[string]int   // by day, gateway and state
	took           []time.Duration
}

func day(t time.Time) string { return t.In(i18n.Tehran()).Format(time.DateOnly) }

func recount(tx *db.Tx, sc payments.Scope) (r recounted, err error) {
	r = recounted{map[string]int64{}, map[string]int64{}, map[string]int{}, nil}
	all, err := books(tx, sc)
	if err != nil {
		return r, err
	}
	for _, b := range all {
		if p := b.inv.Payment; p != nil {
			r.paid[day(p.PaidAt)] += int64(p.Amount)
			r.paid["n"+day(p.PaidAt)]++
		}
		for _, a := range b.attempts {
			if !a.Status.Out() {
				r.ends[fmt.Sprint(day(a.CreatedAt), " ", a.Gateway, " ", a.Status)]++
			}
			if a.Status == checkout.AttemptPaid && !a.Resolved {
				r.took = append(r.took, a.VerifiedAt.Sub(a.ReturnedAt))
			}
		}
		refunds, err := tx.RefundsOfInvoice(b.inv.ID, 0, 100)
		if err != nil {
			return r, err
		}
		for _, f := range refunds {
			r.refunded[day(f.CreatedAt)] += int64(f.Amount)
			r.refunded["n"+day(f.CreatedAt)]++
		}
	}
	return r, nil
}

// sumsLaw holds the sums against the books, day by day from one moment to another.
func (w *world) sumsLaw(sc payments.Scope, from, to time.Time) error {
	var r recounted
	if err := w.db.View(context.Background(), func(tx *db.Tx) (err error) { r, err = recount(tx, sc); return err }); err != nil {
		return err
	}
	days, err := w.Days(context.Background(), sc, from)
	if err != nil || days.Behind {
		return fmt.Errorf("behind: %t, %w", days.Behind, err)
	}
	ends, seen := map[string]int{}, map[string]bool{}
	for at := from; !at.After(to.Add(24 * time.Hour)); at = at.Add(12 * time.Hour) {
		if seen[day(at)] {
			continue
		}
		seen[day(at)] = true
		for kind, c := range map[string]struct {
			want map[string]int64
			got  func(from, to time.Time) (int, money.Rial)
		}{"paid": {r.paid, days.Paid}, "refunded": {r.refunded, days.Refunded}} {
			if n, total := c.got(at, at); int64(n) != c.want["n"+day(at)] || int64(total) != c.want[day(at)] {
				return fmt.Errorf("%s on %s: %d of %d rial, the books say %d of %d", kind, day(at), n, total, c.want["n"+day(at)], c.want[day(at)])
			}
		}
		for _, e := range days.Ends(at, at) {
			ends[fmt.Sprint(day(at), " ", e.Gateway, " ", e.Status)] = e.Count
		}
	}
	if fmt.Sprint(ends) != fmt.Sprint(r.ends) {
		return fmt.Errorf("attempts ended %v, the books say %v", ends, r.ends)
	}
	slices.Sort(r.took)
	took, any := days.Took(from, to)
	if any != (len(r.took) > 0) {
		return fmt.Errorf("payments took %s (%t), the books have %v", took, any, r.took)
	}
	if any {
		if exact := r.took[(len(r.took)-1)/2]; took < exact*15/16-time.Millisecond || took > exact*17/16+time.Millisecond {
			return fmt.Errorf("half took %s, the books say %s", took, exact)
		}
	}
	return nil
}

// TestDays: what a day brought is right at every moment, in Tehran's days, however far it is summed up:
// after a resolve, a refund, a payment that comes after all, and in each mode by itself.
func TestDays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		test := payments.Scope{MerchantID: w.scope.MerchantID}
		law := func(when string) {
			t.Helper()
			for _, sc := range []payments.Scope{w.scope, test} {
				if err := w.sumsLaw(sc, from, w.clock.now()); err != nil {
					t.Errorf("%s, live %t: %v", when, sc.Live, err)
				}
			}
		}
		sum := func() {
			t.Helper()
			if err := w.FeedNews(t.Context()); err != nil {
				t.Fatal(err)
			}
			law("with places")
			for range 2 { // twice is once
				if err := w.SumUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				law("summed up")
			}
		}
		w.clock.at = time.Date(2026, 10, 1, 20, 29, 59, 0, time.UTC) // 23:59:59 in Tehran
		from = w.clock.now()
		late := w.invoice(1_500_000)
		w.mustBack(w.start(late, "gardeshpay"), "1001")
		law("a payment before midnight")
		w.clock.add(2 * time.Second)
		inv := w.invoice(2_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("2001", silence(), paid("2001"))
		w.mustBack(a, "2001")
		w.pass(7 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		law("one after it, that took seconds")
		sum()
		review, b := w.inReview()
		gone := w.start(w.invoice(1_000_000), "gardeshpay")
		w.pass(40 * time.Minute)
		w.want(w.invoice(1), checkout.InvoiceOpen, gone, checkout.AttemptAbandoned)
		sum()
		w.mustBack(gone, "3001") // it comes after all
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, b.ID, payments.Resolution{Outcome: "paid", Note: "seen at the bank"}, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.want(review, checkout.InvoicePaid, b, checkout.AttemptPaid)
		law("resolved, and paid late")
		sum()
		_, c := w.inReviewBy("9002")
		if _, _, err := w.ResolveAttempt(t.Context(), w.scope, c.ID, payments.Resolution{Outcome: "failed", Note: "not seen"}, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		lost := w.canceled("gardeshpay", 1)[0]
		w.mustBack(lost, "3002")
		if err := w.CloseUnclaimed(t.Context(), w.scope, lost.ID, "sent back", checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		law("resolved as failed, and closed")
		sum()
		soft := w.start(w.invoice(1_000_000), "ghesta")
		w.ins.say("2002", refusal("12", true, false), silence(), silence(), silence(), paid("2002"))
		w.mustBack(soft, "2002")
		w.work()
		law("refused for now")
		sum()
		w.clock.add(31 * time.Second)
		w.work()
		if got := w.attempt(soft).Status; got != checkout.AttemptVerifying {
			t.Fatalf("asked again, it is %s", got)
		}
		law("asked again")
		sum()
		w.pass(time.Minute)
		law("paid after all")
		sum()
		w.clock.add(24 * time.Hour)
		for range 2 {
			if _, _, err := w.RefundInvoice(t.Context(), w.scope, late.ID, payments.Refunding{Amount: 400_000}, checkout.Actor{}, nil); err != nil {
				t.Fatal(err)
			}
			law("a refund")
		}
		sum()
	})
}

// TestSumUp_Meanwhile: several sum up at once while payments come, and while somebody reads: every
// event counts once, and each reading is of one moment.
func TestSumUp_Meanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		var payers, others sync.WaitGroup
		done := make(chan struct{})
		for g := range 3 {
			payers.Go(func() {
				for i := range 10 {
					inv := w.invoice(1_000_000)
					if _, err := w.Start(context.Background(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"}); err != nil {
						t.Error(err)
						return
					}
					p, err := w.Page(context.Background(), inv.Token)
					if err != nil {
						t.Error(err)
						return
					}
					if err := w.back(p.Attempts[0], strconv.Itoa((g+1)*10_000+i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			others.Go(func() {
				for {
					if err := w.FeedNews(context.Background()); err != nil {
						t.Error(err)
					}
					if err := w.SumUp(context.Background()); err != nil {
						t.Error(err)
					}
					days, err := w.Days(context.Background(), w.scope, from)
					if n, total := days.Paid(from, from); err != nil || int64(total) != int64(n)*1_000_000 || n > 30 {
						t.Errorf("%d paid %d rial, %v", n, total, err)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		payers.Wait()
		close(done)
		others.Wait()
		w.work()
		if err := w.sumsLaw(w.scope, from, w.clock.now()); err != nil {
			t.Error(err)
		}
	})
}

// TestDays_TooMuchBehind: a reader sums up first when much is missing, and the sums are right then.
func TestDays_TooMuchBehind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		for range 250 {
			w.invoice(1000)
		}
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "4001")
		if err := w.sumsLaw(w.scope, from, w.clock.now()); err != nil {
			t.Error(err)
		}
		var at db.FeedAt
		err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
			at, err = tx.Summed(checkout.Feed{MerchantID: w.scope.MerchantID, Live: true})
			return err
		})
		if err != nil || at.Summed == 0 || at.Summed != at.Last {
			t.Errorf("summed up to %d of %d, %v", at.Summed, at.Last, err)
		}
	})
}

// TestDays_InOrder: of three payments the middle one's time counts, the ends come in order, and who reads
// writes nothing.
func TestDays_InOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.clock.now()
		for i, answers := range [][]gateways.Answer{{paid("1")}, {silence(), silence(), paid("2")}, {silence(), silence(), silence(), paid("3")}} {
			ref := strconv.Itoa(5001 + i)
			w.ins.say(ref, answers...)
			w.mustBack(w.start(w.invoice(1_000_000), "ghesta"), ref)
			w.pass(time.Minute)
		}
		w.mustBack(w.start(w.invoice(1_000_000), "gardeshpay"), "6001")
		w.card.say("6002", refusal("3", false, true))
		w.mustBack(w.start(w.invoice(1_000_000), "gardeshpay"), "6002")
		w.ins.say("5009", refusal("44", false, true))
		w.mustBack(w.start(w.invoice(1_000_000), "ghesta"), "5009")
		w.work()
		days, err := w.Days(t.Context(), w.scope, from)
		if err != nil {
			t.Fatal(err)
		}
		want := []db.Ended{
			{Gateway: "gardeshpay", Status: checkout.AttemptFailed, Count: 1},
			{Gateway: "gardeshpay", Status: checkout.AttemptPaid, Count: 1},
			{Gateway: "ghesta", Status: checkout.AttemptFailed, Count: 1},
			{Gateway: "ghesta", Status: checkout.AttemptPaid, Count: 3},
		}
		for range 20 { // as a map never twice gives them
			if got := days.Ends(from, w.clock.now()); !slices.Equal(got, want) {
				t.Errorf("ends %+v", got)
			}
		}
		if err := w.sumsLaw(w.scope, from, w.clock.now()); err != nil {
			t.Error(err)
		}
		if took, any := days.Took(from, from); !any || took != 0 { // two at once, one of 5 s, one of 20 s
			t.Errorf("half took %s (%t)", took, any)
		}
		var at db.FeedAt
		err = w.db.View(t.Context(), func(tx *db.Tx) (err error) {
			at, err = tx.Summed(checkout.Feed{MerchantID: w.scope.MerchantID, Live: true})
			return err
		})
		if err != nil || at.Summed != 0 || at.Last != 0 {
			t.Errorf("reading summed up: %+v, %v", at, err)
		}
		w.ins.say("5004", silence(), silence(), silence(), paid("4"))
		w.mustBack(w.start(w.invoice(1_000_000), "ghesta"), "5004")
		w.pass(time.Minute)
		if days, err = w.Days(t.Context(), w.scope, from); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if took, any := days.Took(from, from); !any || took < 4700*time.Millisecond || took > 5300*time.Millisecond {
				t.Errorf("half took %s (%t)", took, any)
			}
		}
	})
}

// A bucket stands for what is in it, to within 6 %, and later ones for more.
func TestBuckets(t *testing.T) {
	last := -1
	for ms := int64(-3); ms < 1<<40; ms += 1 + max(ms, 0)/97 {
		d := time.Duration(max(ms, 0)) * time.Millisecond
		b := payments.BucketOf(time.Duration(ms) * time.Millisecond)
		got := payments.BucketMiddle(b)
		if off := got - d; off.Abs() > d/16 {
			t.Fatalf("%s is in bucket %d, which stands for %s", d, b, got)
		}
		if ms < 16 && got != d {
			t.Errorf("%s stands for %s", d, got)
		}
		if b < last || b > 999 {
			t.Fatalf("%s is in bucket %d, after %d", d, b, last)
		}
		last = b
	}
}

// TestSumUp_ATurnEach: a feed gets so many turns and no more, none when the server stops, and what was
// summed up is not summed up again.
func TestSumUp_ATurnEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.mustBack(w.start(w.invoice(1_000_000), "gardeshpay"), strconv.Itoa(1001+i))
		}
		if err := w.FeedNews(t.Context()); err != nil {
			t.Fatal(err)
		}
		summed := func() (at db.FeedAt) {
			t.Helper()
			err := w.db.View(t.Context(), func(tx *db.Tx) (err error) {
				at, err = tx.Summed(checkout.Feed{MerchantID: w.scope.MerchantID, Live: true})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		at := summed()
		if at.Last == 0 || at.Summed != 0 {
			t.Fatalf("%+v", at)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := w.SumUpOnly(gone, at, 3); err != nil || summed().Summed != 0 {
			t.Errorf("of a server that stops: %+v, %v", summed(), err)
		}
		for i := range 2 {
			if err := w.SumUpOnly(t.Context(), summed(), 0); err != nil || summed().Summed != 0 {
				t.Errorf("%d: no turn, and summed up to %+v, %v", i, summed(), err)
			}
		}
		if err := w.SumUpOnly(t.Context(), summed(), 1); err != nil || summed().Summed != at.Last {
			t.Errorf("one turn: %+v, %v", summed(), err)
		}
		if err := w.SumUpOnly(t.Context(), at, 1); err != nil || summed().Summed != at.Last { // somebody else was faster
			t.Errorf("once more from the beginning: %+v, %v", summed(), err)
		}
	})
}
