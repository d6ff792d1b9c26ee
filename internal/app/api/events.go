package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

const tagEvents = "Events"

func (a *API) eventRoutes() []route {
	after := query("after", "Read forward, oldest first, behind this event; empty begins with the very first.", exampleEvent().ID)
	return []route{
		{
			scope: scopeRead, handle: a.listEvents, op: huma.Operation{
				OperationID: "listEvents", Method: http.MethodGet, Path: "/events", Tags: []string{tagEvents},
				Summary: "List all events",
				Description: "What happened to all of your invoices, newest first. With `after` you read forward: keep the id of the last event that you have dealt with, and ask for those behind it. " +
					"That is how a shop that cannot receive webhooks hears of everything: an event gets its place in this list once, after it was stored for good, so none can turn up in front of one that you have seen here.",
				Parameters: append([]*huma.Param{after}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Event]](examplePage(exampleEvent())),
			errors: []int{422},
		},
	}
}

func (a *API) listEvents(c *call) (answer, error) {
	f := payments.EventFilter{Forward: c.query.Has("after"), After: c.query.Get("after"), Cursor: c.query.Get("cursor")}
	if f.After != "" && !plausible(f.After) {
		return answer{}, checkout.WrongField("after", codeUnknownValue)
	}
	var err error
	if f.Limit, err = c.limit(); err != nil {
		return answer{}, err
	}
	events, next, err := a.Engine.Events(c.ctx, c.scope, f)
	if err != nil {
		return answer{}, err
	}
	return list(events, next, wire.NewEvent)
}
