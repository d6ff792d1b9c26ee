package wire

import (
	"time"

	"dargah/internal/app/checkout"
)

// Message is the body of a webhook (CONTRACT §8): what happened, and the invoice or attempt as of
// that moment.
type Message struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Livemode  bool      `json:"livemode"`
	// Sequence is the event's number within its invoice: deliveries may come in any order, numbers do not.
	Sequence int64 `json:"sequence,omitempty"`
	Data     any   `json:"data"`
}

// NewMessage is what endpoints are told about an event; data is an Invoice or an Attempt.
func NewMessage(e *checkout.Event, id string, live bool, data any) Message {
	return Message{ID: id, Type: e.Type, Timestamp: e.CreatedAt.UTC(), Livemode: live, Sequence: e.Sequence, Data: data}
}

// Ping is the data of a test message.
type Ping struct {
	Object     string `json:"object"`
	EndpointID string `json:"endpoint_id"`
}

// Endpoint is a webhook endpoint as a program sees it.
type Endpoint struct {
	ID             string     `json:"id" example:"whe_06epz7c2m4k8d1f5a9j3n6prt"`
	Object         string     `json:"object" enum:"webhook_endpoint" doc:"Always \"webhook_endpoint\"."`
	URL            string     `json:"url" format:"uri" example:"https://shop.example.ir/hooks/dargah"`
	Types          []string   `json:"types" nullable:"false" doc:"What it hears of." example:"[\"invoice.paid\"]"`
	Livemode       bool       `json:"livemode" doc:"It hears of events of this mode only." example:"true"`
	Status         string     `json:"status" enum:"enabled,disabled" doc:"What happens while it is disabled is held for it." example:"enabled"`
	DisabledReason *string    `json:"disabled_reason" doc:"failing: every try of a delivery failed, over three days in which nothing arrived. gone: it answered 410." example:"failing"`
	FailingSince   *time.Time `json:"failing_since" doc:"Since when nothing arrives there; null when the last try succeeded." example:"2026-11-22T09:34:10.402Z"`
	CreatedAt      time.Time  `json:"created_at" example:"2026-11-20T08:00:00.000Z"`
	Secret         string     `json:"secret,omitempty" doc:"Signs what is sent. Shown in this answer and never again." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="`
}

// NewEndpoint renders an endpoint, with its secret when it is to be shown.
func NewEndpoint(e *checkout.Endpoint, secret string) Endpoint {
	out := Endpoint{
		ID: e.ID, Object: "webhook_endpoint", URL: e.URL, Types: e.Types, Livemode: e.Live, Status: "enabled",
		DisabledReason: text(e.DisabledWhy), FailingSince: moment(e.FailingSince), CreatedAt: e.CreatedAt.UTC(), Secret: secret,
	}
	if !e.DisabledAt.IsZero() {
		out.Status = "disabled"
	}
	if len(out.Types) == 0 {
		out.Types = checkout.WebhookTypes()
	}
	return out
}

// Delivery is one message for one endpoint, as a program sees it.
type Delivery struct {
	ID             string     `json:"id" example:"whd_06epz8d3n5m9f2a6b0k4q7rvw"`
	Object         string     `json:"object" enum:"delivery" doc:"Always \"delivery\"."`
	EndpointID     string     `json:"endpoint_id" example:"whe_06epz7c2m4k8d1f5a9j3n6prt"`
	EventID        string     `json:"event_id" doc:"The webhook-id, the same at every try." example:"evt_06epz6r5c8g4hnqk2vt0s9wxy9"`
	Type           string     `json:"type" example:"invoice.paid"`
	Status         string     `json:"status" enum:"pending,held,succeeded,failed" doc:"held: the endpoint is disabled, and gets it when it is enabled." example:"pending"`
	Attempts       int        `json:"attempts" doc:"How often it was tried." example:"2"`
	LastStatusCode *int       `json:"last_status_code" doc:"HTTP status of the last answer; null when nothing was heard." example:"503"`
	NextAttemptAt  *time.Time `json:"next_attempt_at" doc:"When it is tried next; null when it is not." example:"2026-11-22T09:35:12.000Z"`
	CreatedAt      time.Time  `json:"created_at" example:"2026-11-22T09:34:10.402Z"`
	Tries          []Try      `json:"tries,omitempty" nullable:"false" doc:"Every try, oldest first; only where one delivery is read."`
}

// Try is one try of a delivery.
type Try struct {
	Attempt    int       `json:"attempt" example:"1"`
	At         time.Time `json:"at" example:"2026-11-22T09:34:10.415Z"`
	TookMS     int64     `json:"took_ms" example:"230"`
	StatusCode *int      `json:"status_code" doc:"Null when nothing was heard." example:"503"`
	Failure    *string   `json:"failure" doc:"Why nothing was heard: dns, address_refused, connect, tls, timeout, broken, url, internal. Null when there was an answer." example:"timeout"`
	Answer     string    `json:"answer" doc:"The first kilobyte of what the receiver said." example:"upstream unavailable"`
}

// NewDelivery renders a delivery, with its tries where they were read.
func NewDelivery(d *checkout.Delivery, tries []checkout.Try) Delivery {
	out := Delivery{
		ID: d.ID, Object: "delivery", EndpointID: d.EndpointID, EventID: d.EventID, Type: d.Type, Status: string(d.Status),
		Attempts: d.Attempts, LastStatusCode: status(d.LastStatus), NextAttemptAt: moment(d.NextAt), CreatedAt: d.CreatedAt.UTC(),
	}
	for _, t := range tries {
		out.Tries = append(out.Tries, Try{
			Attempt: t.Attempt, At: t.At.UTC(), TookMS: t.Took.Milliseconds(), StatusCode: status(t.Status), Failure: text(t.Failure), Answer: t.Answer,
		})
	}
	return out
}

func status(code int) *int {
	if code == 0 {
		return nil
	}
	return &code
}

// Replay is what a replay came to.
type Replay struct {
	Object     string  `json:"object" enum:"replay" doc:"Always \"replay\"."`
	EndpointID string  `json:"endpoint_id" example:"whe_06epz7c2m4k8d1f5a9j3n6prt"`
	Deliveries int     `json:"deliveries" doc:"How many are sent again, or for the first time." example:"41"`
	NextFrom   *string `json:"next_from" doc:"There are more: call again from this event on. Null when these were all." example:"evt_06epz6r5c8g4hnqk2vt0s9wxy9"`
}
