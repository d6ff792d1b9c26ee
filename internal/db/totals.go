package db

import (
	"context"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// mostCounted is how far a list is counted: beyond it a person reads "more than".
const mostCounted = 10_000

// Totals are what a list has in it.
type Totals struct {
	Count     int
	More      bool // than were counted; then nothing is added up
	Paid      int
	PaidTotal money.Rial
}

// InvoiceTotals counts a list to 10,000 and, when it is not longer, adds up what is paid in it. Counting needs
// an index alone, in whatever order; what is paid stands in the rows, and of a longer list it would say nothing.
func (tx *Tx) InvoiceTotals(q InvoiceQuery) (Totals, error) {
	w := where{}
	from, err := q.conditions(&w)
	if err != nil {
		return Totals{}, err
	}
	text, limit := from+w.sql(), w.limit(mostCounted+1)
	var count, paid, total int64
	if err := tx.row(`SELECT COUNT(*) FROM (SELECT 1 AS counted`+text+limit+`) AS found`, w.args...).Scan(&count); err != nil {
		return Totals{}, fmt.Errorf("count invoices: %w", err)
	}
	if count > mostCounted {
		return Totals{Count: mostCounted, More: true}, nil
	}
	if q.Status != "" && q.Status != string(checkout.InvoicePaid) {
		return Totals{Count: int(count)}, nil
	}
	err = tx.row(`SELECT COUNT(*), CAST(COALESCE(SUM(paid), 0) AS BIGINT), CAST(COALESCE(SUM(paid * amount_rial), 0) AS BIGINT) FROM (
  SELECT CASE WHEN status = 'paid' THEN 1 ELSE 0 END AS paid, amount_rial`+text+limit+`) AS found`, w.args...).Scan(&count, &paid, &total)
	if err != nil {
		return Totals{}, fmt.Errorf("add up invoices: %w", err)
	}
	return Totals{Count: int(count), Paid: int(paid), PaidTotal: money.Rial(total)}, nil
}

// counting is how many rows one statement of AllTotals reads: what asks it to end is heard between them.
const counting = 5_000

// AllTotals counts a list to its end, and adds up what is paid in it.
func (tx *Tx) AllTotals(ctx context.Context, q InvoiceQuery) (Totals, error) {
	var t Totals
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return t, fmt.Errorf("count all invoices: %w", err)
		}
		n, err := tx.countPage(&q, &t)
		if err != nil {
			return t, err
		}
		more = n == counting
	}
	return t, nil
}

func (tx *Tx) countPage(q *InvoiceQuery, t *Totals) (n int, err error) {
	w := where{}
	from, err := q.conditions(&w)
	if err != nil {
		return 0, err
	}
	rows, err := tx.query(`SELECT id, created_at_ms, CASE WHEN status = 'paid' THEN 1 ELSE 0 END, amount_rial`+from+w.sql()+
		` ORDER BY created_at_ms DESC, id DESC`+w.limit(counting), w.args...)
	if err != nil {
		return 0, fmt.Errorf("count all invoices: %w", err)
	}
	defer rows.Close()
	var id string
	var at, paid, amount int64
	for ; rows.Next(); n++ {
		if err := rows.Scan(&id, &at, &paid, &amount); err != nil {
			return n, fmt.Errorf("count all invoices: %w", err)
		}
		t.Count++
		if paid == 1 {
			t.Paid++
			t.PaidTotal += money.Rial(amount)
		}
	}
	q.BeforeID, q.BeforeAt = id, fromMS(at)
	return n, rows.Err()
}
