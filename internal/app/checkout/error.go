package checkout

import "errors"

// Kind is what sort of trouble an Error is. It is itself an error, so that
// errors.Is(err, checkout.NotFound) reads as it should.
type Kind string

// The closed list of kinds. One table in server turns them into statuses.
const (
	Invalid     Kind = "invalid"       // 422: what was given is wrong
	NotFound    Kind = "not_found"     // 404
	Conflict    Kind = "conflict"      // 409: the state forbids it
	Forbidden   Kind = "forbidden"     // 403
	Unauthed    Kind = "unauthorized"  // 401
	TooMany     Kind = "too_many"      // 429
	GatewayDown Kind = "gateway_error" // 502: the gateway did not take the customer
	Unavailable Kind = "unavailable"   // 503: the store does not answer
	Internal    Kind = "internal"      // 500
)

func (k Kind) Error() string { return string(k) }

// FieldError is one wrong field of what was given. Code is a stable word for programs and, as
// "error."+Code, a catalogue key for people.
type FieldError struct{ Field, Code string }

// Error is the one error type of the house. Key is a catalogue key: people read a translated
// sentence and never our text. Err is for the log.
type Error struct {
	Kind   Kind
	Key    string
	Fields []FieldError
	Err    error
}

func (e *Error) Error() string {
	s := string(e.Kind) + ": " + e.Key
	for _, f := range e.Fields {
		s += " " + f.Field + "=" + f.Code
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes both the kind and the cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Kind, e.Err}
	}
	return []error{e.Kind}
}

// KindOf returns the kind of err, Internal when it has none, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var k Kind // an *Error unwraps to its own first
	if errors.As(err, &k) {
		return k
	}
	return Internal
}

// Fail is short for a plain error of a kind with a catalogue key.
func Fail(k Kind, key string) *Error { return &Error{Kind: k, Key: key} }

// WrongField is short for one wrong field.
func WrongField(field, code string) *Error {
	return &Error{Kind: Invalid, Key: "error.invalid", Fields: []FieldError{{field, code}}}
}
