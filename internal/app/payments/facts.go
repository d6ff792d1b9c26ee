package payments

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// facts are an event's data. No token, no personal data beyond the card mask, no credential.
type facts map[string]any

// text is the JSON that json.Marshal makes of them. A payment has eight events, whose facts are nearly
// all plain words and numbers: those are written as they are.
func (f facts) text() (string, error) {
	var room [8]string
	names := room[:0]
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	b := make([]byte, 0, 128)
	for i, name := range names {
		b = append(b, "{,"[min(i, 1)])
		var err error
		if b, err = appendFact(b, name); err != nil {
			return "", err
		}
		b = append(b, ':')
		if b, err = appendFact(b, f[name]); err != nil {
			return "", fmt.Errorf("fact %s: %w", name, err)
		}
	}
	if len(names) == 0 {
		return "{}", nil
	}
	return string(append(b, '}')), nil
}

func appendFact(b []byte, fact any) ([]byte, error) {
	switch v := fact.(type) {
	case string:
		if plainWord(v) {
			return append(append(append(b, '"'), v...), '"'), nil
		}
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	}
	text, err := json.Marshal(fact)
	return append(b, text...), err
}

// plainWord says that s stands in JSON as it is.
func plainWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// body is a gateway's redacted words as they stand in an event: JSON as what it is, anything else as
// a text.
func body(redacted string) any {
	if strings.HasPrefix(redacted, "{") && json.Valid([]byte(redacted)) {
		return json.RawMessage(redacted)
	}
	return redacted
}
