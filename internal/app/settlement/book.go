package settlement

import (
	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// book is what we recorded for the period, by both names that a payment has.
type book struct {
	list      []checkout.PaidThrough
	seen      []bool
	tracking  index
	reference index
	strayed   map[string]bool // payments of other days, and strangers, that were met
}

// index finds payments by a name. A bank may give one reference twice; then there are several.
type index struct {
	first map[string]int
	next  map[int]int // of the same name
}

func newIndex() index { return index{map[string]int{}, map[int]int{}} }

func (x index) add(name string, at int) {
	if name = gateways.Canonical(name); name == "" {
		return
	}
	if before, ok := x.first[name]; ok {
		x.next[at] = before
	}
	x.first[name] = at
}

// open reads what we recorded in the period.
func (m *matching) open() error {
	return m.room.DB.View(m.ctx, func(tx *db.Tx) error {
		b := book{tracking: newIndex(), reference: newIndex(), strayed: map[string]bool{}}
		err := tx.PaidThrough(m.s.MerchantID, m.s.Live, m.s.Gateway, m.s.From, m.s.To, maxPayments+1, func(p checkout.PaidThrough) error {
			if len(b.list) == maxPayments {
				return checkout.WrongField("to", "sheet_period")
			}
			b.tracking.add(p.Tracking, len(b.list))
			b.reference.add(p.Reference, len(b.list))
			b.list = append(b.list, p)
			return nil
		})
		b.seen = make([]bool, len(b.list))
		m.book = b
		return err
	})
}

// find looks for a line's payment: under the name that its column has, then under the other, since
// gateways do not agree on what they call a reference. Of several the one that fits best.
func (b *book) find(l *Line) (at int, found bool) {
	for _, look := range []struct {
		in   index
		name string
	}{{b.tracking, l.Tracking}, {b.reference, l.Reference}, {b.reference, l.Tracking}, {b.tracking, l.Reference}} {
		i, more := look.in.first[look.name]
		for best := -1; more && look.name != ""; i, more = next(look.in, i) {
			fits := 0
			if !b.seen[i] {
				fits += 2
			}
			if b.list[i].Amount == l.Amount {
				fits++
			}
			if fits > best {
				at, best, found = i, fits, true
			}
		}
		if found {
			return at, true
		}
	}
	return 0, false
}

func next(x index, i int) (int, bool) {
	n, ok := x.next[i]
	return n, ok
}

// elsewhere looks for what is not in the period among all payments: a gateway's day ends at another
// hour than ours.
func (m *matching) elsewhere() error {
	found := make([]*checkout.PaidThrough, len(m.unmet))
	err := m.room.DB.View(m.ctx, func(tx *db.Tx) error {
		for i, l := range m.unmet {
			found[i] = nil
			for _, name := range []string{l.Tracking, l.Reference} {
				if name == "" || found[i] != nil {
					continue
				}
				err := tx.PaidBy(m.s.MerchantID, m.s.Live, m.s.Gateway, name, func(p checkout.PaidThrough) error {
					// A search term may be a word of something else: only the payment's own names count.
					if found[i] == nil && (gateways.Canonical(p.Reference) == name || gateways.Canonical(p.Tracking) == name) {
						found[i] = &p
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range m.unmet {
		l := &m.unmet[i]
		if p := found[i]; p != nil {
			twice := m.book.strayed[p.InvoiceID]
			m.book.strayed[p.InvoiceID] = true
			if !twice && l.Read && l.Amount == p.Amount {
				m.figures.Elsewhere++
			}
			if err := m.judge(l, p, twice); err != nil {
				return err
			}
			continue
		}
		out := checkout.SettledLine{Kind: checkout.SettledThere, Line: int64(l.N), Reference: l.Reference, Tracking: l.Tracking, Theirs: l.Amount}
		if name := l.Reference + " " + l.Tracking; m.book.strayed[name] {
			out.Note = checkout.SettledTwice
		} else if m.book.strayed[name] = true; !l.Read {
			out.Note = checkout.SettledUnread
		}
		m.figures.There++
		m.figures.ThereSum += l.Amount
		if err := m.keep(out); err != nil {
			return err
		}
	}
	m.unmet = m.unmet[:0]
	return nil
}
