package gardeshpay

import (
	"encoding/json"
	"errors"
	"fmt"

	"dargah/internal/gateways"
)

// errBesideError is the answer that says yes and no.
var errBesideError = errors.New("success beside an error")

// judgeStart decides what an answer to getToken means.
func judgeStart(resp gateways.Response, s gateways.Settings, redact gateways.Redactor) (gateways.Started, error) {
	e, err := readEnvelope(resp.Body)
	switch {
	case err != nil:
		return gateways.Started{}, undocumented(resp, err, redact)
	case !e.success && resp.Documented():
		return gateways.Started{}, &gateways.StartError{
			Code: redact.Text(e.code, maxCode), Message: redact.Text(e.message, maxMessage),
			RequestID: resp.RequestID(), Body: redact.Body(resp.Body),
		}
	case !resp.OK():
		return gateways.Started{}, undocumented(resp, errors.New(e.message), redact)
	case e.code != "" || e.errors:
		return gateways.Started{}, undocumented(resp, errBesideError, redact)
	}
	data, err := e.top.Child("data", "url", "token")
	if err != nil {
		return gateways.Started{}, undocumented(resp, err, redact)
	}
	base, ok := gateways.Text(data["url"])
	if !ok {
		return gateways.Started{}, undocumented(resp, errors.New("data.url is not a string"), redact)
	}
	// Tokens of 19 digits were seen; as a number one must keep every digit.
	token, ok := gateways.Identifier(data["token"])
	if !ok || !gateways.ValidToken(token) {
		return gateways.Started{}, undocumented(resp, errors.New("data.token is not a token"), redact)
	}
	redact = redact.With(token)
	redirect, err := gateways.JoinRedirect(base, token, s["redirect_hosts"], gateways.LoopbackURL(s["token_url"]))
	if err != nil {
		return gateways.Started{}, gateways.Trouble(resp, err, "redirect_refused", err.Error(), redact)
	}
	return gateways.Started{
		Token: token, Redirect: redirect, RequestID: resp.RequestID(), Body: redact.Body(resp.Body),
	}, nil
}

// undocumented says which status, when that is the trouble, since 401 and 403 have a mend.
func undocumented(resp gateways.Response, err error, redact gateways.Redactor) error {
	if !resp.OK() {
		return gateways.Trouble(resp, err, fmt.Sprintf("http_%d", resp.Status), fmt.Sprintf("status %d: %v", resp.Status, err), redact)
	}
	return gateways.Trouble(resp, err, "undocumented_answer", err.Error(), redact)
}

const (
	maxCode    = 64
	maxMessage = 500
)

// judgeVerify decides what an answer to verify proves. Whatever is not proven stays Unknown.
func judgeVerify(resp gateways.Response, r gateways.VerifyRequest, a gateways.Answer, redact gateways.Redactor) gateways.Answer {
	e, err := readEnvelope(resp.Body)
	if err != nil {
		return a.Settle(gateways.Unknown, "", redact.Text(err.Error(), maxMessage))
	}
	if e.success {
		return judgeSuccess(resp, e, r, a, redact)
	}
	if !resp.Documented() {
		return a.Settle(gateways.Unknown, "", fmt.Sprintf("refused with status %d, which decides nothing", resp.Status))
	}
	// A refusal of something verified before says yes and no.
	data, _ := gateways.ParseObject(e.top["data"]) // a refusal may have none
	if before, _, err := beside(e.top, data, "verifiedBefore", flag); before || err != nil {
		return a.Settle(gateways.Unknown, "", "refused, but verified before")
	}
	a = a.Settle(gateways.Refused, redact.Text(e.code, maxCode), redact.Text(e.message, maxMessage))
	// The guide lists no codes, so every refusal may be taken back, and none binds a reference.
	a.Soft, a.Hard = true, true
	return a
}

func judgeSuccess(resp gateways.Response, e envelope, r gateways.VerifyRequest, a gateways.Answer, redact gateways.Redactor) gateways.Answer {
	if !resp.OK() {
		return a.Settle(gateways.Unknown, "", fmt.Sprintf("success with status %d", resp.Status))
	}
	if e.code != "" || e.errors {
		return a.Settle(gateways.Unknown, "", errBesideError.Error())
	}
	v, err := readVerified(e.top)
	if err != nil {
		return a.Settle(gateways.Unknown, "", redact.Text(err.Error(), maxMessage))
	}
	a.VerifiedBefore = v.before
	a.RefNumber = redact.Identifier(v.refNumber)
	a.CardMask = gateways.MaskCard(v.cardNumber)
	message := redact.Text(e.message, maxMessage)
	switch {
	// The trackingNumber of another, cheaper invoice can be pasted into a callback: only our own
	// number in the answer ties the money to this attempt.
	case v.invoiceNumber != r.OurNumber:
		return a.Settle(gateways.Review, "invoice_mismatch", message)
	case v.amount != r.WireAmount:
		return a.Settle(gateways.Review, "amount_mismatch", message)
	}
	return a.Settle(gateways.Paid, "", message)
}

// verified is a documented success.
type verified struct {
	amount                               int64
	before                               bool
	invoiceNumber, refNumber, cardNumber string
}

func readVerified(top gateways.Object) (verified, error) {
	data, err := top.Child("data", "cardNumber", "refNumber", "message", "invoiceNumber", "invoiceDate",
		"amount", "verifiedBefore")
	if err != nil {
		return verified{}, err
	}
	var v verified
	var told bool
	if v.amount, told, _ = beside(top, data, "amount", gateways.Integer); !told {
		return verified{}, errors.New("amount is not one integer")
	}
	if v.before, _, err = beside(top, data, "verifiedBefore", flag); err != nil {
		return verified{}, err
	}
	var ok bool
	if v.invoiceNumber, ok = gateways.Text(data["invoiceNumber"]); !ok {
		return verified{}, errors.New("data.invoiceNumber is not a string")
	}
	// Not documented at the top; if it is there it must not say otherwise.
	if outer, ok := gateways.Text(top["invoiceNumber"]); !gateways.Null(top["invoiceNumber"]) && (!ok || outer != v.invoiceNumber) {
		return verified{}, errors.New("two invoice numbers")
	}
	if v.refNumber, err = optional(data["refNumber"]); err != nil {
		return verified{}, fmt.Errorf("data.refNumber: %w", err)
	}
	if v.cardNumber, err = optional(data["cardNumber"]); err != nil {
		return verified{}, fmt.Errorf("data.cardNumber: %w", err)
	}
	return v, nil
}

// beside reads a member that the guide's table prints beside data, while its neighbours carry the
// prefix "data.": it is taken in either place, and two different ones are a contradiction.
func beside[T comparable](top, data gateways.Object, name string, read func(json.RawMessage) (T, bool)) (value T, told bool, err error) {
	var none T
	for _, o := range []gateways.Object{top, data} {
		raw, present := o[name]
		if !present {
			continue
		}
		v, ok := read(raw)
		switch {
		case !ok:
			return none, false, fmt.Errorf("%s has another form", name)
		case told && v != value:
			return none, false, fmt.Errorf("two different values of %s", name)
		}
		value, told = v, true
	}
	return value, told, nil
}

// flag reads verifiedBefore, which a first verify may leave null.
func flag(raw json.RawMessage) (value, ok bool) {
	if gateways.Null(raw) {
		return false, true
	}
	return gateways.Bool(raw)
}

// optional reads a text that may be missing or null. Some answers have numbers in such places.
func optional(raw json.RawMessage) (string, error) {
	if gateways.Null(raw) {
		return "", nil
	}
	s, ok := gateways.Identifier(raw)
	if !ok {
		return "", errors.New("neither a string nor an integer")
	}
	return s, nil
}
