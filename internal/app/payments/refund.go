package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// Refunding is what a merchant says to have given back.
type Refunding struct {
	Amount money.Rial
	Reason string
}

// RefundInvoice records that money was given back for a paid invoice. It moves none: neither gateway
// has a call for it. Errors: NotFound, Invalid (amount, also more than is left; reason), Conflict
// (not paid).
func (e *Engine) RefundInvoice(ctx context.Context, sc Scope, id string, in Refunding, by checkout.Actor, o *Once) (checkout.Refund, *Replay, error) {
	v := verdict{}
	in.Reason = v.prose("reason", in.Reason, maxText)
	if in.Amount < 1 || in.Amount > money.MaxInvoice {
		v.wrong("amount", "out_of_range")
	}
	if err := v.err(); err != nil {
		return checkout.Refund{}, nil, err
	}
	var r checkout.Refund
	replay, err := e.once(ctx, sc, o, func(tx *db.Tx) (any, error) {
		var err error
		r, err = e.refund(tx, sc, id, in, by)
		return r, err
	})
	return r, replay, err
}

func (e *Engine) refund(tx *db.Tx, sc Scope, id string, in Refunding, by checkout.Actor) (checkout.Refund, error) {
	s, err := e.scoped(tx, sc, id, by)
	if err != nil {
		return checkout.Refund{}, err
	}
	if s.inv.Status != checkout.InvoicePaid {
		return checkout.Refund{}, checkout.Fail(checkout.Conflict, "error.not_paid")
	}
	if in.Amount > s.inv.Amount-s.inv.AmountRefunded {
		return checkout.Refund{}, checkout.WrongField("amount", "more_than_left")
	}
	r := checkout.Refund{
		ID: checkout.NewID(checkout.PrefixRefund, tx.Now(), e.Random), InvoiceID: s.inv.ID, Live: s.inv.Live,
		Amount: in.Amount, Reason: in.Reason, Actor: by.String(), CreatedAt: tx.Now(), Refunded: s.inv.AmountRefunded + in.Amount,
	}
	if err := tx.InsertRefund(&r); err != nil {
		return r, err
	}
	crash.At("refund.in")
	s.inv.AmountRefunded = r.Refunded
	data := facts{"refund_id": r.ID, "amount": int64(r.Amount), "amount_refunded": int64(r.Refunded)}
	if r.Reason != "" {
		// It may name people, and events are for ever: the event proves it by its hash.
		sum := sha256.Sum256([]byte(r.Reason))
		data["reason_sha256"] = hex.EncodeToString(sum[:])
	}
	if err := s.event(checkout.EventInvoiceRefunded, "", "", data); err != nil {
		return r, err
	}
	return r, s.save()
}

// InvoiceRefunds lists an invoice's refunds, newest first. Errors: NotFound, Invalid.
func (e *Engine) InvoiceRefunds(ctx context.Context, sc Scope, id, cur string, limit int) ([]checkout.Refund, string, error) {
	v := verdict{}
	v.limit(limit)
	var before int64
	if cur != "" {
		n, err := strconv.ParseInt(cur, 10, 64)
		if err != nil || n < 1 {
			v.wrong("cursor", "broken_cursor")
		}
		before = n
	}
	if err := v.err(); err != nil {
		return nil, "", err
	}
	var list []checkout.Refund
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, id); err != nil {
			return err
		}
		var err error
		list, err = tx.RefundsOfInvoice(id, money.Rial(before), limit+1)
		return err
	})
	if err != nil || len(list) <= limit {
		return list, "", notFound(err)
	}
	return list[:limit], strconv.FormatInt(int64(list[limit-1].Refunded), 10), nil
}
