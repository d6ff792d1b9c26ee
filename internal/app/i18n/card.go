package i18n

import "unicode"

// cardDigits is the length of every Iranian bank card's number.
const cardDigits = 16

// maxGap is how many signs may stand between two groups of one number.
const maxGap = 3

// A block is a run of digits without anything between.
type block struct {
	digits []byte
	sheba  bool // opened by the letters IR, as an account number (sheba) is
}

// LuhnCard reports whether free text holds a card number: 16 digits, in any script and in
// any groups, whose check digit (ISO/IEC 7812-1, Annex B) is right. Such a text is refused
// wherever people type freely, so that no card number is ever stored or mailed by mistake.
// A longer number without gaps is no card, and an account number (IR and 24 digits) is
// no card either, although one in ten of its windows would pass the check.
func LuhnCard(s string) bool {
	var number []block // the blocks with at most maxGap signs between them
	gap, letters := maxGap+1, ""
	for _, r := range s {
		digit, ok := decimal(r)
		if ok {
			if gap > maxGap {
				if holdsCard(number) {
					return true
				}
				number = number[:0]
			}
			if gap > 0 {
				number = append(number, block{sheba: letters == "ir"})
			}
			last := &number[len(number)-1]
			last.digits = append(last.digits, digit)
			gap, letters = 0, ""
			continue
		}
		switch {
		case unicode.IsLetter(r) && r <= unicode.MaxASCII:
			gap, letters = maxGap+1, lastTwo(letters, unicode.ToLower(r))
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			gap, letters = maxGap+1, ""
		case unicode.Is(unicode.Cf, r): // invisible, so it parts nothing
			if gap == 0 {
				gap = 1
			}
		default:
			gap++
		}
	}
	return holdsCard(number)
}

func lastTwo(letters string, r rune) string {
	if len(letters) == 2 {
		letters = letters[1:]
	}
	return letters + string(r)
}

// holdsCard looks for neighbouring blocks of sixteen digits together.
func holdsCard(blocks []block) bool {
	if len(blocks) > 0 && blocks[0].sheba {
		blocks = withoutSheba(blocks)
	}
	var digits [cardDigits]byte
	for first := range blocks {
		n := 0
		for _, b := range blocks[first:] {
			if n+len(b.digits) > cardDigits {
				break
			}
			n += copy(digits[n:], b.digits)
			if n == cardDigits && isCard(digits) {
				return true
			}
		}
	}
	return false
}

// withoutSheba returns the blocks after the 24 digits of an account number, or all of
// them when the letters IR stood before something else.
func withoutSheba(blocks []block) []block {
	const shebaDigits = 24
	n := 0
	for i, b := range blocks {
		if n += len(b.digits); n == shebaDigits {
			return blocks[i+1:]
		}
	}
	return blocks
}

func isCard(digits [cardDigits]byte) bool {
	if digits[0] < 2 { // 0 and 1 begin no bank card (ISO/IEC 7812-1: other industries)
		return false
	}
	sum := 0
	for i, d := range digits {
		n := int(d)
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// decimal returns the value of a decimal digit of any script. Unicode gives every script
// ten digits in a row, so the distance from the start of a table's range tells the value.
func decimal(r rune) (byte, bool) {
	if r >= '0' && r <= '9' {
		return byte(r - '0'), true
	}
	if r <= unicode.MaxLatin1 {
		return 0, false
	}
	for _, span := range unicode.Nd.R16 {
		if r >= rune(span.Lo) && r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10), true
		}
	}
	for _, span := range unicode.Nd.R32 {
		if r >= rune(span.Lo) && r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10), true
		}
	}
	return 0, false
}
