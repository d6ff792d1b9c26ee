package db

import (
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

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

// Waiting lists the attempts of a merchant that wait for a person, newest first.
func (tx *Tx) Waiting(merchantID string, live bool, limit int) ([]checkout.Attempt, error) {
	return tx.attempts(`SELECT `+attemptColumns+` FROM attempts a CROSS JOIN invoices i WHERE i.id = a.invoice_id AND i.merchant_id = $1 AND i.live = $2 AND `+waiting+`
ORDER BY a.id DESC LIMIT CAST($3 AS BIGINT)`, merchantID, bit(live), int64(limit))
}

// PaidBetween counts and adds up what was paid from a moment on and before another.
func (tx *Tx) PaidBetween(merchantID string, live bool, from, to time.Time) (int, money.Rial, error) {
	var count, total int64
	err := tx.row(`SELECT COUNT(*), CAST(COALESCE(SUM(amount_rial), 0) AS BIGINT) FROM invoices
WHERE merchant_id = $1 AND live = $2 AND status = 'paid' AND paid_at_ms >= $3 AND paid_at_ms < $4`, merchantID, bit(live), ms(from), ms(to)).Scan(&count, &total)
	if err != nil {
		return 0, 0, fmt.Errorf("add up what was paid: %w", err)
	}
	return int(count), money.Rial(total), nil
}

// mostJudged is how many of the newest invoices the success of the gateways is judged by.
const mostJudged = 5_000

// Ended is how many attempts at a gateway ended in one state.
type Ended struct {
	Gateway string
	Status  checkout.AttemptStatus
	Count   int
}

// AttemptEnds counts the attempts of the newest invoices since a moment, by gateway and state.
func (tx *Tx) AttemptEnds(merchantID string, live bool, since time.Time) ([]Ended, error) {
	rows, err := tx.query(`SELECT a.gateway, a.status, COUNT(*) FROM (
  SELECT id FROM invoices WHERE merchant_id = $1 AND live = $2 AND created_at_ms >= $3 ORDER BY created_at_ms DESC, id DESC LIMIT CAST($4 AS BIGINT)) AS newest
CROSS JOIN attempts a WHERE a.invoice_id = newest.id GROUP BY a.gateway, a.status`, merchantID, bit(live), ms(since), int64(mostJudged))
	if err != nil {
		return nil, fmt.Errorf("count how attempts ended: %w", err)
	}
	defer rows.Close()
	var list []Ended
	for rows.Next() {
		var e Ended
		var status string
		var n int64
		if err := rows.Scan(&e.Gateway, &status, &n); err != nil {
			return nil, fmt.Errorf("count how attempts ended: %w", err)
		}
		e.Status, e.Count = checkout.AttemptStatus(status), int(n)
		list = append(list, e)
	}
	return list, rows.Err()
}

// CloseStray takes a stray callback out of attention and says of which gateway it was.
// checkout.NotFound when it is closed, or none.
func (tx *Tx) CloseStray(id string) (gateway string, err error) {
	err = tx.row(`UPDATE stray_callbacks SET closed_at_ms = $1 WHERE id = $2 AND closed_at_ms IS NULL RETURNING gateway`, ms(tx.now), id).Scan(&gateway)
	return gateway, none("close stray callback", err)
}
