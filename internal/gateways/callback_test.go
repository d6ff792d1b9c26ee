package gateways_test

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dargah/internal/app/money"
	"dargah/internal/gateways"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0": "", "000": "", "7": "7", "007": "7", "70": "70", "0x7": "0x7", "00a": "00a", "0:": "0:", "0/": "0/", "-07": "-07",
		"۰۷": "۰۷", " 07": " 07", strings.Repeat("0", 63) + "1": "1", "1403121807581998242": "1403121807581998242",
	} {
		if got := gateways.Canonical(in); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"", "0", "00123", "a0", "۰۱", "-01", "1e3", "0.5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := gateways.Canonical(s)
		if gateways.Canonical(c) != c {
			t.Fatalf("not stable: %q, %q", s, c)
		}
		// Two references are one exactly if they are equal as text, or both digits and equal as numbers.
		if c != s && (!gateways.Digits(s) || strings.TrimLeft(s, "0") != c) {
			t.Fatalf("%q became %q", s, c)
		}
		if gateways.Digits(s) && gateways.Canonical("0"+s) != c {
			t.Fatalf("a zero before %q counts", s)
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil && n > 0 && gateways.Digits(s) && c != strconv.FormatUint(n, 10) {
			t.Fatalf("%q became %q", s, c)
		}
	})
}

func TestRecord_Bounds(t *testing.T) {
	values := url.Values{"refid": {"5001"}}
	for i := range 100 {
		values.Set("field"+strconv.Itoa(i), strings.Repeat("ب", 1000))
	}
	form, err := gateways.ParseForm(values)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	fields := form.Record(gateways.NewRedactor(nil), "refid")
	if len(fields) != 20 || fields["refid"] != "5001" {
		t.Errorf("kept %d fields, refid %q", len(fields), fields["refid"])
	}
	for _, name := range strings.Fields("field0 field1 field10 field11 field12 field13 field14 field15 field16 field17 field18 field19 field2 field20 field21 field22 field23 field24 field25") {
		if fields[name] == "" {
			t.Errorf("%s is not kept, though it is among the first by name: %v", name, slices.Sorted(maps.Keys(fields)))
		}
	}
	for name, value := range fields {
		if len([]rune(value)) > 200 || len(value) > 200 {
			t.Errorf("%s keeps %d bytes", name, len(value))
		}
	}
}

// TestRecord: what is kept of a form names no secret, no card, and is no longer than it may be; the
// caller's own list of names stays as it is.
func TestRecord(t *testing.T) {
	form, err := gateways.ParseForm(url.Values{
		"refid": {"5001"}, "A6037991234567890": {"x"}, strings.Repeat("n", 65): {"y"}, "note": {"my s3cret is out"}, "z": {strings.Repeat("v", 201)},
	})
	if err != nil {
		t.Fatal(err)
	}
	names := append(make([]string, 0, 16), "refid", "code")
	fields := form.Record(gateways.NewRedactor([]string{"s3cret"}), names[:1]...)
	want := map[string]string{
		"refid": "5001", "a603799******7890": "x", strings.Repeat("n", 61) + "…": "y", "note": "my [hidden] is out", "z": strings.Repeat("v", 197) + "…",
	}
	if !maps.Equal(fields, want) {
		t.Errorf("kept %q, want %q", fields, want)
	}
	if names[1] != "code" {
		t.Errorf("the caller's names became %q", names)
	}
}

// TestParseForm: what cannot be read in one way only is refused, and the refusal shows the name, not
// the value, in printable text of at most 64 bytes.
func TestParseForm(t *testing.T) {
	for name, c := range map[string]struct {
		values         url.Values
		field, problem string
	}{
		"NUL in a name":        {url.Values{"a\x00b": {"1"}}, `a\u0000b`, "undecodable name"},
		"broken name":          {url.Values{"a\xff": {"1"}}, `a\xff`, "undecodable name"},
		"NUL in a value":       {url.Values{"RefId": {"1\x00"}}, "refid", "undecodable value"},
		"broken value":         {url.Values{"RefId": {"\xff"}}, "refid", "undecodable value"},
		"twice":                {url.Values{"RefId": {"1", "1"}}, "refid", "repeated"},
		"twice in two cases":   {url.Values{"RefId": {"1"}, "refid": {"1"}}, "refid", "repeated"},
		"a long name, 64":      {url.Values{strings.Repeat("n", 64): {"1", "2"}}, strings.Repeat("n", 64), "repeated"},
		"a longer name, twice": {url.Values{strings.Repeat("n", 65): {"1", "2"}}, strings.Repeat("n", 61) + "…", "repeated"},
	} {
		_, err := gateways.ParseForm(c.values)
		wrong, ok := errors.AsType[*gateways.CallbackError](err)
		if !ok || wrong.Field != c.field || wrong.Problem != c.problem {
			t.Errorf("%s: %v, want %s: %s", name, err, c.field, c.problem)
		}
	}
	form, err := gateways.ParseForm(url.Values{"REFIDZ": {"1"}, "a[b": {"\x01"}, "\u212a": {"kelvin"}})
	if err != nil || !maps.Equal(form, gateways.Form{"refidz": "1", "a[b": "\x01", "\u212a": "kelvin"}) {
		t.Errorf("read %q, %v", form, err)
	}
}

func TestForm_NamedAndReference(t *testing.T) {
	form := gateways.Form{"fits": strings.Repeat("x", 256), "long": strings.Repeat("x", 257), "ref": "A.b_~-9", "bad": "a b", "empty": ""}
	if got, err := form.Named("fits"); err != nil || got != form["fits"] {
		t.Errorf("256 bytes: %d of them, %v", len(got), err)
	}
	wrong, ok := errors.AsType[*gateways.CallbackError](second(form.Named("long")))
	if !ok || wrong.Field != "long" || wrong.Problem != "too long" {
		t.Errorf("257 bytes: %v", wrong)
	}
	if got, err := form.Reference("ref"); err != nil || got != "A.b_~-9" {
		t.Errorf("a reference: %q, %v", got, err)
	}
	for _, name := range []string{"empty", "absent"} {
		if got, err := form.Reference(name); err != nil || got != "" {
			t.Errorf("an %s one: %q, %v", name, got, err)
		}
	}
	wrong, ok = errors.AsType[*gateways.CallbackError](second(form.Reference("bad")))
	if !ok || wrong.Field != "bad" || wrong.Problem != "not a reference" {
		t.Errorf("not a reference: %v", wrong)
	}
	for ref, fine := range map[string]bool{strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "ref\n": false, "a/b": false, "۱۲": false} {
		if _, err := (gateways.Form{"r": ref}).Reference("r"); (err == nil) != fine {
			t.Errorf("reference %q: %v", ref, err)
		}
	}
}

func second(_ string, err error) error { return err }

func TestValidToken(t *testing.T) {
	for token, fine := range map[string]bool{
		"a": true, "A.b_~-9": true, "..a": true, strings.Repeat("a", 256): true, strings.Repeat("a", 257): false,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "a\n": false,
	} {
		if gateways.ValidToken(token) != fine {
			t.Errorf("token %.20q: %t", token, !fine)
		}
	}
}

// TestWire: rial as they are, toman only whole ones.
func TestWire(t *testing.T) {
	if got, err := gateways.Wire(15, "rial"); err != nil || got != 15 {
		t.Errorf("15 rial in rial: %d, %v", got, err)
	}
	if got, err := gateways.Wire(150, "toman"); err != nil || got != 15 {
		t.Errorf("150 rial in toman: %d, %v", got, err)
	}
	if got, err := gateways.Wire(155, "toman"); !errors.Is(err, money.ErrNotWholeToman) || got != 0 {
		t.Errorf("155 rial in toman: %d, %v", got, err)
	}
}

// TestStartError: what went wrong on the way stays visible through it.
func TestStartError(t *testing.T) {
	cause := errors.New("reset")
	if !errors.Is(&gateways.StartError{Err: cause}, cause) {
		t.Error("the cause is lost")
	}
}
