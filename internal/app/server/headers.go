package server

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// headers are the ones of every answer of ours, errors included (CONTRACT §4).
type headers struct {
	policy, loopbackPolicy []string
	transport              []string
}

// The parts of the policy. Nothing is loaded but our own sheet, font and pictures; the mark in the
// browser's tab is a data: address, which saves every first visit a request. form-action names
// https: because a browser checks every hop of the redirect after a form, and a bank's hops are
// not ours to know.
const (
	policyBase = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'self' https:"
	// The grammar of the policy has no IPv6 address (CSP 3, host-source), so [::1] cannot be named.
	policyLoopback = " http://127.0.0.1:* http://localhost:*"
)

// policyScripts is added on pages that have a script of ours, which only talks to us.
const policyScripts = "; script-src 'self'; connect-src 'self'"

// AllowScripts lets the page that is about to be sent run our own script. Of the customers' pages only
// one has any: that on which an amount is typed.
func AllowScripts(c echo.Context) {
	out := c.Response().Header()
	out["Content-Security-Policy"] = []string{out.Get("Content-Security-Policy") + policyScripts}
}

func newHeaders(https bool) headers {
	h := headers{
		policy:         []string{policyBase},
		loopbackPolicy: []string{policyBase + policyLoopback},
	}
	if https {
		h.transport = []string{"max-age=31536000"} // no includeSubDomains: the shop's other names are not ours
	}
	return h
}

// The values are shared by all answers: a handler that wants another one sets it, none appends.
var (
	noSniff  = []string{"nosniff"}
	referrer = []string{"strict-origin"}
	noStore  = []string{"no-store"}
	noIndex  = []string{"noindex"}
)

func (h *headers) set(out http.Header, loopbackForms bool) {
	out["Content-Security-Policy"] = h.policy
	if loopbackForms {
		out["Content-Security-Policy"] = h.loopbackPolicy
	}
	out["X-Content-Type-Options"] = noSniff
	out["Referrer-Policy"] = referrer
	out["Cache-Control"] = noStore
	out["X-Robots-Tag"] = noIndex
	if h.transport != nil {
		out["Strict-Transport-Security"] = h.transport
	}
}
