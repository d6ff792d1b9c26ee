package gateways

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Object is one JSON object with its members still raw, so that a number keeps its digits.
type Object map[string]json.RawMessage

// ParseObject reads body as exactly one JSON object. What encoding/json would let pass is
// refused, since two readers of such a text could disagree about a payment: a member twice
// (at any depth), a known member in another case, invalid UTF-8, a BOM, anything after it.
func ParseObject(body []byte, known ...string) (Object, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("read JSON: invalid UTF-8")
	}
	if !json.Valid(body) {
		return nil, errors.New("read JSON: not one JSON value")
	}
	var all any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // 1e400 is a number, too
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if members(all) != colons(body) {
		return nil, errors.New("read JSON: a member twice")
	}
	return readObject(body, known)
}

// readObject reads an object of which it is known that it is valid and has no member twice.
func readObject(body []byte, known []string) (Object, error) {
	var o Object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, errors.New("read JSON: not an object")
	}
	if err := o.wrongCase(known); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return o, nil
}

// Child reads the member name as an object, like ParseObject.
func (o Object) Child(name string, known ...string) (Object, error) {
	raw, ok := o[name]
	if !ok {
		return nil, fmt.Errorf("read JSON: no %q", name)
	}
	child, err := readObject(raw, known) // valid to the last member, as its parent is
	if err != nil {
		return nil, fmt.Errorf("member %q: %w", name, err)
	}
	return child, nil
}

func (o Object) wrongCase(known []string) error {
	for name := range o {
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return fmt.Errorf("member %q in the wrong case", k)
			}
		}
	}
	return nil
}

// members counts the members of all objects in a value. Of a name that an object has twice the reader has
// kept one.
func members(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		n = len(v)
		for _, child := range v {
			n += members(child)
		}
	case []any:
		for _, child := range v {
			n += members(child)
		}
	}
	return n
}

// colons counts the members as they are written: in a valid text each has one colon outside of strings.
func colons(valid []byte) int {
	n, inside := 0, false
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '\\':
			i++ // only strings have it, and what follows ends none
		case '"':
			inside = !inside
		case ':':
			if !inside {
				n++
			}
		}
	}
	return n
}

// Null says that the member is absent or null.
func Null(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// Bool reads a JSON boolean and nothing that merely looks like one.
func Bool(raw json.RawMessage) (value, ok bool) {
	return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
}

// Text reads a JSON string.
func Text(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// Integer reads an integer: a JSON number without fraction or exponent, or a string of ASCII
// digits (CONTRACT §6.4).
func Integer(raw json.RawMessage) (int64, bool) {
	s, isText := Text(raw)
	if !isText {
		s = string(raw)
		if !integerLiteral(s) {
			return 0, false
		}
	} else if !Digits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// Identifier reads a string, or an integer literal digit for digit: tokens of 19 digits are
// larger than a float can hold, and RRNs begin with zeros.
func Identifier(raw json.RawMessage) (string, bool) {
	if s, ok := Text(raw); ok {
		return s, true
	}
	return string(raw), integerLiteral(string(raw))
}

func integerLiteral(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return Digits(digits) && s != "-0" && (digits == "0" || digits[0] != '0')
}

// Digits says that s is one or more ASCII digits.
func Digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
