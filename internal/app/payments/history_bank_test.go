package payments_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// returnsAfter is when a vendor gives back what nobody verified: documented for Ghesta, assumed for
// GardeshPay.
const returnsAfter = 15 * time.Minute

// fault is what goes wrong with one call to a vendor.
type fault string

const (
	fine              fault = "answers"
	lostAfter         fault = "does it, its answer is lost"
	lostBefore        fault = "is gone before it did anything"
	unreachable       fault = "cannot be reached"
	broken            fault = "says 500"
	unauthorized      fault = "says 401"
	tooMany           fault = "says 429, wait 10 s"
	undocumented      fault = "says 200 with a page"
	undocumentedAfter fault = "does it and says 200 with a page"
	takenBack         fault = "refuses at first"
	wrongAmount       fault = "does it and names another amount"
	wrongInvoice      fault = "does it and names another invoice"
	slow              fault = "answers after 20 s"
	hangsBefore       fault = "hangs before it did anything, and we die"
	hangsAfter        fault = "does it, then hangs, and we die"
)

var verifyFaults = []fault{
	lostAfter, lostBefore, unreachable, broken, unauthorized, tooMany, undocumented, undocumentedAfter,
	takenBack, wrongAmount, wrongInvoice, slow, hangsBefore, hangsAfter, fine,
}

var startFaults = []fault{broken, takenBack, unreachable, slow, hangsBefore, hangsAfter, fine}

// sale is one line of a vendor's ledger: what it was asked for, and what became of it.
type sale struct {
	number, token    string
	amount           int64
	ref              string
	paidAt           time.Time
	closed           bool // the customer paid or canceled: the page is used up
	captured, voided bool
	capturedBy       string // our number, or somebody else
	handled          bool   // a person was shown it and decided, or it is none of ours
}

// bank is a vendor with a ledger, a clock and weather. It knows the engine only by what it is
// asked; what it must never be asked it writes into wrongs.
type bank struct {
	gateways.Gateway // the real adapter: name, keys, callbacks
	numbers
	h *history

	mu      sync.Mutex
	sales   []*sale
	starts  []fault   // of the next calls to start
	weather []fault   // of the next calls to verify
	down    time.Time // until then no verify is answered
}

func (b *bank) sale(number string) *sale {
	for _, s := range b.sales {
		if s.number == number {
			return s
		}
	}
	return nil
}

func (b *bank) byRef(ref string) *sale {
	for _, s := range b.sales {
		if s.ref != "" && gateways.Canonical(s.ref) == gateways.Canonical(ref) {
			return s
		}
	}
	return nil
}

func (b *bank) next(list *[]fault) fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(*list) == 0 {
		return fine
	}
	f := (*list)[0]
	*list = (*list)[1:]
	return f
}

func (b *bank) Start(_ context.Context, _ gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	f := b.next(&b.starts)
	b.h.say("  %s start %s", b.Name(), f)
	b.h.asStored(func(tx *db.Tx) error { return b.intended(tx, r) })
	switch f {
	case broken, unreachable:
		return gateways.Started{}, &gateways.StartError{Trouble: true, Message: "no answer"}
	case takenBack:
		return gateways.Started{}, &gateways.StartError{Code: "4", Message: "no"}
	case slow:
		b.h.clock.add(20 * time.Second)
	case hangsBefore:
		b.h.hang(true)
		return gateways.Started{}, &gateways.StartError{Trouble: true, Message: "reset"}
	}
	s := &sale{number: r.OurNumber, token: "gt-" + rand.Text(), amount: r.WireAmount}
	b.mu.Lock()
	b.sales = append(b.sales, s)
	b.mu.Unlock()
	if f == hangsAfter {
		b.h.hang(true)
	}
	return gateways.Started{Token: s.token, Redirect: "https://bank.example/" + s.token}, nil
}

// intended: the attempt stands in the books before the gateway hears of it.
func (b *bank) intended(tx *db.Tx, r gateways.StartRequest) error {
	b.numbers.Store(r.OurNumber, r.Callback)
	a, err := b.numbers.attempt(tx, b.Name(), r.OurNumber)
	if err != nil {
		return err
	}
	if a.Status != checkout.AttemptCreated || a.WireAmount != r.WireAmount {
		return fmt.Errorf("start of %s in state %s over %d", r.OurNumber, a.Status, r.WireAmount)
	}
	return nil
}

func (b *bank) Verify(_ context.Context, _ gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	f := b.next(&b.weather)
	b.mu.Lock()
	if b.h.clock.now().Before(b.down) {
		f = lostBefore
	}
	b.mu.Unlock()
	b.h.say("  %s verify %s %s", b.Name(), r.Reference, f)
	if f != unreachable {
		b.h.asStored(func(tx *db.Tx) error {
			_, err := b.allowed(tx, b.Name(), r)
			return err
		})
	}
	nothing := gateways.Answer{Outcome: gateways.Unknown, Sent: true}
	switch f {
	case hangsBefore:
		b.h.hang(false)
		return silence()
	case hangsAfter:
		answer := b.truth(r)
		b.h.hang(false)
		return answer
	case lostBefore:
		return silence()
	case unreachable:
		return gateways.Answer{Outcome: gateways.Unknown, Body: "no connection"}
	case broken:
		return gateways.Answer{Outcome: gateways.Unknown, Sent: true, Unheard: true, Status: 500}
	case unauthorized:
		nothing.Status = 401
		return nothing
	case tooMany:
		nothing.Status, nothing.RetryAfter = 429, 10*time.Second
		return nothing
	case undocumented:
		return gateways.Answer{Outcome: gateways.Unknown, Sent: true, Unheard: true, Status: 200}
	case slow:
		b.h.clock.add(20 * time.Second)
	case takenBack:
		if s := b.byRef(r.Reference); s == nil || !s.captured { // after a capture no vendor says no
			return refusal("12", true, b.Name() == "gardeshpay")
		}
	}
	answer := b.truth(r)
	switch f {
	case lostAfter:
		return silence()
	case undocumentedAfter:
		return gateways.Answer{Outcome: gateways.Unknown, Sent: true, Unheard: true, Status: 200}
	case wrongAmount:
		if answer.Outcome == gateways.Paid {
			return gateways.Answer{Outcome: gateways.Review, Code: checkout.CodeAmountMismatch, Sent: true, Status: 200}
		}
	case wrongInvoice:
		if answer.Outcome == gateways.Paid && b.Name() == "gardeshpay" {
			return gateways.Answer{Outcome: gateways.Review, Code: checkout.CodeInvoiceMismatch, Sent: true, Status: 200}
		}
	}
	return answer
}

// truth does what was asked and answers by the ledger.
func (b *bank) truth(r gateways.VerifyRequest) gateways.Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, card := b.byRef(r.Reference), b.Name() == "gardeshpay"
	if s == nil {
		return refusal("44", card, true)
	}
	if !s.captured && b.h.clock.now().Sub(s.paidAt) > returnsAfter {
		s.voided = true
	}
	if s.voided {
		return refusal("39", true, card)
	}
	if !card && s.amount != r.WireAmount {
		return gateways.Answer{Outcome: gateways.Review, Code: "47", Sent: true, Status: 400}
	}
	before := s.captured
	if s.captured = true; !before {
		s.capturedBy = r.OurNumber
	}
	switch {
	case !card && before:
		return already()
	case card && s.number != r.OurNumber: // GardeshPay is told the tracking number only
		return gateways.Answer{Outcome: gateways.Review, Code: checkout.CodeInvoiceMismatch, Sent: true, Status: 200}
	case card && s.amount != r.WireAmount:
		return gateways.Answer{Outcome: gateways.Review, Code: checkout.CodeAmountMismatch, Sent: true, Status: 200}
	}
	answer := paid("R" + s.ref)
	answer.VerifiedBefore = before
	return answer
}

// pays makes the customer pay on the vendor's page.
func (b *bank) pays(s *sale) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, other := range b.sales {
		if other.ref != "" {
			n++
		}
	}
	s.ref, s.paidAt, s.closed = strconv.Itoa(70_000+n*3), b.h.clock.now(), true
}
