package i18n

import (
	"errors"
	"math"
	"strings"
	"unicode"
)

var (
	// ErrMobile says that a typed number is no Iranian mobile.
	ErrMobile = errors.New("not an Iranian mobile number like 09121234567")
	// ErrAmount says that a typed amount is not a whole number in digits.
	ErrAmount = errors.New("not a whole amount in digits")
)

// FoldMobile returns a typed Iranian mobile as 09xxxxxxxxx. It takes the three digit sets,
// spaces, hyphens, brackets, and the beginnings +98, 0098, 98, 09 and 9, also "+98 (0)912",
// which people copy from business cards.
func FoldMobile(s string) (string, error) {
	digits := make([]byte, 0, 14)
	for i, r := range strings.TrimFunc(s, isBlank) {
		r = foldDigit(r)
		switch {
		case r >= '0' && r <= '9':
			if len(digits) == cap(digits) {
				return "", ErrMobile
			}
			digits = append(digits, byte(r))
		case r == '+' && i == 0, r == '-', r == '(', r == ')', isBlank(r):
		default:
			return "", ErrMobile
		}
	}
	number := string(digits)
	for _, prefix := range []string{"00980", "0098", "980", "98", "0"} {
		rest, found := strings.CutPrefix(number, prefix)
		if found && len(rest) == 10 {
			number = rest
			break
		}
	}
	if len(number) != 10 || number[0] != '9' {
		return "", ErrMobile
	}
	return "0" + number, nil
}

// FoldAmount returns a typed whole number, in rial or toman as the field asks. Thousands
// may be set apart by ٬ , ، or a space, then in threes: "12,50" is an error and not 1250,
// since a misread decimal is a payment a hundred times too large. Decimals and signs are
// refused for the same reason.
func FoldAmount(s string) (int64, error) {
	var n int64
	inGroup, groups, afterMark := 0, 0, false
	for _, r := range strings.TrimFunc(s, isBlank) {
		r = foldDigit(r)
		switch {
		case r >= '0' && r <= '9':
			digit := int64(r - '0')
			if n > (math.MaxInt64-digit)/10 {
				return 0, ErrAmount
			}
			n, inGroup, afterMark = n*10+digit, inGroup+1, false
		case r == '٬', r == ',', r == '،', unicode.Is(unicode.Zs, r):
			if inGroup == 0 || inGroup > 3 || (groups > 0 && inGroup != 3) || afterMark {
				return 0, ErrAmount
			}
			inGroup, groups, afterMark = 0, groups+1, true
		default:
			return 0, ErrAmount
		}
	}
	if inGroup == 0 || (groups > 0 && inGroup != 3) {
		return 0, ErrAmount
	}
	return n, nil
}

// isBlank reports what people paste around a number without seeing it: spaces and the
// invisible direction marks that phones put around numbers in Persian text.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}
