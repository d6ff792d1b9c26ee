package payments

import (
	"context"
	"errors"
	"log/slog"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// CallbackHome returns the payment link's token for an attempt's callback address: the way back from
// a page that says that the request was malformed. NotFound when there is none.
func (e *Engine) CallbackHome(ctx context.Context, gateway, token string) (string, error) {
	_, home, err := e.attemptByCallback(ctx, CallbackInput{Gateway: gateway, Token: token})
	return home, err
}

// CallbackReject records a callback that could not even be read. It changes nothing else.
func (e *Engine) CallbackReject(ctx context.Context, in CallbackInput, problem string) {
	a, _, err := e.attemptByCallback(ctx, CallbackInput{Gateway: in.Gateway, Token: in.Token})
	if err == nil {
		err = e.reject(ctx, a, in.RequestID, problem)
	}
	if err != nil && !errors.Is(err, checkout.NotFound) {
		e.Log.Error("record rejected callback", slog.Any("error", err))
	}
}

func (e *Engine) reject(ctx context.Context, a *checkout.Attempt, requestID, problem string) error {
	_, err := e.queues.file(a.CallbackToken, "rejected "+problem, func() (entry, error) {
		return entry{}, e.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
			s, err := e.begin(tx, a.InvoiceID, checkout.Actor{Kind: "gateway", RequestID: requestID})
			if err != nil {
				return err
			}
			if err := s.repeat(checkout.EventCallbackRejected, a, facts{"problem": problem}); err != nil {
				return err
			}
			return s.save()
		})
	})
	return err
}
