package payments_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// A person sees every setting as it counts, and of a secret whether there is one and nothing else.
func TestAccounts_AsShown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		names := func(keys []gateways.Key) []string {
			return ids(keys, func(k gateways.Key) string { return k.Name })
		}
		w.set("ghesta", map[string]string{"token": "canary", "min_amount": "2000000"})
		saved := w.clock.now()
		list, err := w.Accounts(t.Context(), w.scope)
		if err != nil || len(list) != 2 || list[0].Gateway != "gardeshpay" || list[1].Gateway != "ghesta" {
			t.Fatalf("%+v, %v", list, err)
		}
		card, ins := list[0], list[1]
		if !card.Set || !ins.Set || !ins.UpdatedAt.Equal(saved) || card.Settings["enabled"] != "true" || ins.Settings["min_amount"] != "2000000" || ins.Settings["verify_window"] != "15m" {
			t.Errorf("%+v", list)
		}
		if !ins.Secrets["token"] || len(ins.Secrets) != 1 || len(card.Secrets) != 0 || strings.Contains(fmt.Sprint(list), "canary") {
			t.Errorf("secrets: %+v", list)
		}
		if _, named := ins.Settings["token"]; named {
			t.Error("a secret stands among the settings")
		}
		if got := names(ins.Keys); !slices.Equal(got, names(w.ins.Keys())) {
			t.Errorf("live: %v may be set", got)
		}
		list, err = w.Accounts(t.Context(), payments.Scope{MerchantID: w.scope.MerchantID})
		if err != nil || len(list) != 2 || list[1].Set || len(list[1].Secrets) != 0 || !list[1].UpdatedAt.IsZero() || list[1].Settings["min_amount"] != "1000000" {
			t.Fatalf("%+v, %v", list, err)
		}
		got := slices.Sorted(slices.Values(names(list[1].Keys)))
		if want := []string{"amount_unit", "enabled", "max_amount", "min_amount", "verify_window"}; !slices.Equal(got, want) {
			t.Errorf("test: %v may be set", got)
		}
		// A gateway that this house has not is not shown.
		w.Engine = w.rewired(func(o *payments.Options) { o.Live = map[string]gateways.Gateway{"ghesta": w.ins} })
		if list, err = w.Accounts(t.Context(), w.scope); err != nil || len(list) != 1 || list[0].Gateway != "ghesta" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// What the live accounts call is known by server, each once: their own addresses, else those of the gateway.
// Accounts of the test mode call nobody, and neither does one of a gateway that this house has not.
func TestLiveServers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own, trial := w.shop(1, true), w.shop(2, false)
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			return errors.Join(tx.SaveGatewayAccount(&checkout.GatewayAccount{
				ID: "0", MerchantID: trial.MerchantID, Gateway: "ghesta", Settings: map[string]string{"verify_url": "https://trial.example/verify"}, UpdatedAt: w.clock.now(),
			}), tx.SaveGatewayAccount(&checkout.GatewayAccount{
				ID: "1", MerchantID: own.MerchantID, Live: true, Gateway: "ghesta", UpdatedAt: w.clock.now(),
				Settings: map[string]string{"pay_url": "http://127.0.0.1:8080/pay", "verify_url": "http://[", "installment_url": "https://paid.example/{code}"},
			}))
		})
		if err != nil {
			t.Fatal(err)
		}
		card := []string{"https://ipg.gardeshpay.com", "https://ipg.gardeshpay.ir"}
		for name, c := range map[string]struct {
			live map[string]gateways.Gateway
			want []string
		}{
			"both":     {map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": w.ins}, append([]string{"http://127.0.0.1:8080", "https://api.payping.ir"}, card...)},
			"one only": {map[string]gateways.Gateway{"gardeshpay": w.card}, card},
		} {
			got, err := w.rewired(func(o *payments.Options) { o.Live, o.Test = c.live, nil }).LiveServers(t.Context())
			if slices.Sort(got); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	})
}
