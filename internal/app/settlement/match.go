package settlement

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/sheet"
	"dargah/internal/db"
)

// Figures are the counts and sums of a settlement.
type Figures struct {
	Lines     int        `json:"lines"` // of the file that name a payment
	Skipped   int        `json:"skipped"`
	Matched   int        `json:"matched"`
	Sum       money.Rial `json:"matched_rial"`
	Elsewhere int        `json:"elsewhere"` // of the matched ones: paid on another day
	Here      int        `json:"here"`
	HereSum   money.Rial `json:"here_rial"`
	There     int        `json:"there"`
	ThereSum  money.Rial `json:"there_rial"`
	Amount    int        `json:"amount"`
	TheirSum  money.Rial `json:"amount_theirs_rial"`
	OurSum    money.Rial `json:"amount_ours_rial"`
}

const (
	maxPayments = 200_000
	atOnce      = 100             // lines of one statement
	leaseTime   = 5 * time.Minute // far more than the largest file takes
)

// Match holds a draft's file against our books, and keeps what does not agree. Conflict when somebody
// else is at it or it is done. If the process dies meanwhile, the draft is matched again from the start.
func (r *Room) Match(ctx context.Context, s *checkout.Settlement, c Columns) (err error) {
	if err := r.enter(ctx); err != nil {
		return err
	}
	defer r.leave()
	raw, err := r.file(ctx, s)
	if err != nil {
		return err
	}
	heading, _, err := head(raw, false)
	if err != nil {
		return err
	}
	if wrong := c.wrong(heading); wrong != nil {
		return wrong
	}
	err = r.DB.Update(ctx, func(tx *db.Tx) error {
		ours, err := tx.ClaimSettlement(s.ID, tx.Now().Add(leaseTime))
		if err == nil && !ours {
			err = checkout.Conflict
		}
		return errors.Join(err, tx.DeleteSettledLines(s.ID))
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // whoever tries again need not wait for the lease
			err = errors.Join(err, r.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return tx.ReleaseSettlement(s.ID) }))
		}
	}()
	m := &matching{room: r, ctx: ctx, s: s, columns: c, heading: heading}
	if err := m.run(raw); err != nil {
		return err
	}
	columns, err1 := json.Marshal(c)
	figures, err2 := json.Marshal(m.figures)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	s.Columns, s.Figures = string(columns), string(figures)
	return r.DB.Update(ctx, func(tx *db.Tx) error { return tx.FinishSettlement(s) })
}

// wrong says which of the columns cannot be, nil for none.
func (c Columns) wrong(heading []string) error {
	var list []checkout.FieldError
	if c.Reference == "" && c.Tracking == "" {
		list = append(list, checkout.FieldError{Field: "reference", Code: "required"})
	}
	if c.Amount == "" {
		list = append(list, checkout.FieldError{Field: "amount", Code: "required"})
	}
	if c.Unit != "rial" && c.Unit != "toman" {
		list = append(list, checkout.FieldError{Field: "unit", Code: "required"})
	}
	if len(list) == 0 && !c.Ready(heading) {
		list = append(list, checkout.FieldError{Field: "amount", Code: "unknown_value"})
	}
	if len(list) == 0 {
		return nil
	}
	return &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: list}
}

// matching is one file on its way.
type matching struct {
	room    *Room
	ctx     context.Context
	s       *checkout.Settlement
	columns Columns
	heading []string
	book    book
	unmet   []Line // not in the period: looked for elsewhere, some at a time
	out     []checkout.SettledLine
	figures Figures
}

func (m *matching) run(raw []byte) error {
	if err := m.open(); err != nil {
		return err
	}
	began := false
	err := sheet.Read(raw, func(n int, cells []string) error {
		if !began {
			_, names := Heading([][]string{cells})
			began = equal(names, m.heading)
			return nil
		}
		l, ok := m.columns.line(n, m.heading, cells)
		if !ok {
			m.figures.Skipped++
			return nil
		}
		m.figures.Lines++
		return m.meet(l)
	})
	if err != nil {
		return wrongFile(err)
	}
	if err := m.elsewhere(); err != nil {
		return err
	}
	for i, p := range m.book.list {
		if m.book.seen[i] {
			continue
		}
		m.figures.Here++
		m.figures.HereSum += p.Amount
		if err := m.keep(checkout.SettledLine{Kind: checkout.SettledHere, Line: int64(m.figures.Here), Reference: p.Reference, Tracking: p.Tracking, Ours: p.Amount, InvoiceID: p.InvoiceID}); err != nil {
			return err
		}
	}
	return m.flush()
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) > 0
}

func (m *matching) meet(l Line) error {
	i, ok := m.book.find(&l)
	if !ok {
		if m.unmet = append(m.unmet, l); len(m.unmet) == atOnce {
			return m.elsewhere()
		}
		return nil
	}
	twice := m.book.seen[i]
	m.book.seen[i] = true
	return m.judge(&l, &m.book.list[i], twice)
}

// judge says where a line belongs whose payment was found.
func (m *matching) judge(l *Line, p *checkout.PaidThrough, twice bool) error {
	out := checkout.SettledLine{Line: int64(l.N), Reference: l.Reference, Tracking: l.Tracking, Theirs: l.Amount, Ours: p.Amount, InvoiceID: p.InvoiceID}
	switch {
	case twice:
		out.Kind, out.Note = checkout.SettledThere, checkout.SettledTwice
		m.figures.There++
		m.figures.ThereSum += l.Amount
	case !l.Read:
		out.Kind, out.Note = checkout.SettledAmount, checkout.SettledUnread
		m.figures.Amount++
		m.figures.OurSum += p.Amount
	case l.Amount == p.Amount:
		m.figures.Matched++
		m.figures.Sum += p.Amount
		return nil
	default:
		out.Kind = checkout.SettledAmount
		m.figures.Amount++
		m.figures.TheirSum += l.Amount
		m.figures.OurSum += p.Amount
	}
	return m.keep(out)
}

// keep stores lines some at a time, so that no payment waits for a long transaction.
func (m *matching) keep(l checkout.SettledLine) error {
	if m.out = append(m.out, l); len(m.out) < atOnce {
		return nil
	}
	return m.flush()
}

func (m *matching) flush() error {
	if len(m.out) == 0 {
		return nil
	}
	err := m.room.DB.Update(m.ctx, func(tx *db.Tx) error { return tx.InsertSettledLines(m.s.ID, m.out) })
	m.out = m.out[:0]
	return err
}
