package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sealed is a sealed value and where it stands. Next to it a new secret key seals it again, only as
// long as it is the value that was read: what somebody changed meanwhile is read again.
type Sealed struct {
	ID    string // a user's, a letter's; a call's key
	Place string // the letter's key
	Value string

	MerchantID string
	Live       bool
	At         time.Time
}

// Resealing is one kind of sealed values: how they are listed, sealed again (false: that needs none), and
// stored.
type Resealing struct {
	List  func(tx *Tx, after *Sealed, limit int) ([]Sealed, error)
	Again func(s *Sealed) (value string, old bool, err error)
	Store func(tx *Tx, s *Sealed, value string) (bool, error)
}

// resealAtOnce is how many values one transaction seals.
const resealAtOnce = 100

// Reseal seals all values of a kind again, page by page, and returns how many that were. What was done
// stays done when it ends early.
func (db *DB) Reseal(ctx context.Context, r Resealing) (n int, err error) {
	for after := (Sealed{}); ; {
		var page []Sealed
		done := 0
		err := db.Update(ctx, func(tx *Tx) (err error) {
			done = 0
			if page, err = r.List(tx, &after, resealAtOnce); err != nil {
				return err
			}
			for i := range page {
				value, old, err := r.Again(&page[i])
				if err != nil {
					return err
				}
				if !old {
					continue
				}
				ours, err := r.Store(tx, &page[i], value)
				if err != nil {
					return err
				}
				if ours {
					done++
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		if n += done; len(page) < resealAtOnce {
			return n, nil
		}
		after = page[len(page)-1]
	}
}

// SealedFactors lists the second factors, by their users' ids.
func (tx *Tx) SealedFactors(after *Sealed, limit int) ([]Sealed, error) {
	return tx.sealed(`SELECT id, '', totp_sealed, '', 0, 0 FROM users WHERE id > $1 AND totp_sealed <> '' ORDER BY id LIMIT CAST($2 AS BIGINT)`, after.ID, int64(limit))
}

// ResealFactor stores a second factor as another key sealed it. False: it is another one by now.
func (tx *Tx) ResealFactor(s *Sealed, value string) (bool, error) {
	return tx.reseal(`UPDATE users SET totp_sealed = $1 WHERE id = $2 AND totp_sealed = $3`, value, s.ID, s.Value)
}

// SealedLetters lists the letters in the outbox that hold a sealed link, behind one of them.
func (tx *Tx) SealedLetters(after *Sealed, limit int) ([]Sealed, error) {
	return tx.sealed(`SELECT id, key, sealed, merchant_id, live, created_at_ms FROM letters
WHERE status = 'queued' AND (created_at_ms, id) > ($1, $2) AND sealed <> '' ORDER BY created_at_ms, id LIMIT CAST($3 AS BIGINT)`, sealedAt(after), after.ID, int64(limit))
}

// ResealLetter stores a letter's link as another key sealed it. False: it has left by now.
func (tx *Tx) ResealLetter(s *Sealed, value string) (bool, error) {
	return tx.reseal(`UPDATE letters SET sealed = $1 WHERE id = $2 AND sealed = $3`, value, s.ID, s.Value)
}

// SealedAnswers lists the answers kept for a second call that hold a secret, from the time of one on
// (those of a whole day are few). One that is not sealed is JSON, and begins as an object does.
func (tx *Tx) SealedAnswers(after *Sealed, limit int) ([]Sealed, error) {
	return tx.sealed(`SELECT key, '', answer, merchant_id, live, created_at_ms FROM idempotency_keys
WHERE created_at_ms >= $1 AND (created_at_ms, merchant_id, live, key) > ($1, $2, $3, $4) AND answer NOT LIKE '{%'
ORDER BY created_at_ms, merchant_id, live, key LIMIT CAST($5 AS BIGINT)`, sealedAt(after), after.MerchantID, bit(after.Live), after.ID, int64(limit))
}

// ResealAnswer stores a kept answer as another key sealed it. False: it is another one by now.
func (tx *Tx) ResealAnswer(s *Sealed, value string) (bool, error) {
	return tx.reseal(`UPDATE idempotency_keys SET answer = $1 WHERE merchant_id = $2 AND live = $3 AND key = $4 AND answer = $5`,
		value, s.MerchantID, bit(s.Live), s.ID, s.Value)
}

func sealedAt(s *Sealed) int64 {
	if s.At.IsZero() {
		return 0
	}
	return ms(s.At)
}

func (tx *Tx) sealed(query string, args ...any) (list []Sealed, err error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list what is sealed: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Sealed
		var live, at int64
		if err := rows.Scan(&s.ID, &s.Place, &s.Value, &s.MerchantID, &live, &at); err != nil {
			return nil, fmt.Errorf("list what is sealed: %w", err)
		}
		s.Live, s.At = live == 1, fromMS(at)
		list = append(list, s)
	}
	return list, rows.Err()
}

func (tx *Tx) reseal(query string, args ...any) (bool, error) {
	n, err := tx.exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("seal again: %w", err)
	}
	return n == 1, nil
}

// Served reports whether a server runs on this database, and whether that can be known: without advisory
// locks it cannot.
func (db *DB) Served(ctx context.Context) (served, known bool, err error) {
	end, err := openEnd(ctx, db.target)
	if err != nil {
		return false, false, err
	}
	defer func() { err = errors.Join(err, end.close()) }()
	return end.served(ctx)
}
