package i18n_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"dargah/internal/app/i18n"
	"dargah/internal/app/money"

	"pgregory.net/rapid"
)

func TestToman(t *testing.T) {
	tests := []struct {
		rial   money.Rial
		fa, en string
	}{
		{27_050_000, "۲٬۷۰۵٬۰۰۰", "2,705,000"},
		{0, "۰", "0"},
		{10, "۱", "1"},
		{5, "۰٫۵", "0.5"},
		{9_990, "۹۹۹", "999"},
		{10_000, "۱٬۰۰۰", "1,000"},
		{27_050_005, "۲٬۷۰۵٬۰۰۰٫۵", "2,705,000.5"},
		{-15_000, "\u200e−۱٬۵۰۰", "−1,500"},
		{money.MaxInvoice, "۹۹۹٬۹۹۹٬۹۹۹٬۹۹۹٫۹", "999,999,999,999.9"},
		{math.MaxInt64, "۹۲۲٬۳۳۷٬۲۰۳٬۶۸۵٬۴۷۷٬۵۸۰٫۷", "922,337,203,685,477,580.7"},
		{math.MinInt64, "\u200e−۹۲۲٬۳۳۷٬۲۰۳٬۶۸۵٬۴۷۷٬۵۸۰٫۸", "−922,337,203,685,477,580.8"},
	}
	for _, tt := range tests {
		if got := i18n.Toman(i18n.FA, tt.rial); got != tt.fa {
			t.Errorf("fa %d = %q, want %q", tt.rial, got, tt.fa)
		}
		if got := i18n.Toman(i18n.EN, tt.rial); got != tt.en {
			t.Errorf("en %d = %q, want %q", tt.rial, got, tt.en)
		}
	}
}

func TestRialAmount(t *testing.T) {
	for rial, want := range map[money.Rial][2]string{
		27_050_000: {"۲۷٬۰۵۰٬۰۰۰", "27,050,000"},
		999:        {"۹۹۹", "999"},
		0:          {"۰", "0"},
		-1000:      {"\u200e−۱٬۰۰۰", "−1,000"},
	} {
		fa, en := i18n.RialAmount(i18n.FA, rial), i18n.RialAmount(i18n.EN, rial)
		if fa != want[0] || en != want[1] {
			t.Errorf("%d = %q, %q, want %q, %q", rial, fa, en, want[0], want[1])
		}
	}
}

// What a person reads and types back is the same amount, in both languages.
func TestAmounts_ReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := money.Rial(rapid.Int64Range(0, math.MaxInt64).Draw(t, "rial"))
		for _, l := range []i18n.Locale{i18n.FA, i18n.EN} {
			n, err := i18n.FoldAmount(i18n.RialAmount(l, a))
			if err != nil || money.Rial(n) != a {
				t.Fatalf("%s rial %q folds to %d, %v", l, i18n.RialAmount(l, a), n, err)
			}
			whole := a / 10 * 10
			n, err = i18n.FoldAmount(i18n.Toman(l, whole))
			if err != nil || money.Rial(n)*10 != whole {
				t.Fatalf("%s toman %q folds to %d, %v", l, i18n.Toman(l, whole), n, err)
			}
		}
	})
}

func TestInWords(t *testing.T) {
	tests := []struct {
		rial   money.Rial
		fa, en string
	}{
		{27_050_000, "دو میلیون و هفتصد و پنج هزار تومان", "two million, seven hundred and five thousand toman"},
		{12_800_000, "یک میلیون و دویست و هشتاد هزار تومان", "one million, two hundred and eighty thousand toman"},
		{1_000_000, "صد هزار تومان", "one hundred thousand toman"},
		{500_000_000, "پنجاه میلیون تومان", "fifty million toman"},
		{0, "صفر تومان", "zero toman"},
		{10, "یک تومان", "one toman"},
		{10_000, "یک هزار تومان", "one thousand toman"},
		{10_050, "یک هزار و پنج تومان", "one thousand and five toman"},
		{10_010_420, "یک میلیون و یک هزار و چهل و دو تومان", "one million, one thousand and forty-two toman"},
		{5, "پنج ریال", "five rial"},
		{27_050_005, "دو میلیون و هفتصد و پنج هزار تومان و پنج ریال", "two million, seven hundred and five thousand toman and five rial"},
		{-150, "منفی پانزده تومان", "minus fifteen toman"},
		{
			9_999_999_999_990, "نهصد و نود و نه میلیارد و نهصد و نود و نه میلیون و نهصد و نود و نه هزار و نهصد و نود و نه تومان",
			"nine hundred and ninety-nine billion, nine hundred and ninety-nine million, nine hundred and ninety-nine thousand, nine hundred and ninety-nine toman",
		},
		{25_000_000_000_000, "دو هزار و پانصد میلیارد تومان", "two trillion, five hundred billion toman"},
	}
	for _, tt := range tests {
		if got := i18n.InWords(i18n.FA, tt.rial); got != tt.fa {
			t.Errorf("fa %d = %q, want %q", tt.rial, got, tt.fa)
		}
		if got := i18n.InWords(i18n.EN, tt.rial); got != tt.en {
			t.Errorf("en %d = %q, want %q", tt.rial, got, tt.en)
		}
	}
}

func TestInWords_ReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int64{99, 9_999, 99_999_999, int64(money.MaxInvoice), math.MaxInt64}).Draw(t, "limit")
		checkWords(t, money.Rial(rapid.Int64Range(-limit, limit).Draw(t, "rial")))
	})
}

func TestInWords_EverySmallAmount(t *testing.T) {
	for n := range 12_000 {
		checkWords(t, money.Rial(n))
		checkWords(t, money.Rial(n)*10_000)
	}
	for _, n := range []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1} {
		checkWords(t, money.Rial(n))
	}
}

func FuzzInWords(f *testing.F) {
	f.Add(int64(27_050_000))
	f.Add(int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, n int64) { checkWords(t, money.Rial(n)) })
}

type fataler interface{ Fatalf(string, ...any) }

func checkWords(t fataler, a money.Rial) {
	want := big.NewInt(int64(a))
	for l, read := range map[i18n.Locale]func(string) (*big.Int, bool){i18n.FA: readFA, i18n.EN: readEN} {
		words := i18n.InWords(l, a)
		if got, ok := read(words); !ok || got.Cmp(want) != 0 {
			t.Fatalf("%s %d in words is %q, which reads as %v", l, a, words, got)
		}
	}
}

// A reader of words that shares nothing with their writer: it knows the names of numbers
// and that a bigger name multiplies all that stands before it.
type reader struct {
	minus, toman, rial string
	and                string
	ones               map[string]int64
	scales             []string // largest first
	sizes              []int64
}

func readFA(s string) (*big.Int, bool) {
	r := reader{
		minus: "منفی ", toman: "تومان", rial: "ریال", and: " و ", ones: map[string]int64{},
		scales: []string{"میلیارد", "میلیون", "هزار"}, sizes: []int64{1e9, 1e6, 1e3},
	}
	for i, w := range strings.Fields("صفر یک دو سه چهار پنج شش هفت هشت نه ده یازده دوازده سیزده چهارده پانزده شانزده هفده هجده نوزده") {
		r.ones[w] = int64(i)
	}
	for i, w := range strings.Fields("بیست سی چهل پنجاه شصت هفتاد هشتاد نود") {
		r.ones[w] = int64(i+2) * 10
	}
	for i, w := range strings.Fields("صد دویست سیصد چهارصد پانصد ششصد هفتصد هشتصد نهصد") {
		r.ones[w] = int64(i+1) * 100
	}
	return r.amount(s)
}

func readEN(s string) (*big.Int, bool) {
	r := reader{
		minus: "minus ", toman: "toman", rial: "rial", and: " and ", ones: map[string]int64{},
		scales: []string{"quintillion", "quadrillion", "trillion", "billion", "million", "thousand", "hundred"},
		sizes:  []int64{1e18, 1e15, 1e12, 1e9, 1e6, 1e3, 100},
	}
	for i, w := range strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen") {
		r.ones[w] = int64(i)
	}
	for i, w := range strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety") {
		r.ones[w] = int64(i+2) * 10
	}
	return r.amount(strings.NewReplacer("-", " ", ",", "").Replace(s))
}

func (r reader) amount(s string) (*big.Int, bool) {
	s, negative := strings.CutPrefix(s, r.minus)
	total, found := new(big.Int), false
	if words, rest, ok := strings.Cut(s, " "+r.toman); ok {
		n, ok := r.number(strings.Fields(strings.ReplaceAll(words, r.and, " ")))
		if !ok {
			return nil, false
		}
		total.Mul(n, big.NewInt(10))
		s, found = strings.TrimPrefix(rest, r.and), true
	}
	if words, ok := strings.CutSuffix(s, " "+r.rial); ok {
		n, ok := r.number(strings.Fields(words))
		if !ok || n.Cmp(big.NewInt(10)) >= 0 {
			return nil, false
		}
		total.Add(total, n)
		s, found = "", true
	}
	if negative {
		total.Neg(total)
	}
	return total, found && s == ""
}

func (r reader) number(words []string) (*big.Int, bool) {
	for i, name := range r.scales {
		for at := len(words) - 1; at > 0; at-- {
			if words[at] != name {
				continue
			}
			before, ok := r.number(words[:at])
			if !ok || before.Sign() == 0 {
				return nil, false
			}
			n := new(big.Int).Mul(before, big.NewInt(r.sizes[i]))
			if at == len(words)-1 {
				return n, true
			}
			after, ok := r.number(words[at+1:])
			if !ok || after.Sign() == 0 || after.Cmp(big.NewInt(r.sizes[i])) >= 0 {
				return nil, false
			}
			return n.Add(n, after), true
		}
	}
	n, below := int64(0), int64(1000) // what may come next: below hundred after a hundred, and so on
	for _, w := range words {
		v, known := r.ones[w]
		if !known || (v == 0 && len(words) > 1) || v >= below {
			return nil, false
		}
		switch {
		case v >= 100:
			below = 100
		case v >= 20:
			below = 10
		default:
			below = 0
		}
		n += v
	}
	return big.NewInt(n), len(words) > 0
}
