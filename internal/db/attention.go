package db

import "fmt"

// waiting is the condition of attempts_waiting, to the letter: what a person must look at. Ghesta gives
// back by itself what nobody verified; GardeshPay's money stays under attention until it is closed.
const waiting = `(a.status = 'needs_review' OR (a.status = 'unclaimed' AND a.gateway = 'gardeshpay' AND a.closed_at_ms IS NULL))`

// CountWaiting counts the attempts of a merchant that wait for a person.
func (tx *Tx) CountWaiting(merchantID string, live bool) (int, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM attempts a CROSS JOIN invoices i WHERE i.id = a.invoice_id AND i.merchant_id = $1 AND i.live = $2 AND `+waiting,
		merchantID, bit(live)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what waits: %w", err)
	}
	return int(n), nil
}
