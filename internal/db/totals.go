package db

import (
	"fmt"

	"dargah/internal/app/money"
)

// mostCounted is how far a list is counted: beyond it a person reads "more than".
const mostCounted = 10_000

// Totals are what a list has in it.
type Totals struct {
	Count     int
	More      bool // than were counted
	Paid      int
	PaidTotal money.Rial
}

// InvoiceTotals counts a list and adds up what is paid in it, over the newest 10,000.
func (tx *Tx) InvoiceTotals(q InvoiceQuery) (Totals, error) {
	w := where{}
	from, err := q.conditions(&w)
	if err != nil {
		return Totals{}, err
	}
	var count, paid, total int64
	err = tx.row(`SELECT COUNT(*), CAST(COALESCE(SUM(paid), 0) AS BIGINT), CAST(COALESCE(SUM(paid * amount_rial), 0) AS BIGINT) FROM (
  SELECT CASE WHEN status = 'paid' THEN 1 ELSE 0 END AS paid, amount_rial`+from+w.sql()+
		` ORDER BY created_at_ms DESC, id DESC`+w.limit(mostCounted+1)+`) AS newest`, w.args...).Scan(&count, &paid, &total)
	if err != nil {
		return Totals{}, fmt.Errorf("count invoices: %w", err)
	}
	return Totals{Count: min(int(count), mostCounted), More: count > mostCounted, Paid: int(paid), PaidTotal: money.Rial(total)}, nil
}
