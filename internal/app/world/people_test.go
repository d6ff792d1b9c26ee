package world_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/simulator"
)

// people are the customers with their tabs, and the merchant with its programs.
type people struct {
	trips   []*trip
	returns []*back
	orders  []*order
}

// trip is a customer's way to a gateway, in one tab.
type trip struct {
	n       int
	invoice string
	gateway string
	page    string // at the gateway
	over    bool
}

// back is what a browser will say to us, once or more often.
type back struct {
	in   payments.CallbackInput
	said string
	told int
}

// order is one call of the merchant's program, repeated under the same key until it is answered.
type order struct {
	key      string
	what     string
	do       func(ctx context.Context, p *process, o *payments.Once) error
	answered bool
}

// step is one step of the history.
func (w *world) step() {
	acts := []weighted[func()]{
		{26, w.anyGoesOn},
		{10, w.pay},
		{16, w.atBank},
		{18, w.comeBack},
		{4, w.forge},
		{3, w.create},
		{2, w.edit},
		{1, w.cancel},
		{4, w.resolve},
		{1, w.setAccount},
		{2, w.repeatOrder},
		{1, w.showPage},
		{5, func() { w.work(true) }},
		{3, w.sweep},
		{8, w.letPass},
		{1, w.anyDies},
		{1, w.drain},
		{1, w.setClock},
		{3, w.armFault},
		{2, w.zombieArrives},
		{8, func() { w.flow(true) }},
	}
	choose(w.dice, acts)()
}

func (w *world) proc() *process { return pick(w.dice, w.procs) }

// anyGoesOn sends one of those who stay somewhere on, with what the world has in store for it.
func (w *world) anyGoesOn() {
	if len(w.spots) == 0 {
		return
	}
	s := pick(w.dice, w.spots)
	w.goOn(s, w.fateOf(s, 7))
}

// fateOf throws what happens at a spot: mostly nothing, one time in so many something.
func (w *world) fateOf(s *spot, in int) fate {
	if !w.dice.once(in) {
		return goesOn
	}
	switch s.kind {
	case "write", "renew":
		list := []weighted[fate]{{3, diesAfter}, {2, diesWithin}, {2, notWritten}, {1, dies}, {1, unsureThere}, {1, unsureLost}}
		return choose(w.dice, list)
	case "read":
		return pick(w.dice, []fate{notWritten, dies})
	case "send":
		return choose(w.dice, []weighted[fate]{
			{2, lostBefore},
			{1, unreachable},
			{1, says500},
			{1, says401},
			{1, says403},
			{1, says429},
			{1, says429far},
			{1, saysPage},
			{1, saysNothing},
			{2, twice},
			{2, dies},
		})
	}
	return choose(w.dice, []weighted[fate]{{4, lostAfter}, {1, cutAfter}, {1, pageAfter}, {1, failAfter}, {3, dies}})
}

func (w *world) anyDies() {
	p := w.proc()
	w.say("process %d is killed", p.n)
	w.die(p)
}

// drain is an orderly stop: nothing new begins beside a request. The next process begins when the
// one that drains has come to rest, or dies in it.
func (w *world) drain() {
	p := w.proc()
	if p.draining {
		w.die(p)
		return
	}
	w.say("process %d is asked to stop", p.n)
	w.tally("process drains")
	p.draining = true
}

// armFault spoils the next calls at the vendors.
func (w *world) armFault() {
	list := bankFaults
	if w.dice.once(3) {
		list = startFaults
	}
	name, n := pick(w.dice, list), 1+w.dice.n(3)
	w.say("the gateways' next %d calls: %s", n, name)
	w.tally("bank fault: %s", name)
	w.failed(w.bank.sim.SetFault(name, n))
}

func (w *world) zombieArrives() {
	if len(w.zombies) == 0 {
		return
	}
	w.arrives(w.dice.n(len(w.zombies)))
}

// lateBy is how long a request may be on its way after its sender died or gave up. Later, no number of
// re-asks would be enough.
const lateBy = 2 * time.Minute

// arrives: a request whose sender is dead or has given up reaches the gateway after all, or is lost.
func (w *world) arrives(i int) {
	c := w.zombies[i]
	w.zombies = slices.Delete(w.zombies, i, i+1)
	if time.Since(c.begun) > lateBy {
		return
	}
	w.say("%s arrives late; nobody waits for the answer", c)
	w.tally("late request arrives")
	_, _ = w.bank.takes(expired(), c)
}

// expired is a caller who has hung up, so that nothing that hangs at the gateway takes time.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (w *world) sorted() []*book {
	var list []*book
	for _, b := range w.books {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *book) int { return strings.Compare(a.inv.Number, b.inv.Number) })
	return list
}

// anInvoice is mostly one that can still be paid.
func (w *world) anInvoice() *book {
	all := w.sorted()
	alive := slices.DeleteFunc(slices.Clone(all), func(b *book) bool {
		return b.inv.Status != checkout.InvoiceOpen && b.inv.Status != checkout.InvoiceProcessing
	})
	if len(alive) > 0 && !w.dice.once(6) {
		return pick(w.dice, alive)
	}
	if len(all) == 0 {
		return nil
	}
	return pick(w.dice, all)
}

// pay is a customer choosing a gateway: once, twice by a double click, in whichever tab and process.
func (w *world) pay() {
	b := w.anInvoice()
	if b == nil {
		return
	}
	gateway := pick(w.dice, payments.GatewayNames())
	times := 1
	if w.dice.once(5) {
		times = 2
		w.tally("customer: double click")
	}
	w.tally("customer: pays by %s", short(gateway))
	for range times {
		if p := w.proc(); !p.dead {
			w.press(p, b.inv, gateway)
		}
	}
}

func (w *world) press(p *process, inv *checkout.Invoice, gateway string) {
	t := &trip{n: len(w.trips) + 1, invoice: inv.ID, gateway: gateway}
	what := fmt.Sprintf("customer of invoice %s presses pay (%s)", inv.Number, short(gateway))
	w.say("%s", what)
	w.act(p, what, func(ctx context.Context) error {
		page, err := p.Start(ctx, payments.StartInput{Token: inv.Token, Gateway: gateway, RequestID: "req-start"})
		t.page = page
		return err
	}, func(err error) {
		w.tally("start: %s", kind(err))
		if !allowed(err, checkout.Conflict, checkout.Invalid, checkout.TooMany, checkout.GatewayDown, checkout.Unavailable) {
			w.breach("error", "start: %v", err)
		}
		if err == nil {
			t.n = len(w.trips) + 1
			w.trips = append(w.trips, t)
			w.say("the customer goes to the gateway (tab %d)", t.n)
		}
	})
}

func kind(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, db.ErrOutcomeUnknown):
		return "outcome unknown"
	}
	return string(checkout.KindOf(err))
}

func allowed(err error, kinds ...checkout.Kind) bool {
	return err == nil || errors.Is(err, db.ErrOutcomeUnknown) || slices.ContainsFunc(kinds, func(k checkout.Kind) bool { return errors.Is(err, k) })
}

func ignoreAway(err error) error {
	if errors.Is(err, db.ErrOutcomeUnknown) || errors.Is(err, checkout.Unavailable) {
		return nil
	}
	return err
}

// atBank is a customer at the gateway's page.
func (w *world) atBank() {
	out := slices.DeleteFunc(slices.Clone(w.trips), func(t *trip) bool { return t.over })
	if len(out) == 0 {
		return
	}
	t := pick(w.dice, out)
	name := choose(w.dice, visits[t.gateway])
	if name == "fault" {
		name = pick(w.dice, faultsOf[t.gateway])
	}
	rec := &recorder{status: http.StatusOK, header: http.Header{}}
	req, err := http.NewRequest(http.MethodPost, t.page, strings.NewReader("outcome="+name))
	if err != nil {
		w.failed(err)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.bank.sim.ServeHTTP(rec, req)
	w.say("tab %d, at the gateway: %s (%d)", t.n, name, rec.status)
	w.tally("customer: %s", name)
	if rec.status == http.StatusUnprocessableEntity {
		w.breach("error", "the simulator knows no outcome %s", name)
	}
	if rec.status < 400 {
		t.over = name != "close_tab" && name != "forged_callback" && name != "replay_reference"
	}
	for _, in := range backs(rec, t.gateway) {
		w.returns = append(w.returns, &back{in: in, said: fmt.Sprintf("tab %d (%s)", t.n, name)})
	}
}

var (
	formOf  = regexp.MustCompile(`(?s)<form class="back" method="post" action="([^"]*)">(.*?)</form>`)
	inputOf = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	linkOf  = regexp.MustCompile(`<a class="button back" href="([^"]*)">`)
)

// backs reads the ways back to us from a gateway's page.
func backs(rec *recorder, gateway string) []payments.CallbackInput {
	var list []payments.CallbackInput
	add := func(address string, form url.Values) {
		u, err := url.Parse(address)
		if err != nil || form == nil && gateway == "ghesta" {
			return // a GET of the instalment gateway: the page says 405
		}
		if form == nil {
			form = u.Query()
		}
		list = append(list, payments.CallbackInput{Gateway: gateway, Token: u.Path[strings.LastIndex(u.Path, "/")+1:], Values: form, RequestID: "req-back"})
	}
	if to := rec.header.Get("Location"); to != "" {
		add(to, nil)
		return list
	}
	page := rec.body.String()
	for _, m := range formOf.FindAllStringSubmatch(page, -1) {
		form := url.Values{}
		for _, f := range inputOf.FindAllStringSubmatch(m[2], -1) {
			name := html.UnescapeString(f[1])
			form[strings.ToLower(name)] = append(form[strings.ToLower(name)], html.UnescapeString(f[2]))
		}
		add(html.UnescapeString(m[1]), form)
	}
	for _, m := range linkOf.FindAllStringSubmatch(page, -1) {
		add(html.UnescapeString(m[1]), nil)
	}
	return list
}

// comeBack is a browser on its way back: mostly one that has not been here yet; else a reload, or a
// history entry of long ago.
func (w *world) comeBack() {
	list := slices.DeleteFunc(slices.Clone(w.returns), func(b *back) bool { return b.told > 0 })
	if len(list) == 0 || w.dice.once(5) {
		list = w.returns
	}
	if len(list) == 0 {
		return
	}
	b := pick(w.dice, list)
	if b.told > 0 {
		w.tally("customer: returns again")
	}
	times := 1
	if w.dice.once(8) {
		times = 2 // two at once
	}
	for range times {
		b.told++
		w.tally("customer: returns")
		w.callback(w.proc(), b.in, "return of "+b.said)
	}
}

func (w *world) callback(p *process, in payments.CallbackInput, what string) {
	w.say("%s: %s", what, url.Values(in.Values).Encode())
	w.act(p, what, func(ctx context.Context) error {
		_, err := p.Callback(ctx, in)
		return err
	}, func(err error) {
		if _, malformed := errors.AsType[*gateways.CallbackError](err); malformed {
			w.tally("callback: malformed")
			return
		}
		w.tally("callback: %s", kind(err))
		if !allowed(err, checkout.Unavailable) {
			w.breach("error", "%s: %v", what, err)
		}
	})
}

// forge is a payer who tampers: with the address of an attempt of his own, and what he knows of
// other payments.
func (w *world) forge() {
	var attempts []*checkout.Attempt
	for _, b := range w.sorted() {
		for i := range b.attempts {
			attempts = append(attempts, &b.attempts[i])
		}
	}
	if len(attempts) == 0 {
		return
	}
	a := pick(w.dice, attempts)
	ref, how := w.forgedReference(a)
	number, token := a.OurNumber, a.GatewayToken
	switch w.dice.n(8) {
	case 6:
		number, how = pick(w.dice, attempts).OurNumber, how+", perhaps another's number"
	case 7:
		number, token, how = "", "", how+", naming nothing"
	}
	v := url.Values{"trackingNumber": {ref}, "invoiceNumber": {number}}
	if a.Gateway == "ghesta" {
		v = url.Values{"refid": {ref}, "clientrefid": {number}, "code": {token}, "cardnumber": {""}, "cardhashpan": {""}}
	}
	w.tally("forged: %s", strings.SplitN(how, ",", 2)[0])
	w.callback(w.proc(), payments.CallbackInput{Gateway: a.Gateway, Token: a.CallbackToken, Values: v, RequestID: "req-forged"}, fmt.Sprintf("forged return to %s: %s", w.name(a.ID), how))
}

func (w *world) forgedReference(a *checkout.Attempt) (ref, how string) {
	var known []simulator.Payment
	for _, p := range w.bank.sim.Ledger().Payments {
		if p.Vendor == vendorOf(a.Gateway) && p.Reference != "" {
			known = append(known, p)
		}
	}
	k := w.dice.n(12)
	if k < 7 && len(known) > 0 {
		p := pick(w.dice, known)
		if k == 6 {
			return "00" + p.Reference, "a known reference with zeros before it"
		}
		return p.Reference, "a known reference"
	}
	switch k {
	case 8:
		return "", "no reference"
	case 9:
		return "1", "a sign of cancellation"
	case 10:
		return "a b", "an impossible reference"
	case 11:
		return "000", "zeros"
	}
	return fmt.Sprint(9_000_000 + w.dice.n(6)), "an invented reference"
}

// Visits to a gateway's page, and how they end.
var visits = map[string][]weighted[string]{
	"gardeshpay": {
		{30, "paid"},
		{20, "fault"},
		{3, "declined"},
		{3, "canceled"},
		{1, "wrong_card"},
		{1, "insufficient_funds"},
		{2, "close_tab"},
		{3, "paid_close_tab"},
		{1, "pay_after_expiry"},
		{2, "pay_twice"},
		{3, "double_callback"},
		{2, "delayed_callback"},
		{1, "forged_callback"},
		{2, "replay_reference"},
		{1, "callback_repeated_field"},
		{2, "canceled_without_reference"},
		{1, "canceled_empty_reference"},
		{1, "callback_wrong_invoice"},
	},
	"ghesta": {
		{30, "paid"},
		{20, "fault"},
		{3, "declined"},
		{3, "canceled"},
		{1, "insufficient_funds"},
		{2, "close_tab"},
		{3, "paid_close_tab"},
		{1, "pay_after_expiry"},
		{2, "pay_twice"},
		{3, "double_callback"},
		{2, "delayed_callback"},
		{1, "forged_callback"},
		{2, "replay_reference"},
		{1, "callback_repeated_field"},
		{2, "canceled_empty_refid"},
		{1, "canceled_minus_one"},
		{1, "get_callback"},
		{1, "v3_callback"},
		{1, "callback_pascal_keys"},
		{1, "callback_foreign_code"},
		{1, "callback_foreign_clientrefid"},
		{1, "foreign_failure"},
		{1, "foreign_failure_with_refid"},
		{1, "credit_0"},
	},
}

var (
	bankFaults = []string{
		"verify_lost_answer", "verify_reset_before", "verify_timeout", "verify_timeout_captured", "verify_slow", "verify_503", "verify_503_captured",
		"verify_html_502", "verify_html_200", "verify_empty_200", "verify_truncated", "verify_redirect", "verify_unauthorized_401", "verify_forbidden_403",
		"verify_too_many_429", "verify_refused_once_then_ok", "verify_wrong_amount", "verify_amount_x10", "verify_missing_amount", "verify_amount_string",
		"verify_amount_float", "verify_wrong_content_type",
	}
	cardFaults = []string{
		"verify_amount_nested", "verify_amount_both", "verify_amount_contradictory", "verify_wrong_invoice", "verify_missing_invoice", "verify_success_with_code",
		"verify_verified_before", "verify_numbers_for_text", "verify_ip_not_allowed", "verify_errors_empty", "verify_errors_strings_400", "verify_errors_object", "verify_errors_null_400",
	}
	instalmentFaults = []string{
		"verify_settling_48", "verify_already_15", "verify_credit_conflict_39", "verify_code_7", "verify_code_12", "verify_code_25", "verify_code_29", "verify_code_49",
		"verify_code_44", "verify_code_46", "verify_code_47", "verify_code_unknown", "verify_two_codes", "verify_nested_400", "verify_empty_400", "verify_no_card_fields",
	}
	startFaults = []string{
		"start_503", "start_401", "start_refused", "start_slow", "start_timeout", "start_reset", "start_lost_answer", "start_html", "start_truncated",
		"start_bad_url", "start_script_url", "start_bad_token", "start_number_token", "start_no_token", "start_url_slash",
	}
	faultsOf = map[string][]string{"gardeshpay": slices.Concat(bankFaults, cardFaults), "ghesta": slices.Concat(bankFaults, instalmentFaults)}
)

// amounts: two that everything takes, one that is no whole toman, one below the instalments' minimum.
var amounts = []int64{1_500_000, 2_000_000, 1_500_000, 1_500_005, 900_000}

func (w *world) setUp() {
	p := w.procs[0]
	unit := func(gateway string, values map[string]string) {
		w.act(p, "the merchant sets "+short(gateway), func(ctx context.Context) error {
			return p.SetAccount(ctx, w.scope, gateway, values, checkout.Actor{})
		}, w.failed)
		w.through(p)
	}
	switch w.dice.n(6) {
	case 4:
		unit("ghesta", map[string]string{"token": "toman-shop", "amount_unit": "toman"})
		w.tally("world: toman")
	case 5:
		unit("gardeshpay", map[string]string{"amount_unit": "toman", "verify_window": "5m"})
		w.tally("world: toman card, short window")
	}
	w.create()
	w.through(p)
}

// asks makes the merchant's call, under a key.
func (w *world) ring(o *order) {
	p := w.proc()
	o.answered = true
	w.say("the merchant: %s", o.what)
	done := false
	w.act(p, "the merchant's program: "+o.what, func(ctx context.Context) error {
		return o.do(ctx, p, &payments.Once{Key: o.key, Hash: o.what, Render: func(any) (int, []byte, error) { return 200, []byte("{}"), nil }})
	}, func(err error) {
		done = true
		w.tally("merchant: %s", kind(err))
		if !allowed(err, checkout.Conflict, checkout.Invalid, checkout.Unavailable) {
			w.breach("error", "%s: %v", o.what, err)
		}
		if errors.Is(err, db.ErrOutcomeUnknown) || errors.Is(err, checkout.Unavailable) {
			o.answered = false
		}
	})
	if !done {
		o.answered = false
	}
}

func (w *world) order(what string, do func(ctx context.Context, p *process, o *payments.Once) error) {
	o := &order{key: fmt.Sprintf("key-%d", len(w.orders)+1), what: what, do: do}
	w.orders = append(w.orders, o)
	w.ring(o)
}

// repeatOrder is a program that did not hear its answer, or is just not sure.
func (w *world) repeatOrder() {
	if len(w.orders) == 0 {
		return
	}
	o := pick(w.dice, w.orders)
	w.tally("merchant: repeats a call")
	w.ring(o)
}

func (w *world) create() {
	if w.creates() >= 5 {
		return
	}
	in := payments.NewInvoice{
		Amount:   money.Rial(pick(w.dice, amounts)),
		Customer: checkout.Customer{Name: "Sara Rostami", Mobile: "09121234567", Email: "sara@example.com"},
	}
	if life := pick(w.dice, []time.Duration{0, 0, 5 * time.Minute, 45 * time.Minute}); life > 0 {
		in.ExpiresAt = w.now().Add(life)
	}
	w.order(fmt.Sprintf("create an invoice %d over %d", len(w.orders)+1, in.Amount), func(ctx context.Context, p *process, o *payments.Once) error {
		_, _, err := p.CreateInvoice(ctx, w.scope, in, key, o)
		return err
	})
}

var key = checkout.Actor{Kind: "key", ID: "key_shop"}

func (w *world) creates() int {
	n := 0
	for _, o := range w.orders {
		if strings.HasPrefix(o.what, "create") {
			n++
		}
	}
	return n
}

func (w *world) edit() {
	b := w.anInvoice()
	if b == nil {
		return
	}
	amount := money.Rial(pick(w.dice, amounts[:2]))
	w.say("the merchant: invoice %s is to cost %d", b.inv.Number, amount)
	p := w.proc()
	w.act(p, "the merchant edits "+b.inv.Number, func(ctx context.Context) error {
		_, err := p.UpdateInvoice(ctx, w.scope, b.inv.ID, payments.InvoiceChange{Amount: &amount}, key)
		return err
	}, func(err error) {
		w.tally("edit: %s", kind(err))
		if !allowed(err, checkout.Conflict, checkout.Unavailable) {
			w.breach("error", "edit: %v", err)
		}
	})
}

func (w *world) cancel() {
	b := w.anInvoice()
	if b == nil {
		return
	}
	w.order("cancel invoice "+b.inv.Number, func(ctx context.Context, p *process, o *payments.Once) error {
		_, _, err := p.CancelInvoice(ctx, w.scope, b.inv.ID, key, o)
		return err
	})
}

// resolve is a person with the gateway's own ledger in hand: captured money is not declared lost.
func (w *world) resolve() {
	var list []*checkout.Attempt
	for _, b := range w.sorted() {
		for i := range b.attempts {
			if b.attempts[i].Status == checkout.AttemptNeedsReview {
				list = append(list, &b.attempts[i])
			}
		}
	}
	if len(list) == 0 {
		return
	}
	a := pick(w.dice, list)
	r := payments.Resolution{Outcome: "failed", Note: "asked by telephone"}
	if p := w.payment(a.Gateway, a.TrackingNumber); p != nil && p.State == simulator.StateCaptured && p.Number == a.OurNumber {
		r.Outcome = "paid"
		if w.dice.once(2) {
			r.RefNumber = p.Reference
		}
	}
	w.tally("person: %s", r.Outcome)
	w.order(fmt.Sprintf("a person says that %s %s (%s)", w.name(a.ID), r.Outcome, r.RefNumber), func(ctx context.Context, p *process, o *payments.Once) error {
		_, _, err := p.ResolveAttempt(ctx, w.scope, a.ID, r, checkout.Actor{Kind: "user", ID: "usr_1"}, o)
		return err
	})
}

// payment is the vendor's line about a reference.
func (w *world) payment(gateway, ref string) *simulator.Payment {
	for _, p := range w.bank.sim.Ledger().Payments {
		if p.Vendor == vendorOf(gateway) && p.Reference != "" && canonical(p.Reference) == canonical(ref) {
			return &p
		}
	}
	return nil
}

func (w *world) setAccount() {
	gateway := pick(w.dice, payments.GatewayNames())
	values := pick(w.dice, []map[string]string{{"enabled": "false"}, {"enabled": "true"}, {"verify_window": "4m"}, {"verify_window": "15m"}})
	if gateway == "ghesta" && w.dice.once(4) {
		values = pick(w.dice, []map[string]string{{"token": "toman-shop", "amount_unit": "toman"}, {"token": "rial-shop", "amount_unit": "rial"}})
	}
	w.say("the merchant sets %s: %v", short(gateway), values)
	w.tally("merchant: sets an account")
	p := w.proc()
	w.act(p, "the merchant sets "+short(gateway), func(ctx context.Context) error {
		return ignoreAway(p.SetAccount(ctx, w.scope, gateway, values, checkout.Actor{}))
	}, w.failed)
}

// showPage is anybody who looks at a payment link. What it says must be what the books say.
func (w *world) showPage() {
	b := w.anInvoice()
	if b == nil {
		return
	}
	p := w.proc()
	w.act(p, "somebody looks at "+b.inv.Number, func(ctx context.Context) error {
		page, err := p.Page(ctx, b.inv.Token)
		if err == nil && page.Invoice.Status == checkout.InvoicePaid && page.Invoice.Payment == nil {
			return errors.New("a receipt without a payment")
		}
		return ignoreAway(err)
	}, w.failed)
}
