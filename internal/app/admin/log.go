package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/web/templates"
)

// foldFrom is how many unanswered asks in a row are shown as one.
const foldFrom = 4

// log is the timeline, newest first. A gateway that kept silent for minutes is one entry.
func (v *visit) log(d *dossier) []templates.LogEntry {
	var list []templates.LogEntry
	for i := 0; i < len(d.events); {
		run := i
		for run < len(d.events) && silent(&d.events[run]) {
			run++
		}
		if run-i < 2*foldFrom {
			list = append(list, v.entry(d, &d.events[i]))
			i++
			continue
		}
		asks := 0
		folded := v.entry(d, &d.events[i])
		folded.More, folded.Raw, folded.Small = nil, "", nil
		for ; i < run; i++ {
			if d.events[i].Type == checkout.EventVerifyAsked {
				asks++
			}
			folded.More = append(folded.More, v.entry(d, &d.events[i]))
		}
		folded.Icon, folded.Text = "asked", v.l.T("admin.log.silent", "count", number(v.l, asks))
		list = append(list, folded)
	}
	return list
}

// silent is an ask, or an answer that decided nothing.
func silent(e *checkout.Event) bool {
	return e.Type == checkout.EventVerifyAsked || (e.Type == checkout.EventVerifyAnswered && data(e)["outcome"] == "unknown")
}

// entry is one event for reading, with who did it and what the gateway said.
func (v *visit) entry(d *dossier, e *checkout.Event) templates.LogEntry {
	m := data(e)
	out := templates.LogEntry{
		Time: i18n.ClockSeconds(v.l, e.CreatedAt), Day: i18n.DateFigures(v.l, e.CreatedAt), Text: v.told(e, m), Icon: icons[e.Type], Class: "",
	}
	switch e.Type {
	case checkout.EventInvoicePaid:
		out.Class = "paid"
	case checkout.EventAttemptNeedsReview, checkout.EventAttemptUnclaimed, checkout.EventCallbackMismatch, checkout.EventCallbackRejected:
		out.Class = "wait"
	case checkout.EventAttemptFailed:
		out.Class = "failed"
	}
	small := func(key, value string, copied bool) {
		if value != "" {
			out.Small = append(out.Small, templates.Fact{Label: v.l.T("admin.fact." + key), Value: value, Copy: copied})
		}
	}
	out.Small = append(out.Small, templates.Fact{Label: v.actorName(d, e.Actor), Value: e.RequestID, Copy: true})
	small("tracking", text(m["tracking_number"]), true)
	if ref := text(m["ref_number"]); ref != text(m["tracking_number"]) {
		small("ref", ref, true)
	}
	small("gateway_request", e.GatewayID, true)
	if body, ok := m["body"]; ok {
		out.Raw = pretty(body, m["http_status"])
	}
	return out
}

var icons = map[string]string{
	checkout.EventInvoiceCreated: "created", checkout.EventInvoiceUpdated: "edit", checkout.EventInvoicePaid: "paid", checkout.EventInvoiceExpired: "expired",
	checkout.EventInvoiceCanceled: "canceled", checkout.EventInvoiceReopened: "circle", checkout.EventInvoiceRefunded: "refund",
	checkout.EventAttemptCreated: "lock", checkout.EventAttemptRedirected: "left", checkout.EventAttemptReturned: "returned", checkout.EventAttemptFailed: "failed",
	checkout.EventAttemptCanceled: "canceled", checkout.EventAttemptAbandoned: "expired", checkout.EventAttemptUnclaimed: "refund",
	checkout.EventAttemptNeedsReview: "question", checkout.EventAttemptResolved: "person",
	checkout.EventCallbackReceived: "returned", checkout.EventCallbackMismatch: "warning", checkout.EventCallbackRejected: "warning",
	checkout.EventVerifyAsked: "ask", checkout.EventVerifyAnswered: "asked",
}

// told says what happened.
func (v *visit) told(e *checkout.Event, m map[string]any) string {
	l := v.l
	switch e.Type {
	case checkout.EventInvoiceUpdated:
		if m["forgotten"] == true {
			return l.T("admin.event.invoice.forgotten")
		}
		return l.T("admin.event.invoice.updated", "fields", v.fieldNames(m["fields"]))
	case checkout.EventInvoiceRefunded:
		return l.T("admin.event.invoice.refunded", "amount", v.toman(rial(m["amount"])))
	case checkout.EventAttemptCreated:
		return l.T("admin.event.attempt.created", "gateway", v.method(text(m["gateway"])))
	case checkout.EventAttemptRedirected:
		return l.T("admin.event.attempt.redirected", "host", text(m["host"]))
	case checkout.EventAttemptFailed:
		return l.T("admin.event.attempt.failed", "why", strings.TrimSpace(i18n.CleanText(text(m["code"])+" "+text(m["message"]))))
	case checkout.EventAttemptNeedsReview:
		return l.T("admin.event.attempt.needs_review", "why", v.reason(&checkout.Failure{Code: text(m["reason"])}))
	case checkout.EventAttemptUnclaimed:
		return l.T("admin.event.attempt.unclaimed", "why", v.unclaimedWhy(&checkout.Attempt{UnclaimedWhy: text(m["why"])}))
	case checkout.EventAttemptResolved:
		if outcome := text(m["outcome"]); outcome == "paid" || outcome == "failed" || outcome == "closed" {
			return l.T("admin.resolved." + outcome)
		}
	case checkout.EventVerifyAsked:
		return l.T("admin.event.verify.asked", "ask", i18n.Digits(l, text(m["ask"])))
	case checkout.EventVerifyAnswered:
		if outcome := text(m["outcome"]); isOutcome(outcome) {
			return l.T("admin.answer." + outcome)
		}
	}
	if icons[e.Type] == "" {
		return e.Type
	}
	return l.T("admin.event." + e.Type)
}

func isOutcome(s string) bool {
	switch s {
	case "paid", "refused", "unknown", "already_verified", "review", "canceled":
		return true
	}
	return false
}

// fieldNames are the fields of an edit, as the form names them.
func (v *visit) fieldNames(list any) string {
	names, _ := list.([]any)
	var out []string
	for _, n := range names {
		switch name := text(n); name {
		case "amount", "description", "reference", "customer", "items", "gateways", "expires_at", "return_url", "locale", "metadata":
			out = append(out, v.l.T("admin.field."+name))
		default:
			out = append(out, name)
		}
	}
	comma := "، "
	if v.l == i18n.EN {
		comma = ", "
	}
	return strings.Join(out, comma)
}

func text(x any) string {
	switch t := x.(type) {
	case string:
		return t
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	}
	return ""
}

func rial(x any) money.Rial {
	f, _ := x.(float64)
	return money.Rial(f)
}

// pretty is a gateway's redacted answer as a person can read it.
func pretty(body, status any) string {
	head := ""
	if s := text(status); s != "" {
		head = "HTTP " + s + "\n"
	}
	if s, ok := body.(string); ok {
		return head + s
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(body); err != nil {
		return head + fmt.Sprint(body)
	}
	return head + strings.TrimSpace(out.String())
}
