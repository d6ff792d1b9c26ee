package gateways_test

import (
	"testing"

	"dargah/internal/gateways"
)

// What stands in strings is no member: colons, quotes, backslashes and braces count for nothing there.
func TestParseObject_Strings(t *testing.T) {
	for body, members := range map[string]int{
		`{}`:                                  0,
		` {"a":1} `:                           1,
		`{"a":"b:c"}`:                         1,
		`{"a:b":"c","d":1}`:                   2,
		`{"a":"\":\"","b":1}`:                 2,
		`{"a":"\\","b":":"}`:                  2,
		`{"a":"\\\":","b":1}`:                 2,
		`{"a":"[:]:{","b":"}:"}`:              2,
		`{"a":"]:","b":[{"c":1},{"c":"\\"}]}`: 2,
		`{"message":"https://bank.example/?a=\"1\"","data":{"message":"12:30"}}`: 2,
		`{"a":1e400,"b":-0}`:           2,
		`{"a":"\u0022:","b":"\ud800"}`: 2,
	} {
		o, err := gateways.ParseObject([]byte(body))
		if err != nil || len(o) != members {
			t.Errorf("%s: %d members, %v", body, len(o), err)
		}
	}
	for _, body := range []string{
		``, `{`, `{}x`, `{} {}`, `{"a":1}}`, `{"a":1,}`, `{"a"}`, `[]`, `null`, `"a"`, "\ufeff{}", "{\"a\":\"\xff\"}",
		`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"a":":","a":":"}`, `{"b":{"a":1,"a":2}}`, `{"b":[[{"a":1},{"a":1,"a":{}}]]}`, `{"a":"x","b":{},"b":"\\"}`,
	} {
		if o, err := gateways.ParseObject([]byte(body)); err == nil {
			t.Errorf("%s was taken: %v", body, o)
		}
	}
}
