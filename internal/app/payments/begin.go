package payments

import "dargah/internal/app/checkout"

func customer(in StartInput) checkout.Actor {
	return checkout.Actor{Kind: "customer", RequestID: in.RequestID}
}

// begun is an attempt that phase A has stored.
type begun struct {
	inv     checkout.Invoice
	attempt checkout.Attempt
	account *account
}

// beginAttempt is all of phase A on an invoice whose lock is taken.
func (e *Engine) beginAttempt(s *step, in StartInput) (begun, error) {
	n := begun{inv: *s.inv}
	var err error
	if n.account, n.attempt, err = e.newAttempt(s, in); err != nil {
		return n, err
	}
	return n, s.save()
}
