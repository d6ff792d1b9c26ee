package gardeshpay

import (
	"encoding/json"
	"errors"

	"dargah/internal/gateways"
)

// tokenRequest is the body of getToken, by the vendor's guide; token is the field clients'.
type tokenRequest struct {
	Token         string `json:"token,omitempty"`
	Amount        int64  `json:"amount"`
	InvoiceNumber string `json:"invoiceNumber"`
	InvoiceDate   string `json:"invoiceDate"`
	Mobile        string `json:"mobile,omitempty"`
	Email         string `json:"email,omitempty"`
	Callback      string `json:"callback"`
}

type verifyRequest struct {
	Token          string `json:"token,omitempty"`
	TrackingNumber string `json:"trackingNumber"`
}

// envelope is what every answer has in common.
type envelope struct {
	top     gateways.Object
	success bool
	code    string // the error code as text, "" when there is none
	message string
	errors  bool // errors holds something
}

// readEnvelope reads the members documented for both calls, at the top.
func readEnvelope(body []byte) (envelope, error) {
	top, err := gateways.ParseObject(body, "success", "data", "code", "message", "errors",
		"amount", "verifiedBefore", "invoiceNumber")
	if err != nil {
		return envelope{}, err
	}
	success, ok := gateways.Bool(top["success"])
	if !ok {
		return envelope{}, errors.New("success is not a boolean")
	}
	e := envelope{top: top, success: success, code: errorCode(top["code"]), errors: !empty(top["errors"])}
	if text, ok := gateways.Text(top["message"]); ok {
		e.message = text
	} else if !gateways.Null(top["message"]) {
		e.message = string(top["message"])
	}
	if e.message == "" && e.errors {
		e.message = string(top["errors"])
	}
	return e, nil
}

// errorCode is "" when code is absent, null, 0 or 200 (CONTRACT §6.4). The guide says integer and
// lists none, so a code in any other form is still taken for one.
func errorCode(raw json.RawMessage) string {
	if gateways.Null(raw) {
		return ""
	}
	if n, ok := gateways.Integer(raw); ok && (n == 0 || n == 200) {
		return ""
	}
	if text, _ := gateways.Identifier(raw); text != "" {
		return text
	}
	return string(raw) // "" as a text is not an absent one
}

// empty says that errors holds nothing. The guide says array; answers of the same vendor's other
// services have an object there.
func empty(raw json.RawMessage) bool {
	var value any
	_ = json.Unmarshal(raw, &value) // a part of what was valid JSON; absent it stays nil
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case string:
		return v == ""
	case bool:
		return !v
	}
	return false
}
