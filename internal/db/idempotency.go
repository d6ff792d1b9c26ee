package db

import (
	"fmt"
	"time"
)

// Idempotency is the stored answer of a call with a key.
type Idempotency struct {
	MerchantID  string
	Live        bool
	Key         string
	RequestHash string
	Status      int
	Answer      string
}

// idempotencyLife is how long a key answers (CONTRACT §7), pruned yet or not.
const idempotencyLife = 24 * time.Hour

// PutIdempotency stores an answer in the transaction that made it. False: another call with the key
// committed first. On PostgreSQL it waits for one that is in flight.
func (tx *Tx) PutIdempotency(i Idempotency) (bool, error) {
	n, err := tx.exec(`INSERT INTO idempotency_keys (merchant_id, live, key, request_hash, status, answer, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id, live, key) DO UPDATE
SET request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer, created_at_ms = excluded.created_at_ms
WHERE idempotency_keys.created_at_ms <= $8`,
		i.MerchantID, bit(i.Live), i.Key, i.RequestHash, int64(i.Status), i.Answer, ms(tx.now), ms(tx.now.Add(-idempotencyLife)))
	if err != nil {
		return false, fmt.Errorf("put idempotency key: %w", err)
	}
	return n == 1, nil
}

// Idempotency reads the answer stored under a key in the last 24 hours. checkout.NotFound when there is none.
func (tx *Tx) Idempotency(merchantID string, live bool, key string) (*Idempotency, error) {
	i := Idempotency{MerchantID: merchantID, Live: live, Key: key}
	var status int64
	err := tx.row(`SELECT request_hash, status, answer FROM idempotency_keys WHERE merchant_id = $1 AND live = $2 AND key = $3 AND created_at_ms > $4`,
		merchantID, bit(live), key, ms(tx.now.Add(-idempotencyLife))).
		Scan(&i.RequestHash, &status, &i.Answer)
	if err := none("read idempotency key", err); err != nil {
		return nil, err
	}
	i.Status = int(status)
	return &i, nil
}

// PruneIdempotency forgets the keys that no longer answer.
func (tx *Tx) PruneIdempotency() (int64, error) {
	n, err := tx.exec(`DELETE FROM idempotency_keys WHERE created_at_ms <= $1`, ms(tx.now.Add(-idempotencyLife)))
	if err != nil {
		return 0, fmt.Errorf("prune idempotency keys: %w", err)
	}
	return n, nil
}
