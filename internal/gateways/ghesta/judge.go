package ghesta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"dargah/internal/gateways"
)

const (
	maxCode    = 64
	maxMessage = 500
)

// Patterns are compiled when the first one is needed: no start waits for them.
var (
	numberKey = pattern(`^[1-9][0-9]{0,8}$`)
	fieldKey  = pattern(`^[A-Za-z_$][A-Za-z0-9_.$\[\]-]{0,63}$`)
	hashText  = pattern(`^[A-Za-z0-9+/=_-]{16,128}$`)
)

func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// judgeStart decides what an answer to create means.
func judgeStart(resp gateways.Response, s gateways.Settings, redact gateways.Redactor) (gateways.Started, error) {
	switch resp.Status {
	case http.StatusOK:
	case http.StatusBadRequest:
		refusals, err := readRefusals(resp.Body)
		if err != nil {
			return gateways.Started{}, trouble(resp, err, redact)
		}
		return gateways.Started{}, &gateways.StartError{
			Code:      redact.Text(joined(refusals, func(r refusal) string { return r.key }), maxCode),
			Message:   redact.Text(joined(refusals, func(r refusal) string { return r.message }), maxMessage),
			RequestID: resp.RequestID(), Body: redact.Body(resp.Body),
		}
	default:
		return gateways.Started{}, trouble(resp, errors.New("no documented answer"), redact)
	}
	o, err := gateways.ParseObject(resp.Body, "code")
	if err != nil {
		return gateways.Started{}, trouble(resp, err, redact)
	}
	code, _ := gateways.Text(o["code"])
	if !gateways.ValidToken(code) {
		return gateways.Started{}, trouble(resp, errors.New("code is not a payment code"), redact)
	}
	return gateways.Started{
		Token:     code,
		Redirect:  strings.Replace(s["installment_url"], "{code}", url.PathEscape(code), 1),
		RequestID: resp.RequestID(),
		Body:      redact.With(code).Body(resp.Body),
	}, nil
}

func trouble(resp gateways.Response, err error, redact gateways.Redactor) error {
	if resp.Status != http.StatusOK {
		return gateways.Trouble(resp, err, fmt.Sprintf("http_%d", resp.Status), fmt.Sprintf("status %d: %v", resp.Status, err), redact)
	}
	return gateways.Trouble(resp, err, "undocumented_answer", err.Error(), redact)
}

// judgeSuccess decides what a 200 of verify proves: only with the amount is it the documented one.
func judgeSuccess(resp gateways.Response, r gateways.VerifyRequest, a gateways.Answer, redact gateways.Redactor) gateways.Answer {
	unknown := func(why string) gateways.Answer { return a.Settle(gateways.Unknown, "", why) }
	o, err := gateways.ParseObject(resp.Body, "amount", "cardNumber", "cardHashPan", "clientRefId")
	if err != nil {
		return unknown(redact.Text(err.Error(), maxMessage))
	}
	for name := range o {
		if numberKey().MatchString(name) {
			return unknown("success beside an error code")
		}
	}
	amount, ok := gateways.Integer(o["amount"])
	if !ok {
		return unknown("amount is not an integer")
	}
	card, ok := optional(o["cardNumber"])
	if !ok {
		return unknown("cardNumber has another form")
	}
	hash, ok := optional(o["cardHashPan"])
	if !ok {
		return unknown("cardHashPan has another form")
	}
	// Version 2 tells no order; a later one does, and then it must be ours.
	ours, ok := optional(o["clientRefId"])
	if !ok {
		return unknown("clientRefId has another form")
	}
	a.RefNumber, a.CardMask, a.CardHash = r.Reference, gateways.MaskCard(card), cardHash(hash)
	switch {
	case ours != "" && ours != r.OurNumber:
		return a.Settle(gateways.Review, "invoice_mismatch", "")
	case amount != r.WireAmount:
		return a.Settle(gateways.Review, "amount_mismatch", "")
	}
	return a.Settle(gateways.Paid, "", "")
}

// judgeRefusal decides what a 400 of verify means: a flat map of code (or field) to words.
func judgeRefusal(resp gateways.Response, a gateways.Answer, redact gateways.Redactor) gateways.Answer {
	refusals, err := readRefusals(resp.Body)
	if err != nil {
		return a.Settle(gateways.Unknown, "", redact.Text(err.Error(), maxMessage))
	}
	if len(refusals) > 1 {
		return a.Settle(gateways.Unknown, "", "several codes at once")
	}
	message := redact.Text(refusals[0].message, maxMessage)
	code := refusals[0].key
	// Something like " 15" or "015" is too near to a code to be called a refusal and too far to
	// be called that code.
	if !numberKey().MatchString(code) && !fieldKey().MatchString(code) {
		return a.Settle(gateways.Unknown, "", "neither a code nor a field")
	}
	switch k := kinds[code]; k {
	case alreadyVerified:
		return a.Settle(gateways.AlreadyVerified, code, message)
	case customerCanceled:
		return a.Settle(gateways.Canceled, code, message)
	case ourMistake:
		return a.Settle(gateways.Review, code, message)
	default:
		a.Soft, a.Hard = k == soft, k == hard
		return a.Settle(gateways.Refused, code, message)
	}
}

// refusal is one entry of a 400 map.
type refusal struct{ key, message string }

// readRefusals reads the map, in the order of its keys. Values are text by the specification,
// but clients that relied on it have crashed.
func readRefusals(body []byte) ([]refusal, error) {
	o, err := gateways.ParseObject(body)
	if err != nil {
		return nil, err
	}
	if len(o) == 0 {
		return nil, errors.New("read JSON: an empty map")
	}
	list := make([]refusal, 0, len(o))
	for key, raw := range o {
		list = append(list, refusal{key: key, message: words(raw)})
	}
	slices.SortFunc(list, func(a, b refusal) int { return strings.Compare(a.key, b.key) })
	return list, nil
}

func words(raw json.RawMessage) string {
	if s, ok := gateways.Text(raw); ok {
		return s
	}
	if gateways.Null(raw) {
		return ""
	}
	return string(raw)
}

func joined(list []refusal, part func(refusal) string) string {
	parts := make([]string, 0, len(list))
	for _, r := range list {
		parts = append(parts, part(r))
	}
	return strings.Join(parts, ", ")
}

// optional reads a text that may be missing, null or empty: instalment payments tell no card.
func optional(raw json.RawMessage) (string, bool) {
	if gateways.Null(raw) {
		return "", true
	}
	return gateways.Identifier(raw)
}

// cardHash keeps a hash (64 hexadecimal digits were seen) and nothing else under its name, in
// particular no card number.
func cardHash(s string) string {
	if !hashText().MatchString(s) || gateways.Digits(s) {
		return ""
	}
	return s
}
