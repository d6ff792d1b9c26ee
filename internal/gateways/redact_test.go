package gateways_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gatewaystest"
)

func TestMaskCard(t *testing.T) {
	for in, want := range map[string]string{
		"603799******1234":          "603799******1234",
		"6037********1234":          "6037********1234",
		"6037-99**-****-1234":       "603799******1234",
		"6037991234567890":          "603799******7890",
		"6037 9912 3456 7890":       "603799******7890",
		"6037-9912-3456-7890":       "603799******7890",
		"۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۰":          "603799******7890",
		"٦٠٣٧٩٩١٢٣٤٥٦٧٨٩٠":          "603799******7890",
		"60379912****7890":          "603799******7890",
		"6037xxxxxxxx1234":          "6037********1234",
		"1234":                      "1234",
		"":                          "",
		"<b>6037991234567890</b>":   "",
		"null":                      "",
		strings.Repeat("*", 25):     "",
		strings.Repeat("1", 10_000): "111111******1111",
	} {
		if got := gateways.MaskCard(in); got != want {
			t.Errorf("MaskCard(%.40q) = %q, want %q", in, got, want)
		}
	}
}

func TestRedactor_Body(t *testing.T) {
	r := gateways.NewRedactor([]string{"s3cret", "s3cret-long", "ab"}, "code")
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "  \n", ""},
		{"shape stays", `{"a" : [1, 2.50, -3e4, true, null, "x"]}`, `{"a" : [1, 2.50, -3e4, true, null, "x"]}`},
		{"card by name", `{"cardNumber":"6037991234567890"}`, `{"cardNumber":"603799******7890"}`},
		{"card by name, short", `{"cardCount":2}`, `{"cardCount":2}`},
		{"card in an array", `{"cards":["6037991234567890","y"]}`, `{"cards":["603799******7890","[hidden]"]}`},
		{"card escaped", `{"m":"\u0036037991234567890"}`, `{"m":"603799******7890"}`},
		{"card as a number", `{"m":6037991234567890}`, `{"m":"603799******7890"}`},
		{"card as a name", `{"6037991234567890":1}`, `{"603799******7890":1}`},
		{"hash", `{"cardHashPan":"AB\"C","x":1}`, `{"cardHashPan":"[hidden]","x":1}`},
		{"hidden name", `{"Code":"82a4f72"}`, `{"Code":"[hidden]"}`},
		{"token", `{"data":{"token":1403121807581998242}}`, `{"data":{"token":"[hidden]"}}`},
		{"long number stays", `{"trackingNumber":1403121807581998242}`, `{"trackingNumber":1403121807581998242}`},
		{"16 digits that are a reference", `{"refNumber":"9000000000000001"}`, `{"refNumber":"9000000000000001"}`},
		{"16 digits that are a card", `{"refNumber":"6219861234567890"}`, `{"refNumber":"621986******7890"}`},
		{"longest secret first", `{"m":"s3cret-long s3cret ab"}`, `{"m":"[hidden] [hidden] ab"}`},
		{"secret escaped", `{"m":"s3\u0063ret"}`, `{"m":"[hidden]"}`},
		{"broken JSON", `{"cardNumber":"6037991234567890`, `{"cardNumber":"603799******7890"`},
		{"twice", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"text", "card 6037991234567890\x00 s3cret", `card 603799******7890\u0000 [hidden]`},
		{"page", "<p>6037-9912-3456-7890</p>", "<p>6037-99**-****-7890</p>"},
		{"not a card", "1234567890123 12345678901234567", "1234567890123 12345678901234567"},
		{"bytes", "\xff\xfe", `\xff\xfe`},
		{"direction", "a\u202eb\u2066", `a\u202eb\u2066`},
		{"half-space stays", "می\u200cشود", "می\u200cشود"},
	} {
		if got := r.Body([]byte(c.in)); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestRedactor_BodyCapped(t *testing.T) {
	got := gateways.NewRedactor(nil).Body([]byte("<" + strings.Repeat("ب", 5000)))
	if len(got) > 2048 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("kept %d bytes, valid %t", len(got), utf8.ValidString(got))
	}
}

func FuzzRedactor(f *testing.F) {
	for _, seed := range []string{`{"cardNumber":"6037991234567890"}`, `{"a":"`, "s3cretvalue", `["\ud800"]`, "\xff", `{"a":{"token":"x"},"b":1e5}`, "۶۰۳۷ ۹۹۱۲ ۳۴۵۶ ۷۸۹۰"} {
		f.Add([]byte(seed))
	}
	r := gateways.NewRedactor([]string{"s3cretvalue"})
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := r.Body(raw)
		if len(got) > 2048 || !utf8.ValidString(got) {
			t.Fatalf("kept %d bytes, valid %t", len(got), utf8.ValidString(got))
		}
		if strings.Contains(got, "s3cretvalue") || gatewaystest.HoldsCard(got) {
			t.Fatalf("kept %q", got)
		}
		for _, c := range got {
			if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
				t.Fatalf("kept %q in %q", c, got)
			}
		}
		if json.Valid(raw) && utf8.Valid(raw) && len(raw) < 500 && len(got) < 2000 && raw[0] != '"' && !json.Valid([]byte(got)) && !strings.Contains(got, `\u`) && !strings.Contains(got, "[hidden]") {
			t.Fatalf("%q lost its shape: %q", raw, got)
		}
	})
}
