package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/webhooks"
	"dargah/internal/app/wire"
)

const (
	tagWebhooks = "Webhooks"

	exampleEndpointID = "whe_06epz7c2m4k8d1f5a9j3n6prt"
	exampleDeliveryID = "whd_06epz8d3n5m9f2a6b0k4q7rvw"
)

// The members of the bodies about webhooks.
var (
	endpointMembers = []string{"url", "types"}
	rotateMembers   = []string{"overlap_hours"}
	replayMembers   = []string{"from"}
)

// EndpointCreate is the body of POST /webhook-endpoints.
type EndpointCreate struct {
	URL   string   `json:"url" format:"uri" doc:"https (or http on loopback, and in networks that the operator allowed). Private and loopback addresses are refused when we connect, whatever the name server says, unless the operator allowed them."`
	Types []string `json:"types,omitempty" nullable:"false" enum:"invoice.created,invoice.paid,invoice.expired,invoice.canceled,invoice.refunded,attempt.redirected,attempt.failed,attempt.canceled,attempt.abandoned,attempt.unclaimed,attempt.needs_review" doc:"What it hears of; everything, also what later versions add, when absent or empty."`
}

// SecretRotate is the body of POST /webhook-endpoints/{id}/rotate-secret.
type SecretRotate struct {
	OverlapHours int64 `json:"overlap_hours,omitempty" minimum:"0" maximum:"168" doc:"How long the old secret signs as well; 24 when absent."`
}

// EndpointReplay is the body of POST /webhook-endpoints/{id}/replay.
type EndpointReplay struct {
	From string `json:"from" doc:"The id of an event of yours."`
}

// Deleted says that something is removed.
type Deleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// renderHook renders what the webhooks returned, nil when it is none of theirs.
func renderHook(result any) any {
	switch r := result.(type) {
	case webhooks.Issued:
		return wire.NewEndpoint(&r.Endpoint, r.Secret)
	case checkout.Endpoint:
		return wire.NewEndpoint(&r, "")
	case checkout.Delivery:
		return wire.NewDelivery(&r, nil)
	case wire.Delivery, Deleted:
		return r
	case webhooks.Replayed:
		shape := wire.Replay{Object: "replay", EndpointID: r.EndpointID, Deliveries: r.Deliveries}
		if r.NextFrom != "" {
			shape.NextFrom = &r.NextFrom
		}
		return shape
	}
	return nil
}

// idCursor names the last row of a page by its id.
func idCursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// lastID reads what idCursor made, "" when there is no cursor.
func (c *call) lastID(prefix string) (string, error) {
	cursor := c.query.Get("cursor")
	if cursor == "" {
		return "", nil
	}
	id, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || !strings.HasPrefix(string(id), prefix) || !plausible(string(id)) {
		return "", checkout.WrongField("cursor", "broken_cursor")
	}
	return string(id), nil
}

func exampleEndpoint() wire.Endpoint {
	return wire.Endpoint{
		ID: exampleEndpointID, Object: "webhook_endpoint", URL: "https://shop.example.ir/hooks/dargah",
		Types: []string{"invoice.paid", "attempt.needs_review"}, Livemode: true, Status: "enabled", CreatedAt: exampleTime("08:00:00.000"),
	}
}

func exampleIssued() wire.Endpoint {
	e := exampleEndpoint()
	e.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" //nolint:gosec // an example
	return e
}

func exampleEndpointCreate() any {
	return json.RawMessage(`{"url":"https://shop.example.ir/hooks/dargah","types":["invoice.paid","attempt.needs_review"]}`)
}

func exampleRotate() any { return json.RawMessage(`{"overlap_hours":24}`) }

func exampleReplayFrom() any {
	return json.RawMessage(`{"from":"evt_06epz6r5c8g4hnqk2vt0s9wxy9"}`)
}

func exampleDeleted() Deleted {
	return Deleted{ID: exampleEndpointID, Object: "webhook_endpoint", Deleted: true}
}

func exampleDelivery() wire.Delivery {
	heard, next := 503, exampleTime("09:35:15.402")
	return wire.Delivery{
		ID: exampleDeliveryID, Object: "delivery", EndpointID: exampleEndpointID, EventID: "evt_06epz6r5c8g4hnqk2vt0s9wxy9", Type: "invoice.paid",
		Status: "pending", Attempts: 2, LastStatusCode: &heard, NextAttemptAt: &next, CreatedAt: exampleTime("09:34:10.402"),
	}
}

func exampleTried() wire.Delivery {
	d, heard, silence := exampleDelivery(), 503, "timeout"
	d.Tries = []wire.Try{
		{Attempt: 1, At: exampleTime("09:34:10.415"), TookMS: 15000, Failure: &silence},
		{Attempt: 2, At: exampleTime("09:34:15.402"), TookMS: 230, StatusCode: &heard, Answer: "upstream unavailable"},
	}
	return d
}

func exampleTest() wire.Delivery {
	now := exampleTime("10:00:00.000")
	return wire.Delivery{
		ID: exampleDeliveryID, Object: "delivery", EndpointID: exampleEndpointID, EventID: "evt_06epz9f4p6n0g3b7c1m5s8txz", Type: checkout.EventWebhookTest,
		Status: "pending", NextAttemptAt: &now, CreatedAt: now,
	}
}

func exampleReplay() wire.Replay {
	return wire.Replay{Object: "replay", EndpointID: exampleEndpointID, Deliveries: 41}
}
