package payments

import (
	"context"
	"errors"
	"maps"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// AccountView is a gateway account as a person may see it: of a secret only whether there is one.
type AccountView struct {
	Gateway   string
	Set       bool // somebody has saved it; a test account works without
	Settings  map[string]string
	Secrets   map[string]bool
	Keys      []gateways.Key // those that may be set in this mode
	UpdatedAt time.Time
}

// Accounts lists a merchant's accounts in one mode, defaults filled in, in the order of the gateways.
// No secret is opened for it.
func (e *Engine) Accounts(ctx context.Context, sc Scope) ([]AccountView, error) {
	var list []AccountView
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		list = nil
		for _, name := range GatewayNames() {
			g, ok := e.adapter(sc.Live, name)
			if !ok {
				continue
			}
			v := AccountView{Gateway: name, Settings: map[string]string{}, Secrets: map[string]bool{}}
			may := map[string]bool{}
			for _, k := range settable(g, sc.Live) {
				may[k] = true
			}
			for _, k := range g.Keys() {
				if may[k.Name] {
					v.Keys = append(v.Keys, k)
				}
				if !k.Secret {
					v.Settings[k.Name] = k.Default
				}
			}
			row, err := tx.GatewayAccount(sc.MerchantID, sc.Live, name)
			if err != nil && !errors.Is(err, checkout.NotFound) {
				return err
			}
			if err == nil {
				v.Set, v.UpdatedAt = true, row.UpdatedAt
				maps.Copy(v.Settings, row.Settings)
				for k := range row.Sealed {
					v.Secrets[k] = true
				}
			}
			list = append(list, v)
		}
		return nil
	})
	return list, err
}
