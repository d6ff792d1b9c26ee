package db

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"dargah/internal/app/checkout"
)

// WakeWebhooks is the name by which those are woken who send webhooks: the kind of their work.
const WakeWebhooks = "webhook"

const deliveryColumns = `id, event_id, endpoint_id, type, status, attempts, round, by_hand, last_status_code, next_attempt_at_ms, lease_until_ms, fence, created_at_ms`

// InsertDeliveries stores new deliveries of messages that are there.
func (tx *Tx) InsertDeliveries(deliveries []checkout.Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	const columns = 8
	args := make([]any, 0, columns*len(deliveries))
	for i := range deliveries {
		d := &deliveries[i]
		args = append(args, d.ID, d.EventID, d.EndpointID, d.Type, string(d.Status), bit(d.ByHand), nullMS(d.NextAt), ms(d.CreatedAt))
	}
	_, err := tx.exec(`INSERT INTO webhook_deliveries (id, event_id, endpoint_id, type, status, by_hand, next_attempt_at_ms, created_at_ms) VALUES `+
		rowsOf(len(deliveries), columns)+` ON CONFLICT (event_id, endpoint_id) DO NOTHING`, args...)
	if err != nil {
		return fmt.Errorf("insert deliveries: %w", err)
	}
	tx.wake(WakeWebhooks)
	return nil
}

// A WebhookLane is an endpoint with work, and when the first of it is due.
type WebhookLane struct {
	EndpointID string
	DueAt      time.Time
}

// WebhookLanes lists the endpoints that have pending deliveries, those first whose is due first. It
// steps from one endpoint to the next along the index of what is pending, so that it costs by the
// number of endpoints with work and not by the work, however much lies before a dead one.
func (tx *Tx) WebhookLanes() ([]WebhookLane, error) {
	rows, err := tx.query(`WITH RECURSIVE lane (id) AS (
  SELECT MIN(endpoint_id) FROM webhook_deliveries WHERE status = 'pending'
  UNION ALL
  SELECT (SELECT MIN(d.endpoint_id) FROM webhook_deliveries d WHERE d.status = 'pending' AND d.endpoint_id > lane.id) FROM lane WHERE lane.id IS NOT NULL)
SELECT id, (SELECT MIN(d.next_attempt_at_ms) FROM webhook_deliveries d WHERE d.endpoint_id = lane.id AND d.status = 'pending') FROM lane WHERE id IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with work: %w", err)
	}
	defer rows.Close()
	var lanes []WebhookLane
	for rows.Next() {
		var l WebhookLane
		var due int64
		if err := rows.Scan(&l.EndpointID, &due); err != nil {
			return nil, fmt.Errorf("list endpoints with work: %w", err)
		}
		l.DueAt = fromMS(due)
		lanes = append(lanes, l)
	}
	slices.SortFunc(lanes, func(a, b WebhookLane) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.EndpointID, b.EndpointID))
	})
	return lanes, rows.Err()
}

// ClaimDeliveries leases up to limit of an endpoint's deliveries that are due, the oldest first. The
// CTE is materialized because PostgreSQL may run a bare subselect with LIMIT and row locks twice.
func (tx *Tx) ClaimDeliveries(endpointID string, limit int, leaseUntil time.Time) ([]checkout.Delivery, error) {
	list, err := tx.deliveries(`WITH due AS MATERIALIZED (
  SELECT id FROM webhook_deliveries
  WHERE endpoint_id = $1 AND status = 'pending' AND next_attempt_at_ms <= $2 AND (lease_until_ms IS NULL OR lease_until_ms <= $2)
  ORDER BY next_attempt_at_ms, id LIMIT CAST($3 AS BIGINT) FOR UPDATE SKIP LOCKED)
UPDATE webhook_deliveries SET lease_until_ms = $4, next_attempt_at_ms = $4, fence = fence + 1
WHERE id IN (SELECT id FROM due)
RETURNING `+deliveryColumns, endpointID, ms(tx.now), int64(limit), ms(leaseUntil))
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return list, nil
}

// Delivery reads one delivery. checkout.NotFound when there is none.
func (tx *Tx) Delivery(id string) (*checkout.Delivery, error) {
	return tx.delivery(`SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE id = $1`, id)
}

// LockDelivery is Delivery that holds the row until the transaction ends.
func (tx *Tx) LockDelivery(id string) (*checkout.Delivery, error) {
	return tx.delivery(`SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE id = $1 FOR UPDATE`, id)
}

// ScopedDelivery is Delivery for one merchant in one mode, of an endpoint that was not removed.
func (tx *Tx) ScopedDelivery(merchantID string, live bool, id string) (*checkout.Delivery, error) {
	return tx.delivery(`SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE id = $1 AND endpoint_id IN (
  SELECT e.id FROM webhook_endpoints e WHERE e.merchant_id = $2 AND e.live = $3 AND e.deleted_at_ms IS NULL)`, id, merchantID, bit(live))
}

func (tx *Tx) delivery(query string, args ...any) (*checkout.Delivery, error) {
	d, err := scanDelivery(tx.row(query, args...))
	if err := none("read delivery", err); err != nil {
		return nil, err
	}
	return d, nil
}

// SaveDelivery writes where a delivery stands, and gives it back to whoever claims it next. Its row
// is held since it was read.
func (tx *Tx) SaveDelivery(d *checkout.Delivery) error {
	var heard any
	if d.LastStatus > 0 {
		heard = int64(d.LastStatus)
	}
	n, err := tx.exec(`UPDATE webhook_deliveries SET status = $1, attempts = $2, round = $3, by_hand = $4, last_status_code = $5,
  next_attempt_at_ms = $6, lease_until_ms = $7, fence = $8 WHERE id = $9`,
		string(d.Status), int64(d.Attempts), int64(d.Round), bit(d.ByHand), heard, nullMS(d.NextAt), nullMS(d.LeaseUntil), d.Fence, d.ID)
	if err == nil && d.Status == checkout.DeliveryPending {
		tx.wake(WakeWebhooks)
	}
	return one("save delivery", n, err)
}

// InsertTry records one try of a delivery.
func (tx *Tx) InsertTry(deliveryID string, t *checkout.Try) error {
	var heard any
	if t.Status > 0 {
		heard = int64(t.Status)
	}
	_, err := tx.exec(`INSERT INTO webhook_tries (delivery_id, attempt, at_ms, took_ms, status_code, failure, answer) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		deliveryID, int64(t.Attempt), ms(t.At), t.Took.Milliseconds(), heard, t.Failure, t.Answer)
	if err != nil {
		return fmt.Errorf("insert try: %w", err)
	}
	return nil
}

// HoldDeliveries keeps what is pending for an endpoint that is disabled, but what a person asked for.
// What is on its way at this moment is left to whoever sends it.
func (tx *Tx) HoldDeliveries(endpointID string) error {
	return tx.endDeliveries(endpointID, `status = 'pending' AND lease_until_ms IS NULL AND by_hand = 0`, checkout.DeliveryHeld)
}

// endDeliveries takes deliveries of an endpoint out of the queue. Whoever sends one is fenced out.
func (tx *Tx) endDeliveries(endpointID, which string, to checkout.DeliveryStatus) error {
	_, err := tx.exec(`UPDATE webhook_deliveries SET status = $1, next_attempt_at_ms = NULL, lease_until_ms = NULL, fence = fence + 1
WHERE endpoint_id = $2 AND (`+which+`)`, string(to), endpointID)
	return err
}

// ReleaseDeliveries voids every lease, at the start of the only process that could hold one. What
// lies beyond latest was written by a clock that was ahead of this one, and is brought to it.
func (tx *Tx) ReleaseDeliveries(latest time.Time) error {
	_, err := tx.exec(`UPDATE webhook_deliveries SET lease_until_ms = NULL, fence = fence + 1,
  next_attempt_at_ms = CASE WHEN next_attempt_at_ms < $1 THEN next_attempt_at_ms ELSE $1 END
WHERE status = 'pending' AND lease_until_ms IS NOT NULL`, ms(tx.now))
	if err == nil {
		_, err = tx.exec(`UPDATE webhook_deliveries SET next_attempt_at_ms = $1 WHERE status = 'pending' AND next_attempt_at_ms > $1`, ms(latest))
	}
	if err != nil {
		return fmt.Errorf("release deliveries: %w", err)
	}
	return nil
}

// DeliveryQuery selects an endpoint's deliveries, newest first.
type DeliveryQuery struct {
	EndpointID string
	Status     string // "" for all
	BeforeID   string
	Limit      int
}

// Deliveries lists deliveries.
func (tx *Tx) Deliveries(q DeliveryQuery) ([]checkout.Delivery, error) {
	w := where{}
	w.add("endpoint_id = ?", q.EndpointID)
	if q.Status != "" {
		w.add("status = ?", q.Status)
	}
	if q.BeforeID != "" {
		w.add("id < ?", q.BeforeID)
	}
	list, err := tx.deliveries(`SELECT `+deliveryColumns+` FROM webhook_deliveries`+w.sql()+` ORDER BY id DESC`+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

func (tx *Tx) deliveries(query string, args ...any) ([]checkout.Delivery, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []checkout.Delivery
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, *d)
	}
	return list, rows.Err()
}

// scanDelivery reads deliveryColumns, and what stands before them into more.
func scanDelivery(row scanner, more ...any) (*checkout.Delivery, error) {
	var d checkout.Delivery
	var status string
	var byHand, created int64
	var heard, next, lease sql.NullInt64
	err := row.Scan(append(more, &d.ID, &d.EventID, &d.EndpointID, &d.Type, &status, &d.Attempts, &d.Round, &byHand, &heard, &next, &lease, &d.Fence, &created)...)
	if err != nil {
		return nil, err
	}
	d.Status, d.ByHand, d.LastStatus = checkout.DeliveryStatus(status), byHand == 1, int(heard.Int64)
	d.NextAt, d.LeaseUntil, d.CreatedAt = fromNullMS(next), fromNullMS(lease), fromMS(created)
	return &d, nil
}

// Tries lists every try of a delivery, oldest first.
func (tx *Tx) Tries(deliveryID string) ([]checkout.Try, error) {
	rows, err := tx.query(`SELECT attempt, at_ms, took_ms, status_code, failure, answer FROM webhook_tries WHERE delivery_id = $1 ORDER BY attempt`, deliveryID)
	if err != nil {
		return nil, fmt.Errorf("list tries: %w", err)
	}
	defer rows.Close()
	var list []checkout.Try
	for rows.Next() {
		var t checkout.Try
		var at, took int64
		var heard sql.NullInt64
		if err := rows.Scan(&t.Attempt, &at, &took, &heard, &t.Failure, &t.Answer); err != nil {
			return nil, fmt.Errorf("list tries: %w", err)
		}
		t.At, t.Took, t.Status = fromMS(at), time.Duration(took)*time.Millisecond, int(heard.Int64)
		list = append(list, t)
	}
	return list, rows.Err()
}

// MostCounted is how far WaitingDeliveries counts.
const MostCounted = 1000

// WaitingDeliveries counts what an endpoint has not been given yet: what is to be sent, and what is
// held for it. Neither is counted beyond MostCounted, and what is held only among its newest.
func (tx *Tx) WaitingDeliveries(endpointID string) (int, error) {
	var n int64
	err := tx.row(`SELECT
  (SELECT COUNT(*) FROM (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'pending' LIMIT CAST($2 AS BIGINT)) AS due) +
  (SELECT COUNT(*) FROM (SELECT status FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY id DESC LIMIT CAST($2 AS BIGINT)) AS newest WHERE status = 'held')`,
		endpointID, int64(MostCounted)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count waiting deliveries: %w", err)
	}
	return int(n), nil
}
