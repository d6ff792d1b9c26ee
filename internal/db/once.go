package db

import (
	"context"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
)

// Once makes a POST idempotent (CONTRACT §7): the same key and hash get the same answer, also after
// a restart; another hash is an error. Render makes the stored answer, inside the transaction.
type Once struct {
	Key, Hash string
	Render    func(result any) (status int, body []byte, err error)
}

// Replay is the stored answer of an earlier call with the same key.
type Replay struct {
	Status int
	Body   []byte
}

// KeyedCall is a call with a key by one merchant in one mode.
type KeyedCall struct {
	Once
	MerchantID string
	Live       bool
	// Seal and Open are for answers that hold a secret, which is kept sealed. Both nil: kept as it is.
	Seal func(body []byte) string
	Open func(answer string) ([]byte, error)
}

// Keeper is a *DB, or one that stands before it and looks on.
type Keeper interface {
	View(ctx context.Context, fn func(*Tx) error) error
	Update(ctx context.Context, fn func(*Tx) error) error
}

// errReplay ends a transaction whose key was taken by a call that committed first.
var errReplay = errors.New("idempotency key taken")

// DoOnce runs act in one transaction, together with the key of the call: either both are stored or
// neither. A call with a key that is in flight waits for the first, because the two want the same row.
// act must have no effect outside the transaction.
func DoOnce(ctx context.Context, keeper Keeper, c KeyedCall, act func(tx *Tx) (any, error)) (*Replay, error) {
	var replay *Replay
	err := keeper.Update(ctx, func(tx *Tx) error {
		var err error
		if replay, err = c.Earlier(tx); err != nil || replay != nil {
			return err
		}
		result, err := act(tx)
		if err != nil {
			return err
		}
		status, body, err := c.Render(result)
		if err != nil {
			return fmt.Errorf("render answer: %w", err)
		}
		answer := string(body)
		if c.Seal != nil {
			answer = c.Seal(body)
		}
		crash.At("once.before-key")
		first, err := tx.PutIdempotency(Idempotency{
			MerchantID: c.MerchantID, Live: c.Live, Key: c.Key, RequestHash: c.Hash, Status: status, Answer: answer,
		})
		if err == nil && !first {
			return errReplay // PostgreSQL: the other call committed while we worked; all of ours is undone
		}
		crash.At("once.key-in")
		return err
	})
	crash.At("once.after")
	if err == nil || replay != nil {
		return replay, err
	}
	// The first call may have committed while this one waited for the same row, and then found it
	// changed: its answer is this one's too.
	look := keeper.View(ctx, func(tx *Tx) error {
		var err error
		replay, err = c.Earlier(tx)
		return err
	})
	if look != nil || replay != nil {
		return replay, look
	}
	return nil, err
}

// Earlier returns the answer of an earlier call with the same key, nil when there is none, and an
// error when the earlier call was another one.
func (c *KeyedCall) Earlier(tx *Tx) (*Replay, error) {
	old, err := tx.Idempotency(c.MerchantID, c.Live, c.Key)
	if errors.Is(err, checkout.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if old.RequestHash != c.Hash {
		return nil, &checkout.Error{Kind: checkout.Invalid, Key: "error.idempotency_mismatch", Fields: []checkout.FieldError{{Field: "Idempotency-Key", Code: "idempotency_mismatch"}}}
	}
	if c.Open == nil {
		return &Replay{Status: old.Status, Body: []byte(old.Answer)}, nil
	}
	body, err := c.Open(old.Answer)
	if err != nil {
		return nil, fmt.Errorf("open the answer of %s: %w", c.Key, err)
	}
	return &Replay{Status: old.Status, Body: body}, nil
}
