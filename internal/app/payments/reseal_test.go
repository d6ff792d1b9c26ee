package payments_test

import (
	"maps"
	"slices"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// After a rotation every secret stands under the new key, each once, and the old key may go. What no key
// opens stops it and stays as it is.
func TestReseal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		older, newer := seal.NewKey(), seal.NewKey()
		box := func(keys ...string) *seal.Box {
			b, err := seal.New(keys...)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		with := func(b *seal.Box) *payments.Engine {
			return w.rewired(func(o *payments.Options) { o.Box = b })
		}
		w.Engine = with(box(older))
		shops := []payments.Scope{w.shop(3, true), w.shop(4, true)}
		for i, sc := range shops {
			w.setOf(sc, "ghesta", map[string]string{"token": "secret-" + string(rune('a'+i))})
		}
		w.setOf(shops[0], "gardeshpay", map[string]string{"provider_token": "secret-g", "enabled": "true"})
		w.setOf(payments.Scope{MerchantID: shops[0].MerchantID}, "gardeshpay", map[string]string{"min_amount": "5000"}) // no secret
		rows := func() map[string]checkout.GatewayAccount {
			all := map[string]checkout.GatewayAccount{}
			err := w.db.View(t.Context(), func(tx *db.Tx) error {
				list, err := tx.AllGatewayAccounts()
				for _, row := range list {
					all[row.ID] = row
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		put := func(merchant, sealed string) {
			t.Helper()
			err := w.db.Update(t.Context(), func(tx *db.Tx) error {
				row, err := tx.GatewayAccount(merchant, true, "ghesta")
				if err != nil {
					return err
				}
				row.Sealed = map[string]string{"token": sealed}
				return tx.SaveGatewayAccount(row)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		put(w.scope.MerchantID, box(newer).Seal([]byte("t"), "elsewhere")) // the world's own: current, and nobody opens it for this
		before := rows()
		for i, want := range []int{3, 0} {
			if n, err := with(box(newer, older)).Reseal(t.Context()); err != nil || n != want {
				t.Errorf("%d: %d accounts, %v", i, n, err)
			}
		}
		alone := with(box(newer))
		for id, row := range rows() {
			was := before[id]
			if !maps.Equal(row.Settings, was.Settings) || !slices.Equal(slices.Sorted(maps.Keys(row.Sealed)), slices.Sorted(maps.Keys(was.Sealed))) || !row.UpdatedAt.Equal(was.UpdatedAt) {
				t.Errorf("%+v became %+v", was, row)
			}
			if row.MerchantID == w.scope.MerchantID {
				if !maps.Equal(row.Sealed, was.Sealed) {
					t.Errorf("what was current was sealed again: %+v", row)
				}
				continue
			}
			for k, sealed := range row.Sealed {
				if !box(newer).Current(sealed) {
					t.Errorf("%s of %s is under the old key", k, id)
				}
			}
			if got, err := alone.TryAccount(t.Context(), payments.Scope{MerchantID: row.MerchantID, Live: row.Live}, row.Gateway); err != nil || !got.Asked {
				t.Errorf("%s with the new key alone: %+v, %v", id, got, err)
			}
		}
		// What no key opens.
		lost := box(seal.NewKey()).Seal([]byte("t"), "gateway_accounts/x/token")
		put(shops[1].MerchantID, lost)
		if n, err := with(box(newer, older)).Reseal(t.Context()); err == nil || n != 0 {
			t.Errorf("a secret that no key opens was passed over: %d", n)
		}
		for _, row := range rows() {
			if row.MerchantID == shops[1].MerchantID && row.Sealed["token"] != lost {
				t.Errorf("and it is gone: %+v", row)
			}
		}
	})
}
