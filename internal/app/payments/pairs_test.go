package payments_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// pairRounds: each gateway with each word of the vendor.
const pairRounds = 8

// scene is one invoice in the middle of its life, for two moves to meet upon.
type scene struct {
	*world
	inv, other checkout.Invoice
	a, b       checkout.Attempt // of inv
	c          checkout.Attempt // of other, at a's gateway
	ref        string           // a prefix of references, new in every round
}

// move is one thing that may happen to a scene while another does.
type move struct {
	name  string
	needs string // "review", "ask" or ""
	do    func(*scene) error
	may   []checkout.Kind
}

var moves = []move{
	{"start", "", func(s *scene) error {
		_, err := s.Start(context.Background(), payments.StartInput{Token: s.inv.Token, Gateway: s.a.Gateway})
		return err
	}, []checkout.Kind{checkout.Conflict}},
	{"callback", "", func(s *scene) error { return s.back(s.a, s.ref+"1") }, nil},
	{"callback with another reference", "", func(s *scene) error { return s.back(s.a, s.ref+"2") }, nil},
	{"callback of the other attempt", "", func(s *scene) error { return s.back(s.b, s.ref+"3") }, nil},
	{"callback of another invoice with the same reference", "", func(s *scene) error { return s.back(s.c, s.ref+"1") }, nil},
	{"sign of cancellation", "", func(s *scene) error { return s.back(s.a, "") }, nil},
	{"cancel", "", func(s *scene) error {
		_, _, err := s.CancelInvoice(context.Background(), s.scope, s.inv.ID, checkout.Actor{}, nil)
		return err
	}, []checkout.Kind{checkout.Conflict}},
	{"edit", "", func(s *scene) error {
		more := money.Rial(2_000_000)
		_, err := s.UpdateInvoice(context.Background(), s.scope, s.inv.ID, payments.InvoiceChange{Amount: &more}, checkout.Actor{})
		return err
	}, []checkout.Kind{checkout.Conflict}},
	{"expiry", "", func(s *scene) error {
		s.clock.add(11 * time.Minute)
		return s.Sweep(context.Background())
	}, nil},
	{"abandonment", "", func(s *scene) error {
		s.clock.add(31 * time.Minute)
		return s.Sweep(context.Background())
	}, nil},
	{"resolve as paid", "review", func(s *scene) error { return s.say("paid") }, []checkout.Kind{checkout.Conflict}},
	{"resolve as failed", "review", func(s *scene) error { return s.say("failed") }, []checkout.Kind{checkout.Conflict}},
	{"verify again", "ask", func(s *scene) error { return s.runDue() }, nil},
}

func (s *scene) say(outcome string) error {
	r := payments.Resolution{Outcome: outcome, Note: "asked by telephone"}
	_, _, err := s.ResolveAttempt(context.Background(), s.scope, s.a.ID, r, checkout.Actor{}, nil)
	return err
}

// runDue is one pass of a worker over the stored jobs.
func (s *scene) runDue() error {
	var jobs []checkout.Job
	err := s.db.Update(context.Background(), func(tx *db.Tx) (err error) {
		jobs, err = tx.ClaimJobs([]string{payments.JobVerify}, 10, tx.Now().Add(payments.Lease))
		return err
	})
	for _, j := range jobs {
		err = errors.Join(err, s.RunVerify(context.Background(), j))
	}
	return err
}

// TestMeanwhile lets every pair of moves meet on one invoice, and holds what comes of it against the
// laws: whichever was first, the other is refused or changes nothing that it may not.
func TestMeanwhile(t *testing.T) {
	if testing.Short() {
		meanwhile(t, 2, quickSQLite(t))
		return
	}
	t.Run(db.SQLite, func(t *testing.T) { meanwhile(t, pairRounds, quickSQLite(t)) })
	t.Run(db.PostgreSQL, func(t *testing.T) {
		dbtest.NeedPostgres(t)
		meanwhile(t, pairRounds/2, dbtest.PostgresURL)
	})
}

func meanwhile(t *testing.T, rounds int, fresh func(testing.TB) string) {
	c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
	w := newWorld(t, dbtest.Open(t, db.Options{URL: fresh(t), Now: c.now}), c)
	watch := w.watch()
	for i, one := range moves {
		for _, two := range moves[i:] {
			t.Run(one.name+" and "+two.name, func(t *testing.T) {
				var scenes []*scene
				for round := range rounds {
					s := w.scene(t, round, one, two)
					meet(t, s, one, two)
					if wrong := watch(); wrong != nil {
						t.Errorf("round %d: %v", round, wrong)
					}
					if s.lawful(t, lawful); t.Failed() {
						t.Fatalf("round %d", round)
					}
					scenes = append(scenes, s)
				}
				w.pass(31 * time.Minute)
				if wrong := watch(); wrong != nil {
					t.Error(wrong)
				}
				for _, s := range scenes {
					s.lawful(t, lawful)
					s.lawful(t, atRest)
				}
			})
		}
	}
}

// meet runs both moves at once, each with a turn as the first on its way.
func meet(t *testing.T, s *scene, one, two move) {
	t.Helper()
	gate := make(chan struct{})
	var both sync.WaitGroup
	for _, m := range []move{one, two} {
		both.Go(func() {
			<-gate
			err := m.do(s)
			if err != nil && !slices.ContainsFunc(m.may, func(k checkout.Kind) bool { return errors.Is(err, k) }) {
				t.Errorf("%s: %v", m.name, err)
			}
		})
	}
	close(gate)
	both.Wait()
	s.work()
}

// scene builds an invoice on which both moves have something to do.
func (w *world) scene(t *testing.T, round int, one, two move) *scene {
	t.Helper()
	names := payments.GatewayNames()
	mine, others := names[round%2], names[(round+1)%2]
	short := func(in *payments.NewInvoice) {
		if one.name == "expiry" || two.name == "expiry" {
			in.ExpiresAt = w.clock.now().Add(10 * time.Minute)
		}
	}
	s := &scene{world: w, inv: w.invoice(1_500_000, short), other: w.invoice(1_500_000)}
	s.ref = "5" + s.inv.Number
	s.c, s.a = w.start(s.other, mine), w.start(s.inv, mine)
	if one.name != "edit" && two.name != "edit" {
		s.b = w.start(s.inv, others)
	} else {
		s.b = s.a // an edit has a chance only when nobody is out: see below
	}
	v := map[string]*vendor{"gardeshpay": w.card, "ghesta": w.ins}[mine]
	word := []gateways.Answer{paid("R" + s.ref), refusal("12", true, mine == "gardeshpay"), already(), refusal("4", false, false)}[round/2%4]
	switch {
	case one.needs == "ask" || two.needs == "ask":
		v.say(s.ref+"0", silence())
		w.mustBack(s.a, s.ref+"0")
		w.spawned.Wait() // the second call, made at once, is over: the third is due in 5 s
		w.clock.add(6 * time.Second)
		v.say(s.ref+"0", word)
	case one.needs == "review" || two.needs == "review":
		v.say(s.ref+"0", already())
		w.mustBack(s.a, s.ref+"0")
	case one.name == "edit" || two.name == "edit":
		w.clock.add(31 * time.Minute)
		if err := w.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range []string{"1", "2"} {
		v.say(s.ref+ref, word)
	}
	return s
}

func (s *scene) lawful(t *testing.T, law func(*db.Tx, []book) error) {
	t.Helper()
	err := s.db.View(context.Background(), func(tx *db.Tx) error {
		var all []book
		for _, id := range []string{s.inv.ID, s.other.ID} {
			inv, err := tx.Invoice(id)
			if err != nil {
				return err
			}
			b, err := readBook(tx, inv)
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		return law(tx, all)
	})
	if err != nil {
		t.Error(err)
	}
}

// watch makes the world's engine and vendors tell what must never be: an error that is only logged,
// two verifies of one invoice at a time, a verify that is not allowed. The returned func tells and
// forgets.
func (w *world) watch() func() error {
	var mu sync.Mutex
	var wrongs []error
	flying := map[string]int{}
	add := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		wrongs = append(wrongs, err)
	}
	o := w.engine().Options
	o.Log = slog.New(errorLog{add})
	both := map[string]gateways.Gateway{}
	for _, v := range []*vendor{w.card, w.ins} {
		both[v.Name()] = &watched{vendor: v, w: w, mu: &mu, flying: flying, wrong: add}
	}
	o.Live, o.Test = both, both
	w.Engine = payments.New(o)
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		err := errors.Join(wrongs...)
		wrongs = nil
		return err
	}
}

// watched is a scripted vendor that looks into our books at every verify.
type watched struct {
	*vendor
	numbers
	w      *world
	mu     *sync.Mutex
	flying map[string]int // by invoice
	wrong  func(error)
}

func (v *watched) Start(ctx context.Context, s gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	v.numbers.Store(r.OurNumber, r.Callback)
	return v.vendor.Start(ctx, s, r)
}

func (v *watched) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	var a *checkout.Attempt
	err := v.w.db.View(ctx, func(tx *db.Tx) (err error) {
		a, err = v.numbers.allowed(tx, v.Name(), r)
		return err
	})
	if err != nil {
		v.wrong(err)
		return silence()
	}
	v.mu.Lock()
	v.flying[a.InvoiceID]++
	n := v.flying[a.InvoiceID]
	v.mu.Unlock()
	if n > 1 {
		v.wrong(fmt.Errorf("%d verifies of invoice %s at once", n, a.InvoiceID))
	}
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.flying[a.InvoiceID]--
	}()
	return v.vendor.Verify(ctx, s, r)
}

// errorLog is a log handler that hears errors only.
type errorLog struct{ tell func(error) }

func (errorLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (l errorLog) Handle(_ context.Context, r slog.Record) error {
	var s strings.Builder
	s.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool { s.WriteString(" " + a.String()); return true })
	l.tell(errors.New(s.String()))
	return nil
}
func (l errorLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l errorLog) WithGroup(string) slog.Handler      { return l }
