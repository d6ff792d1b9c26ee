package payments

import (
	"encoding/json"
	"math"
	"testing"

	"dargah/internal/app/checkout"
)

// What the events of a year were hashed with must not depend on who writes JSON.
func TestFacts_AsTheStandardWritesThem(t *testing.T) {
	texts := []string{"", "plain words 1-2_3~", "با فاصله", "a\"b", `a\b`, "<&>", "\n\t\x00\x1f\x7f", "\xff", "\u2028", "😀"}
	for c := range 256 {
		texts = append(texts, string([]byte{'a', byte(c), 'b'}), string(rune(c)))
	}
	all := []facts{
		nil,
		{},
		{"b": 1, "a": int64(-2), "c": true, "d": false, "e": nil, "f": 1.5, "z": "", "A": "x", "g": "9", "h": "10", "i": "11"},
		{"most": int64(math.MaxInt64), "least": int64(math.MinInt64), "int": math.MinInt},
		{"body": body(`{ "a" : [1, "<b>"] }`)},
		{"body": body(`{broken`)},
		{"body": body("")},
		{"body": json.RawMessage(nil)},
		{"status": checkout.AttemptPaid, "list": []string{"a", "<"}},
	}
	for _, text := range texts {
		all = append(all, facts{"text": text}, facts{text: 1, "a": text})
	}
	for _, f := range all {
		want := []byte("{}")
		if f != nil {
			var err error
			if want, err = json.Marshal(map[string]any(f)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := f.text(); err != nil || got != string(want) {
			t.Errorf("%v: %s, %v; the standard library writes %s", f, got, err, want)
		}
	}
	if _, err := (facts{"a": func() {}}).text(); err == nil {
		t.Error("what is no fact was written")
	}
}

// A gateway's answer stands in an event as what it is when it is an object, and as a text in every other
// case: no answer makes an event that cannot be read, or a number of what was a word.
func TestBody_ObjectsOnly(t *testing.T) {
	for redacted, want := range map[string]string{
		`{"code":15}`: `{"code":15}`, `{}`: `{}`, `{broken`: `"{broken"`, ` {"code":15}`: `" {\"code\":15}"`,
		`15`: `"15"`, `null`: `"null"`, `true`: `"true"`, `[1]`: `"[1]"`, `"15"`: `"\"15\""`, "": `""`, "time-out": `"time-out"`,
	} {
		if got, err := (facts{"body": body(redacted)}).text(); err != nil || got != `{"body":`+want+`}` {
			t.Errorf("%s: %s, %v", redacted, got, err)
		}
	}
}

func BenchmarkFacts(b *testing.B) {
	f := facts{"gateway": "gardeshpay", "amount": int64(1500000), "ref_number": "R12345", "tracking_number": "T12345", "card_mask": "603799******1234"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.text(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFactsByTheStandard(b *testing.B) {
	f := facts{"gateway": "gardeshpay", "amount": int64(1500000), "ref_number": "R12345", "tracking_number": "T12345", "card_mask": "603799******1234"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(f); err != nil {
			b.Fatal(err)
		}
	}
}
