package payments_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways"
)

// errDisk is what the disk says.
var errDisk = errors.New("the disk failed")

// disk is a store whose nth statement fails, once. What was to be done with it must then end with an
// error: a transaction that goes on decides about money on what it did not read or write.
type disk struct {
	*db.DB
	mu        sync.Mutex
	n, fails  int
	hit       string // the statement that failed
	swallowed bool
	blamed    error // what the transaction of that statement ended with instead
}

func (d *disk) watch(query string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n++; d.n != d.fails {
		return nil
	}
	d.hit = strings.Join(strings.Fields(query), " ")
	return errDisk
}

func (d *disk) failed() string { d.mu.Lock(); defer d.mu.Unlock(); return d.hit }

// arm makes the nth statement from now on fail, 0 none.
func (d *disk) arm(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n, d.fails = 0, n
	if n > 0 {
		d.hit, d.swallowed, d.blamed = "", false, nil
	}
}

func (d *disk) seen(fn func(*db.Tx) error) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		before := d.failed()
		err := fn(tx)
		if d.failed() != before && !errors.Is(err, errDisk) {
			d.mu.Lock()
			d.swallowed, d.blamed = err == nil, err
			d.mu.Unlock()
		}
		return err
	}
}

func (d *disk) View(ctx context.Context, fn func(*db.Tx) error) error {
	return d.DB.View(ctx, d.seen(fn))
}

func (d *disk) Update(ctx context.Context, fn func(*db.Tx) error) error {
	return d.DB.Update(ctx, d.seen(fn))
}

// onDisk is a world whose engine works on a failing disk, and whose test looks on through another
// connection. The same randomness makes the same ids.
func onDisk(t *testing.T, fresh func(testing.TB) string) (*world, *disk) {
	t.Helper()
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	addr := fresh(t)
	w := newWorld(t, dbtest.Open(t, db.Options{URL: addr, Now: c.now}), c)
	d := &disk{}
	d.DB = dbtest.Open(t, db.Options{URL: addr, Now: c.now, Watch: d.watch})
	t.Cleanup(func() { w.spawned.Wait() }) // before its store is closed: who has an answer to write waits for it
	o := w.engine().Options
	o.DB, o.Random = d, rand.NewChaCha8([32]byte{1})
	w.Engine = payments.New(o)
	return w, d
}

// deed is something that the engine does. Its preparation returns it, and what is to be done after it.
type deed func(w *world) (act func() error, after func())

func just(act func() error) (func() error, func()) { return act, func() {} }

// dueJob claims the one job that is due, as a worker would.
func (w *world) dueJob() checkout.Job {
	w.Helper()
	jobs := w.claimDue()
	if len(jobs) != 1 {
		w.Fatalf("%d jobs are due", len(jobs))
	}
	return jobs[0]
}

// due is the run of the job that is due.
func (w *world) due() func() error {
	w.Helper()
	job := w.dueJob()
	return func() error { return w.RunVerify(w.Context(), job) }
}

var (
	clerk = checkout.Actor{Kind: "user", ID: "usr_1"}
	once  = &payments.Once{Key: "k", Hash: "h", Render: func(any) (int, []byte, error) { return 200, []byte("{}"), nil }}
)

// deeds are what merchants, persons and time do; returns are what callbacks and verifies do.
func deeds() map[string]deed {
	m := map[string]deed{}
	create := func(w *world) error {
		_, _, err := w.CreateInvoice(w.Context(), w.scope, payments.NewInvoice{Amount: 1_500_000}, clerk, once)
		return err
	}
	m["create"] = func(w *world) (func() error, func()) { return just(func() error { return create(w) }) }
	m["create again"] = func(w *world) (func() error, func()) {
		if err := create(w); err != nil {
			w.Fatal(err)
		}
		return just(func() error { return create(w) })
	}
	m["edit"] = func(w *world) (func() error, func()) {
		inv, amount := w.invoice(1_500_000), money.Rial(2_000_000)
		return just(func() error {
			_, err := w.UpdateInvoice(w.Context(), w.scope, inv.ID, payments.InvoiceChange{Amount: &amount}, clerk)
			return err
		})
	}
	m["cancel"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		return just(func() error { _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, once); return err })
	}
	for _, gateway := range payments.GatewayNames() {
		m["start "+gateway] = func(w *world) (func() error, func()) {
			inv := w.invoice(1_500_000)
			return just(func() error {
				_, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: gateway})
				return err
			})
		}
	}
	m["start refused"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		w.card.startErr = &gateways.StartError{Code: "7", Message: "no"}
		return just(func() error {
			_, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
			return err
		})
	}
	m["start of what is canceled meanwhile"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		other := w.engine()
		w.card.onStart = func() {
			if _, _, err := other.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				w.Error(err)
			}
		}
		return just(func() error {
			_, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
			return err
		})
	}
	for _, outcome := range []string{"paid", "failed"} {
		m["resolve "+outcome] = func(w *world) (func() error, func()) {
			inv := w.invoice(1_500_000)
			a, b := w.start(inv, "ghesta"), w.start(inv, "gardeshpay")
			w.ins.say("8001", already())
			w.mustBack(a, "8001")
			w.mustBack(b, "8002") // waits for the person too
			return just(func() error {
				r := payments.Resolution{Outcome: outcome, Note: "asked by telephone", RefNumber: "740218839451"}
				_, _, err := w.ResolveAttempt(w.Context(), w.scope, a.ID, r, clerk, once)
				return err
			})
		}
	}
	m["expire and abandon"] = func(w *world) (func() error, func()) {
		w.start(w.invoice(1_500_000), "ghesta")
		w.clock.add(8 * 24 * time.Hour)
		return just(func() error { return w.Sweep(w.Context()) })
	}
	m["prune and prepare"] = func(w *world) (func() error, func()) {
		return just(func() error { return errors.Join(w.Prune(w.Context()), w.Prepare(w.Context())) })
	}
	m["set an account"] = func(w *world) (func() error, func()) {
		return just(func() error {
			return w.SetAccount(w.Context(), w.scope, "ghesta", map[string]string{"token": "u", "verify_window": "5m"}, clerk)
		})
	}
	m["read"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", silence())
		busy := w.invoice(1_500_000)
		w.mustBack(w.start(busy, "ghesta"), "8001")
		w.spawned.Wait()
		ctx := w.Context()
		return just(func() error {
			var errs []error
			for _, i := range []checkout.Invoice{inv, busy} {
				_, err := w.Page(ctx, i.Token)
				errs = append(errs, err)
			}
			_, e1 := w.Invoice(ctx, w.scope, inv.ID)
			_, _, e2 := w.Invoices(ctx, w.scope, payments.InvoiceFilter{Limit: 10})
			_, _, e3 := w.Attempts(ctx, w.scope, payments.AttemptFilter{Limit: 10})
			_, e4 := w.InvoiceAttempts(ctx, w.scope, inv.ID)
			_, _, e5 := w.InvoiceEvents(ctx, w.scope, inv.ID, "", 10)
			_, e6 := w.CallbackHome(ctx, a.Gateway, a.CallbackToken)
			return errors.Join(append(errs, e1, e2, e3, e4, e5, e6)...)
		})
	}
	maps.Copy(m, returns())
	maps.Copy(m, verifies())
	maps.Copy(m, tellings())
	maps.Copy(m, waits())
	return m
}

// comes is a customer's return; whatever waits for it is done before the next statement is looked at.
func comes(w *world, a checkout.Attempt, ref string) (func() error, func()) {
	return just(func() error { err := w.back(a, ref); w.spawned.Wait(); return err })
}

func returns() map[string]deed {
	m := map[string]deed{}
	for _, gateway := range payments.GatewayNames() {
		m["return "+gateway] = func(w *world) (func() error, func()) {
			return comes(w, w.start(w.invoice(1_500_000), gateway), "8001")
		}
	}
	m["return canceled"] = func(w *world) (func() error, func()) {
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "")
	}
	m["return of another payment"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		return just(func() error { return w.claim(a, url.Values{"trackingNumber": {"8001"}, "invoiceNumber": {"1"}}) })
	}
	m["return malformed"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		return just(func() error { return w.claim(a, url.Values{"trackingNumber": {"8001", "8002"}}) })
	}
	m["return of nobody"] = func(w *world) (func() error, func()) {
		token := testBox().Token("callback/ghesta", [16]byte{1})
		return just(func() error {
			_, err := w.Callback(w.Context(), payments.CallbackInput{Gateway: "ghesta", Token: token, Values: url.Values{"refid": {"8001"}}})
			return err
		})
	}
	m["return again"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		w.mustBack(a, "8001")
		return comes(w, a, "8001")
	}
	m["return with another reference afterwards"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "gardeshpay")
		w.mustBack(a, "8001")
		return comes(w, a, "8002")
	}
	m["return with one reference too many"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "ghesta")
		for i := range payments.MaxReferences {
			ref := fmt.Sprint(8001 + i)
			w.ins.say(ref, refusal("26", false, true))
			w.mustBack(a, ref)
		}
		w.spawned.Wait()
		return comes(w, a, "9001")
	}
	m["return with a reference used elsewhere"] = func(w *world) (func() error, func()) {
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8001")
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	m["return with a reference that yields"] = func(w *world) (func() error, func()) {
		w.ins.say("8001", refusal("26", false, true), paid("R8001"))
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8001")
		w.spawned.Wait()
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	m["return while a stranger's call is out"] = func(w *world) (func() error, func()) {
		_, word, done := w.snipe("8001")
		act, _ := comes(w, w.start(w.invoice(1_500_000), "gardeshpay"), "8001")
		return act, func() { word <- refusal("", true, true); done.Wait() }
	}
	m["return of what is canceled"] = func(w *world) (func() error, func()) {
		return comes(w, w.canceled("ghesta", 1)[0], "8001")
	}
	m["return to the sixth that waits unasked"] = func(w *world) (func() error, func()) {
		all := w.canceled("ghesta", payments.MaxReferences+1)
		for i, a := range all[1:] {
			w.mustBack(a, fmt.Sprint(8001+i))
		}
		return comes(w, all[0], "9001")
	}
	m["return while another is asked"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.say("8001", silence())
		w.mustBack(a, "8001")
		w.spawned.Wait()
		return comes(w, b, "8002")
	}
	m["return with a reference used elsewhere while another is asked"] = func(w *world) (func() error, func()) {
		inv := w.invoice(1_500_000)
		a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8001")
		w.card.say("8002", silence())
		w.mustBack(a, "8002")
		w.spawned.Wait()
		return comes(w, b, "8001")
	}
	m["return to a process that drains"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "ghesta")
		w.draining = true
		act, _ := comes(w, a, "8001")
		return act, func() { w.draining = false }
	}
	return m
}

func verifies() map[string]deed {
	m := map[string]deed{}
	for name, answer := range map[string]gateways.Answer{
		"silence": silence(), "refused": refusal("26", false, true), "refused for now": refusal("12", true, false), "already": already(),
		"canceled": {Outcome: gateways.Canceled, Code: "1", Sent: true}, "review": {Outcome: gateways.Review, Code: "46", Sent: true},
	} {
		m["verify "+name] = func(w *world) (func() error, func()) {
			w.ins.say("8001", answer)
			return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
		}
	}
	// A job after one that waits for its turn behind it.
	for name, answer := range map[string]gateways.Answer{"paid": paid("R8001"), "refused": refusal("", false, true), "silence": silence()} {
		m["ask again: "+name] = func(w *world) (func() error, func()) {
			inv := w.invoice(1_500_000)
			a, b := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
			w.card.say("8001", silence(), silence(), answer)
			w.mustBack(a, "8001")
			w.spawned.Wait()
			w.mustBack(b, "8002")
			w.clock.add(6 * time.Second)
			return just(w.due())
		}
	}
	m["ask at the end of the window"] = func(w *world) (func() error, func()) {
		w.card.say("8001", silence())
		w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), "8001")
		w.spawned.Wait()
		w.clock.add(20 * time.Minute)
		return just(w.due())
	}
	for name, meanwhile := range map[string]func(w *world, inv checkout.Invoice){
		"": func(*world, checkout.Invoice) {},
		", a later one is out": func(w *world, inv checkout.Invoice) {
			w.start(inv, "ghesta")
		},
		", canceled meanwhile": func(w *world, inv checkout.Invoice) {
			if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				w.Fatal(err)
			}
		},
		", another is asked": func(w *world, inv checkout.Invoice) {
			w.ins.say("8002", silence())
			w.mustBack(w.start(inv, "ghesta"), "8002")
			w.spawned.Wait()
			w.clock.add(-27 * time.Second) // the other's next ask is not due yet
		},
	} {
		m["ask about a refusal again"+name] = func(w *world) (func() error, func()) {
			inv := w.invoice(1_500_000)
			w.card.say("8001", refusal("", true, true), paid("R8001"))
			w.mustBack(w.start(inv, "gardeshpay"), "8001")
			w.spawned.Wait()
			w.clock.add(31 * time.Second)
			run := w.due()
			meanwhile(w, inv)
			return just(run)
		}
	}
	for name, word := range map[string]gateways.Answer{"silence": silence(), "paid": paid("R8001")} {
		m["late word: "+name] = func(w *world) (func() error, func()) {
			a := w.start(w.invoice(1_500_000), "ghesta")
			first, second, done := w.overtake(a, "8001", w.ins)
			return func() error {
					before := w.verdicts(a)
					first <- word
					w.until(func() bool { return w.verdicts(a) > before })
					return nil
				}, func() {
					second <- already()
					done.Wait()
				}
		}
	}
	m["late word after the other gave up"] = func(w *world) (func() error, func()) {
		a := w.start(w.invoice(1_500_000), "ghesta")
		first, second, done := w.overtake(a, "8001", w.ins)
		second <- refusal("26", false, true)
		w.until(func() bool { return w.attempt(a).Status == checkout.AttemptFailed })
		return just(func() error { first <- paid("R8001"); done.Wait(); w.spawned.Wait(); return nil })
	}
	return m
}

// verdicts counts the answers on record, looked up beside the engine.
func (w *world) verdicts(a checkout.Attempt) int {
	w.Helper()
	var n int
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		n, err = tx.CountEvents(a.InvoiceID, a.ID, checkout.EventVerifyAnswered)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

func (w *world) story() string {
	w.Helper()
	var s strings.Builder
	err := w.db.View(context.Background(), func(tx *db.Tx) error {
		s.Reset()
		all, err := books(tx, w.scope)
		for i := range all {
			fmt.Fprintf(&s, "invoice %s %s\n%s", all[i].inv.ID, all[i].inv.Status, all[i].String())
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return hours.ReplaceAllString(s.String(), "")
}

// hours are left out of what is compared: when a lease runs out under a living call is not told to
// the second.
var hours = regexp.MustCompile(`\d\d:\d\d:\d\d `)

// TestDisk_FailsAtEveryStatement: whatever the engine does, and at whichever of its statements the
// disk fails, the transaction it stands in ends with an error and the engine says so, or does it
// again and comes to the same books. Nothing goes on as if it had read or written what it did not.
func TestDisk_FailsAtEveryStatement(t *testing.T) {
	fresh := quickSQLite(t)
	all := deeds()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := onDisk(t, fresh)
			act, after := all[name](w)
			clean := fmt.Sprint(act())
			want := w.story()
			after()
			for n := 1; ; n += diskStride {
				if n > 500 {
					t.Fatal("it never ends")
				}
				w, d := onDisk(t, fresh)
				act, after := all[name](w)
				d.arm(n)
				got := fmt.Sprint(act())
				d.arm(0)
				hit := d.failed()
				if hit == "" {
					after()
					return // every statement has had its turn
				}
				if d.swallowed {
					t.Errorf("statement %d failed, and its transaction went on: %s", n, hit)
				}
				if d.blamed != nil {
					t.Errorf("statement %d failed, and its transaction blamed something else (%v): %s", n, d.blamed, hit)
				}
				// A sweep says what failed in the log, and does it again at the next one.
				if got == clean && name != "expire and abandon" {
					if story := w.story(); story != want {
						t.Errorf("statement %d failed, nobody said so, and the books are others: %s\n%swant\n%s", n, hit, story, want)
					}
				}
				after()
				w.pass(40 * time.Minute)
				for what, law := range map[string]func(*db.Tx, payments.Scope) error{"between two steps": laws, "at rest": restLaw} {
					if err := w.db.View(t.Context(), func(tx *db.Tx) error { return law(tx, w.scope) }); err != nil {
						t.Errorf("statement %d failed, and afterwards the books are wrong %s: %v\n%s", n, what, err, hit)
					}
				}
			}
		})
	}
}
