package payments_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// script makes each call of verify wait for a word of its own: calls[0] answers the first, and so on.
// Two calls at once share the vendor's one list of words: the tests answer one, wait for it, and then
// the other.
func (w *world) script(v *vendor, calls ...chan gateways.Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	v.onVerify = func(r gateways.VerifyRequest) {
		v.mu.Lock()
		n++
		i := n - 1
		v.mu.Unlock()
		if i >= len(calls) {
			return
		}
		select {
		case word := <-calls[i]:
			v.say(r.Reference, word)
		case <-w.Context().Done(): // a test that failed waits for nobody
		}
	}
}

func words(n int) []chan gateways.Answer {
	list := make([]chan gateways.Answer, n)
	for i := range list {
		list[i] = make(chan gateways.Answer, 1)
	}
	return list
}

// outlive lets the lease of a call that is still out run out, and claims its job as any worker would.
func (w *world) outlive() []checkout.Job {
	w.Helper()
	for range 100 { // the living call renews its lease now and then
		w.clock.add(payments.Lease + time.Second)
		if jobs := w.claimDue(); len(jobs) > 0 {
			return jobs
		}
	}
	w.Fatal("the lease never ran out")
	return nil
}

func (w *world) run(e *payments.Engine, jobs []checkout.Job) {
	for _, j := range jobs {
		if err := e.RunVerify(context.Background(), j); err != nil {
			w.Errorf("run %s: %v", j.Key, err)
		}
	}
}

// TestLease_RanOutUnderALivingCall: the clock jumped, or the store was away for longer than a lease,
// while a call hung. The same process must not ask a second time meanwhile, and what the call brings
// at last is the word that counts: dropped, the customer's money would lie there unrecorded.
func TestLease_RanOutUnderALivingCall(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		say := words(1)
		w.script(w.ins, say...)
		var all sync.WaitGroup
		all.Go(func() {
			if err := w.back(a, "8001"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 })
		for range 3 {
			w.run(w.Engine, w.outlive())
		}
		if w.ins.asked() != 1 {
			t.Errorf("asked %d times while the first call was out", w.ins.asked())
		}
		say[0] <- paid("R8001")
		all.Wait()
		w.spawned.Wait()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		w.pass(20 * time.Minute)
		if types := w.types(inv); w.ins.most != 1 || count(types, "invoice.paid") != 1 || count(types, "verify.asked") != 1 {
			t.Errorf("%d at once, asked %d times: %v", w.ins.most, w.ins.asked(), types)
		}
	})
}

// TestLease_RanOutUnderACallThatGoesOnAfterwards: the living call learns nothing, and its schedule
// goes on as if its lease had never run out.
func TestLease_RanOutUnderACallThatGoesOnAfterwards(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		say := words(1)
		w.script(w.card, say...)
		var all sync.WaitGroup
		all.Go(func() {
			if err := w.back(a, "8001"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.card.asked() == 1 })
		w.run(w.Engine, w.outlive())
		say[0] <- silence() // and said again by the call that follows at once
		all.Wait()
		w.work()
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.card.say("8001", paid("R8001"))
		w.pass(10 * time.Second)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.card.most != 1 || w.card.asked() != 3 {
			t.Errorf("%d at once, asked %d times", w.card.most, w.card.asked())
		}
	})
}

// overtake has two processes ask about one reference: the first one's lease ran out under its call,
// so that the other took it for dead. Each call waits for its word.
func (w *world) overtake(a checkout.Attempt, ref string, v *vendor) (first, second chan gateways.Answer, done *sync.WaitGroup) {
	w.Helper()
	say := words(2)
	w.script(v, say...)
	done = &sync.WaitGroup{}
	done.Go(func() {
		if err := w.back(a, ref); err != nil {
			w.Error(err)
		}
	})
	w.until(func() bool { return v.asked() == 1 })
	other := w.engine()
	jobs := w.outlive()
	done.Go(func() { w.run(other, jobs) })
	w.until(func() bool { return v.asked() == 2 })
	return say[0], say[1], done
}

func (w *world) unheard(a checkout.Attempt, ref string) int {
	w.Helper()
	var n int
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		r, err := tx.Reference(a.ID, ref)
		if err == nil {
			n = r.Unheard
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// TestLease_LateFifteenGivesTheUnheardBack: the other process counted our call as unheard. It was
// heard, late: code 15, somebody else's capture. The other call's own 15 must then not be believed.
func TestLease_LateFifteenGivesTheUnheardBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		if n := w.unheard(a, "8001"); n != 1 {
			t.Errorf("unheard = %d while the first call is thought dead", n)
		}
		first <- already()
		w.until(func() bool { return count(w.types(inv), "verify.answered") == 1 })
		if n := w.unheard(a, "8001"); n != 0 {
			t.Errorf("unheard = %d after the late word", n)
		}
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		second <- already()
		done.Wait()
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if got := w.attempt(a).Failure; got == nil || got.Code != checkout.CodeAlreadyVerified {
			t.Errorf("failure = %+v", got)
		}
	})
}

// TestLease_ThreeAtOnce: while the second process asks, the third takes it for dead as well. The first one's
// word comes back, and the second one's: each was heard, neither is the last word, and the third one's 15 is
// somebody else's capture.
func TestLease_ThreeAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		say := words(3)
		w.script(w.ins, say...)
		var done sync.WaitGroup
		done.Go(func() {
			if err := w.back(a, "8001"); err != nil {
				t.Error(err)
			}
		})
		w.until(func() bool { return w.ins.asked() == 1 })
		for n := 2; n <= 3; n++ {
			other, jobs := w.engine(), w.outlive()
			done.Go(func() { w.run(other, jobs) })
			w.until(func() bool { return w.ins.asked() == n })
		}
		for i, want := range []int{1, 0} {
			say[i] <- already()
			w.until(func() bool { return count(w.types(inv), "verify.answered") == i+1 })
			if n := w.unheard(a, "8001"); n != want {
				t.Errorf("unheard = %d after word %d", n, i+1)
			}
			w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		}
		say[2] <- already()
		done.Wait()
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
	})
}

// TestLease_LateWordsThatAreNoSuccess: what an overtaken call brings when its reference has ended counts for
// nothing unless it is a payment: it neither pays nor opens again, also while another reference of the same
// attempt is asked about.
func TestLease_LateWordsThatAreNoSuccess(t *testing.T) {
	for name, word := range map[string]gateways.Answer{
		"silence": silence(), "already": already(), "refused for now": refusal("12", true, false), "refused": refusal("26", false, true),
		"canceled": {Outcome: gateways.Canceled, Code: "1", Sent: true}, "review": {Outcome: gateways.Review, Code: "46", Sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				first, second, done := w.overtake(a, "8001", w.ins)
				second <- refusal("26", false, true)
				w.until(func() bool { return w.attempt(a).Status == checkout.AttemptFailed })
				before := w.story()
				first <- word
				done.Wait()
				w.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
				if after := w.story(); after != before {
					t.Errorf("it left\n%swant\n%s", after, before)
				}
			})
		})
		t.Run(name+", another is asked", func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				hold := make(chan struct{})
				w.ins.hold["8002"] = hold
				first, second, done := w.overtake(a, "8001", w.ins)
				w.mustBack(a, "8002")
				second <- refusal("26", false, true)
				w.until(func() bool {
					return slices.ContainsFunc(w.references(a), func(r checkout.Reference) bool { return r.Raw == "8001" && r.Status != checkout.ReferenceAsking })
				})
				jobs := w.claimDue()
				done.Go(func() { w.run(w.Engine, jobs) })
				w.until(func() bool { return w.ins.asked() == 3 })
				asked := count(w.types(inv), "verify.answered")
				first <- word
				w.until(func() bool { w.ins.mu.Lock(); defer w.ins.mu.Unlock(); return w.ins.flying == 1 })
				time.Sleep(20 * time.Millisecond) // for what must not come
				w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
				if n := count(w.types(inv), "verify.answered"); n != asked {
					t.Errorf("it left %v", w.types(inv))
				}
				close(hold)
				done.Wait()
				w.work()
				w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				if got := w.attempt(a).RefNumber; got != "8002" {
					t.Errorf("paid under %q", got)
				}
			})
		})
	}
}

// TestLease_RenewedAfterTheStoreFailed: one renewal that the store refuses is not the last one, and
// neither is the first that it takes.
func TestLease_RenewedAfterTheStoreFailed(t *testing.T) {
	t.Parallel() // it waits six seconds
	w, d := onDisk(t, quickSQLite(t))
	inv := w.invoice(1_500_000)
	a := w.start(inv, "ghesta")
	say := words(1)
	w.script(w.ins, say...)
	var done sync.WaitGroup
	done.Go(func() {
		if err := w.back(a, "8001"); err != nil {
			t.Error(err)
		}
	})
	w.until(func() bool { return w.ins.asked() == 1 })
	d.arm(1)
	for range 2 {
		was := w.job(a, "8001").LeaseUntil
		w.clock.add(time.Second)
		w.until(func() bool { return w.job(a, "8001").LeaseUntil.After(was) })
	}
	if d.failed() == "" {
		t.Error("the store refused nothing")
	}
	say[0] <- paid("R8001")
	done.Wait()
	w.spawned.Wait()
	w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
}

// TestLease_OfAnotherLeavesNothing: whoever's job was taken over while he stood still changes nothing that
// the other one goes by.
func TestLease_OfAnotherLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", refusal("12", true, false))
		w.mustBack(a, "8001")
		w.work()
		w.clock.add(payments.LastReask)
		his := w.dueJob()
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, clerk, nil); err != nil {
			t.Fatal(err)
		}
		w.clock.add(payments.Lease + time.Second)
		theirs := w.dueJob()
		for i, job := range []checkout.Job{his, theirs} {
			if err := w.RunVerify(t.Context(), job); err != nil {
				t.Error(err)
			}
			r, want := w.references(a), []checkout.ReferenceStatus{checkout.ReferenceRefused, checkout.ReferenceSettled}[i]
			if len(r) != 1 || r[0].Status != want {
				t.Errorf("run %d left %+v", i, r)
			}
			if i == 0 && w.job(a, "8001").Fence != theirs.Fence {
				t.Error("the job is not the other's any more")
			}
		}
		w.clock.add(payments.Lease + time.Second)
		if jobs := w.claimDue(); len(jobs) != 0 {
			t.Errorf("the job stays: %v", jobs)
		}
		if n := w.ins.asked(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestLease_IsThereFromTheStart: a call that was just begun is its process's own: nobody else takes it up
// before its lease is over, and no lease is longer than another.
func TestLease_IsThereFromTheStart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.start(w.invoice(1_500_000), "ghesta")
		say := words(1)
		w.script(w.ins, say...)
		var done sync.WaitGroup
		done.Go(func() { w.mustBack(a, "8001") })
		w.until(func() bool { return w.ins.asked() == 1 })
		if job := w.job(a, "8001"); job == nil || !job.LeaseUntil.Equal(w.clock.now().Add(payments.Lease)) {
			t.Errorf("it is leased as %+v", job)
		}
		for range 2 {
			w.run(w.engine(), w.claimDue())
			if n := w.ins.asked(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			w.clock.add(payments.Lease - time.Second)
		}
		say[0] <- paid("R8001")
		done.Wait()
	})
}

// TestLease_TheOldestWindowFirst: of two calls that their process died under the one is taken up first
// whose window closes first.
func TestLease_TheOldestWindowFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		long := w.start(w.invoice(1_500_000), "ghesta")
		w.window("ghesta", "5m")
		short := w.start(w.invoice(1_500_000), "ghesta")
		say := words(2)
		w.script(w.ins, say...)
		var done sync.WaitGroup
		for i, a := range []checkout.Attempt{long, short} {
			done.Go(func() {
				if err := w.back(a, "800"+a.OurNumber); err != nil {
					t.Error(err)
				}
			})
			w.until(func() bool { return w.ins.asked() == i+1 })
		}
		var keys []string
		for _, j := range w.outlive() {
			keys = append(keys, j.Key)
		}
		if want := []string{short.ID + "/800" + short.OurNumber, long.ID + "/800" + long.OurNumber}; !slices.Equal(keys, want) {
			t.Errorf("taken up: %v, want %v", keys, want)
		}
		for i := range say {
			say[i] <- paid("R")
		}
		done.Wait()
	})
}

// TestLease_LateSilenceStaysUnheard: heard late that nothing was heard is unheard all the same.
func TestLease_LateSilenceStaysUnheard(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		first <- silence()
		w.until(func() bool { return count(w.types(inv), "verify.answered") == 1 })
		second <- already()
		done.Wait()
		w.work()
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestLease_LateSuccessOfAnOvertakenCall: a success heard late is a success, also while another
// process asks, and whatever that one hears afterwards.
func TestLease_LateSuccessOfAnOvertakenCall(t *testing.T) {
	for name, after := range map[string]gateways.Answer{
		"already": already(), "silence": silence(), "refused": refusal("26", false, true), "paid": paid("R8001"),
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				first, second, done := w.overtake(a, "8001", w.ins)
				first <- paid("R8001")
				w.until(func() bool { return w.status(inv) == checkout.InvoicePaid })
				before := w.types(inv)
				second <- after
				done.Wait()
				w.pass(20 * time.Minute)
				w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				if types := w.types(inv); !slices.Equal(types, before) || w.ins.asked() != 2 {
					t.Errorf("asked %d times; %v, want %v", w.ins.asked(), types, before)
				}
			})
		})
	}
}

// TestLease_LateSuccessAfterTheOtherGaveUp: the process that asked second heard a final no, or nothing
// until the window closed, and ended the attempt. Our own call then brings the success: the money is
// taken and nobody asks again, so it must not be lost, not even from the record.
func TestLease_LateSuccessAfterTheOtherGaveUp(t *testing.T) {
	for name, test := range map[string]struct {
		ended checkout.AttemptStatus
		end   func(w *world, second chan gateways.Answer)
	}{
		"refused": {checkout.AttemptFailed, func(_ *world, second chan gateways.Answer) { second <- refusal("26", false, true) }},
		"review": {checkout.AttemptNeedsReview, func(_ *world, second chan gateways.Answer) {
			second <- gateways.Answer{Outcome: gateways.Review, Code: "46", Sent: true}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				first, second, done := w.overtake(a, "8001", w.ins)
				test.end(w, second)
				w.until(func() bool { return w.attempt(a).Status == test.ended })
				first <- paid("R8001")
				done.Wait()
				w.spawned.Wait()
				w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			})
		})
	}
}

// TestClock_SetBackBeforeARestart: what is to be asked again in five seconds must not wait for the
// hour by which the clock was ahead when it was written.
func TestClock_SetBackBeforeARestart(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(t testing.TB) string) {
		c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
		url := fresh(t)
		store, err := db.Open(t.Context(), db.Options{URL: url, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, store, c)
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", silence())
		w.mustBack(a, "8001")
		w.work()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		asked := w.ins.asked()
		w.ins.say("8001", paid("R8001"))
		c.add(-time.Hour)
		w.db = dbtest.Open(t, db.Options{URL: url, Now: c.now})
		w.Engine = w.engine()
		if err := w.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Minute)
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if w.ins.asked() != asked+1 {
			t.Errorf("asked %d times more, want once", w.ins.asked()-asked)
		}
	})
}
