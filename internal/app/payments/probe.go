package payments

import (
	"context"

	"dargah/internal/db"
	"dargah/internal/gateways"
)

// Probed is what was found out about an account that takes real money.
type Probed struct {
	Set     bool
	Enabled bool
	Unit    string
	Servers []string // scheme://host of the vendor's addresses
	// Asked is the vendor's answer about a payment that cannot exist, when Probe asked.
	Asked gateways.Answer
	// Paid says that a payment came through it lately: all its settings are right.
	Paid bool
}

// noPayment are references that no payment can have: the call that checks an account captures nothing.
// A number up to 1000 is PayPing's sign of a cancellation; GardeshPay's are digits.
var noPayment = map[string]string{"ghesta": "1", "gardeshpay": "checkout-doctor"}

// Probe looks at a merchant's account, and asks its gateway about a payment that cannot exist, which
// shows whether the gateway can be reached, knows the credentials and takes our address.
func (e *Engine) Probe(ctx context.Context, sc Scope, name string) (p Probed, err error) {
	var a *account
	err = e.DB.View(ctx, func(tx *db.Tx) (err error) {
		if a, err = e.account(tx, sc, name); err != nil {
			return err
		}
		ends, err := tx.AttemptEnds(sc.MerchantID, sc.Live, e.Now().AddDate(0, -1, 0))
		for _, end := range ends {
			p.Paid = p.Paid || end.Gateway == name && end.Status == "paid"
		}
		return err
	})
	if err != nil || !a.set {
		return p, err
	}
	p.Set, p.Enabled, p.Unit = true, a.enabled(), a.unit()
	for _, key := range serverKeys {
		p.Servers = addServer(p.Servers, key, a.settings[key])
	}
	low, _ := a.limits()
	wire, err := gateways.Wire(low/10*10, a.unit())
	if err != nil {
		return p, err
	}
	p.Asked = a.gateway.Verify(ctx, a.settings, gateways.VerifyRequest{
		Reference: noPayment[name], WireAmount: wire, OurNumber: "checkout-doctor", VerifyURL: a.settings["verify_url"],
	})
	return p, nil
}
