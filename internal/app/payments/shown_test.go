package payments_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dargah/internal/app/payments"
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
