package attacks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/app"
	"dargah/internal/app/metrics"
	"dargah/internal/app/tracing"
)

// panicking is a way out on which, from some moment on, something dies with all in hand that it carries.
type panicking struct {
	on   *atomic.Bool
	died *atomic.Int64
}

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.on.Load() {
		return http.DefaultTransport.RoundTrip(r)
	}
	all, err := httputil.DumpRequestOut(r, true)
	if err != nil {
		return nil, err
	}
	p.died.Add(1)
	panic(fmt.Errorf("%s\n%s", r.URL, all))
}

// What dies with secrets in hand, before a customer, beside a request or in stored work, tells nobody of
// them: not the log, not the page, not metrics, not traces, not those who look at what failed. And the house goes on.
func TestPanic_TellsNoSecret(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" { // a webhook may hold what its shop knows
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&sent, r.Body)
	}))
	defer collector.Close()
	calls, hooks := panicking{&atomic.Bool{}, &atomic.Int64{}}, panicking{&atomic.Bool{}, &atomic.Int64{}}
	hooks.on.Store(true)
	count, trace := metrics.New(), tracing.New(tracing.Options{Endpoint: collector.URL, Service: "checkout"})
	h := openWith(t, "sqlite:"+filepath.Join(t.TempDir(), "checkout.db"), map[string]string{"CHECKOUT_WEBHOOK_ALLOW": "127.0.0.0/8"}, app.Options{
		Live: calls, Hooks: hooks, Metrics: count, Trace: trace,
	})
	s := h.shop(newBank(t))
	s.set("gardeshpay", "provider_token", "canary-provider")
	hook := s.mustHook(collector.URL + "/canary-hook")
	outs := []*out{s.began("ghesta").pays(), s.began("gardeshpay").pays()}

	calls.on.Store(true)
	var pages strings.Builder
	form := s.payer()
	for _, gateway := range []string{"ghesta", "gardeshpay"} {
		form.Set("gateway", gateway)
		a := s.post(s.invoice(price).path()+"/pay", form)
		if a.status < 500 {
			t.Errorf("%s: the start answers %d", gateway, a.status)
		}
		pages.WriteString(a.body)
	}
	for _, o := range outs { // the verify dies
		pages.WriteString(o.returns().body + s.get(o.inv.path()).body)
	}
	if calls.died.Load() < 4 {
		t.Fatalf("%d calls died", calls.died.Load())
	}
	until(t, "a webhook dies", func() bool { return hooks.died.Load() > 0 })
	calls.on.Store(false)
	hooks.on.Store(false)
	after := s.began("ghesta").pays()
	after.returns()
	s.paidOnce(after.inv)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	trace.Run(ctx)
	scraped := httptest.NewRecorder()
	count.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var deliveries, events json.RawMessage
	s.api("GET", "/webhook-endpoints/"+hook.ID+"/deliveries", "", &deliveries)
	s.api("GET", "/events", "", &events)
	said := h.log.String()
	for _, where := range []string{"verify panicked", "request failed", "work failed"} {
		if !strings.Contains(said, where) || !strings.Contains(said, "a value of type *errors.errorString") {
			t.Errorf("the log does not say %q with what it was", where)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	places := map[string]string{"log": said, "pages": pages.String(), "metrics": scraped.Body.String(), "traces": sent.String(), "deliveries": string(deliveries), "events": string(events)}
	secrets := map[string]string{"bearer": "canary-bearer", "provider token": "canary-provider", "webhook secret": strings.TrimPrefix(hook.Secret, "whsec_"), "endpoint": "canary-hook", "API key": s.key, "mobile": form.Get("payer_mobile")}
	for _, o := range outs {
		secrets["callback of "+o.gateway] = o.callback[strings.LastIndex(o.callback, "/")+1:]
		secrets["token of "+o.gateway] = o.token
	}
	for what, secret := range secrets {
		if secret == "" {
			t.Errorf("no %s to look for", what)
			continue
		}
		for where, text := range places {
			if strings.Contains(text, secret) {
				t.Errorf("the %s stands in the %s", what, where)
			}
		}
	}
	if len(places["traces"]) == 0 || !strings.Contains(places["metrics"], "checkout_gateway_calls_total") {
		t.Error("no traces, or no metrics")
	}
}
