package i18n

import "strings"

// Digits returns s with its ASCII digits as the language writes them. It is for reading
// only: what a person copies to a bank (references, masks, mobiles) stays ASCII.
func Digits(l Locale, s string) string {
	if l == EN || !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	b.Grow(2 * len(s))
	for _, r := range s {
		if r >= '0' && r <= '9' {
			r += '۰' - '0'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// FoldDigits returns s with Persian and Arabic-Indic digits as ASCII. It is for what
// people type into forms, never for identifiers: two spellings of one reference would
// become two names of one payment.
func FoldDigits(s string) string {
	return strings.Map(foldDigit, s)
}

func foldDigit(r rune) rune {
	switch {
	case r >= '۰' && r <= '۹':
		return r - '۰' + '0'
	case r >= '٠' && r <= '٩':
		return r - '٠' + '0'
	default:
		return r
	}
}
