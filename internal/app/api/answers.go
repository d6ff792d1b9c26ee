package api

import (
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

// A page is one page of a list, newest first.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// list renders a page.
func list[T, W any](items []T, next string, shape func(*T) W) (answer, error) {
	p := page[W]{Data: make([]W, 0, len(items))}
	for i := range items {
		p.Data = append(p.Data, shape(&items[i]))
	}
	if next != "" {
		p.NextCursor = &next
	}
	body, err := wire.Marshal(p)
	return answer{status: 200, body: body}, err
}

// invoice is an invoice's shape with its payment link.
func (a *API) invoice(inv *checkout.Invoice) wire.Invoice {
	return wire.NewInvoice(inv, a.Engine.PaymentURL(inv))
}

// render renders what the engine returned.
func (a *API) render(result any) ([]byte, error) {
	switch r := result.(type) {
	case checkout.Invoice:
		return wire.Marshal(a.invoice(&r))
	case *checkout.Invoice:
		return wire.Marshal(a.invoice(r))
	case checkout.Attempt:
		return wire.Marshal(wire.NewAttempt(&r))
	case *checkout.Attempt:
		return wire.Marshal(wire.NewAttempt(r))
	case checkout.Refund:
		return wire.Marshal(wire.NewRefund(&r))
	default:
		if shape := renderHook(result); shape != nil {
			return wire.Marshal(shape)
		}
		return nil, fmt.Errorf("render %T: no such shape", result)
	}
}

func (a *API) one(status int, result any) (answer, error) {
	body, err := a.render(result)
	return answer{status: status, body: body}, err
}

// once gives the call's Idempotency-Key to act, which is a call of the engine. The answer is
// rendered inside the engine's transaction and stored with it, and exactly these bytes are sent: a
// crash after the commit leaves them for the repeat.
func once[T any](a *API, c *call, status int, act func(*payments.Once) (T, *payments.Replay, error)) (answer, error) {
	var stored []byte
	if c.once != nil {
		c.once.Render = func(result any) (int, []byte, error) {
			var err error
			stored, err = a.render(result)
			return status, stored, err
		}
	}
	result, replay, err := act(c.once)
	switch {
	case err != nil:
		return answer{}, err
	case replay != nil:
		return answer{status: replay.Status, body: replay.Body, replayed: true}, nil
	case stored != nil:
		return answer{status: status, body: stored}, nil
	default:
		return a.one(status, result)
	}
}
