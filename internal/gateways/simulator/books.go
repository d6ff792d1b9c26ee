package simulator

import "time"

// State is where a payment's money is.
type State string

const (
	StateCreated  State = "created"  // a token or code exists, nothing was paid
	StatePaid     State = "paid"     // the gateway holds the money and waits for a verify
	StateCaptured State = "captured" // verified: the shop has it
	StateReturned State = "returned" // nobody verified, or verify failed for good: the buyer has it back
	StateCanceled State = "canceled"
	StateDeclined State = "declined"
)

const (
	vendorGardeshPay = "gardeshpay"
	vendorPayPing    = "payping"

	unitRial  = "rial"
	unitToman = "toman"
)

// terms are frozen when the merchant asks for a token or a code. They hold nothing about the buyer.
type terms struct {
	Vendor   string `json:"v"`
	Number   string `json:"n,omitempty"` // the merchant's invoiceNumber or clientRefId
	Amount   int64  `json:"a"`           // rial
	Wire     int64  `json:"w"`           // the number as it was sent
	Callback string `json:"c"`
	Date     string `json:"d,omitempty"` // GardeshPay's invoiceDate, as sent
	Owner    string `json:"o,omitempty"` // digest of the merchant's token; the token itself is not kept
}

// claim is what the browser is given to say to the merchant. It need not be true.
type claim struct {
	Reference string `json:"r,omitempty"`
	Code      string `json:"c,omitempty"`
	Number    string `json:"n,omitempty"`
}

// settlement is what the customer's choice came to.
type settlement struct {
	Outcome   string  `json:"o"`
	State     State   `json:"s"`
	Reference string  `json:"r,omitempty"` // trackingNumber or refid
	RefNumber string  `json:"n,omitempty"` // the bank's number
	Mask      string  `json:"m,omitempty"`
	ByCard    int64   `json:"p,omitempty"` // rial; less than the amount where credit pays the rest
	Due       int64   `json:"d,omitempty"` // when unverified money goes back, Unix milliseconds
	Fault     string  `json:"f,omitempty"` // how verify will misbehave for this payment
	Times     int     `json:"t,omitempty"` // how often; negative for always
	Claims    []claim `json:"c,omitempty"`
	Twin      string  `json:"w,omitempty"` // a second debit of the same invoice, with this reference
}

type payment struct {
	id string
	terms
	out     settlement
	state   State
	via     string // the page the customer entered; empty before that
	step    string
	otp     string
	otpAt   time.Time
	tries   int
	created time.Time
	paid    time.Time
	ended   time.Time // captured or returned
}

type accounts struct {
	Buyer  int64 // what left the buyer's card, as a negative number
	Credit int64 // what the instalment lender put in, negative as well
	Held   int64 // with the gateway, not verified
	Shop   int64 // verified
}

// books are the ledger and the clock: everything that survives a restart.
type books struct {
	offset   time.Duration
	last     time.Time // the clock never runs backwards, or returned money could be paid again
	payments []*payment
	byID     map[string]*payment
	byRef    map[string]*payment
	numbers  map[string]bool // owner and invoiceNumber already used at GardeshPay
	held     map[*payment]struct{}
	accounts accounts
}

func newBooks() books {
	return books{byID: map[string]*payment{}, byRef: map[string]*payment{}, numbers: map[string]bool{}, held: map[*payment]struct{}{}}
}

func (b *books) create(id string, t terms) {
	p := &payment{id: id, terms: t, state: StateCreated, created: b.last}
	b.payments = append(b.payments, p)
	b.byID[id] = p
	b.numbers[numberKey(t)] = true
}

func numberKey(t terms) string { return t.Vendor + "\x00" + t.Owner + "\x00" + t.Number }

func refKey(vendor, reference string) string { return vendor + "\x00" + reference }

func (b *books) settle(p *payment, out settlement) {
	p.out, p.state = out, out.State
	p.step, p.otp = "", ""
	if out.Reference != "" {
		b.byRef[refKey(p.Vendor, out.Reference)] = p
	}
	if out.State != StatePaid {
		return
	}
	b.hold(p)
	if out.Twin != "" {
		twin := *p
		twin.out.Reference, twin.out.Twin, twin.out.Claims = out.Twin, "", nil
		b.payments = append(b.payments, &twin)
		b.byRef[refKey(p.Vendor, out.Twin)] = &twin
		b.hold(&twin)
	}
	b.advanceTo(b.last) // a payment that was late from the start goes back at once
}

func (b *books) hold(p *payment) {
	p.paid = b.last
	b.held[p] = struct{}{}
	b.accounts.Buyer -= p.out.ByCard
	b.accounts.Credit -= p.Amount - p.out.ByCard
	b.accounts.Held += p.Amount
}

// verified applies what one verify did. Its payment is named by reference, because twins share an id.
func (b *books) verified(p *payment, e entry) {
	if named := b.byRef[refKey(p.Vendor, e.Ref)]; named != nil {
		p = named
	}
	if e.Used && p.out.Times > 0 {
		p.out.Times--
		if p.out.Times == 0 {
			p.out.Fault = ""
		}
	}
	if p.state != StatePaid {
		return
	}
	switch e.Effect {
	case effectCapture:
		b.accounts.Held -= p.Amount
		b.accounts.Shop += p.Amount
		p.state, p.ended = StateCaptured, b.last
		delete(b.held, p)
	case effectReturn:
		b.giveBack(p, b.last)
	}
}

func (b *books) giveBack(p *payment, at time.Time) {
	b.accounts.Held -= p.Amount
	b.accounts.Buyer += p.out.ByCard
	b.accounts.Credit += p.Amount - p.out.ByCard
	p.state, p.ended = StateReturned, at
	delete(b.held, p)
}

// advanceTo moves the clock and gives back whatever nobody verified in time.
func (b *books) advanceTo(now time.Time) {
	if now.After(b.last) {
		b.last = now
	}
	for p := range b.held {
		if due := time.UnixMilli(p.out.Due); !due.After(b.last) {
			b.giveBack(p, due)
		}
	}
}
