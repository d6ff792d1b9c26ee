package faults_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience ends a broken test; nothing is measured with it.
const patience = 2 * time.Minute

// shop is one merchant, what its programs and its customers do, and its bank, however the server
// runs: as a process (house) or in memory (hours).
type shop struct {
	testing.TB
	base   string // public origin
	key    string // of the API
	bank   *bank
	client *http.Client  // follows no redirect, keeps no connection
	pause  time.Duration // between two looks at something that must come true
	most   time.Duration // of them all: it ends a broken test
}

// browser is a client whose connections are its own.
func browser(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func network() http.RoundTripper { return &http.Transport{DisableKeepAlives: true} }

// reply is what a browser or a program got.
type reply struct {
	status int
	header http.Header
	body   string
}

// String is short: what a page says of itself, or how a body begins.
func (r reply) String() string {
	said := r.state()
	if said == "" {
		said = r.body[:min(len(r.body), 300)]
	}
	return fmt.Sprintf("status %d to %q, %s", r.status, r.location(), said)
}

func (r reply) location() string { return r.header.Get("Location") }

var mainTag = regexp.MustCompile(`<main[^>]*data-state="([^"]*)"(?:[^>]*data-attempt-state="([^"]*)")?`)

// state is what a customer's page says of itself.
func (r reply) state() string {
	if m := mainTag.FindStringSubmatch(r.body); m != nil {
		return m[1]
	}
	return ""
}

// request sends one request and reads the whole answer.
func (s *shop) request(method, at string, form url.Values, header ...string) (reply, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	return s.send(method, at, body, append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

func (s *shop) send(method, at string, body io.Reader, header ...string) (reply, error) {
	req, err := http.NewRequest(method, at, body)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(raw)}, err
}

// get is a browser at an address that answers.
func (s *shop) get(at string) reply {
	s.Helper()
	r, err := s.request(http.MethodGet, at, nil)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// api is one call of the API that has to succeed.
func (s *shop) api(method, path, body string, into any) {
	s.Helper()
	if err := s.try(method, path, body, into); err != nil {
		s.Fatal(err)
	}
}

// try is one call of the API.
func (s *shop) try(method, path, body string, into any) error {
	r, err := s.send(method, s.base+"/api/v1"+path, strings.NewReader(body), "Authorization", "Bearer "+s.key, "Content-Type", "application/json")
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if r.status >= 400 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, r.status, r.body)
	}
	return json.NewDecoder(bytes.NewBufferString(r.body)).Decode(into)
}

const amount = 1_500_000

// invoice asks for an amount that both gateways take.
func (s *shop) invoice() invoice {
	s.Helper()
	var inv invoice
	s.api("POST", "/invoices", fmt.Sprintf(`{"amount":%d,"customer":{"name":"سارا","mobile":"09121234567"}}`, amount), &inv)
	return inv
}

// choose posts the form of the payment page.
func (s *shop) choose(inv invoice, gateway string) (reply, error) {
	return s.request(http.MethodPost, inv.PaymentURL+"/pay", url.Values{"gateway": {gateway}})
}

// leave chooses a gateway and returns the address there.
func (s *shop) leave(inv invoice, gateway string) string {
	s.Helper()
	r, err := s.choose(inv, gateway)
	if err != nil || r.status != http.StatusSeeOther {
		s.Fatalf("choose %s: %v, %v", gateway, r, err)
	}
	return r.location()
}

// comeback is the way back that the gateway gave the browser, not yet taken. It may be taken again.
type comeback struct {
	method, at string
	form       url.Values
	reference  string
}

var (
	backForm = regexp.MustCompile(`<form class="back" method="post" action="([^"]*)">`)
	hidden   = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

	errNoWayBack = errors.New("the gateway's page has no way back")
)

// settle lets the customer do something at the gateway.
func (s *shop) settle(page, outcome string) (comeback, error) {
	if _, err := s.request(http.MethodGet, page, nil); err != nil { // the customer sees the page first
		return comeback{}, err
	}
	r, err := s.request(http.MethodPost, page, url.Values{"outcome": {outcome}})
	if err != nil {
		return comeback{}, err
	}
	if at := r.location(); at != "" {
		u, err := url.Parse(at)
		if err != nil {
			return comeback{}, err
		}
		return comeback{method: http.MethodGet, at: at, reference: u.Query().Get("trackingNumber")}, nil
	}
	action := backForm.FindStringSubmatch(r.body)
	if action == nil {
		return comeback{}, fmt.Errorf("%w: status %d", errNoWayBack, r.status)
	}
	form := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(r.body, -1) {
		form.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	return comeback{http.MethodPost, html.UnescapeString(action[1]), form, form.Get("refid")}, nil
}

// paidAt takes a customer to the gateway, where the money leaves.
func (s *shop) paidAt(inv invoice, gateway string) comeback {
	s.Helper()
	return s.outcome(inv, gateway, "paid")
}

func (s *shop) outcome(inv invoice, gateway, outcome string) comeback {
	s.Helper()
	c, err := s.settle(s.leave(inv, gateway), outcome)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// take takes the way back.
func (s *shop) take(c comeback) (reply, error) { return s.request(c.method, c.at, c.form) }

// mustTake takes the way back, which leads to the payment link. Where the store does not keep up, the
// page says so and asks to be loaded again, and so the customer does. Many may do this at once.
func (s *shop) mustTake(c comeback) {
	s.Helper()
	for limit := time.Now().Add(patience); ; {
		r, err := s.take(c)
		if err == nil && r.status == http.StatusServiceUnavailable && time.Now().Before(limit) {
			continue
		}
		if err != nil || r.status != http.StatusSeeOther {
			s.Errorf("come back: %v, %v", r, err)
		}
		return
	}
}

// fetch reads an invoice.
func (s *shop) fetch(inv invoice) invoice {
	s.Helper()
	s.api("GET", "/invoices/"+inv.ID, "", &inv)
	return inv
}

func (s *shop) attempts(inv invoice) []attempt {
	s.Helper()
	var list struct{ Data []attempt }
	s.api("GET", "/invoices/"+inv.ID+"/attempts", "", &list)
	return list.Data
}

// events are an invoice's, oldest first.
func (s *shop) events(inv invoice) []event {
	s.Helper()
	list := all[event](s, "/invoices/"+inv.ID+"/events?")
	slices.Reverse(list)
	return list
}

// until waits for something that must come true.
func (s *shop) until(what string, done func() bool) {
	s.Helper()
	for limit := time.Now().Add(s.most); !done(); time.Sleep(s.pause) {
		if time.Now().After(limit) {
			s.Fatalf("never: %s", what)
		}
	}
}

// untilStatus waits until an invoice stands somewhere.
func (s *shop) untilStatus(inv invoice, status string) {
	s.Helper()
	var got invoice
	s.until("invoice "+status, func() bool {
		return s.try("GET", "/invoices/"+inv.ID, "", &got) == nil && got.Status == status
	})
}

// want holds an invoice's and its newest attempt's state.
func (s *shop) want(inv invoice, status, attempt string) {
	s.Helper()
	got, list := s.fetch(inv), s.attempts(inv)
	if got.Status != status || len(list) == 0 || list[0].Status != attempt {
		s.Errorf("invoice is %s, want %s; attempts, newest first, want %s: %+v", got.Status, status, attempt, list)
	}
}
