package gateways_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"dargah/internal/gateways"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0": "", "000": "", "7": "7", "007": "7", "70": "70", "0x7": "0x7", "00a": "00a", "-07": "-07",
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
	for name, value := range fields {
		if len([]rune(value)) > 200 || len(value) > 200 {
			t.Errorf("%s keeps %d bytes", name, len(value))
		}
	}
}
