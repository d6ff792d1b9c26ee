package crashtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"dargah/internal/app/checkout"
)

// ear is the shop's program, which lives through every death of the server.
type ear struct {
	*httptest.Server
	id     string // of the endpoint
	secret string

	mu    sync.Mutex
	heard map[string][]byte // body by webhook-id
	said  []string          // what it has to object
}

// listen adds a webhook endpoint under an idempotency key: also after a death the secret is heard.
func (w *world) listen() *ear {
	w.Helper()
	e := &ear{heard: map[string][]byte{}}
	e.Server = httptest.NewServer(e)
	w.Cleanup(e.Close)
	var made struct{ ID, Secret string }
	w.api(http.MethodPost, "/webhook-endpoints", "endpoint-1", `{"url":"`+e.URL+`/hook"}`, http.StatusCreated, &made)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id, e.secret = made.ID, made.Secret
	return e
}

// ServeHTTP takes a message as a careful receiver does, and holds each repeat against the first.
func (e *ear) ServeHTTP(out http.ResponseWriter, req *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the server died over it
	}
	wh, err := standardwebhooks.NewWebhook(e.secret)
	if err == nil {
		err = wh.Verify(body, req.Header)
	}
	if err != nil {
		e.said = append(e.said, err.Error())
	}
	id := req.Header.Get("webhook-id")
	if before, again := e.heard[id]; again && !bytes.Equal(before, body) {
		e.said = append(e.said, id+" says two things")
	}
	e.heard[id] = body
	out.WriteHeader(http.StatusNoContent)
}

// untilTold waits until the shop's program has heard of everything that it is to hear of, and every
// delivery is on record as heard.
func (w *world) untilTold(e *ear, inv *invoice) {
	w.Helper()
	var want []string
	var events struct {
		Data []struct{ ID, Type string }
	}
	w.api(http.MethodGet, "/invoices/"+inv.ID+"/events?limit=100", "", "", http.StatusOK, &events)
	for _, event := range events.Data {
		if slices.Contains(checkout.WebhookTypes(), event.Type) {
			want = append(want, event.ID)
		}
	}
	if len(want) < 3 {
		w.Errorf("only %v to tell of", want)
	}
	var deliveries struct {
		Data []struct {
			ID, Status string
			EventID    string `json:"event_id"`
		}
	}
	w.server.until("told", func() bool {
		w.api(http.MethodGet, "/webhook-endpoints/"+e.id+"/deliveries?limit=100", "", "", http.StatusOK, &deliveries)
		for _, d := range deliveries.Data {
			if d.Status != "succeeded" {
				return false
			}
		}
		return true
	})
	var delivered []string
	for _, d := range deliveries.Data {
		delivered = append(delivered, d.EventID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range want {
		if e.heard[id] == nil {
			w.Errorf("nobody was told of %s", id)
		}
	}
	slices.Sort(want)
	slices.Sort(delivered)
	if !slices.Equal(want, delivered) || len(e.heard) != len(want) {
		w.Errorf("to tell %v, delivered %v, heard %d", want, delivered, len(e.heard))
	}
	if len(e.said) > 0 {
		w.Errorf("the shop's program objects: %s", strings.Join(e.said, "; "))
	}
}
