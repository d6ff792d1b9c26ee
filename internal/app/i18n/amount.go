package i18n

import (
	"strconv"
	"strings"

	"dargah/internal/app/money"
)

// Toman returns the amount in toman as a figure for reading, thousands apart, without the
// unit: pages set the unit smaller. A lost rial would be a lie on a receipt, so an amount
// that is no whole number of toman shows its one decimal.
func Toman(l Locale, a money.Rial) string {
	negative, n := magnitude(a)
	s := group(l, n/10)
	if rial := n % 10; rial != 0 {
		s += decimalMark(l) + strconv.FormatUint(rial, 10)
	}
	return Digits(l, signed(l, negative, s))
}

// RialAmount returns the amount in rial as a figure for reading, without the unit.
func RialAmount(l Locale, a money.Rial) string {
	negative, n := magnitude(a)
	return Digits(l, signed(l, negative, group(l, n)))
}

// magnitude avoids the one int64 that has no positive twin.
// Count is a number of things: «۱۲٬۳۴۵» or "12,345".
func Count(l Locale, n int64) string { return Digits(l, group(l, uint64(max(n, 0)))) }

// Decimal has one figure behind the mark: «۱۲٫۳» or "12.3".
func Decimal(l Locale, n float64) string {
	return Digits(l, strings.Replace(strconv.FormatFloat(n, 'f', 1, 64), ".", decimalMark(l), 1))
}

func magnitude(a money.Rial) (bool, uint64) {
	if a < 0 {
		return true, -uint64(a)
	}
	return false, uint64(a)
}

// signed puts a left-to-right mark before the Persian minus, as CLDR does: without it the
// sign jumps to the other end of the number between Persian words.
func signed(l Locale, negative bool, s string) string {
	switch {
	case !negative:
		return s
	case l == EN:
		return "−" + s
	default:
		return "\u200e−" + s
	}
}

func group(l Locale, n uint64) string {
	mark := "٬"
	if l == EN {
		mark = ","
	}
	digits := strconv.FormatUint(n, 10)
	b := make([]byte, 0, 2*len(digits))
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, mark...)
		}
		b = append(b, digits[i])
	}
	return string(b)
}

func decimalMark(l Locale) string {
	if l == EN {
		return "."
	}
	return "٫"
}
