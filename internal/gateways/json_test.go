package gateways_test

import (
	"encoding/json"
	"strings"
	"testing"

	"dargah/internal/gateways"
)

func TestParseObject(t *testing.T) {
	for in, fine := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{"a":{"b":1},"c":{"b":1}}`: true, `{"A":1,"a":1}`: true, `{"a":[{"b":1},{"b":2}]}`: true,
		``: false, `null`: false, `[]`: false, `1`: false, `"{}"`: false, `{}{}`: false, `{},`: false, `{"a":1,}`: false,
		"\ufeff{}": false, `{"a":"` + "\xff" + `"}`: false, `{"a":1,"a":1}`: false, `{"a":{"b":1,"b":2}}`: false, `{"a":[[{"b":1,"b":2}]]}`: false,
		`{"a":1,"\u0061":2}`: false, `{"Known":1}`: false, `{"known":1,"KNOWN":1}`: false, `{"\u212Anown":1}`: false, `{"known":1}`: true,
		`{'a':1}`: false, `{"a":01}`: false, `{"a":NaN}`: false, strings.Repeat("[", 60_000): false,
		`{"a":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`: true,
	} {
		if _, err := gateways.ParseObject([]byte(in), "known"); (err == nil) != fine {
			t.Errorf("%.60q: %v", in, err)
		}
	}
}

func TestInteger(t *testing.T) {
	for in, want := range map[string]int64{
		`0`: 0, `1500000`: 1500000, `-5`: -5, `"1500000"`: 1500000, `"007"`: 7, `9223372036854775807`: 1<<63 - 1, `"9223372036854775807"`: 1<<63 - 1,
	} {
		if got, ok := gateways.Integer(json.RawMessage(in)); !ok || got != want {
			t.Errorf("%s: %d, %t", in, got, ok)
		}
	}
	for _, in := range []string{
		``, `null`, `true`, `1.0`, `1e3`, `1E3`, `-0`, `9223372036854775808`, `"9223372036854775808"`, `""`, `" 1"`, `"1 "`, `"+1"`, `"-1"`, `"1.0"`,
		`"0x1"`, `"۱"`, `[1]`, `{"a":1}`, `"1_000"`, `"1,000"`,
	} {
		if got, ok := gateways.Integer(json.RawMessage(in)); ok {
			t.Errorf("%s was read as %d", in, got)
		}
	}
}

func TestIdentifier(t *testing.T) {
	for in, want := range map[string]string{`"00123"`: "00123", `1403121807581998242`: "1403121807581998242", `123456789012345678901234567890`: "123456789012345678901234567890", `""`: ""} {
		if got, ok := gateways.Identifier(json.RawMessage(in)); !ok || got != want {
			t.Errorf("%s: %q, %t", in, got, ok)
		}
	}
	for _, in := range []string{``, `null`, `1.5`, `1e3`, `true`, `{}`, `[]`} {
		if got, ok := gateways.Identifier(json.RawMessage(in)); ok {
			t.Errorf("%s was read as %q", in, got)
		}
	}
}
