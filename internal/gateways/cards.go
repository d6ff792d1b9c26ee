package gateways

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cardMiddle stands for what a mask hides: six digits, six stars, four digits, as Iranian
// gateways print it (603799******1234).
const cardMiddle = "******"

// iranianIssuers are the first six digits of the cards of Iranian banks, as the banks print
// them. They tell a card number from a reference that merely has 16 digits.
var iranianIssuers = map[string]bool{
	"207177": true, "502229": true, "502806": true, "502908": true, "502910": true, "502937": true,
	"502938": true, "504172": true, "504706": true, "505416": true, "505426": true, "505785": true,
	"505801": true, "505809": true, "507677": true, "581672": true, "581874": true, "585947": true,
	"585983": true, "585949": true, "589210": true, "589463": true, "603769": true, "603770": true,
	"603799": true, "604932": true, "606256": true, "606373": true, "610433": true, "621986": true,
	"622106": true, "627353": true, "627381": true, "627412": true, "627488": true, "627648": true,
	"627760": true, "627884": true, "627961": true, "628023": true, "628157": true, "636214": true,
	"636795": true, "636797": true, "636949": true, "639194": true, "639217": true, "639346": true,
	"639347": true, "639370": true, "639599": true, "639607": true, "606737": true, "991975": true,
}

// MaskCard returns s as a card mask: first six and last four digits at most, whatever the vendor
// let through. Masks of fewer digits stay as they came; what is not a card number at all is "".
func MaskCard(s string) string {
	var digits, shown strings.Builder
	for _, c := range s {
		d, isDigit := digitOf(c)
		switch {
		case isDigit:
			digits.WriteByte(d)
			shown.WriteByte(d)
		case c == '*' || c == 'x' || c == 'X' || c == '•' || c == '#':
			shown.WriteByte('*')
		case c == ' ' || c == '-' || c == '\u200e' || c == '\u200f':
		default:
			return ""
		}
	}
	d := digits.String()
	if len(d) > 10 {
		return d[:6] + cardMiddle + d[len(d)-4:]
	}
	if shown.Len() > 24 {
		return ""
	}
	return shown.String()
}

// digitOf reads a decimal digit of the scripts in which an Iranian system may print one.
func digitOf(c rune) (byte, bool) {
	for _, zero := range [...]rune{'0', '۰', '٠', '０'} {
		if c >= zero && c <= zero+9 {
			return byte('0' + c - zero), true
		}
	}
	return 0, false
}

// cardGap is how many signs may stand between two groups of a card number.
const cardGap = 3

// maskCards masks every card number within s that isCard believes: 16 digits in one run, or four
// groups of four with a few signs between. Longer runs are left alone: gateway tokens and tracking
// numbers have 19 digits. Five groups of four are looked at from the first and from the second.
func maskCards(s string, isCard func(digits string) bool) string {
	if tooFewDigits(s) {
		return s
	}
	runes := []rune(s)
	var middle []int // of the cards: what is hidden
	for start := 0; start < len(runes); {
		run := runAt(runes, start)
		if run == "" {
			start++
			continue
		}
		if digits, at := cardAt(runes, start, run); digits != "" && isCard(digits) {
			middle = append(middle, at[6:12]...)
		}
		start += len(run)
	}
	if len(middle) == 0 {
		return s
	}
	for _, at := range middle {
		runes[at] = '*'
	}
	return string(runes)
}

// tooFewDigits says at a glance that there is no card number in s, as in most of what is looked at.
func tooFewDigits(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf: // perhaps a digit of another script
			return false
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return digits < 16
}

// cardAt returns the sixteen digits that begin with the run at start, and where they stand; "" when
// there are not sixteen.
func cardAt(runes []rune, start int, run string) (digits string, at []int) {
	groups := 1
	switch len(run) {
	case 16:
	case 4:
		groups = 4
	default:
		return "", nil
	}
	for end := start; ; {
		for i := range run {
			at = append(at, end+i)
		}
		digits, end = digits+run, end+len(run)
		if groups--; groups == 0 {
			return digits, at
		}
		next := end
		for next < len(runes) && next-end < cardGap && isGap(runes[next]) {
			next++
		}
		if run = runAt(runes, next); len(run) != 4 {
			return "", nil
		}
		end = next
	}
}

func isGap(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) }

func runAt(runes []rune, start int) string {
	var b strings.Builder
	for _, c := range runes[start:] {
		d, ok := digitOf(c)
		if !ok {
			break
		}
		b.WriteByte(d)
	}
	return b.String()
}

// cardInText believes a card number in free text easily: a masked number too many costs nothing.
func cardInText(digits string) bool {
	c := digits[0]
	return (c >= '2' && c <= '6') || c == '9' || luhn(digits)
}

// cardInIdentifier believes a card number in the place of a reference only by its issuer: a
// reference is wanted in full, but a gateway may put a card number there.
func cardInIdentifier(digits string) bool { return iranianIssuers[digits[:6]] }

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
