package i18n_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"dargah/internal/app/i18n"

	"pgregory.net/rapid"
)

// A number of Bank Melli's range with a right check digit, belonging to nobody we know.
const card = "6037991234567893"

func TestLuhnCard_Finds(t *testing.T) {
	for _, s := range []string{
		card, "6037 9912 3456 7893", "6037-9912-3456-7893", "۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۳", "٦٠٣٧٩٩١٢٣٤٥٦٧٨٩٣",
		"کارت من " + card + " است", "واریز به ۶۰۳۷ ۹۹۱۲ ۳۴۵۶ ۷۸۹۳، نرگس", "6037.9912.3456.7893", "6037/9912/3456/7893",
		"6037  9912 - 3456 / 7893", "6037\u200c9912\u200c3456\u200c7893", "\u202a6037\u202c 9912 3456 7893", "60379912\n34567893",
		"6 0 3 7 9 9 1 2 3 4 5 6 7 8 9 3", "6037 9912 3456 7893 1403/05", "1403 6037 9912 3456 7893", "2 × " + card + "!",
		"no" + card + "no", "IR " + card, "4111111111111111", "6037 9912 3456 7893 0000 0000 0000 0000",
	} {
		if !i18n.LuhnCard(s) {
			t.Errorf("%q: not found", s)
		}
	}
}

func TestLuhnCard_LeavesAlone(t *testing.T) {
	for _, s := range []string{
		"", "سفارش ۱۰۲۴", "6037991234567894", "6037 9912 3456 789", "603799******7893", "1" + card, card + "7",
		"0000000000000000", "1234567812345670", "شماره 603799123456 و 7893", "6037 9912 3456 a 7893",
		"6037    9912 3456 7893", "740218839451", "09121234567 09131234567", "²" + strings.Repeat("²", 15),
	} {
		if i18n.LuhnCard(s) {
			t.Errorf("%q: taken for a card", s)
		}
	}
}

// One in ten windows of an account number passes the check digit of a card; merchants
// write their account numbers into descriptions.
func TestLuhnCard_Sheba(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{24}`).Draw(t, "digits")
		grouped := "IR" + digits[:2]
		for i := 2; i < len(digits); i += 4 {
			grouped += " " + digits[i:min(i+4, len(digits))]
		}
		for _, s := range []string{"IR" + digits, grouped, "شبا: " + strings.ToLower(grouped) + " به نام نرگس"} {
			if i18n.LuhnCard(s) {
				t.Fatalf("%q: taken for a card", s)
			}
		}
		if !i18n.LuhnCard(grouped + " " + card) {
			t.Fatalf("%q: a card behind an account number was not found", grouped+" "+card)
		}
	})
}

// Every script's digits count: a card number written in Devanagari is one.
func TestLuhnCard_EveryScript(t *testing.T) {
	scripts := 0
	check := func(lo, hi, stride uint32) {
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Fatalf("%U–%U: not ten digits in a row; the value of a digit cannot be told by its place", lo, hi)
		}
		for zero := lo; zero < hi; zero += 10 {
			scripts++
			s := strings.Map(func(r rune) rune { return r - '0' + rune(zero) }, card)
			if !i18n.LuhnCard(s) {
				t.Errorf("%U: %q not found", zero, s)
			}
		}
	}
	for _, r := range unicode.Nd.R16 {
		check(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride))
	}
	for _, r := range unicode.Nd.R32 {
		check(r.Lo, r.Hi, r.Stride)
	}
	if scripts < 50 {
		t.Errorf("only %d scripts", scripts)
	}
}

// Of any sixteen digits exactly one value of the last makes a card number.
func TestLuhnCard_OneCheckDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[2-9][0-9]{14}`).Draw(t, "body")
		found := 0
		for d := range 10 {
			if i18n.LuhnCard(fmt.Sprint(body, d)) {
				found++
			}
		}
		if found != 1 {
			t.Fatalf("%s: %d check digits", body, found)
		}
	})
}

func FuzzLuhnCard(f *testing.F) {
	f.Add("سفارش ", " ۱۴۰۳")
	f.Add("IR", "")
	f.Add("6037 ", " 9912")
	f.Fuzz(func(t *testing.T, before, after string) {
		i18n.LuhnCard(before + after)
		// Beside letters nothing hides a card number, whatever else the text holds.
		if !i18n.LuhnCard(before + "کارت" + card + "کارت" + after) {
			t.Fatalf("%q and %q hide a card number", before, after)
		}
	})
}

func TestBank(t *testing.T) {
	tests := []struct{ mask, fa, en string }{
		{"603799******1234", "بانک ملی", "Bank Melli"},
		{"6037-99**-****-1234", "بانک ملی", "Bank Melli"},
		{"6104 33** **** 1234", "بانک ملت", "Bank Mellat"},
		{"603799", "بانک ملی", "Bank Melli"},
		{"60379*******1234", "", ""},
		{"6037**99****1234", "", ""},
		{"000000******1234", "", ""},
		{"************1234", "", ""},
		{"", "", ""},
		{"bank", "", ""},
	}
	for _, tt := range tests {
		if fa, en := i18n.Bank(i18n.FA, tt.mask), i18n.Bank(i18n.EN, tt.mask); fa != tt.fa || en != tt.en {
			t.Errorf("%q = %q, %q, want %q, %q", tt.mask, fa, en, tt.fa, tt.en)
		}
	}
}
