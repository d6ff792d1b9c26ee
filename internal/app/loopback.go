package app

import (
	"context"
	"net/url"

	"dargah/internal/db"
	"dargah/internal/gateways"
)

// lookForLoopback looks whether a form of ours may lead to this machine.
func (a *App) lookForLoopback(ctx context.Context) error {
	if u, err := url.Parse(a.cfg.BaseURL); err == nil && gateways.Loopback(u.Hostname()) {
		a.loopback.Store(true)
		return nil
	}
	return a.db.View(ctx, func(tx *db.Tx) error {
		found, err := tx.LoopbackAccounts()
		if err == nil {
			a.loopback.Store(found)
		}
		return err
	})
}
