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
// spaces, hyphens, dots, brackets, and the beginnings +98, 0098, 98, 09 and 9, also
// "+98 (0)912", which people copy from business cards.
func FoldMobile(s string) (string, error) {
	s, international := strings.CutPrefix(strings.TrimFunc(s, isBlank), "+")
	digits := make([]byte, 0, len("00980")+10)
	for _, r := range s {
		r = foldDigit(r)
		switch {
		case r >= '0' && r <= '9':
			if len(digits) == cap(digits) {
				return "", ErrMobile
			}
			digits = append(digits, byte(r))
		case r == '-', r == '.', r == '(', r == ')', isBlank(r):
		default:
			return "", ErrMobile
		}
	}
	prefixes := []string{"", "0", "98", "980", "0098", "00980"}
	if international { // +91 23456789 is no Iranian number that begins with 9
		prefixes = []string{"98", "980"}
	}
	for _, prefix := range prefixes {
		number, found := strings.CutPrefix(string(digits), prefix)
		if found && len(number) == 10 && number[0] == '9' {
			return "0" + number, nil
		}
	}
	return "", ErrMobile
}

// FoldAmount returns a typed whole number, in rial or toman as the field asks. Thousands
// may be set apart by ٬ , ، or a space, then in threes: "12,50" is an error and not 1250,
// since a misread decimal is a payment a hundred times too large. Decimals and signs are
// refused for the same reason.
func FoldAmount(s string) (int64, error) {
	var n int64
	inGroup, groups := 0, 0
	for _, r := range strings.TrimFunc(s, isBlank) {
		r = foldDigit(r)
		switch {
		case r >= '0' && r <= '9':
			digit := int64(r - '0')
			if n > (math.MaxInt64-digit)/10 {
				return 0, ErrAmount
			}
			n, inGroup = n*10+digit, inGroup+1
		case r == '٬', r == ',', r == '،', unicode.Is(unicode.Zs, r):
			if inGroup == 0 || inGroup > 3 || (groups > 0 && inGroup != 3) {
				return 0, ErrAmount
			}
			inGroup, groups = 0, groups+1
		case unicode.Is(unicode.Cf, r): // invisible, so nobody read anything else
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

// Unit is what somebody who typed an amount said that it is in.
type Unit int

// The units of an amount.
const (
	UnitUnsaid Unit = iota
	UnitToman
	UnitRial
)

// units are the words for them, folded.
var units = map[string]Unit{
	"تومان": UnitToman, "تومن": UnitToman, "تومانی": UnitToman, "toman": UnitToman, "tomans": UnitToman, "irt": UnitToman,
	"ریال": UnitRial, "ریالی": UnitRial, "rial": UnitRial, "rials": UnitRial, "irr": UnitRial,
}

// FoldSum reads an amount that somebody looks for: FoldAmount's, with its unit before or behind it if it
// was typed. Nothing is paid by it, so groups of three may be set apart by points as well.
func FoldSum(s string) (int64, Unit, error) {
	s = FoldText(s)
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	first, last := strings.IndexFunc(s, digit), strings.LastIndexFunc(s, digit)
	if first < 0 {
		return 0, UnitUnsaid, ErrAmount
	}
	unit := UnitUnsaid
	for _, word := range []string{s[:first], s[last+1:]} {
		if word = strings.TrimFunc(word, isBlank); word == "" {
			continue
		}
		said, known := units[word]
		if !known || unit != UnitUnsaid && unit != said {
			return 0, UnitUnsaid, ErrAmount
		}
		unit = said
	}
	n, err := FoldAmount(strings.ReplaceAll(s[first:last+1], ".", ","))
	if err != nil {
		return 0, UnitUnsaid, err
	}
	return n, unit, nil
}
