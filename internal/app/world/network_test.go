package world_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/simulator"
)

// What the network does to a request, and to its answer.
const (
	unreachable fate = "no connection"
	lostBefore  fate = "the request is lost on its way"
	says500     fate = "a proxy answers 500, the gateway hears nothing"
	says401     fate = "the gateway answers 401"
	says403     fate = "the gateway answers 403"
	says429     fate = "the gateway answers 429, Retry-After 10"
	says429far  fate = "the gateway answers 429, Retry-After 3600"
	saysPage    fate = "a captive portal answers 200 with a page"
	saysNothing fate = "200 with an empty body, the gateway hears nothing"
	twice       fate = "the network delivers the request twice, and the second answer is heard"

	lostAfter fate = "its answer is lost"
	cutAfter  fate = "half of its answer arrives"
	pageAfter fate = "a page arrives instead of its answer"
	failAfter fate = "502 arrives instead of its answer"
)

var (
	errReset = errors.New("connection reset by peer")
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
)

// call is one exchange with a gateway.
type call struct {
	n        int
	actor    *actor
	gateway  string // card or instalment: the adapter's name
	verify   bool
	req      *http.Request
	body     []byte
	members  map[string]any
	attempt  string // whom the books asked for
	invoice  string
	begun    time.Time
	acted    bool // the gateway had it
	captured bool // and took the money for us
	status   int
	answer   []byte
	over     bool // heard, or given up
	heard    *word
}

func (c *call) String() string {
	what := "token"
	if c.verify {
		what = "verify " + c.reference()
	}
	return fmt.Sprintf("call %d (%s %s)", c.n, short(c.gateway), what)
}

func (c *call) reference() string {
	if c.gateway == "gardeshpay" {
		return text(c.members["trackingNumber"])
	}
	return text(c.members["refId"])
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func short(gateway string) string {
	if gateway == "gardeshpay" {
		return "card"
	}
	return "instalments"
}

// network carries the calls of one process.
type network struct {
	w *world
	p *process
}

func (n network) RoundTrip(req *http.Request) (*http.Response, error) {
	c := &call{actor: req.Context().Value(actorKey{}).(*actor), req: req, begun: time.Now()}
	c.body, _ = io.ReadAll(req.Body)
	c.gateway = "ghesta"
	if strings.Contains(req.URL.Path, "/provider/") {
		c.gateway = "gardeshpay"
	}
	c.verify = strings.HasSuffix(req.URL.Path, "/verify")
	c.members = members(c.body)
	n.w.mu.Lock()
	c.n = len(n.w.calls) + 1
	n.w.calls = append(n.w.calls, c)
	n.w.mu.Unlock()
	defer func() { c.over = true }()
	_, f, ok := n.w.stay(req.Context(), "send", c)
	if !ok {
		n.w.astray(c)
		return nil, req.Context().Err()
	}
	switch f {
	case unreachable:
		return nil, errDial
	case lostBefore:
		return nil, errReset
	case says500:
		return c.answered(http.StatusInternalServerError, "oops", "")
	case says401:
		return c.answered(http.StatusUnauthorized, "", "")
	case says403:
		return c.answered(http.StatusForbidden, `{"success":false,"code":1009,"message":"IpAddressNotAllowed"}`, "")
	case says429:
		return c.answered(http.StatusTooManyRequests, "", "10")
	case says429far:
		return c.answered(http.StatusTooManyRequests, "", "3600")
	case saysPage:
		return c.answered(http.StatusOK, "<!doctype html><title>Log in</title>", "")
	case saysNothing:
		return c.answered(http.StatusOK, "", "")
	case twice:
		n.w.bank.takes(req.Context(), c)
	}
	return n.w.bank.answers(req.Context(), c)
}

func members(body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	m := map[string]any{}
	_ = d.Decode(&m)
	return m
}

// answered makes the answer that the engine hears, and keeps it for the laws.
func (c *call) answered(status int, body, retryAfter string) (*http.Response, error) {
	c.status, c.answer = status, []byte(body)
	c.heard = read(c)
	h := http.Header{"Content-Type": {"application/json"}, "X-Paypingrequest-Id": {fmt.Sprintf("req-%d", c.n)}}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// astray is a request whose sender gave up before the gateway had it: it may still arrive.
func (w *world) astray(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zombies = append(w.zombies, c)
}

// bank is both vendors with their ledger, and what this history did there.
type bank struct {
	w    *world
	sim  *simulator.Simulator
	past [][]byte          // the journal
	by   map[string]string // who captured a payment (by vendor and reference): an attempt
	lied map[string]bool   // payments that were refused after their capture
	ids  io.Reader

	acting *call // which the vendor acts on
}

// desks are simulators that no history uses at the moment: the pages of a new one would take longer to
// read than a history takes.
var desks struct {
	mu   sync.Mutex
	free []*desk
}

// desk is a simulator for one history after another.
type desk struct {
	*bank
	sim *simulator.Simulator
}

// Record is the vendors' journal.
func (d *desk) Record(_ context.Context, entry []byte) error {
	d.past = append(d.past, bytes.Clone(entry))
	if bytes.Contains(entry, []byte(`"effect":"capture"`)) {
		d.by[vendorOf(d.acting.gateway)+" "+text(members(entry)["ref"])] = d.acting.attempt
		d.acting.captured = true
	}
	return nil
}

func (d *desk) Read(b []byte) (int, error) { return d.ids.Read(b) }

func (d *desk) now() time.Time { return d.w.day() }

const bankAddress = "https://ipg.gardeshpay.ir"

// sit takes a simulator with an empty ledger.
func sit(b *bank) (*desk, error) {
	desks.mu.Lock()
	var d *desk
	if n := len(desks.free); n > 0 {
		d, desks.free = desks.free[n-1], desks.free[:n-1]
	}
	desks.mu.Unlock()
	if d == nil {
		d = &desk{}
		var err error
		d.sim, err = simulator.New(simulator.Options{PublicURL: bankAddress, Now: d.now, Journal: d, Rand: d, MaxHang: time.Minute, SlowBy: 3 * time.Second})
		if err != nil {
			return nil, err
		}
	}
	d.bank = b
	b.sim = d.sim
	err := d.sim.Reset()
	b.past = nil
	return d, err
}

func (d *desk) leave() {
	desks.mu.Lock()
	defer desks.mu.Unlock()
	d.bank = nil
	desks.free = append(desks.free, d)
}

// takes is the gateway acting on a request.
func (b *bank) takes(ctx context.Context, c *call) (rec *recorder, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			err = errReset
		}
	}()
	c.acted = true
	req := c.req.Clone(ctx)
	req.Body = io.NopCloser(bytes.NewReader(c.body))
	req.RequestURI = ""
	rec = &recorder{status: http.StatusOK, header: http.Header{}}
	b.acting = c
	key := vendorOf(c.gateway) + " " + c.reference()
	_, before := b.by[key]
	b.sim.ServeHTTP(rec, req)
	if c.verify && before && read(&call{gateway: c.gateway, status: rec.status, answer: rec.body.Bytes()}).refused {
		b.lied[key] = true // a refusal of what it has captured
	}
	return rec, nil
}

// answers is the gateway acting, and its answer on its way back.
func (b *bank) answers(ctx context.Context, c *call) (*http.Response, error) {
	rec, err := b.takes(ctx, c)
	_, f, ok := b.w.stay(ctx, "answer", c)
	switch {
	case !ok:
		return nil, ctx.Err()
	case f == lostAfter || err != nil:
		return nil, errReset
	case f == failAfter:
		return c.answered(http.StatusBadGateway, "<html>502</html>", "")
	case f == pageAfter:
		return c.answered(http.StatusOK, "<!doctype html><title>Welcome</title>", "")
	case f == cutAfter:
		return c.answered(rec.status, rec.body.String()[:rec.body.Len()/2], "")
	}
	if forge := b.w.sabotage.forge; forge != nil {
		if body := forge(c, rec.status, rec.body.String()); body != rec.body.String() {
			return c.answered(http.StatusOK, body, "")
		}
	}
	return c.answered(rec.status, rec.body.String(), rec.header.Get("Retry-After"))
}

func vendorOf(gateway string) string {
	if gateway == "gardeshpay" {
		return gateway
	}
	return "payping"
}

// recorder is a ResponseWriter in memory.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// leaving holds a call against the books at the moment it is about to leave: the intent precedes the
// effect, and what must not be captured is not asked about.
func (w *world) leaving(c *call) {
	w.say("%s: %s is about to leave", c.actor.what, c)
	err := w.view(func(tx *db.Tx) error {
		if c.verify {
			return w.mayVerify(tx, c)
		}
		return w.mayStart(tx, c)
	})
	if err != nil {
		w.breach("intent", "%s: %v", c, err)
	}
}

func (w *world) mayStart(tx *db.Tx, c *call) error {
	address, number := text(c.members["callback"])+text(c.members["returnUrl"]), text(c.members["invoiceNumber"])+text(c.members["clientRefId"])
	a, err := tx.AttemptByCallback(c.gateway, address[strings.LastIndex(address, "/")+1:])
	if err != nil {
		return fmt.Errorf("a token is asked for an attempt that is not in the books: %w", err)
	}
	c.attempt, c.invoice = a.ID, a.InvoiceID
	if _, known := w.numbers[number]; known {
		return fmt.Errorf("the number %s is used a second time", number)
	}
	w.numbers[number] = a.ID
	if wire := text(c.members["amount"]); a.OurNumber != number || a.Status != checkout.AttemptCreated || wire != fmt.Sprint(a.WireAmount) {
		return fmt.Errorf("a token is asked for number %s over %s; the attempt is %s, %s over %d", number, wire, a.OurNumber, a.Status, a.WireAmount)
	}
	return nil
}

func (w *world) mayVerify(tx *db.Tx, c *call) error {
	r, err := w.asked(tx, c)
	if err != nil {
		return err
	}
	a, err := tx.Attempt(r.AttemptID)
	if err != nil {
		return err
	}
	inv, err := tx.Invoice(a.InvoiceID)
	if err != nil {
		return err
	}
	c.attempt, c.invoice = a.ID, inv.ID
	amount := text(c.members["amount"])
	switch {
	case inv.Status != checkout.InvoiceProcessing || a.Status != checkout.AttemptVerifying:
		return fmt.Errorf("verify of an invoice that is %s, an attempt that is %s", inv.Status, a.Status)
	case a.Amount != inv.Amount:
		return fmt.Errorf("verify over %d of an invoice that asks %d by now", a.Amount, inv.Amount)
	case c.gateway == "ghesta" && amount != fmt.Sprint(a.WireAmount):
		return fmt.Errorf("verify over %s on the wire, frozen are %d", amount, a.WireAmount)
	case r.Status != checkout.ReferenceAsking || !r.Open || r.Asks < 1 || r.Raw != c.reference():
		return fmt.Errorf("no intent on record: %+v", *r)
	}
	if sent := len(w.asks(a, c.reference())); sent > r.Asks {
		return fmt.Errorf("%d calls, %d were intended", sent, r.Asks)
	}
	if t := text(c.members["token"]); c.gateway == "gardeshpay" && t != "" {
		return fmt.Errorf("a provider token %q that nobody has set", t)
	}
	return w.alone(c)
}

// asked finds the reference that a verify is about, among those bound to an attempt.
func (w *world) asked(tx *db.Tx, c *call) (*checkout.Reference, error) {
	key := &checkout.Reference{Gateway: c.gateway, Live: true, Canonical: gateways.Canonical(c.reference()), VerifyHost: c.req.URL.Hostname()}
	r, err := tx.ReferenceOwner(key)
	if err != nil {
		return nil, fmt.Errorf("verify of a reference that belongs to no attempt: %w", err)
	}
	return r, nil
}

// alone: at most one verify of an invoice is out, by all who live. Another process may ask when the
// one that had the lease could not renew it.
func (w *world) alone(c *call) error {
	for _, o := range w.calls {
		if o == c || !o.verify || o.over || o.invoice != c.invoice || o.actor.proc.dead {
			continue
		}
		if o.actor.proc == c.actor.proc || time.Since(o.actor.ran) < 8*time.Second && !w.shifted(o) {
			return fmt.Errorf("%s is still out for the same invoice", o)
		}
	}
	return nil
}

// shifted: the machine's clock was set forward while the call was out, and its lease ended so.
func (w *world) shifted(o *call) bool { return w.jumped.After(o.begun) || w.jumped.Equal(o.begun) }

// word is what an answer says, read leniently and without the adapters.
type word struct {
	success bool
	refused bool
	code    string
	amounts []string
	number  string
}

func read(c *call) *word {
	wd := &word{}
	m := members(c.answer)
	if c.gateway == "gardeshpay" {
		data, _ := m["data"].(map[string]any)
		wd.code = text(m["code"])
		for _, place := range []map[string]any{m, data} {
			if a := text(place["amount"]); a != "" {
				wd.amounts = append(wd.amounts, a)
			}
		}
		wd.number = text(data["invoiceNumber"])
		ok, told := m["success"].(bool)
		wd.success = ok && c.status/100 == 2
		wd.refused = told && !ok && (c.status/100 == 2 || c.status/100 == 4)
	} else {
		if a := text(m["amount"]); a != "" {
			wd.amounts = append(wd.amounts, a)
		}
		wd.success = c.status == http.StatusOK && len(wd.amounts) > 0
		if c.status == http.StatusBadRequest && len(m) == 1 {
			for code := range m {
				wd.code = code
			}
			wd.refused = wd.code != "15" // which says that somebody has captured it
		}
	}
	if slices.Contains([]int{401, 403, 429}, c.status) {
		wd.refused = false
	}
	return wd
}
