package payments

import (
	"cmp"
	"context"
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// Trial is what came of trying a gateway account: how far the network goes, then whether the vendor
// takes these credentials.
type Trial struct {
	Gateway string
	Inside  bool // test mode: the simulator is asked in memory, there is no network
	Reached []gateways.Reached
	Asked   bool
	Code    string // why the vendor refused or said nothing usable, "" when it agreed
	Trouble bool   // it is not a refusal that the vendor explained
	Took    time.Duration
}

// OK reports whether nothing stands in the way of a payment.
func (t *Trial) OK() bool {
	for _, r := range t.Reached {
		if r.Stage != "" {
			return false
		}
	}
	return t.Asked && t.Code == ""
}

// reacher is a gateway whose way can be tried without asking anything.
type reacher interface {
	Reach(ctx context.Context, address string) gateways.Reached
}

// TryAccount tries a gateway account: names, connections and certificates of its addresses, and then a
// token for the smallest amount, for which nobody will be sent to the gateway. No money can move, no
// invoice is touched, and the circuit breaker hears nothing of it. Errors: Conflict when the account is
// not set up.
func (e *Engine) TryAccount(ctx context.Context, sc Scope, name string) (Trial, error) {
	t := Trial{Gateway: name, Inside: !sc.Live}
	var acc *account
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		acc, err = e.account(tx, sc, name)
		return err
	})
	if err != nil {
		return t, err
	}
	if !acc.set {
		return t, checkout.Fail(checkout.Conflict, "error.account_unset")
	}
	if !t.Inside && !e.reach(ctx, acc, &t) {
		return t, nil
	}
	low, _ := acc.limits()
	wire, err := gateways.Wire(low, acc.unit())
	if err != nil {
		t.Code = "unit"
		return t, nil
	}
	began := time.Now() // a duration, not a moment
	t.Asked = true
	_, err = acc.gateway.Start(ctx, acc.settings, gateways.StartRequest{
		WireAmount: wire, OurNumber: checkout.NewNumber(e.Random), Callback: e.BaseURL + "/cb/" + name + "/" + e.newCallbackToken(name), At: e.Now(),
		PayerName: "Dargah", Mobile: "09120000000", Description: "connection test",
	})
	t.Took = time.Since(began)
	if err != nil {
		t.Code, t.Trouble = "unknown", true
		if s := new(gateways.StartError); errors.As(err, &s) {
			t.Code, t.Trouble = cmp.Or(s.Code, t.Code), s.Trouble // a vendor may refuse without a code
		}
	}
	return t, nil
}

// reach walks to each of the account's hosts and reports whether all can be reached.
func (e *Engine) reach(ctx context.Context, acc *account, t *Trial) bool {
	r, ok := acc.gateway.(reacher)
	if !ok {
		return true
	}
	seen := map[string]bool{}
	for _, key := range []string{"token_url", "pay_url", "verify_url"} {
		address := acc.settings[key]
		if host := hostOf(address); address == "" || seen[host] {
			continue
		}
		seen[hostOf(address)] = true
		t.Reached = append(t.Reached, r.Reach(ctx, address))
	}
	for _, one := range t.Reached {
		if one.Stage != "" {
			return false
		}
	}
	return true
}
