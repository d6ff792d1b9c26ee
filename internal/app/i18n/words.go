package i18n

import (
	"strings"

	"dargah/internal/app/money"
)

var (
	faOnes = [20]string{
		"صفر", "یک", "دو", "سه", "چهار", "پنج", "شش", "هفت", "هشت", "نه", "ده",
		"یازده", "دوازده", "سیزده", "چهارده", "پانزده", "شانزده", "هفده", "هجده", "نوزده",
	}
	faTens     = [10]string{2: "بیست", 3: "سی", 4: "چهل", 5: "پنجاه", 6: "شصت", 7: "هفتاد", 8: "هشتاد", 9: "نود"}
	faHundreds = [10]string{1: "صد", 2: "دویست", 3: "سیصد", 4: "چهارصد", 5: "پانصد", 6: "ششصد", 7: "هفتصد", 8: "هشتصد", 9: "نهصد"}

	enOnes = [20]string{
		"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
		"eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
	}
	enTens = [10]string{2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
)

// A scale is a power of thousand with its name, largest first.
type scale struct {
	size uint64
	name string
}

var (
	// Iran counts above the milliard in thousands of it («هزار میلیارد»), so the list ends there.
	faScales = [...]scale{{1e9, "میلیارد"}, {1e6, "میلیون"}, {1e3, "هزار"}}
	enScales = [...]scale{{1e18, "quintillion"}, {1e15, "quadrillion"}, {1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}}
)

// InWords returns the amount in words of toman, and of rial for the rest below one toman.
// People read words where a zero too many slips past them in figures.
func InWords(l Locale, a money.Rial) string {
	words, minus := faWords, "منفی "
	if l == EN {
		words, minus = enWords, "minus "
	}
	negative, n := magnitude(a)
	if !negative {
		minus = ""
	}
	toman, rial := n/10, n%10
	switch {
	case rial == 0:
		return minus + l.T("amount.toman", "amount", words(toman))
	case toman == 0:
		return minus + l.T("amount.rial", "amount", words(rial))
	default:
		return minus + l.T("amount.toman_rial", "toman", words(toman), "rial", words(rial))
	}
}

func faWords(n uint64) string {
	if n == 0 {
		return faOnes[0]
	}
	var parts []string
	for _, s := range faScales {
		if n >= s.size {
			parts = append(parts, faWords(n/s.size)+" "+s.name)
			n %= s.size
		}
	}
	if n >= 100 {
		parts = append(parts, faHundreds[n/100])
		n %= 100
	}
	if n >= 20 {
		parts = append(parts, faTens[n/10])
		n %= 10
	}
	if n > 0 {
		parts = append(parts, faOnes[n])
	}
	return strings.Join(parts, " و ")
}

func enWords(n uint64) string {
	if n < 1000 {
		return enBelowThousand(n)
	}
	var parts []string
	for _, s := range enScales {
		if n >= s.size {
			parts = append(parts, enBelowThousand(n/s.size)+" "+s.name)
			n %= s.size
		}
	}
	s := strings.Join(parts, ", ")
	switch {
	case n == 0:
		return s
	case n < 100: // one thousand and five
		return s + " and " + enBelowThousand(n)
	default:
		return s + ", " + enBelowThousand(n)
	}
}

func enBelowThousand(n uint64) string {
	switch {
	case n < 20:
		return enOnes[n]
	case n < 100 && n%10 == 0:
		return enTens[n/10]
	case n < 100:
		return enTens[n/10] + "-" + enOnes[n%10]
	case n%100 == 0:
		return enOnes[n/100] + " hundred"
	default:
		return enOnes[n/100] + " hundred and " + enBelowThousand(n%100)
	}
}
