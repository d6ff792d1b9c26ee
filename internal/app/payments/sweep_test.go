package payments_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// TestSweep_Meanwhile: what was due when the sweep looked, and is no longer when it has the lock, is left
// as it is.
func TestSweep_Meanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		open, sold, over := w.invoice(1_500_000), w.invoice(1_500_000), w.invoice(1_500_000)
		out, back := w.start(open, "gardeshpay"), w.start(sold, "gardeshpay")
		w.mustBack(back, "8001")
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, over.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.clock.add(24 * time.Hour)
		before := w.story()
		for _, id := range []string{open.ID, sold.ID, over.ID} {
			if err := w.ExpireOne(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		if err := w.AbandonOne(t.Context(), back.ID); err != nil || w.story() != before {
			t.Errorf("%v; the books became\n%s\nfrom\n%s", err, w.story(), before)
		}
		w.clock.add(8 * 24 * time.Hour)
		for _, id := range []string{sold.ID, over.ID} { // over its time, and yet not expired
			if err := w.ExpireOne(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		w.want(sold, checkout.InvoicePaid, back, checkout.AttemptPaid)
		if err := errors.Join(w.ExpireOne(t.Context(), open.ID), w.AbandonOne(t.Context(), out.ID)); err != nil {
			t.Error(err)
		}
		w.want(open, checkout.InvoiceExpired, out, checkout.AttemptAbandoned)
		before = w.story()
		if err := errors.Join(w.ExpireOne(t.Context(), open.ID), w.AbandonOne(t.Context(), out.ID)); err != nil || w.story() != before {
			t.Errorf("twice: %v; the books became\n%s\nfrom\n%s", err, w.story(), before)
		}
		if w.ExpireOne(t.Context(), "inv_none") == nil || w.AbandonOne(t.Context(), "att_none") == nil {
			t.Error("what is not there is swept")
		}
	})
}

// TestPrepare_LeavesWhatIsInTime: the furthest time that is ever planned stays as it is at a start; what lies
// beyond it was written by another clock.
func TestPrepare_LeavesWhatIsInTime(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		last, now := payments.LastReask, w.clock.now()
		for in, want := range map[time.Duration]time.Duration{last: last, last + time.Hour: last + time.Minute} {
			next := time.Time{}
			err := w.db.Update(t.Context(), func(tx *db.Tx) error {
				return tx.ScheduleJob(checkout.Job{Kind: payments.JobVerify, Key: a.ID + "/8001", RunAt: now.Add(in)})
			})
			if err == nil {
				err = w.Prepare(t.Context())
			}
			if err == nil {
				err = w.db.View(t.Context(), func(tx *db.Tx) (err error) { next, err = tx.NextJobAt([]string{payments.JobVerify}); return err })
			}
			if err != nil || !next.Equal(now.Add(want)) {
				t.Errorf("planned in %s it runs in %s, %v", in, next.Sub(now), err)
			}
		}
	})
}

// TestPrune_ADay: an idempotency key is remembered for a day, and no longer.
func TestPrune_ADay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		create := func() (replayed bool) {
			t.Helper()
			_, replay, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 1_500_000}, clerk, once)
			if err != nil {
				t.Fatal(err)
			}
			return replay != nil
		}
		if create() {
			t.Fatal("known at first")
		}
		for _, c := range []struct {
			after time.Duration
			known bool
		}{{24*time.Hour - time.Second, true}, {2 * time.Second, false}} {
			w.clock.add(c.after)
			if err := w.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := create(); got != c.known {
				t.Errorf("%s later it is known: %t", c.after, got)
			}
		}
		o := w.engine().Options
		o.DB = away{DB: w.db}
		if err := payments.New(o).Prune(t.Context()); !errors.Is(err, checkout.Unavailable) {
			t.Errorf("the store is away: %v", err)
		}
	})
}

// TestRecord: a person's act on an invoice stands in the log of deeds with what its event says, once, and
// what a program, a customer or the clock does is not there.
func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000) // by a program
		w.mustBack(w.start(inv, "gardeshpay"), "8001")
		if got := w.deeds(checkout.AreaInvoice); len(got) != 0 {
			t.Errorf("no person's: %+v", got)
		}
		by := checkout.Actor{Kind: "user", ID: "usr_7", RequestID: "req_7", Address: "192.0.2.7", Agent: "Firefox"}
		var want []checkout.Event
		for _, amount := range []money.Rial{400_000, 500_000} {
			w.clock.add(time.Minute)
			if _, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: amount}, by, nil); err != nil {
				t.Fatal(err)
			}
			want = append(want, w.last(inv))
		}
		got := w.deeds(checkout.AreaInvoice)
		if len(got) != len(want) {
			t.Fatalf("%+v", got)
		}
		for i, d := range got {
			if d.Kind != checkout.EventInvoiceRefunded || d.Object != inv.ID || d.Name != inv.Number || !d.Live || d.By != by || d.Details != want[i].Data || !json.Valid([]byte(d.Details)) ||
				!d.CreatedAt.Equal(want[i].CreatedAt) || d.ID[:4] != checkout.PrefixDeed {
				t.Errorf("%+v, its event %+v", d, want[i])
			}
		}
	})
}
