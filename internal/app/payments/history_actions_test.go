package payments_test

import (
	"context"
	"fmt"
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

// actions are what may happen next. What happens often in life stands more than once.
func (h *history) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){}
	for name, do := range map[string]func(){
		"create": h.create, "start": h.start, "start again": h.start, "start once more": h.start, "pay": h.pay, "pay and return": h.payAndReturn,
		"pay and return again": h.payAndReturn, "pay and return once more": h.payAndReturn, "return": h.comeBack, "return again": h.comeBack, "return late": h.comeBack,
		"cancel": h.cancel, "edit": h.edit, "edit when all are gone": h.editLater, "resolve": h.resolve, "another program": h.foreign,
		"weather": h.changeWeather, "bad weather": h.changeWeather, "outage": h.outage, "time": h.letPass, "more time": h.letPass, "die": h.dieAction, "late answer": h.anyLateAnswer,
	} {
		all[name] = func(r *rapid.T) {
			h.r = r
			if h.steps++; h.steps > maxSteps {
				return
			}
			do()
			h.check(name, laws)
		}
	}
	return all
}

// pick draws one of a list; a step for which there is none is not taken.
func pick[T any](h *history, label string, list []T) T {
	if len(list) == 0 {
		h.r.Skip("nothing to " + label)
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(h.r, label)]
}

func (h *history) invoices() []checkout.Invoice {
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
	if len(h.invoices()) >= 6 || len(h.alive()) >= 2 {
		h.r.Skip("enough invoices")
	}
	in := payments.NewInvoice{
		Amount:   money.Rial(rapid.SampledFrom(amounts).Draw(h.r, "amount")),
		Customer: checkout.Customer{Name: "Sara Rostami", Mobile: "09121234567", Email: "sara@example.com"},
	}
	life := rapid.SampledFrom([]time.Duration{0, 5 * time.Minute, 45 * time.Minute}).Draw(h.r, "life")
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
	gateway := rapid.SampledFrom(payments.GatewayNames()).Draw(h.r, "gateway")
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
	kind := rapid.SampledFrom([]string{"its own", "its own, unnamed", "its own twice", "another's", "another's, unnamed", "bogus", "cancel", "contradiction", "malformed"}).Draw(h.r, "claim")
	named := kind != "its own, unnamed" && kind != "another's, unnamed"
	ref := ""
	switch kind {
	case "its own", "its own, unnamed", "its own twice", "contradiction":
		if s == nil || s.ref == "" {
			h.r.Skip("it was not paid")
		}
		ref = s.ref
	case "another's", "another's, unnamed":
		other := pick(h, "other", slices.DeleteFunc(slices.Clone(bank.sales), func(o *sale) bool { return o.ref == "" || o == s }))
		ref = "00" + other.ref
	case "bogus":
		ref = fmt.Sprint(900_000 + rapid.IntRange(1, 7).Draw(h.r, "bogus"))
	case "malformed":
		ref = "a b"
	}
	h.say("%s: a browser returns with %s reference %q", h.name(a), kind, ref)
	values := h.claimOf(a, s, ref, named)
	if kind == "contradiction" {
		values.Set(map[string]string{"gardeshpay": "invoiceNumber", "ghesta": "clientrefid"}[a.Gateway], "10000000000000000000")
	}
	if kind == "cancel" && s != nil && s.ref == "" {
		s.closed = rapid.Bool().Draw(h.r, "really canceled")
	}
	h.callback(a, values)
	if kind == "its own twice" {
		h.callback(a, values)
	}
}

func (h *history) callback(a checkout.Attempt, values url.Values) {
	h.draining = rapid.IntRange(0, 9).Draw(h.r, "dies after storing it") == 9
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

func (h *history) edit() {
	h.reprice(pick(h, "invoice", h.alive()))
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

// resolve is a person with the vendor's book in hand: captured money is not declared lost.
func (h *history) resolve() {
	a := pick(h, "resolve", slices.DeleteFunc(h.all(), func(a checkout.Attempt) bool { return a.Status != checkout.AttemptNeedsReview }))
	outcome := rapid.SampledFrom([]string{"failed", "paid"}).Draw(h.r, "outcome")
	if s := h.banks[a.Gateway].byRef(a.TrackingNumber); s != nil {
		s.handled = true
	}
	h.say("%s: a person says %s", h.name(a), outcome)
	r := payments.Resolution{Outcome: outcome, Note: "asked by telephone"}
	_, _, err := h.ResolveAttempt(context.Background(), h.scope, a.ID, r, checkout.Actor{Kind: "user", ID: "usr_1"}, nil)
	h.may(err)
}

func (h *history) changeWeather() {
	b := h.banks[rapid.SampledFrom(payments.GatewayNames()).Draw(h.r, "gateway")]
	b.starts = rapid.SliceOfN(rapid.SampledFrom(startFaults), 0, 1).Draw(h.r, "starts")
	b.weather = rapid.SliceOfN(rapid.SampledFrom(verifyFaults), 1, 4).Draw(h.r, "verifies")
	h.say("%s: next starts %v, next verifies %v", b.Name(), b.starts, b.weather)
}

func (h *history) outage() {
	b := h.banks[rapid.SampledFrom(payments.GatewayNames()).Draw(h.r, "gateway")]
	d := rapid.SampledFrom([]time.Duration{time.Minute, 9 * time.Minute, 20 * time.Minute}).Draw(h.r, "outage")
	b.down = h.clock.now().Add(d)
	h.say("%s is down for %s", b.Name(), d)
}

// foreign is another program of the same merchant, with the same token, that verifies a payment:
// whoever asks after it hears code 15 from PayPing.
func (h *history) foreign() {
	b := h.banks["ghesta"]
	s := pick(h, "sale", slices.DeleteFunc(slices.Clone(b.sales), func(s *sale) bool { return s.ref == "" || s.captured || s.voided }))
	s.captured, s.capturedBy, s.handled = true, "another program", true
	h.say("another program verifies ghesta's %s", s.ref)
}

func (h *history) letPass() {
	d := rapid.SampledFrom([]time.Duration{time.Second, 6 * time.Second, 40 * time.Second, 3 * time.Minute, 16 * time.Minute, 40 * time.Minute}).Draw(h.r, "for")
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
		h.check("as time passes", laws)
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

// lateAnswer lets one hanging process hear its answer. When it died in between, that must change
// nothing: its word is stale, and another has asked or will ask.
func (h *history) lateAnswer(i int) {
	p := h.hung[i]
	h.hung = slices.Delete(h.hung, i, i+1)
	h.say("a hanging call ends (its process is dead: %t)", p.buried)
	buried, before := p.buried && !p.starting, h.print()
	err := h.wake(p)
	h.may(err, checkout.Conflict, checkout.GatewayDown)
	if after := h.print(); buried && after != before {
		h.r.Fatalf("a dead process's late word changed the books:\n%s\n%s", before, after)
	}
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
