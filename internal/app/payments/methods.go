package payments

import (
	"errors"
	"log/slog"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// methods lists the ways to pay an invoice, and why one cannot be taken now. It asks nobody.
func (e *Engine) methods(tx *db.Tx, inv *checkout.Invoice) ([]Method, error) {
	var list []Method
	for _, name := range GatewayNames() {
		if !allows(inv, name) {
			continue
		}
		acc, err := e.accountOf(tx, inv, name)
		if errors.Is(err, errSealed) {
			e.Log.Error("account not usable", slog.String("merchant", inv.MerchantID), slog.Any("error", err))
			list = append(list, Method{Gateway: name, Why: "off"})
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, e.method(inv, name, acc))
	}
	return list, nil
}

func (e *Engine) method(inv *checkout.Invoice, name string, acc *account) Method {
	m := Method{Gateway: name, Host: acc.host()}
	if name == "ghesta" {
		m.NeedsName, m.NeedsMobile = inv.Customer.Name == "", inv.Customer.Mobile == ""
	}
	low, high := acc.limits()
	switch trouble, since := e.Breaker.State(acc.key); {
	case !acc.enabled():
		m.Why = "off"
	case inv.Amount < low:
		m.Why, m.Limit = "low", low
	case inv.Amount > high:
		m.Why, m.Limit = "high", high
	case acc.unit() == "toman" && !wholeToman(inv.Amount):
		m.Why = "unit"
	case trouble:
		m.Why, m.Since = "trouble", since
	default:
		m.Available = true
	}
	return m
}

func allows(inv *checkout.Invoice, gateway string) bool {
	for _, g := range inv.Gateways {
		if g == gateway {
			return true
		}
	}
	return false
}

func wholeToman(a money.Rial) bool {
	_, err := a.Toman()
	return err == nil
}
