package money_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"dargah/internal/app/money"

	"pgregory.net/rapid"
)

// edges are the numbers around which sums and products break.
var edges = []int64{
	0, 1, -1, 2, -2, 9, 10, -10, 11, math.MaxInt32, math.MinInt32, 1 << 32, 3037000499, 3037000500, -3037000500,
	int64(money.MaxInvoice), math.MaxInt64 / 10, math.MaxInt64/10 + 1, math.MinInt64 / 10, math.MinInt64/10 - 1,
	math.MaxInt64 / 2, math.MinInt64 / 2, math.MaxInt64 - 1, math.MaxInt64, math.MinInt64 + 1, math.MinInt64,
}

// amount draws any int64, every second time one near an edge.
func amount() *rapid.Generator[int64] {
	near := rapid.Custom(func(t *rapid.T) int64 {
		// Wrapping beyond the ends only makes another int64.
		return rapid.SampledFrom(edges).Draw(t, "edge") + rapid.Int64Range(-2, 2).Draw(t, "beside")
	})
	return rapid.OneOf(rapid.Int64(), near)
}

// compare holds a checked operation against whole numbers that cannot overflow.
func compare(t interface{ Fatalf(string, ...any) }, what string, got money.Rial, err error, want *big.Int) {
	switch {
	case want.IsInt64() && (err != nil || int64(got) != want.Int64()):
		t.Fatalf("%s = %d, %v, want %s", what, got, err, want)
	case !want.IsInt64() && (!errors.Is(err, money.ErrOverflow) || got != 0):
		t.Fatalf("%s = %d, %v, want ErrOverflow: it is %s", what, got, err, want)
	}
}

func checkArithmetic(t interface{ Fatalf(string, ...any) }, a, b int64) {
	x, y := big.NewInt(a), big.NewInt(b)
	got, err := money.Rial(a).Add(money.Rial(b))
	compare(t, "Add", got, err, new(big.Int).Add(x, y))
	got, err = money.Rial(a).Sub(money.Rial(b))
	compare(t, "Sub", got, err, new(big.Int).Sub(x, y))
	got, err = money.Rial(a).Times(b)
	compare(t, "Times", got, err, new(big.Int).Mul(x, y))
}

func TestArithmetic_Edges(t *testing.T) {
	for _, a := range edges {
		for _, b := range edges {
			checkArithmetic(t, a, b)
		}
	}
}

func TestArithmetic_AgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkArithmetic(t, amount().Draw(t, "a"), amount().Draw(t, "b"))
	})
}

// Adding and taking away again is where an amount is refunded in parts.
func TestAddSub_Undo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := money.Rial(amount().Draw(t, "a")), money.Rial(amount().Draw(t, "b"))
		sum, err := a.Add(b)
		if err != nil {
			return
		}
		if back, err := sum.Sub(b); err != nil || back != a {
			t.Fatalf("%d + %d - %d = %d, %v", a, b, b, back, err)
		}
	})
}

func TestToman(t *testing.T) {
	for rial, want := range map[money.Rial]int64{0: 0, 10: 1, 1_500_000: 150_000, -20: -2, 9_999_999_999_990: 999_999_999_999} {
		if got, err := rial.Toman(); err != nil || got != want {
			t.Errorf("%d rial = %d toman, %v, want %d", rial, got, err, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a := money.Rial(amount().Draw(t, "rial"))
		toman, err := a.Toman()
		rest := new(big.Int).Rem(big.NewInt(int64(a)), big.NewInt(10))
		if rest.Sign() != 0 {
			if !errors.Is(err, money.ErrNotWholeToman) || toman != 0 {
				t.Fatalf("%d rial = %d toman, %v, though %s rial are left", a, toman, err, rest)
			}
			return
		}
		back, backErr := money.FromToman(toman)
		if err != nil || backErr != nil || back != a {
			t.Fatalf("%d rial = %d toman, %v; back %d, %v", a, toman, err, back, backErr)
		}
	})
}

func TestFromToman(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		toman := amount().Draw(t, "toman")
		got, err := money.FromToman(toman)
		compare(t, "FromToman", got, err, new(big.Int).Mul(big.NewInt(toman), big.NewInt(10)))
	})
}

// The largest invoice leaves room for all the sums that reports make of it.
func TestMaxInvoice(t *testing.T) {
	if money.MaxInvoice != 9_999_999_999_999 {
		t.Errorf("largest invoice is %d rial", money.MaxInvoice)
	}
	if _, err := money.MaxInvoice.Times(900_000); err != nil {
		t.Errorf("a sum of 900,000 of them: %v", err)
	}
}

func FuzzArithmetic(f *testing.F) {
	f.Add(int64(math.MinInt64), int64(-1))
	f.Add(int64(-1), int64(math.MinInt64))
	f.Add(int64(3037000500), int64(3037000500))
	f.Fuzz(func(t *testing.T, a, b int64) { checkArithmetic(t, a, b) })
}
