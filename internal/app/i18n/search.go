package i18n

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// FoldText returns s as the search compares it: one spelling for the letters and digits
// that Arabic and Persian keyboards write differently, no vowel marks or hamza, the
// half-space as a space («علی‌اکبر» is found by «علی اکبر»), lower case, single spaces.
// Terms are folded when stored and when asked for, so it must be stable: folding twice
// changes nothing.
func FoldText(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	// The decomposition stops at bytes that are no UTF-8, so they go first.
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, "")) {
		r = foldLetter(unicode.ToLower(foldDigit(r)))
		switch {
		case unicode.IsSpace(r) || r == '\u200c':
			space = true
			continue
		case r == 'ـ', r == unicode.ReplacementChar, unicode.In(r, unicode.Mn, unicode.Cc, unicode.Cf):
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// foldLetter maps what the decomposition leaves: letters of other keyboards that look and
// sound the same to a Persian reader.
func foldLetter(r rune) rune {
	switch r {
	case 'ي', 'ى', 'ې', 'ے':
		return 'ی'
	case 'ك', 'ڪ':
		return 'ک'
	case 'ة', 'ە', 'ہ', 'ھ':
		return 'ه'
	case 'ٱ':
		return 'ا'
	default:
		return r
	}
}
