package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"dargah/internal/app/seal"
	"dargah/internal/app/webhooks"
	"dargah/internal/app/wire"
	"dargah/internal/app/worker"
	"dargah/internal/db"
)

// openHooks gives webhooks places of their own among the stored work: a receiver that hangs takes none
// from a verify.
func openHooks(cfg Config, o Options, store *db.DB, box *seal.Box, w *worker.Worker) *webhooks.Hooks {
	h := webhooks.New(webhooks.Options{
		DB: store, Box: box, Allow: cfg.WebhookAllow, Transport: o.Hooks, Now: o.Now, Random: rand.Reader, Log: o.Log,
	})
	w.Register(worker.Kind{Name: webhooks.Kind, Concurrency: webhooks.Places, Handle: traced(o.Trace, h.Deliver), Source: h})
	w.Every("forget webhooks", pruneEvery, h.Prune)
	return h
}

// hooks are the webhooks of the short commands: they send nothing.
func (o *Office) hooks(ctx context.Context) (*webhooks.Hooks, error) {
	if err := o.cfg.NeedSecretKey(); err != nil {
		return nil, err
	}
	box, err := o.cfg.box()
	if err != nil {
		return nil, err
	}
	if err := checkKey(ctx, o.db, box); err != nil {
		return nil, err
	}
	return webhooks.New(webhooks.Options{
		DB: o.db, Box: box, Allow: o.cfg.WebhookAllow, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}), nil
}

// hooksOf is hooks, and a merchant in one mode.
func (o *Office) hooksOf(ctx context.Context, slug string, live bool) (*webhooks.Hooks, webhooks.Scope, error) {
	sc, err := o.scope(ctx, slug, live)
	if err != nil {
		return nil, webhooks.Scope{}, err
	}
	h, err := o.hooks(ctx)
	return h, webhooks.Scope(sc), err
}

// AddWebhook adds an endpoint; its secret is nowhere else.
func (o *Office) AddWebhook(ctx context.Context, slug string, live bool, url string, types []string) (wire.Endpoint, error) {
	h, sc, err := o.hooksOf(ctx, slug, live)
	if err != nil {
		return wire.Endpoint{}, err
	}
	made, _, err := h.Create(ctx, sc, webhooks.NewEndpoint{URL: url, Types: types}, nil)
	if err != nil {
		return wire.Endpoint{}, err
	}
	return wire.NewEndpoint(&made.Endpoint, made.Secret), nil
}

// Webhooks lists a merchant's endpoints, newest first.
func (o *Office) Webhooks(ctx context.Context, slug string, live bool) ([]wire.Endpoint, error) {
	h, sc, err := o.hooksOf(ctx, slug, live)
	if err != nil {
		return nil, err
	}
	all, err := h.Endpoints(ctx, sc)
	list := make([]wire.Endpoint, 0, len(all))
	for i := range all {
		list = append(list, wire.NewEndpoint(&all[i], ""))
	}
	return list, err
}

// RemoveWebhook removes an endpoint.
func (o *Office) RemoveWebhook(ctx context.Context, slug string, live bool, id string) error {
	h, sc, err := o.hooksOf(ctx, slug, live)
	if err != nil {
		return err
	}
	return h.Delete(ctx, sc, id)
}
