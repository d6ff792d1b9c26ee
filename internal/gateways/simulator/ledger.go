package simulator

import (
	"context"
	"errors"
	"time"
)

// Payment is one line of the ledger. Amounts are rial, whatever unit the merchant spoke.
type Payment struct {
	Vendor     string     `json:"vendor"`        // gardeshpay or payping
	Via        string     `json:"via,omitempty"` // gardeshpay, payping (card) or ghesta; empty until a page was opened
	Token      string     `json:"token"`         // GardeshPay's token or PayPing's code
	Number     string     `json:"number"`        // the merchant's invoiceNumber or clientRefId
	Amount     int64      `json:"amount"`
	ByCard     int64      `json:"by_card"`
	ByCredit   int64      `json:"by_credit"`
	State      State      `json:"state"`
	Outcome    string     `json:"outcome,omitempty"`
	Fault      string     `json:"fault,omitempty"` // still to come
	Reference  string     `json:"reference,omitempty"`
	RefNumber  string     `json:"ref_number,omitempty"`
	CardMask   string     `json:"card_mask,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	PaidAt     *time.Time `json:"paid_at"`
	CapturedAt *time.Time `json:"captured_at"`
	ReturnedAt *time.Time `json:"returned_at"`
}

// Ledger is a picture of all money at one moment. Buyer+Credit+Held+Shop is always zero.
type Ledger struct {
	Now      time.Time `json:"now"`
	Buyer    int64     `json:"buyer"`
	Credit   int64     `json:"credit"`
	Held     int64     `json:"held"`
	Shop     int64     `json:"shop"`
	Payments []Payment `json:"payments"`
}

// Ledger returns the picture as of now, with money that is due back given back.
func (s *Simulator) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	a := s.books.accounts
	l := Ledger{Now: now.UTC(), Buyer: a.Buyer, Credit: a.Credit, Held: a.Held, Shop: a.Shop, Payments: make([]Payment, 0, len(s.books.payments))}
	for _, p := range s.books.payments {
		l.Payments = append(l.Payments, p.line())
	}
	return l
}

func (p *payment) line() Payment {
	line := Payment{
		Vendor: p.Vendor, Via: p.via, Token: p.id, Number: p.Number, Amount: p.Amount, State: p.state,
		Outcome: p.out.Outcome, Fault: p.out.Fault, Reference: p.out.Reference, RefNumber: p.out.RefNumber,
		CardMask: p.out.Mask, CreatedAt: p.created.UTC(),
	}
	if !p.paid.IsZero() {
		at := p.paid.UTC()
		line.PaidAt, line.ByCard, line.ByCredit = &at, p.out.ByCard, p.Amount-p.out.ByCard
	}
	ended := p.ended.UTC()
	switch p.state {
	case StateCaptured:
		line.CapturedAt = &ended
	case StateReturned:
		line.ReturnedAt = &ended
	}
	return line
}

// Advance moves the simulator's clock forward, and with it the return of unverified money.
func (s *Simulator) Advance(d time.Duration) error {
	return s.advance(context.Background(), d)
}

func (s *Simulator) advance(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return errors.New("the clock does not run backwards")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	return s.commit(ctx, entry{Kind: kindClock, At: now.UnixMilli(), Shift: d})
}

// Reset forgets every payment, armed fault and shift of the clock.
func (s *Simulator) Reset() error { return s.reset(context.Background()) }

func (s *Simulator) reset(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(ctx, entry{Kind: kindReset, At: s.tick().UnixMilli()}); err != nil {
		return err
	}
	s.armed, s.switches = nil, s.opt.Switches
	return nil
}

// tick is the simulator's present, to the millisecond that entries keep, and with what others have recorded
// until then. The caller holds mu.
func (s *Simulator) tick() time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), recordPatience)
	defer cancel()
	_ = s.catchUp(ctx) // a journal that cannot be read takes no entry either, and that is said
	s.books.advanceTo(time.UnixMilli(s.opt.Now().Add(s.books.offset).UnixMilli()))
	return s.books.last
}
