package settlement

import (
	"math/big"
	"slices"
	"strings"

	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/gateways"
)

// Columns say what stands where, by the names of the file's own heading: the next file of the same
// gateway is read without asking again, also when its columns come in another order.
type Columns struct {
	Reference string `json:"reference"` // the bank's reference
	Tracking  string `json:"tracking"`  // what the gateway calls the payment
	Amount    string `json:"amount"`
	Unit      string `json:"unit"` // rial or toman: chosen, never guessed
}

// Ready reports whether a heading has all that the columns name, and they name enough.
func (c Columns) Ready(heading []string) bool {
	if (c.Reference == "" && c.Tracking == "") || c.Amount == "" || (c.Unit != "rial" && c.Unit != "toman") {
		return false
	}
	for _, name := range []string{c.Reference, c.Tracking, c.Amount} {
		if name != "" && !slices.Contains(heading, name) {
			return false
		}
	}
	return true
}

// words by which the usual files name their columns, folded.
var guesses = map[string][]string{
	"amount":    {"مبلغ تراکنش", "مبلغ کل", "مبلغ", "amount", "price"},
	"reference": {"شماره مرجع", "کد مرجع", "مرجع", "rrn", "refnumber", "ref number", "reference", "refid", "ref"},
	"tracking":  {"شماره پیگیری", "کد پیگیری", "رهگیری", "پیگیری", "tracking", "trace", "stan", "code"},
}

// Guess proposes columns for a heading; the unit is left to a person.
func Guess(heading []string) Columns {
	taken := map[string]bool{}
	find := func(what string) string {
		for _, word := range guesses[what] {
			for _, h := range heading {
				if !taken[h] && strings.Contains(i18n.FoldText(h), word) {
					taken[h] = true
					return h
				}
			}
		}
		return ""
	}
	return Columns{Amount: find("amount"), Reference: find("reference"), Tracking: find("tracking")}
}

// Heading finds the line that names the columns: the first with the most of the words that such lines
// have, else the first with two cells. Names that are there twice are told apart.
func Heading(lines [][]string) (at int, names []string) {
	at, best := -1, 0
	for i, cells := range lines {
		score := 0
		if len(cells) > 1 {
			score = 1
		}
		g := Guess(cells)
		for _, c := range []string{g.Amount, g.Reference, g.Tracking} {
			if c != "" {
				score += 2
			}
		}
		if score > best {
			at, best = i, score
		}
	}
	if at < 0 {
		return -1, nil
	}
	seen := map[string]int{}
	for _, name := range lines[at] {
		if seen[name]++; seen[name] > 1 && name != "" {
			name += " (" + string(rune('0'+min(seen[name], 9))) + ")"
		}
		names = append(names, name)
	}
	return at, names
}

// Line is one payment of the file.
type Line struct {
	N         int
	Reference string // as it is compared: see Number
	Tracking  string
	Amount    money.Rial
	Read      bool // the amount could be read
}

// line reads a line by the columns. False for one that names no payment: an empty one, a sum.
func (c Columns) line(n int, heading, cells []string) (Line, bool) {
	at := func(name string) string {
		if i := slices.Index(heading, name); name != "" && i >= 0 && i < len(cells) {
			return cells[i]
		}
		return ""
	}
	l := Line{N: n, Reference: Number(at(c.Reference)), Tracking: Number(at(c.Tracking))}
	if l.Reference == "" && l.Tracking == "" {
		return l, false
	}
	l.Amount, l.Read = amount(at(c.Amount), c.Unit)
	return l, true
}

// Number is a reference as it is compared: in Latin digits, without blanks, without the apostrophe by
// which a sheet says that it is text, and not in the way in which a sheet shortens long numbers.
func Number(s string) string {
	s = strings.Trim(strings.Join(strings.Fields(i18n.FoldDigits(s)), ""), "'’=\"")
	if strings.ContainsAny(s, ".eE") {
		if whole, ok := whole(s); ok {
			s = whole
		}
	}
	return gateways.Canonical(s)
}

// whole writes a number of a sheet (1.40208211234E+11, 1500000.0) with all its digits.
func whole(s string) (string, bool) {
	if len(s) > 40 || strings.Trim(s, "0123456789.eE+") != "" {
		return "", false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(strings.TrimLeft(s[i+1:], "+0")) > 2 {
		return "", false // nobody's reference, and a number without end
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() {
		return "", false
	}
	return r.Num().String(), true
}

// amount reads what a cell says, in the unit that was chosen. What is negative (money that went back)
// or broken is not read; a person sees it.
func amount(s, unit string) (money.Rial, bool) {
	s = i18n.FoldDigits(s)
	for _, word := range []string{"ریال", "تومان", "IRR", "rial", "toman"} {
		s = strings.ReplaceAll(s, word, "")
	}
	s = strings.TrimSpace(strings.ReplaceAll(s, "٫", "."))
	if w, ok := whole(strings.ReplaceAll(strings.ReplaceAll(s, ",", ""), "٬", "")); ok && strings.ContainsAny(s, ".eE") {
		s = w
	}
	n, err := i18n.FoldAmount(s)
	if err != nil || n < 1 || n > 1e15 {
		return 0, false
	}
	if unit == "toman" {
		n *= 10
	}
	return money.Rial(n), true
}
