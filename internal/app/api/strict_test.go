package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"dargah/internal/app/api"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
	}{
		{"object", `{"a":1,"b":[true,false,null,"x",{"c":-0.5e3}]}`, nil},
		{"space everywhere", " {\t\"a\" :\n1 , \"b\" : [ ] ,\r\"c\" : { } } ", nil},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\tA\u0000"}`, nil},
		{"surrogate pair", `{"a":"\ud83d\ude00"}`, nil},
		{"escaped backslash before u", `{"a":"\\ud800"}`, nil},
		{"same name at two levels", `{"a":{"a":1}}`, nil},
		{"same name in two elements", `[{"a":1},{"a":1}]`, nil},
		{"names that differ by case", `{"a":1,"A":2}`, nil},
		{"scalar", `7`, nil},
		{"empty", ``, api.ErrNotJSON},
		{"half", `{"a":1`, api.ErrNotJSON},
		{"junk behind", `{"a":1}x`, api.ErrNotJSON},
		{"second value behind", `{"a":1}{"a":1}`, api.ErrNotJSON},
		{"trailing comma", `{"a":1,}`, api.ErrNotJSON},
		{"single quotes", `{'a':1}`, api.ErrNotJSON},
		{"comment", `{"a":1}//`, api.ErrNotJSON},
		{"NaN", `{"a":NaN}`, api.ErrNotJSON},
		{"leading zero", `{"a":01}`, api.ErrNotJSON},
		{"plus", `{"a":+1}`, api.ErrNotJSON},
		{"Persian digits", `{"a":۱۰۰۰}`, api.ErrNotJSON},
		{"raw control character", "{\"a\":\"\x01\"}", api.ErrNotJSON},
		{"byte order mark", "\ufeff{}", api.ErrNotJSON},
		{"twice", `{"amount":1000,"amount":9}`, api.ErrRepeated},
		{"twice by escape", `{"amount":1000,"amoun\u0074":9}`, api.ErrRepeated},
		{"twice below", `{"customer":{"name":"a","name":"b"}}`, api.ErrRepeated},
		{"twice among many", manyMembers(60, true), api.ErrRepeated},
		{"many", manyMembers(60, false), nil},
		{"bad UTF-8", "{\"a\":\"\xff\"}", api.ErrNotText},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", api.ErrNotText},
		{"lone high surrogate", `{"a":"\ud800"}`, api.ErrNotText},
		{"lone low surrogate", `{"a":"\udc00"}`, api.ErrNotText},
		{"high surrogate before text", `{"a":"\ud800x12345"}`, api.ErrNotText},
		{"high surrogate before another escape", `{"a":"\ud800\n"}`, api.ErrNotText},
		{"two high surrogates", `{"a":"\ud800\ud800"}`, api.ErrNotText},
		{"lone surrogate in a name", `{"\udfff":1}`, api.ErrNotText},
		{"as deep as may be", strings.Repeat("[", 17) + strings.Repeat("]", 17), nil},
		{"too deep", strings.Repeat("[", 18) + strings.Repeat("]", 18), api.ErrTooDeep},
		{"absurdly deep", strings.Repeat("[", 30000), api.ErrNotJSON},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := api.Parse([]byte(tt.in))
			if !errors.Is(err, tt.want) || (tt.want == nil && err != nil) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && !reflect.DeepEqual(got, decode(t, []byte(tt.in))) {
				t.Fatalf("read %#v", got)
			}
		})
	}
}

func manyMembers(n int, twice bool) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":1,`)
	}
	if twice {
		return b.String() + `"kxxx":2}`
	}
	return b.String() + `"last":2}`
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses what we took: %v", err)
	}
	return v
}

// FuzzParse holds the reader against encoding/json: what it takes it reads the same, and what it
// refuses is either no JSON at all or one of the readings that two programs could differ in.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1000}`, `{"a":"\ud83d\ude00\\","b":[1,-2.5e-7,[],{}]}`, `{"a":1,"a":2}`, `"\ud800"`, "\xff", `[[[[1]]]] `, `{}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := api.Parse(raw)
		switch {
		case err == nil:
			if !reflect.DeepEqual(got, decode(t, raw)) {
				t.Fatalf("%q: read %#v", raw, got)
			}
		case errors.Is(err, api.ErrNotJSON):
			if json.Valid(raw) {
				t.Fatalf("%q is JSON", raw)
			}
		case errors.Is(err, api.ErrNotText):
			if utf8.Valid(raw) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ud`)) {
				t.Fatalf("%q is text", raw)
			}
		case errors.Is(err, api.ErrRepeated):
			compact := new(bytes.Buffer)
			if err := json.Compact(compact, raw); err != nil || bytes.Count(compact.Bytes(), []byte(`":`)) < 2 {
				t.Fatalf("%q has no two members", raw)
			}
		case errors.Is(err, api.ErrTooDeep):
			if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) < 17 {
				t.Fatalf("%q is not deep", raw)
			}
		default:
			t.Fatalf("%q: %v", raw, err)
		}
	})
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "fa": "fa", "fa-IR,fa;q=0.9,en;q=0.8": "fa", "en-US,en;q=0.9,fa;q=0.8": "en", "de": "en", "de,fa;q=0.3": "fa",
		"fa;q=0": "en", "en;q=0.2, FA-ir;q=0.5": "fa", "*": "en", "fa;q=x": "fa", ";;,,": "en",
	} {
		if got := api.Language(accept); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}
