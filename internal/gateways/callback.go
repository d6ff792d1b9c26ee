package gateways

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxFields     = 20
	maxFieldName  = 64
	maxFieldValue = 200
	maxNamed      = 256
	maxReference  = 64
	maxToken      = 256
)

// unreserved says that s is 1 to most of the characters that stand in a URL as they are (RFC 3986, 2.3).
func unreserved(s string, most int) bool { return len(s) <= most && only(s, "._~-") }

// only says that s has at least one character, and none but ASCII letters, digits and those of more.
func only(s, more string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(more, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool { return letter(c) || (c >= '0' && c <= '9') }

func letter(c byte) bool { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') }

// Form is what a browser brought, by lower-case name: vendors write refid, refId and RefId.
type Form map[string]string

// ParseForm folds the names of values. A name twice, in one case or in two, is refused, since
// it would mean what the reader likes; so is text that is not text.
func ParseForm(values url.Values) (Form, error) {
	form := Form{}
	for _, name := range sortedNames(values) {
		folded := lower(name)
		shown := capped(printable(name), maxFieldName)
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return nil, &CallbackError{Field: shown, Problem: "undecodable name"}
		}
		shown = lower(shown)
		if _, twice := form[folded]; twice || len(values[name]) > 1 {
			return nil, &CallbackError{Field: shown, Problem: "repeated"}
		}
		value := values.Get(name)
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, &CallbackError{Field: shown, Problem: "undecodable value"}
		}
		form[folded] = value
	}
	return form, nil
}

// Reference returns the named reference as received, checked against the strict set of
// CONTRACT §4; "" when it is absent or empty.
func (f Form) Reference(name string) (string, error) {
	value := f[name]
	if value != "" && !unreserved(value, maxReference) {
		return "", &CallbackError{Field: name, Problem: "not a reference"}
	}
	return value, nil
}

// Named returns a field that is only compared, as received.
func (f Form) Named(name string) (string, error) {
	if len(f[name]) > maxNamed {
		return "", &CallbackError{Field: name, Problem: "too long"}
	}
	return f[name], nil
}

// Record returns the fields for the record: known ones first, at most 20, redacted.
func (f Form) Record(redact Redactor, known ...string) map[string]string {
	fields := map[string]string{}
	for _, name := range append(slices.Clone(known), sortedNames(f)...) {
		value, ok := f[name]
		if !ok || len(fields) == maxFields {
			continue
		}
		shown := redact.Text(name, maxFieldName)
		if _, taken := fields[shown]; taken {
			continue // a known one again, or " code" beside "code"
		}
		fields[shown] = capped(printable(redact.secretless(redact.Field(name, value))), maxFieldValue)
	}
	return fields
}

// Canonical returns a reference as it is compared: of digits alone the leading zeros do not
// count (all zeros is "", no reference); anything else is itself.
func Canonical(ref string) string {
	if !Digits(ref) {
		return ref
	}
	return strings.TrimLeft(ref, "0")
}

// ValidToken says that s can be a gateway token within a URL path. "." and ".." are in the set
// but a browser would walk with them.
func ValidToken(s string) bool { return unreserved(s, maxToken) && s != "." && s != ".." }

// lower folds ASCII only: a Kelvin sign is not a k.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

func sortedNames[V any, M ~map[string]V](m M) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
