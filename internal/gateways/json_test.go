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
		`{"a":1e999}`: true, `{'a':1}`: false, `{"a":01}`: false, `{"a":NaN}`: false, strings.Repeat("[", 60_000): false,
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
		`007`, `-`, `"0x1"`, `"۱"`, `[1]`, `{"a":1}`, `"1_000"`, `"1,000"`,
	} {
		if got, ok := gateways.Integer(json.RawMessage(in)); ok || (got != 0 && !strings.Contains(in, "92233")) {
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

// TestObject_Child: a member that is not there, or is no object, or has a member in the wrong case.
func TestObject_Child(t *testing.T) {
	o, err := gateways.ParseObject([]byte(`{"a":{"known":1},"b":[],"c":null,"d":{"Known":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if child, err := o.Child("a", "known"); err != nil || string(child["known"]) != "1" {
		t.Errorf("a: %v, %v", child, err)
	}
	for _, name := range []string{"b", "c", "d", "e"} {
		if child, err := o.Child(name, "known"); err == nil || child != nil || !strings.Contains(err.Error(), `"`+name+`"`) && name != "d" {
			t.Errorf("%s was read as %v, %v", name, child, err)
		}
	}
	if _, err := o.Child("e"); err == nil || err.Error() != `read JSON: no "e"` {
		t.Errorf("what is missing: %v", err)
	}
}

func TestText(t *testing.T) {
	if got, ok := gateways.Text(json.RawMessage(`"a\u0062"`)); !ok || got != "ab" {
		t.Errorf("%q, %t", got, ok)
	}
	for _, in := range []string{``, `1`, `null`, `"abc`, `"a\x"`} {
		if got, ok := gateways.Text(json.RawMessage(in)); ok || got != "" {
			t.Errorf("%s was read as %q", in, got)
		}
	}
}

func TestBoolAndNull(t *testing.T) {
	for in, want := range map[string][2]bool{`true`: {true, true}, `false`: {false, true}, `"true"`: {}, `1`: {}, `null`: {}, ``: {}} {
		if value, ok := gateways.Bool(json.RawMessage(in)); value != want[0] || ok != want[1] {
			t.Errorf("%s was read as %t, %t", in, value, ok)
		}
	}
	for in, want := range map[string]bool{``: true, `null`: true, `0`: false, `""`: false} {
		if gateways.Null(json.RawMessage(in)) != want {
			t.Errorf("%q is null: %t", in, !want)
		}
	}
}
