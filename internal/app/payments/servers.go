package payments

import (
	"context"
	"net/url"
	"slices"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// LiveServers lists the vendors' servers that live accounts name, as scheme://host.
func (e *Engine) LiveServers(ctx context.Context) ([]string, error) {
	var all []checkout.GatewayAccount
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		all, err = tx.AllGatewayAccounts()
		return err
	})
	var servers []string
	for i := range all {
		g, known := e.adapter(true, all[i].Gateway)
		if !all[i].Live || !known {
			continue
		}
		for _, k := range g.Keys() {
			at := all[i].Settings[k.Name]
			if at == "" {
				at = k.Default
			}
			servers = addServer(servers, k.Name, at)
		}
	}
	return servers, err
}

// serverKeys are the settings that name a vendor's server which we call.
var serverKeys = []string{"token_url", "pay_url", "verify_url"}

func addServer(servers []string, key, at string) []string {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || !slices.Contains(serverKeys, key) || slices.Contains(servers, u.Scheme+"://"+u.Host) {
		return servers
	}
	return append(servers, u.Scheme+"://"+u.Host)
}
