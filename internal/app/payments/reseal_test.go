package payments_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
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

// rotation is a shop one of whose many secrets an older key sealed, and the keys that are in force now; age
// makes it so once more. All other secrets of the house are current.
func (w *world) rotation() (shop payments.Scope, box *seal.Box, age func()) {
	w.Helper()
	older, newer := seal.NewKey(), seal.NewKey()
	old, e1 := seal.New(older)
	box, e2 := seal.New(newer, older)
	if err := errors.Join(e1, e2); err != nil {
		w.Fatal(err)
	}
	shop = w.shop(3, true)
	w.setOf(shop, "ghesta", map[string]string{"token": "t"})
	put := func(sc payments.Scope, change func(row *checkout.GatewayAccount)) {
		err := w.db.Update(w.Context(), func(tx *db.Tx) error {
			row, err := tx.GatewayAccount(sc.MerchantID, true, "ghesta")
			if err != nil {
				return err
			}
			change(row)
			return tx.SaveGatewayAccount(row)
		})
		if err != nil {
			w.Fatal(err)
		}
	}
	by := func(b *seal.Box, row *checkout.GatewayAccount, key string) {
		row.Sealed[key] = b.Seal([]byte("t"), "gateway_accounts/"+row.ID+"/"+key)
	}
	put(w.scope, func(row *checkout.GatewayAccount) { by(box, row, "token") })
	put(shop, func(row *checkout.GatewayAccount) {
		for i := range 30 {
			by(box, row, fmt.Sprint("key", i))
		}
	})
	age = func() { put(shop, func(row *checkout.GatewayAccount) { by(old, row, "token") }) }
	age()
	return shop, box, age
}

func (w *world) liveRow(sc payments.Scope, gateway string) (row *checkout.GatewayAccount) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		row, err = tx.GatewayAccount(sc.MerchantID, true, gateway)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return row
}

// One old secret among many has its account sealed again, in whatever order they are looked at.
func TestReseal_OneOfMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		shop, box, _ := w.rotation()
		if n, err := w.rewired(func(o *payments.Options) { o.Box = box }).Reseal(t.Context()); err != nil || n != 1 {
			t.Errorf("%d accounts, %v", n, err)
		}
		if row := w.liveRow(shop, "ghesta"); len(row.Sealed) != 31 || !box.Current(row.Sealed["token"]) {
			t.Errorf("%d secrets, current: %t", len(row.Sealed), box.Current(row.Sealed["token"]))
		}
	})
}

// Who saves settings while secrets are sealed again finds them as saved.
func TestReseal_WhileSomebodySaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		shop, box, age := w.rotation()
		e := w.rewired(func(o *payments.Options) { o.Box = box })
		for i := range 10 {
			age()
			low := fmt.Sprint(1000 + i)
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := e.Reseal(t.Context()); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if err := e.SetAccount(t.Context(), shop, "ghesta", map[string]string{"min_amount": low}, clerk); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if row := w.liveRow(shop, "ghesta"); row.Settings["min_amount"] != low || !box.Current(row.Sealed["token"]) {
				t.Fatalf("saved %s, kept %v, current: %t", low, row.Settings, box.Current(row.Sealed["token"]))
			}
		}
	})
}
