package payments_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"time"

	"pgregory.net/rapid"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// maxSteps bounds one history.
const maxSteps = 40

var amounts = []int64{1_500_000, 2_000_000}

// snapshot is what stands still while a step is chosen.
type snapshot struct {
	attempts []checkout.Attempt
	invoices []checkout.Invoice
}

// action is something that may happen, how often, and whether it can now.
type action struct {
	name   string
	weight int
	can    func() bool
	do     func()
}

func (h *history) actions() []action {
	always := func() bool { return true }
	alive := func() bool { return len(h.alive()) > 0 }
	payable := func() bool { return len(h.payable()) > 0 }
	return []action{
		{"create", 3, func() bool { return len(h.alive()) < 2 && len(h.invoices()) < 6 }, h.create},
		{"start", 4, alive, h.start},
		{"pay and return", 6, payable, h.payAndReturn},
		{"pay", 2, payable, h.pay},
		{"return", 6, func() bool { return len(h.all()) > 0 }, h.comeBack},
		{"cancel", 1, alive, h.cancel},
		{"edit", 1, alive, func() { h.reprice(pick(h, "invoice", h.alive())) }},
		{"edit when all are gone", 1, alive, h.editLater},
		{"resolve", 2, func() bool { return len(h.reviewed()) > 0 }, h.resolve},
		{"another program", 1, func() bool { return len(h.uncaptured()) > 0 }, h.foreign},
		{"weather", 4, always, h.changeWeather},
		{"outage", 1, always, h.outage},
		{"time", 4, always, h.letPass},
		{"sum up", 2, always, func() { h.may(errors.Join(h.FeedNews(context.Background()), h.SumUp(context.Background()))) }},
		{"die", 2, always, h.dieAction},
		{"late answer", 3, func() bool { return len(h.hung) > 0 }, h.anyLateAnswer},
	}
}

// next takes one step among those that can be taken now.
func (h *history) next() {
	if h.steps++; h.steps > maxSteps {
		return
	}
	var bag []action
	h.still = &snapshot{h.all(), h.invoices()}
	for _, a := range h.actions() {
		if a.can() {
			bag = append(bag, slices.Repeat([]action{a}, a.weight)...)
		}
	}
	h.still = nil
	a := pick(h, "action", bag)
	a.do()
	h.check(a.name, laws)
}

// dice draws one of 0 to n-1, all alike: rapid's own integers are mostly small. What is drawn still
// becomes simpler when a failing history is made shorter.
func (h *history) dice(label string, n int) int {
	v := rapid.Uint32().Draw(h.r, label)
	sum := fnv.New32a()
	_ = binary.Write(sum, binary.LittleEndian, v)
	return int(sum.Sum32()>>8) % n
}

// pick draws one of a list.
func pick[T any](h *history, label string, list []T) T {
	if len(list) == 0 {
		h.r.Fatalf("nothing to %s", label)
	}
	return list[h.dice(label, len(list))]
}

func (h *history) invoices() []checkout.Invoice {
	if h.still != nil {
		return slices.Clone(h.still.invoices)
	}
	var list []checkout.Invoice
	err := h.db.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Invoices(db.InvoiceQuery{MerchantID: h.scope.MerchantID, Live: h.scope.Live, Limit: 100})
		return err
	})
	if err != nil {
		h.r.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

func (h *history) create() {
	in := payments.NewInvoice{
		Amount:   money.Rial(pick(h, "amount", amounts)),
		Customer: checkout.Customer{Name: "Sara Rostami", Mobile: "09121234567", Email: "sara@example.com"},
	}
	life := pick(h, "life", []time.Duration{0, 5 * time.Minute, 45 * time.Minute})
	if life > 0 {
		in.ExpiresAt = h.clock.now().Add(life)
	}
	h.clock.add(time.Millisecond) // the order of invoices must be the same when it is played again
	inv, _, err := h.CreateInvoice(context.Background(), h.scope, in, checkout.Actor{Kind: "key", ID: "key_test"}, nil)
	if err != nil {
		h.r.Fatal(err)
	}
	h.say("invoice %s over %d, open for %s", inv.Number, inv.Amount, inv.ExpiresAt.Sub(h.clock.now()))
}

// alive are the invoices that something can still become of.
func (h *history) alive() []checkout.Invoice {
	return slices.DeleteFunc(h.invoices(), func(inv checkout.Invoice) bool {
		s := inv.At(h.clock.now())
		return s != checkout.InvoiceOpen && s != checkout.InvoiceProcessing
	})
}

func (h *history) start() {
	inv := pick(h, "invoice", h.alive())
	gateway := pick(h, "gateway", payments.GatewayNames())
	h.clock.add(time.Millisecond)
	h.say("the customer of invoice %s chooses %s", inv.Number, gateway)
	h.may(h.act(func() error {
		_, err := h.Start(context.Background(), payments.StartInput{Token: inv.Token, Gateway: gateway, RequestID: "req-1"})
		return err
	}), checkout.Conflict, checkout.Invalid, checkout.TooMany, checkout.GatewayDown)
}

// payable are the attempts whose customer can pay at the vendor now.
func (h *history) payable() []checkout.Attempt {
	return slices.DeleteFunc(h.all(), func(a checkout.Attempt) bool {
		s := h.banks[a.Gateway].sale(a.OurNumber)
		return s == nil || s.closed
	})
}

func (h *history) pay() {
	a := pick(h, "pay", h.payable())
	s := h.banks[a.Gateway].sale(a.OurNumber)
	h.banks[a.Gateway].pays(s)
	h.say("%s: the customer pays at the vendor, reference %s", h.name(a), s.ref)
}

func (h *history) payAndReturn() {
	a := pick(h, "pay", h.payable())
	s := h.banks[a.Gateway].sale(a.OurNumber)
	h.banks[a.Gateway].pays(s)
	h.say("%s: the customer pays, reference %s, and returns", h.name(a), s.ref)
	h.callback(a, h.claimOf(a, s, s.ref, true))
}

// claimOf is what a browser brings: the attempt named as a true vendor does, or not.
func (h *history) claimOf(a checkout.Attempt, s *sale, ref string, named bool) url.Values {
	values := url.Values{"trackingNumber": {ref}}
	if a.Gateway == "ghesta" {
		values = url.Values{"refid": {ref}}
	}
	if !named {
		return values
	}
	if a.Gateway == "gardeshpay" {
		values.Set("invoiceNumber", a.OurNumber)
		return values
	}
	values.Set("clientrefid", a.OurNumber)
	if s != nil {
		values.Set("code", s.token)
	}
	return values
}

// comeBack brings some callback, true or not, to some attempt.
func (h *history) comeBack() {
	a := pick(h, "return", h.all())
	bank := h.banks[a.Gateway]
	s := bank.sale(a.OurNumber)
	others := slices.DeleteFunc(slices.Clone(bank.sales), func(o *sale) bool { return o.ref == "" || o == s })
	kinds := []string{"bogus", "cancel", "malformed"}
	if s != nil && s.ref != "" {
		kinds = append(kinds, "its own", "its own", "its own, unnamed", "its own twice", "contradiction")
	}
	if len(others) > 0 {
		kinds = append(kinds, "another's", "another's, unnamed")
	}
	kind := pick(h, "claim", kinds)
	named := kind != "its own, unnamed" && kind != "another's, unnamed"
	ref := ""
	switch kind {
	case "its own", "its own, unnamed", "its own twice", "contradiction":
		ref = s.ref
	case "another's", "another's, unnamed":
		ref = "00" + pick(h, "other", others).ref
	case "bogus":
		ref = fmt.Sprint(900_001 + h.dice("bogus", 7))
	case "malformed":
		ref = "a b"
	}
	h.say("%s: a browser returns with %s reference %q", h.name(a), kind, ref)
	values := h.claimOf(a, s, ref, named)
	if kind == "contradiction" {
		values.Set(map[string]string{"gardeshpay": "invoiceNumber", "ghesta": "clientrefid"}[a.Gateway], "10000000000000000000")
	}
	if kind == "cancel" && s != nil && s.ref == "" {
		s.closed = h.dice("really canceled", 2) == 1
	}
	h.callback(a, values)
	if kind == "its own twice" {
		h.callback(a, values)
	}
}

func (h *history) callback(a checkout.Attempt, values url.Values) {
	h.draining = h.dice("dies after storing it", 10) == 9
	if h.draining {
		h.say("  we die when it is stored")
	}
	err := h.act(func() error {
		_, err := h.Callback(context.Background(), payments.CallbackInput{Gateway: a.Gateway, Token: a.CallbackToken, Values: values, RequestID: "req-2"})
		return err
	})
	h.draining = false
	if err != nil && values.Get("trackingNumber")+values.Get("refid") != "a b" {
		h.r.Fatalf("callback: %v", err)
	}
}

func (h *history) cancel() {
	inv := pick(h, "invoice", h.invoices())
	h.say("the merchant cancels invoice %s", inv.Number)
	_, _, err := h.CancelInvoice(context.Background(), h.scope, inv.ID, checkout.Actor{Kind: "key", ID: "key_test"}, nil)
	h.may(err, checkout.Conflict)
}

// editLater is the merchant who waits until nobody is out.
func (h *history) editLater() {
	inv := pick(h, "invoice", h.alive())
	h.say("31m pass")
	h.pass(31 * time.Minute)
	h.reprice(inv)
}

func (h *history) reprice(inv checkout.Invoice) {
	amount := money.Rial(amounts[0])
	if inv.Amount == amount {
		amount = money.Rial(amounts[1])
	}
	h.say("the merchant makes invoice %s cost %d", inv.Number, amount)
	_, err := h.UpdateInvoice(context.Background(), h.scope, inv.ID, payments.InvoiceChange{Amount: &amount}, checkout.Actor{Kind: "key", ID: "key_test"})
	h.may(err, checkout.Conflict)
}

func (h *history) reviewed() []checkout.Attempt {
	return slices.DeleteFunc(h.all(), func(a checkout.Attempt) bool { return a.Status != checkout.AttemptNeedsReview })
}

// resolve is a person with the vendor's book in hand: captured money is not declared lost.
func (h *history) resolve() {
	a := pick(h, "resolve", h.reviewed())
	outcome := pick(h, "outcome", []string{"failed", "paid"})
	if s := h.banks[a.Gateway].byRef(a.TrackingNumber); s != nil {
		s.handled = true
	}
	h.say("%s: a person says %s", h.name(a), outcome)
	r := payments.Resolution{Outcome: outcome, Note: "asked by telephone"}
	_, _, err := h.ResolveAttempt(context.Background(), h.scope, a.ID, r, checkout.Actor{Kind: "user", ID: "usr_1"}, nil)
	h.may(err, checkout.Invalid) // the reference of another attempt
}

func (h *history) changeWeather() {
	b := h.banks[pick(h, "gateway", payments.GatewayNames())]
	b.starts, b.weather = nil, nil
	if h.dice("starts too", 4) == 3 {
		b.starts = []fault{pick(h, "start", startFaults)}
	}
	for range 1 + h.dice("how many", 3) {
		b.weather = append(b.weather, pick(h, "verify", verifyFaults))
	}
	h.say("%s: next starts %v, next verifies %v", b.Name(), b.starts, b.weather)
}

func (h *history) outage() {
	b := h.banks[pick(h, "gateway", payments.GatewayNames())]
	d := pick(h, "outage", []time.Duration{time.Minute, 9 * time.Minute, 20 * time.Minute})
	b.down = h.clock.now().Add(d)
	h.say("%s is down for %s", b.Name(), d)
}

func (h *history) uncaptured() []*sale {
	return slices.DeleteFunc(slices.Clone(h.banks["ghesta"].sales), func(s *sale) bool { return s.ref == "" || s.captured || s.voided })
}

// foreign is another program of the same merchant, with the same token, that verifies a payment:
// whoever asks after it hears code 15 from PayPing.
func (h *history) foreign() {
	s := pick(h, "sale", h.uncaptured())
	s.captured, s.capturedBy, s.handled = true, "another program", true
	h.say("another program verifies ghesta's %s", s.ref)
}

func (h *history) letPass() {
	d := pick(h, "for", []time.Duration{time.Second, 6 * time.Second, 40 * time.Second, 3 * time.Minute, 16 * time.Minute, 40 * time.Minute})
	h.say("%s pass", d)
	h.pass(d)
}

// pass lets time go by from one due job to the next, as the worker and the sweep would live it.
func (h *history) pass(d time.Duration) {
	end := h.clock.now().Add(d)
	for {
		if err := h.Sweep(context.Background()); err != nil {
			h.r.Fatal(err)
		}
		h.work()
		h.check("as time passes", h.changed)
		now := h.clock.now()
		if !now.Before(end) {
			return
		}
		var next time.Time
		err := h.db.View(context.Background(), func(tx *db.Tx) (err error) { next, err = tx.NextJobAt([]string{payments.JobVerify}); return err })
		if err != nil {
			h.r.Fatal(err)
		}
		if sooner := now.Add(5 * time.Minute); next.IsZero() || next.After(sooner) {
			next = sooner // the sweep comes by in any case
		}
		if next.After(end) {
			next = end
		}
		h.clock.add(max(next.Sub(now), time.Second))
	}
}

// work runs the stored jobs that are due, one process each.
func (h *history) work() {
	for {
		var jobs []checkout.Job
		err := h.db.Update(context.Background(), func(tx *db.Tx) (err error) {
			jobs, err = tx.ClaimJobs([]string{payments.JobVerify}, 10, tx.Now().Add(payments.Lease))
			return err
		})
		if err != nil {
			h.r.Fatal(err)
		}
		if len(jobs) == 0 {
			return
		}
		for _, job := range jobs {
			h.may(h.act(func() error { return h.RunVerify(context.Background(), job) }))
		}
	}
}

// die ends the process with all that it holds; the next one voids its leases.
func (h *history) die() {
	if err := h.db.Update(context.Background(), (*db.Tx).ReleaseLeases); err != nil {
		h.r.Fatal(err)
	}
	for _, p := range h.hung {
		p.buried = true
	}
	h.restart()
}

func (h *history) dieAction() {
	h.say("the process dies and another begins")
	h.die()
}

func (h *history) anyLateAnswer() {
	h.lateAnswer(pick(h, "late answer", indexes(h.hung)))
}

// lateAnswer lets one hanging process hear its answer. Where its reference is still being asked
// about, the word counts, whoever heard it; of what is settled only a success may change anything.
func (h *history) lateAnswer(i int) {
	p := h.hung[i]
	h.hung = slices.Delete(h.hung, i, i+1)
	h.say("a hanging call ends (its process is dead: %t)", p.buried)
	before := h.settled(nil)
	h.may(h.wake(p), checkout.Conflict, checkout.GatewayDown)
	if p.starting {
		return // nobody else can hear its token: it counts as long as the attempt waits for it
	}
	after := h.settled(before)
	for id, status := range before {
		// A success heard late may pay what was given up; what is paid or canceled stays as it is, and
		// nothing else may come of a late word.
		gaveUp := status != string(checkout.InvoicePaid) && status != string(checkout.InvoiceCanceled)
		if story := status; after[id] != status && !(gaveUp && after[id] == string(checkout.InvoicePaid)) {
			h.r.Fatalf("a late word changed what was settled:\n%s\n%s", story, after[id])
		}
	}
}

// settled are the stories of the invoices that no verify is under way for, or of those in like.
func (h *history) settled(like map[string]string) map[string]string {
	stories := map[string]string{}
	err := h.db.View(context.Background(), func(tx *db.Tx) error {
		all, err := books(tx, h.scope)
		for i := range all {
			inv := all[i].inv
			if _, asked := like[inv.ID]; asked || like == nil && inv.Status != checkout.InvoiceProcessing {
				stories[inv.ID] = string(inv.Status)
			}
		}
		return err
	})
	if err != nil {
		h.r.Fatal(err)
	}
	return stories
}

func indexes[T any](list []T) []int {
	var all []int
	for i := range list {
		all = append(all, i)
	}
	return all
}

func (h *history) name(a checkout.Attempt) string {
	for i, other := range h.all() {
		if other.ID == a.ID {
			return fmt.Sprintf("attempt %d (%s)", i+1, a.Gateway)
		}
	}
	return a.ID
}
