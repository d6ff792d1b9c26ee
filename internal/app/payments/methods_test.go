package payments_test

import (
	"testing"

	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// TestMethods_OneSealed: the gateway whose secret no key opens is off, whichever it is, and those behind it
// are offered as before.
func TestMethods_OneSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stranger, err := seal.New(seal.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		for gateway, secret := range map[string]string{"gardeshpay": "provider_token", "ghesta": "token"} {
			w.set(gateway, map[string]string{secret: "t"})
			good := w.account(w.scope, gateway)
			keep := func(sealed string) {
				t.Helper()
				good.Sealed[secret] = sealed
				if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.SaveGatewayAccount(good) }); err != nil {
					t.Fatal(err)
				}
			}
			was := good.Sealed[secret]
			keep(stranger.Seal([]byte("t"), "gateway_accounts/"+good.ID+"/"+secret))
			p, err := w.Page(t.Context(), w.invoice(1_500_000).Token)
			if err != nil || len(p.Methods) != 2 {
				t.Fatalf("%s: methods %+v, %v", gateway, p.Methods, err)
			}
			for i, name := range payments.GatewayNames() {
				m := p.Methods[i]
				if name == gateway && m != (payments.Method{Gateway: name, Why: "off"}) || name != gateway && (!m.Available || m.Gateway != name) {
					t.Errorf("%s is sealed: %+v", gateway, m)
				}
			}
			keep(was)
		}
	})
}

// TestMethods_AnyRial: only a gateway that counts in toman needs an amount of whole toman.
func TestMethods_AnyRial(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.set("gardeshpay", map[string]string{"amount_unit": "toman"})
		inv := w.invoice(1_500_005)
		if m := w.method(inv, "gardeshpay"); m.Available || m.Why != "unit" {
			t.Errorf("in toman: %+v", m)
		}
		if m := w.method(inv, "ghesta"); !m.Available {
			t.Errorf("in rial: %+v", m)
		}
		w.mustBack(w.start(inv, "ghesta"), "8001")
		w.isPaid(inv)
	})
}
