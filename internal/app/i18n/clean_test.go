package i18n_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dargah/internal/app/i18n"
)

func TestCleanText(t *testing.T) {
	for s, want := range map[string]string{
		"خانهٔ سفال میبد":                             "خانهٔ سفال میبد",
		"چای‌خوری":                                    "چای‌خوری",
		"  two   words\t\n":                           "two words",
		"line\r\none":                                 "line one",
		"a\x00b\x1b[31mc\x7f\u0085d":                  "ab[31mc d",
		"\u202eevil\u202c \u2067x\u2069":              "evil x",
		"\u200eltr\u200f \u061cx\ufeff":               "ltr x",
		"bad\xff\xfe utf\xed\xa0\x80!":                "bad utf!",
		"می‌\u200c\u200cروم":                          "می‌روم",
		"\u200cمیبد\u200c":                            "میبد",
		"میبد\u200c یزد":                              "میبد یزد",
		"👩\u200d👧 ok":                                 "👩\u200d👧 ok",
		"z\u0301\u0301\u0301\u0301\u0301\u0301\u0301": "z\u0301\u0301\u0301\u0301",
		"\u0301\u0301x":                               "x",
		"مُحَمَّد":                                    "مُحَمَّد",
		"\u3164\u2800\u115f":                          "",
		"\ufffe\U0001ffffx":                           "x",
		"soft\u00adhyphen zero\u200bwidth":            "softhyphen zerowidth",
		"a\u00a0\u3000b":                              "a b",
		"":                                            "",
	} {
		if got := i18n.CleanText(s); got != want {
			t.Errorf("%q = %q, want %q", s, got, want)
		}
	}
}

func TestCleanLines(t *testing.T) {
	for s, want := range map[string]string{
		"one\ntwo":               "one\ntwo",
		"one \r\n two":           "one\ntwo",
		"one\rtwo\u2028three":    "one\ntwo\nthree",
		"one\n\n\n\n\ntwo":       "one\n\ntwo",
		"\n\none\t two\n\n":      "one two",
		"one\n \u202e \n\x00two": "one\n\ntwo",
	} {
		if got := i18n.CleanLines(s); got != want {
			t.Errorf("%q = %q, want %q", s, got, want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"چای‌خوری", "\u202ex", "a\u200c\xffb", "\u200d\u0301", "\n\r\n", "\u3164\u0301", "a\u0301\u200c\u0301\u0301\u0301\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, lines := i18n.CleanText(s), i18n.CleanLines(s)
		if again := i18n.CleanText(line); again != line {
			t.Fatalf("%q cleans to %q, that to %q", s, line, again)
		}
		if again := i18n.CleanLines(lines); again != lines {
			t.Fatalf("%q cleans to %q, that to %q", s, lines, again)
		}
		if strings.ReplaceAll(strings.ReplaceAll(lines, "\n\n", " "), "\n", " ") != line {
			t.Fatalf("%q: lines %q hold other words than the line %q", s, lines, line)
		}
		if !utf8.ValidString(line) || len(line) > len(s) {
			t.Fatalf("%q became %q", s, line)
		}
		marks := 0
		for _, r := range line {
			switch {
			case r == '\u200c' || r == '\u200d':
				continue
			case unicode.In(r, unicode.Cc, unicode.Cf) || (unicode.IsSpace(r) && r != ' '):
				t.Fatalf("%q: %q still holds %U", s, line, r)
			case unicode.In(r, unicode.Mn, unicode.Me):
				if marks++; marks > 4 {
					t.Fatalf("%q: %q piles marks", s, line)
				}
			default:
				marks = 0
			}
		}
	})
}
