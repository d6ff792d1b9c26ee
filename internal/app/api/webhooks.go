package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/webhooks"
	"dargah/internal/app/wire"
)

// Webhooks is what the API asks of the webhooks.
type Webhooks interface {
	Create(ctx context.Context, s webhooks.Scope, in webhooks.NewEndpoint, once *webhooks.Once) (webhooks.Issued, *webhooks.Replay, error)
	Endpoints(ctx context.Context, s webhooks.Scope) ([]checkout.Endpoint, error)
	Endpoint(ctx context.Context, s webhooks.Scope, id string) (checkout.Endpoint, error)
	Delete(ctx context.Context, s webhooks.Scope, id string) error
	Rotate(ctx context.Context, s webhooks.Scope, id string, overlap time.Duration, once *webhooks.Once) (webhooks.Issued, *webhooks.Replay, error)
	Enable(ctx context.Context, s webhooks.Scope, id string, once *webhooks.Once) (checkout.Endpoint, *webhooks.Replay, error)
	Test(ctx context.Context, s webhooks.Scope, endpointID string, once *webhooks.Once) (checkout.Delivery, *webhooks.Replay, error)
	Replay(ctx context.Context, s webhooks.Scope, endpointID, from string, once *webhooks.Once) (webhooks.Replayed, *webhooks.Replay, error)
	Deliveries(ctx context.Context, s webhooks.Scope, endpointID string, f webhooks.DeliveryFilter) ([]checkout.Delivery, bool, error)
	Delivery(ctx context.Context, s webhooks.Scope, id string) (checkout.Delivery, []checkout.Try, error)
	Redeliver(ctx context.Context, s webhooks.Scope, id string, once *webhooks.Once) (checkout.Delivery, *webhooks.Replay, error)
}

func (a *API) webhookRoutes() []route {
	return append(a.endpointRoutes(), a.deliveryRoutes()...)
}

func (a *API) endpointRoutes() []route {
	id := pathID("webhook endpoint", exampleEndpointID)
	op := func(id, method, path, summary, text string, parameters ...*huma.Param) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/webhook-endpoints" + path, Tags: []string{tagWebhooks}, Summary: summary, Description: text, Parameters: parameters}
	}
	return []route{
		{
			scope: scopeWrite, handle: a.createEndpoint, op: op("createWebhookEndpoint", http.MethodPost, "", "Add a webhook endpoint",
				"From now on it hears of what happens in the key's mode. The answer holds the `secret` that signs what is sent: it is shown here and never again.", onceHeader()),
			status: http.StatusCreated, says: "The endpoint, with its secret.", gives: of[wire.Endpoint](exampleIssued()), takes: of[EndpointCreate](exampleEndpointCreate()),
			errors: []int{400, 409, 413, 415, 422},
		},
		{
			scope: scopeRead, handle: a.listEndpoints, op: op("listWebhookEndpoints", http.MethodGet, "", "List webhook endpoints",
				"Newest first, without their secrets.", paging()...),
			status: http.StatusOK, says: "One page.", gives: of[page[wire.Endpoint]](examplePage(exampleEndpoint())), errors: []int{422},
		},
		{
			scope: scopeRead, handle: a.getEndpoint, op: op("getWebhookEndpoint", http.MethodGet, "/{id}", "Get a webhook endpoint", "Whether it is enabled, and since when it fails.", id),
			status: http.StatusOK, says: "The endpoint.", gives: of[wire.Endpoint](exampleEndpoint()), errors: []int{404},
		},
		{
			scope: scopeWrite, handle: a.deleteEndpoint, op: op("deleteWebhookEndpoint", http.MethodDelete, "/{id}", "Remove a webhook endpoint",
				"Nothing is sent there any more, and its secret is gone.", id),
			status: http.StatusOK, says: "It is removed.", gives: of[Deleted](exampleDeleted()), errors: []int{404},
		},
		{
			scope: scopeWrite, handle: a.testEndpoint, op: op("testWebhookEndpoint", http.MethodPost, "/{id}/test", "Send a test message",
				"Sends a signed message of the type `webhook.test`, also to an endpoint that is disabled. Read the delivery to see what came of it.", id, onceHeader()),
			status: http.StatusAccepted, says: "The delivery, on its way.", gives: of[wire.Delivery](exampleTest()), takes: of[Nothing](struct{}{}), bare: true,
			errors: []int{400, 404, 413, 415, 422},
		},
		{
			scope: scopeWrite, handle: a.rotateSecret, op: op("rotateWebhookSecret", http.MethodPost, "/{id}/rotate-secret", "Change an endpoint's secret",
				"The answer holds the new secret: it is shown here and never again. For `overlap_hours` everything is signed with both, so that you can change your receiver at leisure; 0 ends the old one at once.", id, onceHeader()),
			status: http.StatusOK, says: "The endpoint, with its new secret.", gives: of[wire.Endpoint](exampleIssued()), takes: of[SecretRotate](exampleRotate()), bare: true,
			errors: []int{400, 404, 413, 415, 422},
		},
		{
			scope: scopeWrite, handle: a.enableEndpoint, op: op("enableWebhookEndpoint", http.MethodPost, "/{id}/enable", "Enable a disabled endpoint",
				"What was held for it is sent first. One that is enabled stays so.", id, onceHeader()),
			status: http.StatusOK, says: "The endpoint.", gives: of[wire.Endpoint](exampleEndpoint()), takes: of[Nothing](struct{}{}), bare: true,
			errors: []int{400, 404, 413, 415, 422},
		},
		{
			scope: scopeWrite, handle: a.replayEndpoint, op: op("replayWebhookEndpoint", http.MethodPost, "/{id}/replay", "Replay from an event onwards",
				"Sends everything from the event `from` on once more, each with its old id and its old bytes, and what this endpoint was never sent for the first time. At most 10,000 at once: `next_from` says where to go on. What was sent is kept for 30 days.", id, onceHeader()),
			status: http.StatusAccepted, says: "How many are on their way.", gives: of[wire.Replay](exampleReplay()), takes: of[EndpointReplay](exampleReplayFrom()),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
	}
}

func (a *API) deliveryRoutes() []route {
	return []route{
		{
			scope: scopeRead, handle: a.listDeliveries, op: huma.Operation{
				OperationID: "listWebhookDeliveries", Method: http.MethodGet, Path: "/webhook-endpoints/{id}/deliveries", Tags: []string{tagWebhooks},
				Summary: "List an endpoint's deliveries", Description: "Newest first.",
				Parameters: append([]*huma.Param{
					pathID("webhook endpoint", exampleEndpointID),
					query("status", "Only deliveries in this state.", "failed", deliveryStatuses()...),
				}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Delivery]](examplePage(exampleDelivery())), errors: []int{404, 422},
		},
		{
			scope: scopeRead, handle: a.getDelivery, op: huma.Operation{
				OperationID: "getWebhookDelivery", Method: http.MethodGet, Path: "/deliveries/{id}", Tags: []string{tagWebhooks},
				Summary: "Get a delivery", Description: "With every try: when, what the receiver answered, and the first kilobyte of it.",
				Parameters: []*huma.Param{pathID("delivery", exampleDeliveryID)},
			}, status: http.StatusOK, says: "The delivery.", gives: of[wire.Delivery](exampleTried()), errors: []int{404},
		},
		{
			scope: scopeWrite, handle: a.redeliver, op: huma.Operation{
				OperationID: "redeliverWebhook", Method: http.MethodPost, Path: "/deliveries/{id}/redeliver", Tags: []string{tagWebhooks},
				Summary:     "Send a delivery again",
				Description: "Whatever came of it, and also to an endpoint that is disabled: the same `webhook-id`, the same bytes, a new timestamp and signature.",
				Parameters:  []*huma.Param{pathID("delivery", exampleDeliveryID), onceHeader()},
			}, status: http.StatusAccepted, says: "The delivery, on its way.", gives: of[wire.Delivery](exampleDelivery()), takes: of[Nothing](struct{}{}), bare: true,
			errors: []int{400, 404, 413, 415, 422},
		},
	}
}

func deliveryStatuses() []string {
	var out []string
	for _, s := range checkout.DeliveryStatuses() {
		out = append(out, string(s))
	}
	return out
}

// hooked gives a call of the webhooks to once: both rooms have the same words for idempotency and none
// knows the other.
func hooked[T any](a *API, c *call, status int, act func(*webhooks.Once) (T, *webhooks.Replay, error)) (answer, error) {
	return once(a, c, status, func(o *payments.Once) (T, *payments.Replay, error) {
		v, replay, err := act((*webhooks.Once)(o))
		return v, (*payments.Replay)(replay), err
	})
}

// hookScope is the call's scope in the words of the webhooks.
func (c *call) hookScope() webhooks.Scope { return webhooks.Scope(c.scope) }

func (a *API) createEndpoint(c *call) (answer, error) {
	s := &shape{}
	o := s.object(&c.body, "", endpointMembers)
	if o.present("url") == nil {
		o.fault("url", codeRequired)
	}
	in := webhooks.NewEndpoint{URL: o.text("url"), Types: o.texts("types")}
	if err := s.err(); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusCreated, func(o *webhooks.Once) (webhooks.Issued, *webhooks.Replay, error) {
		return a.Webhooks.Create(c.ctx, c.hookScope(), in, o)
	})
}

// listEndpoints pages over the few endpoints that there may be: the cursor is the last one seen.
func (a *API) listEndpoints(c *call) (answer, error) {
	limit, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	after, err := c.lastID(checkout.PrefixEndpoint)
	if err != nil {
		return answer{}, err
	}
	all, err := a.Webhooks.Endpoints(c.ctx, c.hookScope())
	if err != nil {
		return answer{}, err
	}
	for len(all) > 0 && after != "" && all[0].ID >= after {
		all = all[1:]
	}
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = idCursor(all[limit-1].ID)
	}
	return list(all, next, func(e *checkout.Endpoint) wire.Endpoint { return wire.NewEndpoint(e, "") })
}

func (a *API) getEndpoint(c *call) (answer, error) {
	e, err := a.Webhooks.Endpoint(c.ctx, c.hookScope(), c.param("id"))
	if err != nil {
		return answer{}, err
	}
	return a.one(http.StatusOK, e)
}

func (a *API) deleteEndpoint(c *call) (answer, error) {
	if err := a.Webhooks.Delete(c.ctx, c.hookScope(), c.param("id")); err != nil {
		return answer{}, err
	}
	return a.one(http.StatusOK, Deleted{ID: c.param("id"), Object: "webhook_endpoint", Deleted: true})
}

func (a *API) testEndpoint(c *call) (answer, error) {
	if err := readNothing(&c.body); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusAccepted, func(o *webhooks.Once) (checkout.Delivery, *webhooks.Replay, error) {
		return a.Webhooks.Test(c.ctx, c.hookScope(), c.param("id"), o)
	})
}

func (a *API) rotateSecret(c *call) (answer, error) {
	s := &shape{}
	o := s.object(&c.body, "", rotateMembers)
	overlap := webhooks.DefaultOverlap
	if o.present("overlap_hours") != nil {
		hours := o.integer("overlap_hours")
		if hours < 0 || hours > int64(webhooks.MaxOverlap/time.Hour) {
			o.fault("overlap_hours", codeOutOfRange)
			hours = 0
		}
		overlap = time.Duration(hours) * time.Hour
	}
	if err := s.err(); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusOK, func(o *webhooks.Once) (webhooks.Issued, *webhooks.Replay, error) {
		return a.Webhooks.Rotate(c.ctx, c.hookScope(), c.param("id"), overlap, o)
	})
}

func (a *API) enableEndpoint(c *call) (answer, error) {
	if err := readNothing(&c.body); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusOK, func(o *webhooks.Once) (checkout.Endpoint, *webhooks.Replay, error) {
		return a.Webhooks.Enable(c.ctx, c.hookScope(), c.param("id"), o)
	})
}

func (a *API) replayEndpoint(c *call) (answer, error) {
	s := &shape{}
	o := s.object(&c.body, "", replayMembers)
	if o.present("from") == nil {
		o.fault("from", codeRequired)
	}
	from := o.text("from")
	if err := s.err(); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusAccepted, func(o *webhooks.Once) (webhooks.Replayed, *webhooks.Replay, error) {
		return a.Webhooks.Replay(c.ctx, c.hookScope(), c.param("id"), from, o)
	})
}

func (a *API) listDeliveries(c *call) (answer, error) {
	limit, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	before, err := c.lastID(checkout.PrefixDelivery)
	if err != nil {
		return answer{}, err
	}
	f := webhooks.DeliveryFilter{Status: c.query.Get("status"), Before: before, Limit: limit}
	all, more, err := a.Webhooks.Deliveries(c.ctx, c.hookScope(), c.param("id"), f)
	if err != nil {
		return answer{}, err
	}
	next := ""
	if more {
		next = idCursor(all[len(all)-1].ID)
	}
	return list(all, next, func(d *checkout.Delivery) wire.Delivery { return wire.NewDelivery(d, nil) })
}

func (a *API) getDelivery(c *call) (answer, error) {
	d, tries, err := a.Webhooks.Delivery(c.ctx, c.hookScope(), c.param("id"))
	if err != nil {
		return answer{}, err
	}
	return a.one(http.StatusOK, wire.NewDelivery(&d, tries))
}

func (a *API) redeliver(c *call) (answer, error) {
	if err := readNothing(&c.body); err != nil {
		return answer{}, err
	}
	return hooked(a, c, http.StatusAccepted, func(o *webhooks.Once) (checkout.Delivery, *webhooks.Replay, error) {
		return a.Webhooks.Redeliver(c.ctx, c.hookScope(), c.param("id"), o)
	})
}
