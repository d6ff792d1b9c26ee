package payments_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

// vendor is a gateway at the edge: its answers are scripted, its callbacks are parsed by the real
// adapter. It counts calls, and how many are under way at once for one attempt.
type vendor struct {
	gateways.Gateway // the real one: Name, Keys, Check, ParseCallback

	mu       sync.Mutex
	starts   []gateways.StartRequest
	startErr error
	onStart  func()
	verifies []gateways.VerifyRequest
	answers  map[string][]gateways.Answer // by reference, in order; the last one repeats
	hold     map[string]chan struct{}     // a verify of this reference waits until it is closed
	onVerify func(gateways.VerifyRequest)
	flying   int
	most     int
}

// newVendor answers in the place of g.
func newVendor(g gateways.Gateway) *vendor {
	return &vendor{Gateway: g, answers: map[string][]gateways.Answer{}, hold: map[string]chan struct{}{}}
}

func (v *vendor) Start(_ context.Context, _ gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	v.mu.Lock()
	v.starts = append(v.starts, r)
	n, err, hook := len(v.starts), v.startErr, v.onStart
	v.mu.Unlock()
	if hook != nil {
		hook()
	}
	if err != nil {
		return gateways.Started{}, err
	}
	return gateways.Started{Token: fmt.Sprintf("tok%d", n), Redirect: "https://bank.example/" + r.OurNumber}, nil
}

func (v *vendor) Verify(ctx context.Context, _ gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	v.mu.Lock()
	v.verifies = append(v.verifies, r)
	v.flying++
	v.most = max(v.most, v.flying)
	wait, hook := v.hold[r.Reference], v.onVerify
	v.mu.Unlock()
	defer func() { v.mu.Lock(); v.flying--; v.mu.Unlock() }()
	if hook != nil {
		hook(r)
	}
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return silence()
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.answers[r.Reference]
	if len(list) == 0 {
		return paid("R" + r.Reference)
	}
	if len(list) > 1 {
		v.answers[r.Reference] = list[1:]
	}
	return list[0]
}

func (v *vendor) say(ref string, list ...gateways.Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[ref] = list
}

func (v *vendor) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.verifies)
}

func paid(ref string) gateways.Answer {
	return gateways.Answer{Outcome: gateways.Paid, RefNumber: ref, CardMask: "603799******1234", Sent: true, Status: 200}
}

func silence() gateways.Answer {
	return gateways.Answer{Outcome: gateways.Unknown, Sent: true, Unheard: true, Body: "time-out"}
}

func refusal(code string, soft, hard bool) gateways.Answer {
	return gateways.Answer{Outcome: gateways.Refused, Code: code, Soft: soft, Hard: hard, Sent: true, Status: 400}
}

func already() gateways.Answer {
	return gateways.Answer{Outcome: gateways.AlreadyVerified, Code: "15", Sent: true, Status: 400}
}

// clock is the world's time; it moves only when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is one engine on one real database, with scripted vendors.
type world struct {
	testing.TB
	*payments.Engine
	db       *db.DB
	clock    *clock
	card     *vendor
	ins      *vendor
	scope    payments.Scope
	spawned  sync.WaitGroup
	draining bool
}

func newWorld(t testing.TB, store *db.DB, c *clock) *world {
	t.Helper()
	w := &world{TB: t, db: store, clock: c}
	client := gateways.NewClient(gateways.ClientOptions{Timeout: time.Second})
	w.card, w.ins = newVendor(gardeshpay.New(client)), newVendor(ghesta.New(client))
	w.Engine = w.engine()
	err := store.Update(t.Context(), func(tx *db.Tx) error {
		m := checkout.Merchant{ID: "mer_" + strings.Repeat("0", 25), Slug: "pottery", Name: "Pottery", Locale: "fa", CreatedAt: tx.Now()}
		w.scope = payments.Scope{MerchantID: m.ID, Live: true}
		return tx.InsertMerchant(&m)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]map[string]string{"gardeshpay": {"enabled": "true"}, "ghesta": {"token": "t"}} {
		if err := w.SetAccount(t.Context(), w.scope, name, values, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.spawned.Wait)
	return w
}

var testBox = sync.OnceValue(func() *seal.Box {
	b, err := seal.New(seal.NewKey())
	if err != nil {
		panic(err)
	}
	return b
})

// engine makes another engine on the same store: what a restarted process is.
func (w *world) engine() *payments.Engine {
	both := map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": w.ins}
	return payments.New(payments.Options{
		DB: w.db, Box: testBox(), BaseURL: "https://pay.example", Live: both, Test: both,
		Breaker: &gateways.Breaker{Now: w.clock.now}, AttemptTTL: 30 * time.Minute, Now: w.clock.now, Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler),
		Spawn: func(fn func(context.Context)) bool {
			if w.draining {
				return false
			}
			w.spawned.Go(func() { fn(context.Background()) })
			return true
		},
	})
}

func (w *world) invoice(amount int64, change ...func(*payments.NewInvoice)) checkout.Invoice {
	w.Helper()
	in := payments.NewInvoice{Amount: money.Rial(amount), Customer: checkout.Customer{Name: "Sara", Mobile: "09121234567"}}
	for _, c := range change {
		c(&in)
	}
	inv, _, err := w.CreateInvoice(w.Context(), w.scope, in, checkout.Actor{Kind: "key", ID: "key_test"}, nil)
	if err != nil {
		w.Fatal(err)
	}
	return inv
}

// start begins an attempt and returns it as the store has it.
func (w *world) start(inv checkout.Invoice, gateway string) checkout.Attempt {
	w.Helper()
	w.clock.add(time.Millisecond) // "later" is told by the clock
	if _, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: gateway}); err != nil {
		w.Fatal(err)
	}
	all := w.attempts(inv)
	return all[len(all)-1]
}

// attempts are the invoice's attempts, oldest first.
func (w *world) attempts(inv checkout.Invoice) []checkout.Attempt {
	w.Helper()
	p, err := w.Page(w.Context(), inv.Token)
	if err != nil {
		w.Fatal(err)
	}
	return p.Attempts
}

func (w *world) attempt(a checkout.Attempt) checkout.Attempt {
	w.Helper()
	var got *checkout.Attempt
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) { got, err = tx.Attempt(a.ID); return err })
	if err != nil {
		w.Fatal(err)
	}
	return *got
}

func (w *world) status(inv checkout.Invoice) checkout.InvoiceStatus {
	w.Helper()
	got, err := w.Invoice(w.Context(), w.scope, inv.ID)
	if err != nil {
		w.Fatal(err)
	}
	return got.Status
}

// back is the browser's return with a reference, naming the attempt as a true gateway does.
func (w *world) back(a checkout.Attempt, ref string) error {
	values := url.Values{}
	if a.Gateway == "gardeshpay" {
		if ref != "" {
			values.Set("trackingNumber", ref)
		}
		values.Set("invoiceNumber", a.OurNumber)
	} else {
		values = url.Values{"refid": {ref}, "code": {a.GatewayToken}, "clientrefid": {a.OurNumber}, "cardnumber": {""}, "cardhashpan": {""}}
	}
	return w.claim(a, values)
}

func (w *world) claim(a checkout.Attempt, values url.Values) error {
	_, err := w.Callback(context.Background(), payments.CallbackInput{Gateway: a.Gateway, Token: a.CallbackToken, Values: values})
	return err
}

func (w *world) mustBack(a checkout.Attempt, ref string) {
	w.Helper()
	if err := w.back(a, ref); err != nil {
		w.Fatal(err)
	}
}

// work runs every stored job that is due, as the worker would, until none is.
func (w *world) work() {
	w.Helper()
	w.spawned.Wait()
	w.runDue()
}

// claimDue claims the jobs that are due, as a worker does.
func (w *world) claimDue() (jobs []checkout.Job) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *db.Tx) (err error) {
		jobs, err = tx.ClaimJobs([]string{payments.JobVerify}, 10, tx.Now().Add(payments.Lease))
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return jobs
}

// runDue is work for a world in which some call still hangs.
func (w *world) runDue() {
	w.Helper()
	for {
		jobs := w.claimDue()
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			if err := w.RunVerify(w.Context(), j); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// pass lets time go by, from one due job to the next, sweeping and working at each.
func (w *world) pass(d time.Duration) {
	w.Helper()
	w.work()
	end := w.clock.now().Add(d)
	for w.clock.now().Before(end) {
		var next time.Time
		err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
			next, err = tx.NextJobAt([]string{payments.JobVerify})
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
		now := w.clock.now()
		if next.IsZero() || next.After(end) {
			next = end
		}
		w.clock.add(max(next.Sub(now), time.Second))
		if err := w.Sweep(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.work()
	}
}

// types are the types of the invoice's events, oldest first.
func (w *world) types(inv checkout.Invoice) []string {
	w.Helper()
	list, _, err := w.InvoiceEvents(w.Context(), w.scope, inv.ID, "", 100)
	if err != nil {
		w.Fatal(err)
	}
	var types []string
	for i := range list {
		types = append(types, list[len(list)-1-i].Type)
	}
	return types
}

func count(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func (w *world) want(inv checkout.Invoice, i checkout.InvoiceStatus, a checkout.Attempt, s checkout.AttemptStatus) {
	w.Helper()
	if got := w.status(inv); got != i {
		w.Errorf("invoice is %s, want %s; %v", got, i, w.types(inv))
	}
	if got := w.attempt(a).Status; got != s {
		w.Errorf("attempt is %s, want %s; %v", got, s, w.types(inv))
	}
}

// until waits for something that another goroutine does.
func (w *world) until(done func() bool) {
	w.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatal("it never happened")
}
