package payments_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// grave is a world whose process dies: its successor opens the same database anew.
type grave struct {
	*world
	t       *testing.T
	url     string
	gateway string
	vendor  *vendor
	dead    sync.WaitGroup // what the process that dies was doing
	end     func()         // what the dead process's context hears
}

// reborn is what begins after the death. On SQLite the next process voids all leases, because only
// the dead one could hold them; on PostgreSQL they run out.
func (g *grave) reborn() {
	g.t.Helper()
	g.db = dbtest.Open(g.t, db.Options{URL: g.url, Now: g.clock.now})
	g.Engine = g.engine()
	if g.db.Engine() == db.PostgreSQL {
		g.clock.add(payments.Lease + time.Second)
		return
	}
	if err := g.db.Update(context.Background(), (*db.Tx).ReleaseLeases); err != nil {
		g.t.Fatal(err)
	}
}

// hangs makes the vendor hang in the next verify of ref, until the returned func is called.
func (g *grave) hangs(ref string) (answer func()) {
	gate := make(chan struct{})
	g.vendor.mu.Lock()
	defer g.vendor.mu.Unlock()
	g.vendor.hold[ref] = gate
	answer = sync.OnceFunc(func() { close(gate) })
	g.t.Cleanup(answer) // the world waits for its dead
	return answer
}

// forget lets later calls through: only the dead one hangs.
func (g *grave) forget(ref string) {
	g.vendor.mu.Lock()
	defer g.vendor.mu.Unlock()
	delete(g.vendor.hold, ref)
}

// leave runs work of a process that will die in it.
func (g *grave) leave(work func()) { g.dead.Go(work) }

// already is what the vendor says to whoever asks again about what it has captured.
func (g *grave) already(ref string) gateways.Answer {
	if g.gateway == "ghesta" {
		return already()
	}
	again := paid("R" + ref)
	again.VerifiedBefore = true
	return again
}

func (g *grave) story() string {
	g.t.Helper()
	var s string
	err := g.db.View(context.Background(), func(tx *db.Tx) error {
		all, err := books(tx, g.scope)
		for i := range all {
			s += string(all[i].inv.Status) + "\n" + all[i].String()
		}
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

func (g *grave) hold(law func(*db.Tx, payments.Scope) error) {
	g.t.Helper()
	if err := g.db.View(context.Background(), func(tx *db.Tx) error { return law(tx, g.scope) }); err != nil {
		g.t.Error(err)
	}
}

// lateWord lets the dead process hear its answer: it must change nothing any more.
func (g *grave) lateWord(answer func()) {
	g.t.Helper()
	before := g.story()
	answer()
	g.dead.Wait()
	g.spawned.Wait()
	if after := g.story(); after != before {
		g.t.Errorf("a dead process's late word changed the books:\n%s\n%s", before, after)
	}
}

// deaths runs a test on both databases and for both gateways, and holds what is left of it against
// the laws, 40 minutes later as well.
func deaths(t *testing.T, test func(g *grave)) {
	on := func(t *testing.T, fresh func(testing.TB) string) {
		for _, gateway := range payments.GatewayNames() {
			t.Run(gateway, func(t *testing.T) {
				c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
				g := &grave{t: t, url: fresh(t), gateway: gateway}
				g.world = newWorld(t, dbtest.Open(t, db.Options{URL: g.url, Now: c.now}), c)
				g.vendor = map[string]*vendor{"gardeshpay": g.card, "ghesta": g.ins}[gateway]
				ctx, end := context.WithCancel(context.Background())
				g.end = end
				t.Cleanup(end)
				o := g.engine().Options
				o.Spawn = func(fn func(context.Context)) bool {
					if g.draining {
						return false
					}
					g.dead.Go(func() { fn(ctx) })
					return true
				}
				g.Engine = payments.New(o)
				test(g)
				g.hold(laws)
				g.pass(40 * time.Minute)
				g.hold(laws)
				g.hold(restLaw)
			})
		}
	}
	t.Run(db.SQLite, func(t *testing.T) { on(t, quickSQLite(t)) })
	t.Run(db.PostgreSQL, func(t *testing.T) {
		dbtest.NeedPostgres(t)
		on(t, dbtest.PostgresURL)
	})
}

// TestDeath_BeforeTheTokenCame: the attempt is in the books; whether the gateway heard of it, nobody
// knows. The customer starts again under another number, and the token that nobody has is never used.
func TestDeath_BeforeTheTokenCame(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		asked, gate := make(chan struct{}), make(chan struct{})
		g.vendor.onStart = func() { close(asked); <-gate }
		var late error
		g.leave(func() {
			_, late = g.Start(context.Background(), payments.StartInput{Token: inv.Token, Gateway: g.gateway})
		})
		<-asked
		g.vendor.onStart = nil
		g.reborn()
		old := g.attempts(inv)[0]
		if old.Status != checkout.AttemptCreated {
			g.t.Fatalf("attempt is %s", old.Status)
		}
		again := g.start(inv, g.gateway)
		if again.OurNumber == old.OurNumber || again.CallbackToken == old.CallbackToken {
			g.t.Error("a number was used twice")
		}
		g.pass(31 * time.Minute)
		g.want(inv, checkout.InvoiceOpen, old, checkout.AttemptAbandoned)
		g.lateWord(sync.OnceFunc(func() { close(gate) }))
		if !errors.Is(late, checkout.Conflict) {
			g.t.Errorf("the dead process sent its customer on: %v", late)
		}
		g.mustBack(again, "8001")
		g.work()
		g.want(inv, checkout.InvoicePaid, again, checkout.AttemptPaid)
	})
}

// TestDeath_BeforeTheTokenWasStored: the gateway took the attempt and the customer paid for it all
// the same. Its callback is honoured, before and after the sweep.
func TestDeath_BeforeTheTokenWasStored(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": time.Second, "after the sweep": 31 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			deaths(t, func(g *grave) {
				inv := g.invoice(1_500_000)
				taken, gate := make(chan struct{}), make(chan struct{})
				g.vendor.onStart = func() { close(taken); <-gate }
				g.leave(func() {
					_, _ = g.Start(context.Background(), payments.StartInput{Token: inv.Token, Gateway: g.gateway})
				})
				<-taken
				g.reborn()
				g.pass(wait)
				a := g.attempts(inv)[0]
				a.GatewayToken = "tok1" // what the gateway names, and we never stored
				g.mustBack(a, "8001")
				g.work()
				g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
				g.lateWord(sync.OnceFunc(func() { close(gate) }))
			})
		})
	}
}

func TestDeath_CallbackStoredVerifyNotSent(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		a := g.start(inv, g.gateway)
		g.draining = true
		g.mustBack(a, "8001")
		g.draining = false
		g.reborn()
		g.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		g.work()
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := g.vendor.asked(); n != 1 {
			g.t.Errorf("asked %d times", n)
		}
	})
}

// TestRestart_AsksAtOnce: the next ask lay a minute ahead when the process ended. The next one does not
// wait for it; a re-ask after a refusal keeps its hour.
func TestRestart_AsksAtOnce(t *testing.T) {
	deaths(t, func(g *grave) {
		waits, refused := g.invoice(1_500_000), g.invoice(1_500_000)
		a, b := g.start(waits, g.gateway), g.start(refused, g.gateway)
		g.vendor.say("8001", silence())
		g.vendor.say("8002", refusal("12", true, g.gateway == "gardeshpay"))
		g.mustBack(a, "8001")
		g.mustBack(b, "8002")
		g.dead.Wait()
		g.pass(20 * time.Second)
		asked := g.vendor.asked()
		g.reborn()
		g.vendor.say("8001", paid("R8001"))
		if err := g.Prepare(context.Background()); err != nil {
			g.t.Fatal(err)
		}
		g.work()
		g.want(waits, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := g.vendor.asked() - asked; n != 1 {
			g.t.Errorf("asked %d times, want once", n)
		}
	})
}

// TestDeath_DuringVerify: the call was out when we died. Whether it arrived, the vendor's word to
// the next one tells, and the dead process's own late answer is nobody's any more.
func TestDeath_DuringVerify(t *testing.T) {
	words := map[string]func(*grave) gateways.Answer{
		"it never arrived":          func(*grave) gateways.Answer { return paid("R8001") },
		"it captured":               func(g *grave) gateways.Answer { return g.already("8001") },
		"nobody paid":               func(*grave) gateways.Answer { return refusal("4", false, false) },
		"nobody can tell":           func(*grave) gateways.Answer { return silence() },
		"the customer had canceled": func(*grave) gateways.Answer { return gateways.Answer{Outcome: gateways.Canceled, Sent: true} },
	}
	ends := map[string]checkout.AttemptStatus{
		"it never arrived": checkout.AttemptPaid, "it captured": checkout.AttemptPaid, "nobody paid": checkout.AttemptFailed,
		"nobody can tell": checkout.AttemptNeedsReview, "the customer had canceled": checkout.AttemptCanceled,
	}
	for name, word := range words {
		t.Run(name, func(t *testing.T) {
			deaths(t, func(g *grave) {
				inv := g.invoice(1_500_000)
				a := g.start(inv, g.gateway)
				answer := g.hangs("8001")
				g.leave(func() { _ = g.back(a, "8001") })
				g.until(func() bool { return g.vendor.asked() == 1 })
				g.forget("8001")
				g.reborn()
				g.vendor.say("8001", word(g))
				g.work()
				g.pass(16 * time.Minute)
				if got := g.attempt(a).Status; got != ends[name] {
					t.Errorf("attempt is %s, want %s: %v", got, ends[name], g.types(inv))
				}
				g.vendor.say("8001", paid("R8001"))
				if ends[name] == checkout.AttemptPaid {
					g.lateWord(answer)
					return
				}
				answer() // a success heard late is a success
				g.until(func() bool { return g.attempt(a).Status == checkout.AttemptPaid })
				g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
			})
		})
	}
}

// TestDeath_LateWordBeforeTheNextCall: the successor has not asked yet when an answer is heard whose
// lease is void. Nobody asked since, so it is the latest word: a success heard late is a success.
func TestDeath_LateWordBeforeTheNextCall(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		a := g.start(inv, g.gateway)
		answer := g.hangs("8001")
		g.leave(func() { _ = g.back(a, "8001") })
		g.until(func() bool { return g.vendor.asked() == 1 })
		g.reborn()
		g.vendor.say("8001", paid("R8001"))
		answer()
		g.until(func() bool { return g.status(inv) == checkout.InvoicePaid })
		g.forget("8001")
		g.vendor.say("8001", g.already("8001"))
		g.work()
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := count(g.types(inv), "invoice.paid"); n != 1 {
			t.Errorf("%d invoice.paid events", n)
		}
	})
}

// TestDeath_AnswerHeardNotStored: the vendor said paid, and the process died with the word in its
// memory: its store is gone in the very moment of the answer.
func TestDeath_AnswerHeardNotStored(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		a := g.start(inv, g.gateway)
		old := g.db
		g.vendor.onVerify = func(gateways.VerifyRequest) {
			g.end()
			if err := old.Close(); err != nil {
				g.t.Error(err)
			}
		}
		_ = g.back(a, "8001")
		g.dead.Wait()
		g.vendor.onVerify = nil
		g.reborn()
		g.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		g.vendor.say("8001", g.already("8001"))
		g.work()
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if n := count(g.types(inv), "invoice.paid"); n != 1 || g.vendor.asked() != 2 {
			g.t.Errorf("%d invoice.paid events after %d asks", n, g.vendor.asked())
		}
	})
}

// TestDeath_DuringReask: a soft refusal was being asked again when we died.
func TestDeath_DuringReask(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		a := g.start(inv, g.gateway)
		g.vendor.say("8001", refusal("12", true, g.gateway == "gardeshpay"))
		g.mustBack(a, "8001")
		g.dead.Wait()
		g.want(inv, checkout.InvoiceOpen, a, checkout.AttemptFailed)
		answer := g.hangs("8001")
		g.clock.add(31 * time.Second)
		g.leave(func() {
			var jobs []checkout.Job
			err := g.db.Update(context.Background(), func(tx *db.Tx) (err error) {
				jobs, err = tx.ClaimJobs([]string{payments.JobVerify}, 1, tx.Now().Add(payments.Lease))
				return err
			})
			if err != nil || len(jobs) != 1 {
				g.t.Errorf("%d jobs, %v", len(jobs), err)
				return
			}
			_ = g.RunVerify(context.Background(), jobs[0])
		})
		g.until(func() bool { return g.vendor.asked() == 2 })
		g.forget("8001")
		g.reborn()
		g.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		g.vendor.say("8001", g.already("8001"))
		g.work()
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		g.lateWord(answer)
	})
}

// TestDeath_WithAnotherWaiting: the one that waited for the seat goes on after the restart.
func TestDeath_WithAnotherWaiting(t *testing.T) {
	deaths(t, func(g *grave) {
		inv := g.invoice(1_500_000)
		a, b := g.start(inv, g.gateway), g.start(inv, g.gateway)
		answer := g.hangs("8001")
		g.leave(func() { _ = g.back(a, "8001") })
		g.until(func() bool { return g.vendor.asked() == 1 })
		g.mustBack(b, "8002")
		g.want(inv, checkout.InvoiceProcessing, b, checkout.AttemptReturned)
		g.forget("8001")
		g.reborn()
		g.vendor.say("8001", refusal("4", false, false))
		g.work()
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptFailed)
		g.want(inv, checkout.InvoicePaid, b, checkout.AttemptPaid)
		g.vendor.say("8001", paid("R8001"))
		before := len(g.types(inv))
		answer()
		g.dead.Wait()
		g.spawned.Wait()
		// Another payment was faster: the late success changes nothing, and leaves its event.
		g.want(inv, checkout.InvoicePaid, a, checkout.AttemptFailed)
		g.want(inv, checkout.InvoicePaid, b, checkout.AttemptPaid)
		if n := len(g.types(inv)); n != before+1 {
			t := g.types(inv)
			g.t.Errorf("%d events, want %d: %v", n, before+1, t)
		}
	})
}
