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
		"603799******1234":               "603799******1234",
		"6037********1234":               "6037********1234",
		"6037-99**-****-1234":            "603799******1234",
		"6037991234567890":               "603799******7890",
		"6037 9912 3456 7890":            "603799******7890",
		"6037-9912-3456-7890":            "603799******7890",
		"۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۰":               "603799******7890",
		"٦٠٣٧٩٩١٢٣٤٥٦٧٨٩٠":               "603799******7890",
		"60379912****7890":               "603799******7890",
		"6037xxxxxxxx1234":               "6037********1234",
		"1234":                           "1234",
		"6037991234":                     "6037991234", // ten are what a mask shows
		"60379912345":                    "603799******2345",
		"6037XX##••XX1234":               "6037********1234",
		"\u200e6037\u200f-9912 34567890": "603799******7890",
		"６０３７９９１２３４５６７８９０": "603799******7890",
		"6037a991234567890":              "",
		"6037/991234567890":              "",
		strings.Repeat("*", 20) + "1234": strings.Repeat("*", 20) + "1234",
		"":                               "",
		"<b>6037991234567890</b>":        "",
		"null":                           "",
		strings.Repeat("*", 25):          "",
		strings.Repeat("1", 10_000):      "111111******1111",
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
		{"broken JSON with text", `{card 6037 9912 3456 7890`, `{card 6037 99** **** 7890`},
		{"card in four numbers", `[6037,9912,3456,7890]`, `[6037,99**,****,7890]`},
		{"fifth group", "1234 6037 9912 3456 7890", "1234 6037 99** **** 7890"},
		{"wide gaps", "6037 - 9912 - 3456 - 7890", "6037 - 99** - **** - 7890"},
		{"broken JSON", `{"cardNumber":"6037991234567890`, `{"cardNumber":"603799******7890"`},
		{"twice", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"text", "card 6037991234567890\x00 s3cret", `card 603799******7890\u0000 [hidden]`},
		{"page", "<p>6037-9912-3456-7890</p>", "<p>6037-99**-****-7890</p>"},
		{"not a card", "1234567890123 12345678901234567", "1234567890123 12345678901234567"},
		{"bytes", "\xff\xfe", `\xff\xfe`},
		{"direction", "a\u202eb\u2066", `a\u202eb\u2066`},
		{"white space", "{ \t\"a\" :\t1,\n\"b\":\r2,  \"c\":\r\n3 }", `{ "a" : 1, "b": 2, "c": 3 }`},
		{"name and colon apart", "{\"token\"\t\r\n :1,\"hash\" : 2}", `{"token" :"[hidden]","hash" : "[hidden]"}`},
		{"card of no bank as a name", `{"2000000000000000":1}`, `{"200000******0000":1}`},
		{"negative card", `{"m":-2000000000000000}`, `{"m":"-200000******0000"}`},
		{"short tokens", `{"token":0,"hash":9,"mobile":-1}`, `{"token":"[hidden]","hash":"[hidden]","mobile":"[hidden]"}`},
		{"empty before a token", `{"a":"","token":"t1"}`, `{"a":"","token":"[hidden]"}`},
		{"half-space stays", "می\u200cشود", "می\u200cشود"},
		{"direction in JSON", "{\"m\":\"a\u202eb\"}", `{"m":"a\\u202eb"}`},
		{"bytes in JSON", "{\"m\":\"a\xffb\"}", `{"m":"a\xffb"}`},
		{"a page in JSON", `{"m":"<a href='x'>&s3cret</a>"}`, `{"m":"<a href='x'>&[hidden]</a>"}`},
	} {
		if got := r.Body([]byte(c.in)); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

// TestRedactor_Printable: what a terminal, a log or a page would act on is written out, each letter of it; what
// stands beside it stays as it is.
func TestRedactor_Printable(t *testing.T) {
	r := gateways.NewRedactor(nil)
	for in, want := range map[string]string{
		"a\nb\tc\rd": "a b c d", "a\x00b\x1fc d!e\x7ff\u0080g\u0085h\u009fi\u00a0": `a\u0000b\u001fc d!e\u007ff\u0080g\u0085h\u009fi`,
		"\x1bx": `\u001bx`, "x\x1b": `x\u001b`, "a\u061cb\u200eb\u200fb\u202ab\u2066b\u2069": `a\u061cb\u200eb\u200fb\u202ab\u2066b\u2069`,
		"a\u2027b\u2028c\u2029d\u2030": "a\u2027b" + `\u2028c\u2029d` + "\u2030", "a\ufefeb\ufeffc\uff00d": "a\ufefeb" + `\ufeff` + "c\uff00d",
		"a\U000dffffb\U000e0000c\U000e007fd\U000e0080e\U0010fffff": "a\U000dffffb" + `\ue0000c\ue007fd` + "\U000e0080e\U0010fffff",
		"a\ufffdb\xffc\xc3": "a\ufffdb" + `\xffc\xc3`, "\\ \" <&>": "\\ \" <&>",
	} {
		if got := r.Text(in, 1000); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestRedactor_Cards: what looks like a card number is masked in free text, wherever it stands and
// however it is written; in the place of a reference only that of an Iranian bank.
func TestRedactor_Cards(t *testing.T) {
	r := gateways.NewRedactor(nil)
	for in, want := range map[string]string{
		"6037991234567890":                  "603799******7890",
		"x6037991234567890y":                "x603799******7890y",
		"6037 9912 3456 7890":               "6037 99** **** 7890",
		"6037-9912.3456\u00a07890.":         "6037-99**.****\u00a07890.",
		"۶۰۳۷ ۹۹۱۲ ۳۴۵۶ ۷۸۹۰":               "۶۰۳۷ ۹۹** **** ۷۸۹۰",
		"６０３７９９１２３４５６７８９９":                  "６０３７９９******７８９９",
		"1111 6037 9912 3456 7890":          "1111 6037 99** **** 7890", // the first four are no card
		"603799123456789 0":                 "603799123456789 0",
		"603799123456789:":                  "603799123456789:",
		"۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹ۺ":                  "۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹ۺ",
		"6037 -+ 9912 -+ 3456 -+ 7890":      "6037 -+ 9912 -+ 3456 -+ 7890", // four signs are no gap
		"6037a9912b3456c7890":               "6037a9912b3456c7890",
		"9000000000000002":                  "900000******0002",
		"6037/9912/3456/7890":               "6037/99**/****/7890",
		"6037 9912 3456 789":                "6037 9912 3456 789",
		"6037 9912 345 67890":               "6037 9912 345 67890",
		"6037 991234567890":                 "6037 991234567890",
		"6037 9912 3456":                    "6037 9912 3456",
		"6037 9912 3456 ":                   "6037 9912 3456",
		"6037 9912 3456 78901":              "6037 9912 3456 78901",
		"60379 9123 4567 8901":              "60379 9123 4567 8901",
		"6037 9912 345 6789":                "6037 9912 345 6789",
		"1234 5678 9012 3452":               "1234 56** **** 3452", // passes the check of Luhn
		"1234 5678 9012 3453":               "1234 5678 9012 3453",
		"60379912345678901":                 "60379912345678901", // a token has 17 and more
		"6037991234567890 6037991234567891": "603799******7890 603799******7891",
		// By the first digit: 2 to 6 and 9 are those of cards; any other must pass the check of Luhn.
		"2000000000000000": "200000******0000", "6999999999999990": "699999******9990", "9000000000000001": "900000******0001",
		"0011223344556670": "001122******6670", "1234567890123452": "123456******3452", "7000000000000054": "700000******0054",
		"8123456789012340": "812345******2340", "1999999999999992": "199999******9992", "7555555555555553": "755555******5553",
		"0011223344556671": "0011223344556671", "1234567890123453": "1234567890123453", "7000000000000055": "7000000000000055",
		"8123456789012341": "8123456789012341", "1999999999999993": "1999999999999993", "7555555555555550": "7555555555555550",
	} {
		if got := r.Text(in, 500); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	// The first six digits of Iranian banks' cards, a second time.
	issuers := strings.Fields(`
207177 502229 502806 502908 502910 502937 502938 504172 504706 505416 505426 505785 505801 505809 507677 581672 581874 585947
585983 585949 589210 589463 603769 603770 603799 604932 606256 606373 610433 621986 622106 627353 627381 627412 627488 627648
627760 627884 627961 628023 628157 636214 636795 636797 636949 639194 639217 639346 639347 639370 639599 639607 606737 991975`)
	for _, issuer := range issuers {
		if got, want := r.Identifier(issuer+"0000001234"), issuer+"******1234"; got != want {
			t.Errorf("a card of %s in the place of a reference became %q", issuer, got)
		}
	}
	if got := r.Identifier("6037-9912-3456-7890"); got != "6037-99**-****-7890" {
		t.Errorf("a card in groups in the place of a reference became %q", got)
	}
	if got := r.Identifier("9000000000000001"); got != "9000000000000001" {
		t.Errorf("a reference of 16 digits became %q", got)
	}
}

// TestRedactor_Record: what stands in a record of another shape than the usual.
func TestRedactor_Record(t *testing.T) {
	r := gateways.NewRedactor([]string{"abc", "xy"}, "code").HideURL("https://pay.example/cb/gardeshpay/TOKEN")
	for in, want := range map[string]string{
		`["abc xy",{"token":"t1"}]`:            `["[hidden] xy",{"token":"[hidden]"}]`,
		`"\u0036037991234567890"`:              `"603799******7890"`,
		`back to TOKEN`:                        `back to [hidden]`,
		`{"m":"[{\"token\":\"t1\"}]"}`:         `{"m":"[{\"token\":\"[hidden]\"}]"}`,
		`{"m":"{\"mobile\":\"09121234567\"}"}`: `{"m":"{\"mobile\":\"[hidden]\"}"}`,
		`{"m":"{} abc"}`:                       `{"m":"{} [hidden]"}`,
	} {
		if got := r.Body([]byte(in)); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	for _, c := range []struct{ name, value, want string }{
		{"message", "", ""},
		{"code", "", ""},
		{"Payer_Mobile", "0912", "[hidden]"},
		{"payerName", "Sara", "[hidden]"},
		{"CardPan", "none", "[hidden]"},
		{"national_id", "1", "[hidden]"},
		{"e-mail", "a@example.com", "a@example.com"},
		{"email", "a@example.com", "[hidden]"},
		{"Authorization", "bearer", "[hidden]"},
		{"phone", "021", "[hidden]"},
		{"hash", "ab", "[hidden]"},
		{"RefId", "6037991234567890", "603799******7890"},
		{"refid", "9000000000000001", "9000000000000001"},
		{"trackingNumber", "9000000000000001", "9000000000000001"},
		{"refNumber", "9000000000000001", "9000000000000001"},
		{"invoiceNumber", "9000000000000001", "9000000000000001"},
		{"clientRefId", "9000000000000001", "9000000000000001"},
		{"note", "9000000000000001", "900000******0001"},
		{"note", `[{"token":"t1"}]`, `[{"token":"[hidden]"}]`},
	} {
		if got := r.Field(c.name, c.value); got != c.want {
			t.Errorf("%s = %s became %s, want %s", c.name, c.value, got, c.want)
		}
	}
	if got := gateways.NewRedactor(nil).Field("code", "9000000000000001"); got != "9000000000000001" {
		t.Errorf("code, where it is not hidden, became %s", got)
	}
	for in, want := range map[string]string{
		" 12\u202e abc ":         `12\u202e [hidden]`,
		strings.Repeat("7", 128): strings.Repeat("7", 128),
		strings.Repeat("7", 129): strings.Repeat("7", 125) + "…",
	} {
		if got := r.Identifier(in); got != want {
			t.Errorf("reference %q became %q, want %q", in, got, want)
		}
	}
}

// TestNewRedactor_OwnNames: what the caller does with its list afterwards uncovers nothing.
func TestNewRedactor_OwnNames(t *testing.T) {
	names := []string{"code"}
	r := gateways.NewRedactor(nil, names...)
	names[0] = "other"
	if got := r.Field("code", "82a4f72"); got != "[hidden]" {
		t.Errorf("a hidden name became %q", got)
	}
}

func TestRedactor_BodyCapped(t *testing.T) {
	got := gateways.NewRedactor(nil).Body([]byte("<" + strings.Repeat("ب", 5000)))
	if len(got) > 2048 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("kept %d bytes, valid %t", len(got), utf8.ValidString(got))
	}
	full := strings.Repeat("a", 2048)
	if got := gateways.NewRedactor(nil).Body([]byte(full)); got != full {
		t.Errorf("of 2048 bytes %d are kept", len(got))
	}
	if got, want := gateways.NewRedactor(nil).Body([]byte(full+"a")), full[:2045]+"…"; got != want {
		t.Errorf("of 2049 bytes %d are kept, ending in %q", len(got), got[len(got)-5:])
	}
	if got, want := gateways.NewRedactor(nil).Text("بب", 4), "بب"; got != want {
		t.Errorf("four bytes of four became %q", got)
	}
	if got, want := gateways.NewRedactor(nil).Text("ببx", 4), "…"; got != want { // half a letter is none
		t.Errorf("four bytes of five became %q, want %q", got, want)
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
		if json.Valid(raw) && utf8.Valid(raw) && len(raw) < 500 && len(got) < 2000 && raw[0] != '"' && !json.Valid([]byte(got)) && !strings.Contains(got, `\u`) && !strings.Contains(got, "[hidden]") && !strings.Contains(got, "**") {
			t.Fatalf("%q lost its shape: %q", raw, got)
		}
	})
}
