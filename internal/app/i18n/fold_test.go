package i18n_test

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"dargah/internal/app/i18n"

	"pgregory.net/rapid"
)

func TestDigits(t *testing.T) {
	if got := i18n.Digits(i18n.FA, "0123456789 — No. 7، ۸"); got != "۰۱۲۳۴۵۶۷۸۹ — No. ۷، ۸" {
		t.Errorf("fa: %q", got)
	}
	if got := i18n.Digits(i18n.EN, "0123456789"); got != "0123456789" {
		t.Errorf("en: %q", got)
	}
	if got := i18n.FoldDigits("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩ علی ۱a٬"); got != "01234567890123456789 علی 1a٬" {
		t.Errorf("fold: %q", got)
	}
}

func TestFoldDigits_UndoesDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9a-zآ-غف-وی ,.\-]*`).Draw(t, "s")
		if got := i18n.FoldDigits(i18n.Digits(i18n.FA, s)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func TestFoldMobile(t *testing.T) {
	for _, s := range []string{
		"09121234567", "9121234567", "+989121234567", "00989121234567", "989121234567",
		"۰۹۱۲۱۲۳۴۵۶۷", "٠٩١٢١٢٣٤٥٦٧", "+۹۸ ۹۱۲ ۱۲۳ ۴۵۶۷", "0912 123 4567", "0912-123-4567", "0912.123.4567",
		" 09121234567\n", "+98 (0)912 123 4567", "0098 0912 123 4567", "(0912) 1234567",
		"\u202a+98 912 123 4567\u202c", "\u200e0912\u00a0123\u00a04567", "0912\u200c1234567",
	} {
		if got, err := i18n.FoldMobile(s); got != "09121234567" || err != nil {
			t.Errorf("%q = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", " ", "+", "0912123456", "091212345678", "08121234567", "02112345678", "+9121234567", "+09121234567",
		"+919121234567", "00919121234567", "+00989121234567", "98+9121234567", "++989121234567", "0912123456a", "09121234567,",
		"0912123456/7", "९१२१२३४५६७", "9 121 234 567 8", strings.Repeat("0", 99), "+98 9121234567 09121234567", "-9121234567x",
	} {
		if got, err := i18n.FoldMobile(s); !errors.Is(err, i18n.ErrMobile) || got != "" {
			t.Errorf("%q = %q, %v", s, got, err)
		}
	}
}

var mobileShape = regexp.MustCompile(`^09[0-9]{9}$`)

func FuzzFoldMobile(f *testing.F) {
	for _, s := range []string{"09121234567", "+۹۸ ۹۱۲ ۱۲۳ ۴۵۶۷", "0098", "+98 (0)912", "\u202a9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := i18n.FoldMobile(s)
		if err != nil {
			if got != "" {
				t.Fatalf("%q: %q beside an error", s, got)
			}
			return
		}
		if !mobileShape.MatchString(got) {
			t.Fatalf("%q became %q", s, got)
		}
		typed := ""
		for _, r := range i18n.FoldDigits(s) {
			if r >= '0' && r <= '9' {
				typed += string(r)
			}
		}
		if !strings.HasSuffix(typed, got[1:]) {
			t.Fatalf("%q became %q, whose digits were not typed", s, got)
		}
		if again, err := i18n.FoldMobile(got); again != got || err != nil {
			t.Fatalf("%q is not stable: %q, %v", got, again, err)
		}
	})
}

func TestFoldAmount(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "7": 7, "007": 7, "2705000": 2705000, "2,705,000": 2705000, "۲٬۷۰۵٬۰۰۰": 2705000, "٢٬٧٠٥٬٠٠٠": 2705000,
		"۲،۷۰۵،۰۰۰": 2705000, "2 705 000": 2705000, "2\u00a0705\u202f000": 2705000, " 100,000 ": 100000, "\u200e۱۰۰\u200f": 100,
		"9223372036854775807": math.MaxInt64, "9,223,372,036,854,775,807": math.MaxInt64,
	} {
		if got, err := i18n.FoldAmount(s); got != want || err != nil {
			t.Errorf("%q = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", " ", ",", "٬", "1.5", "۱٫۵", "1.000", "2.705.000", "-1", "+1", "−1", "1e3", "0x10", "1_000", "۱۰ تومان", "abc",
		"12,50", "1,5", "1,0000", "1000,000", ",100", "100,", "1,,000", "1, 000", "1,000,00", "1\n000", "1/000",
		"9223372036854775808", "99999999999999999999", "9,223,372,036,854,775,808", "१००",
	} {
		if got, err := i18n.FoldAmount(s); !errors.Is(err, i18n.ErrAmount) || got != 0 {
			t.Errorf("%q = %d, %v", s, got, err)
		}
	}
}

func FuzzFoldAmount(f *testing.F) {
	for _, s := range []string{"2,705,000", "۲٬۷۰۵٬۰۰۰", "1.5", "-1", "9223372036854775808", "12,50"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := i18n.FoldAmount(s)
		if err != nil {
			if n != 0 {
				t.Fatalf("%q: %d beside an error", s, n)
			}
			return
		}
		// The digits that were typed, and nothing else, make the amount.
		var want int64
		for _, r := range i18n.FoldDigits(s) {
			if r >= '0' && r <= '9' {
				want = want*10 + int64(r-'0')
			}
		}
		if n < 0 || n != want || strings.ContainsAny(s, ".٫-+") {
			t.Fatalf("%q became %d", s, n)
		}
	})
}

func TestFoldSum(t *testing.T) {
	for s, want := range map[string]struct {
		n    int64
		unit i18n.Unit
	}{
		"1500000": {1_500_000, i18n.UnitUnsaid}, "۱٬۵۰۰٬۰۰۰": {1_500_000, i18n.UnitUnsaid}, "1.500.000": {1_500_000, i18n.UnitUnsaid},
		"١٥٠٠٠٠ تومان": {150_000, i18n.UnitToman}, "تومان ۱۵۰": {150, i18n.UnitToman}, "150تومن": {150, i18n.UnitToman}, "150 000 Toman": {150_000, i18n.UnitToman},
		"۱۵۰۰ ريال": {1500, i18n.UnitRial}, "IRR 1,500": {1500, i18n.UnitRial}, "1500 rials": {1500, i18n.UnitRial}, "rial 15 rial": {15, i18n.UnitRial},
	} {
		if n, unit, err := i18n.FoldSum(s); n != want.n || unit != want.unit || err != nil {
			t.Errorf("%q = %d in %d, %v", s, n, unit, err)
		}
	}
	for _, s := range []string{"", "تومان", "rial", "12.5", "1.50", "150 dollar", "x150", "-150", "150-", "1500 toman rial", "rial 1500 toman", "۱٫۵", "1500,", "order 15"} {
		if n, unit, err := i18n.FoldSum(s); !errors.Is(err, i18n.ErrAmount) || n != 0 || unit != i18n.UnitUnsaid {
			t.Errorf("%q = %d in %d, %v", s, n, unit, err)
		}
	}
}

func FuzzFoldSum(f *testing.F) {
	for _, s := range []string{"2,705,000 تومان", "ریال ۲٬۷۰۵", "1.500.000", "toman 5 tomans", "IRR", "12.5", "-1", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, unit, err := i18n.FoldSum(s)
		if err != nil {
			if n != 0 || unit != i18n.UnitUnsaid {
				t.Fatalf("%q: %d in %d beside an error", s, n, unit)
			}
			return
		}
		var want int64
		for _, r := range i18n.FoldText(s) {
			if r >= '0' && r <= '9' {
				want = want*10 + int64(r-'0')
			}
		}
		if n < 0 || n != want {
			t.Fatalf("%q became %d", s, n)
		}
		if again, same, err := i18n.FoldSum(i18n.Digits(i18n.FA, s)); again != n || same != unit || err != nil {
			t.Fatalf("%q in Persian digits: %d in %d, %v", s, again, same, err)
		}
	})
}

func TestFoldText(t *testing.T) {
	for s, want := range map[string]string{
		"علي كريمي":                  "علی کریمی",
		"علی‌اکبر":                   "علی اکبر",
		"  علی \u200c  اکبر\n":       "علی اکبر",
		"۰۹۱۲ ٣٤٥":                   "0912 345",
		"MP-1217":                    "mp-1217",
		"مُحَمَّد":                   "محمد",
		"آینده":                      "اینده",
		"خانهٔ سفال":                 "خانه سفال",
		"خانۀ سفال":                  "خانه سفال",
		"فاطمة":                      "فاطمه",
		"مـــهر":                     "مهر",
		"ﻓﺮﻭﺷﮕﺎﻩ":                    "فروشگاه", // presentation forms, as copied out of a PDF
		"１２３ＡＢＣ":                     "123abc",
		"İstanbul Café":              "istanbul cafe",
		"a\x00b\u202ec\xffd":         "abcd",
		"\u200c":                     "",
		"":                           "",
		"رئیس":                       "رییس",
		"e\u0301\u0301\u0301\u2002x": "e x",
	} {
		if got := i18n.FoldText(s); got != want {
			t.Errorf("%q = %q, want %q", s, got, want)
		}
	}
}

// A stored term and a typed one meet only when folding is stable for every letter there is.
func TestFoldText_EveryRune(t *testing.T) {
	for r := range rune(unicode.MaxRune + 1) {
		got := i18n.FoldText("a" + string(r) + "b")
		if again := i18n.FoldText(got); again != got {
			t.Errorf("%U folds to %q, that to %q", r, got, again)
		}
	}
}

func FuzzFoldText(f *testing.F) {
	for _, s := range []string{"علي‌ كريمي", "ﷺ", "İ", "ẞ", "\u0345", "e\u0301", "ῼ", "\u1e9e", "ǅ", "\xf1Ũ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := i18n.FoldText(s)
		if again := i18n.FoldText(got); again != got {
			t.Fatalf("%q folds to %q, that to %q", s, got, again)
		}
		if strings.ContainsAny(got, "يك\u200c\n\t") || strings.Contains(got, "  ") || got != strings.TrimSpace(got) {
			t.Fatalf("%q folds to %q", s, got)
		}
	})
}
