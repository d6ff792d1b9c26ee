package pages

import (
	"slices"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// The states that a page says to machines (CONTRACT §4).
const (
	statePayable     = "payable"
	stateElsewhere   = "elsewhere"
	stateConfirming  = "confirming"
	statePaid        = "paid"
	stateExpired     = "expired"
	stateCanceled    = "canceled"
	stateReview      = "review"
	stateUnavailable = "unavailable"
)

// state says which of them is true now.
func (v *view) state() string {
	switch v.Invoice.At(v.Now) {
	case checkout.InvoicePaid:
		return statePaid
	case checkout.InvoiceCanceled:
		return stateCanceled
	case checkout.InvoiceReview:
		return stateReview
	case checkout.InvoiceProcessing:
		return stateConfirming
	}
	if a := v.find(checkout.AttemptVerifying, checkout.AttemptReturned); a != nil {
		return stateConfirming // between two commits the invoice may still say open
	}
	if v.Invoice.At(v.Now) == checkout.InvoiceExpired {
		return stateExpired
	}
	if !slices.ContainsFunc(v.Methods, func(m payments.Method) bool { return m.Available }) {
		return stateUnavailable
	}
	if a := v.last(); a != nil && a.Status == checkout.AttemptRedirected && v.Now.Before(a.AbandonAt) {
		return stateElsewhere
	}
	return statePayable
}

// last is the attempt that was created last, nil when there is none.
func (v *view) last() *checkout.Attempt {
	if len(v.Attempts) == 0 {
		return nil
	}
	return &v.Attempts[len(v.Attempts)-1]
}

// find returns the newest attempt in the first of the states that any attempt is in.
func (v *view) find(states ...checkout.AttemptStatus) *checkout.Attempt {
	for _, s := range states {
		for i := len(v.Attempts) - 1; i >= 0; i-- {
			if v.Attempts[i].Status == s {
				return &v.Attempts[i]
			}
		}
	}
	return nil
}

// matter is the attempt that the state is about.
func (v *view) matter(state string) *checkout.Attempt {
	var a *checkout.Attempt
	switch state {
	case stateConfirming:
		a = v.find(checkout.AttemptVerifying, checkout.AttemptReturned)
	case stateReview:
		a = v.find(checkout.AttemptNeedsReview)
	}
	if a == nil {
		a = v.last()
	}
	return a
}

// left reports whether any customer was ever sent to a gateway, or came back from one. Until then
// "no money was taken" is certain; afterwards only a gateway's answer can say so.
func (v *view) left() bool {
	return slices.ContainsFunc(v.Attempts, func(a checkout.Attempt) bool {
		return !a.RedirectedAt.IsZero() || !a.ReturnedAt.IsZero()
	})
}

// refresh is when the waiting page asks again: at once while an answer is likely, slower later, by a
// response header (a refresh in the markup takes the page from under a reader's hands by the rules
// of WCAG 2.2.1, and a script is not needed for it).
func (v *view) refresh() string {
	var waited time.Duration
	if a := v.matter(stateConfirming); a != nil && !a.ReturnedAt.IsZero() {
		waited = v.Now.Sub(a.ReturnedAt)
	}
	seconds := 15
	switch {
	case waited < 20*time.Second:
		seconds = 2
	case waited < time.Minute:
		seconds = 4
	case waited < 5*time.Minute:
		seconds = 8
	}
	return strconv.Itoa(seconds)
}
