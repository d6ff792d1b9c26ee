package gatewaystest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways"
)

// run makes the call of the fixture and returns its outcome as text.
func (f fixture) run(t *testing.T, newGateway func(*gateways.Client) gateways.Gateway) string {
	t.Helper()
	if f.call == "callback" {
		return f.callback(t, newGateway(nil))
	}
	v := serve(t, f)
	timeout := 30 * time.Second
	if f.server["fault"] == "hang" || f.server["fault"] == "drip" {
		// Long enough for a handshake on a busy machine, since the request must have been heard.
		timeout = 2 * time.Second
	}
	transport := gateways.NewTransport(v.roots)
	t.Cleanup(transport.CloseIdleConnections)
	g := newGateway(gateways.NewClient(gateways.ClientOptions{Timeout: timeout, Transport: transport}))
	s := f.account(g, v.base)
	if err := g.Check(s); err != nil {
		t.Fatalf("check settings: %v", err)
	}
	var got strings.Builder
	var evidence string
	switch f.call {
	case "start":
		evidence = f.start(t, g, s, &got)
	case "verify":
		evidence = f.verify(t, g, s, &got)
	default:
		t.Fatalf("unknown call %q", f.call)
	}
	f.evidence(t, evidence, &got)
	v.check(t, f)
	return strings.ReplaceAll(got.String(), v.base, "{base}")
}

// account is the defaults with every address moved to base, then the fixture's own settings.
func (f fixture) account(g gateways.Gateway, base string) gateways.Settings {
	s := gateways.Settings{}
	for _, key := range g.Keys() {
		s[key.Name] = key.Default
		if u, err := url.Parse(key.Default); strings.HasSuffix(key.Name, "_url") && err == nil && key.Name != "installment_url" {
			s[key.Name] = base + u.RequestURI()
		}
	}
	for name, value := range f.settings {
		s[name] = strings.ReplaceAll(value, "{base}", base)
	}
	return s
}

func (f fixture) amount(t *testing.T) int64 {
	t.Helper()
	n, err := strconv.ParseInt(f.inputs["amount"], 10, 64)
	if err != nil {
		t.Fatalf("amount: %v", err)
	}
	return n
}

func (f fixture) start(t *testing.T, g gateways.Gateway, s gateways.Settings, got *strings.Builder) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, f.inputs["at"])
	if err != nil {
		t.Fatalf("at: %v", err)
	}
	started, err := g.Start(context.Background(), s, gateways.StartRequest{
		WireAmount: f.amount(t), OurNumber: f.inputs["our_number"], Callback: f.inputs["callback"], At: at,
		PayerName: f.inputs["payer_name"], Mobile: f.inputs["mobile"], Email: f.inputs["email"],
		Description: f.inputs["description"],
	})
	if err == nil {
		lines(got, "token", started.Token)
		lines(got, "redirect", started.Redirect)
		lines(got, "request_id", started.RequestID)
		return started.Body
	}
	var failed *gateways.StartError
	if !errors.As(err, &failed) {
		t.Fatalf("error is %T, not *StartError", err)
	}
	fmt.Fprintf(got, "error: trouble=%t\n", failed.Trouble)
	lines(got, "code", failed.Code)
	// What our own code or the network says is free; the vendor's words are not.
	if !failed.Trouble {
		lines(got, "message", failed.Message)
	}
	lines(got, "request_id", failed.RequestID)
	return failed.Body
}

func (f fixture) verify(t *testing.T, g gateways.Gateway, s gateways.Settings, got *strings.Builder) string {
	t.Helper()
	a := g.Verify(context.Background(), s, gateways.VerifyRequest{
		Reference: f.inputs["reference"], WireAmount: f.amount(t), OurNumber: f.inputs["our_number"],
		VerifyURL: s["verify_url"],
	})
	lines(got, "outcome", a.Outcome)
	lines(got, "ref_number", a.RefNumber)
	lines(got, "card_mask", a.CardMask)
	lines(got, "card_hash", a.CardHash)
	lines(got, "verified_before", a.VerifiedBefore)
	lines(got, "code", a.Code)
	if a.Outcome != gateways.Unknown {
		lines(got, "message", a.Message)
	}
	lines(got, "soft", a.Soft)
	lines(got, "hard", a.Hard)
	lines(got, "sent", a.Sent)
	lines(got, "unheard", a.Unheard)
	lines(got, "status", a.Status)
	lines(got, "request_id", a.RequestID)
	lines(got, "retry_after", a.RetryAfter)
	return a.Body
}

// evidence repeats the outcome's demands on the kept body that are met: has, hasnt, body.
func (f fixture) evidence(t *testing.T, body string, got *strings.Builder) {
	t.Helper()
	if len(body) > 2048 {
		t.Errorf("kept body has %d bytes", len(body))
	}
	// Only an answer without a body may leave no words behind, and its fixture says so.
	if body == "" {
		body = "(empty)"
	}
	if body == "(empty)" && !strings.Contains(f.outcome, "body: (empty)\n") {
		t.Error("nothing is kept of the answer")
	}
	for line := range strings.Lines(f.outcome) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		met := (name == "has" && strings.Contains(body, value)) ||
			(name == "hasnt" && !strings.Contains(body, value)) || (name == "body" && body == value)
		switch {
		case met:
			got.WriteString(line)
		case name == "has" || name == "hasnt" || name == "body":
			t.Errorf("%s: %s\nkept body: %s", name, value, body)
		}
	}
}

func (f fixture) callback(t *testing.T, g gateways.Gateway) string {
	t.Helper()
	values, err := url.ParseQuery(f.inputs["form"])
	if err != nil {
		t.Fatalf("form: %v", err)
	}
	claim, err := g.ParseCallback(values)
	var got strings.Builder
	var wrong *gateways.CallbackError
	if errors.As(err, &wrong) {
		fmt.Fprintf(&got, "error: %s: %s\n", wrong.Field, wrong.Problem)
		return got.String()
	} else if err != nil {
		t.Fatalf("error is %T, not *CallbackError", err)
	}
	lines(&got, "reference", claim.Reference)
	lines(&got, "canceled", claim.Canceled)
	lines(&got, "our_number", claim.OurNumber)
	lines(&got, "token", claim.Token)
	names := make([]string, 0, len(claim.Fields))
	for name := range claim.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&got, "field %s=%s\n", name, claim.Fields[name])
	}
	return got.String()
}

// check compares what the vendor heard: one request, or none where none can have come.
func (v *vendor) check(t *testing.T, f fixture) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.server["fault"] == "refuse" || slices.Contains([]string{"untrusted", "wrong-host", "expired", "1.1"}, f.server["tls"]) {
		if len(v.asked) != 0 {
			t.Errorf("the vendor heard %d requests, want none", len(v.asked))
		}
		return
	}
	if len(v.asked) != 1 {
		t.Fatalf("the vendor heard %d requests, want 1", len(v.asked))
	}
	if f.request == "" {
		return
	}
	first, header, body := message(t, strings.ReplaceAll(f.request, "{base}", v.base))
	got := v.asked[0]
	if got.method+" "+got.target != first {
		t.Errorf("asked %s %s, want %s", got.method, got.target, first)
	}
	for _, h := range append(header, [2]string{"Content-Type", "application/json"}, [2]string{"Accept", "application/json"}) {
		want := []string{h[1]}
		if h[1] == "(none)" {
			want = nil
		}
		if !slices.Equal(got.header[http.CanonicalHeaderKey(h[0])], want) {
			t.Errorf("header %s is %q, want %q", h[0], got.header[http.CanonicalHeaderKey(h[0])], want)
		}
	}
	if got.body != body {
		t.Errorf("body\n%s\nwant\n%s", got.body, body)
	}
}
