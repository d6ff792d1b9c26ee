// Package money holds the one unit of the house: rial, a whole number.
// Toman (ten rial) exists only where a person reads an amount and where a gateway
// account asks for it on the wire; both edges convert here and nowhere else.
package money

import (
	"errors"
	"math"
)

// Rial is an amount of money in rial. It is never a float and never toman.
type Rial int64

// MaxInvoice is the largest amount of an invoice in rial (CONTRACT §7).
const MaxInvoice Rial = 9_999_999_999_999

// ErrOverflow says that a sum or product does not fit into an int64 of rial.
var ErrOverflow = errors.New("amount does not fit")

// ErrNotWholeToman says that an amount in rial has no whole number of toman.
var ErrNotWholeToman = errors.New("amount is not a whole number of toman")

// Add returns a+b, or ErrOverflow.
func (a Rial) Add(b Rial) (Rial, error) {
	if (b > 0 && a > math.MaxInt64-b) || (b < 0 && a < math.MinInt64-b) {
		return 0, ErrOverflow
	}
	return a + b, nil
}

// Sub returns a-b, or ErrOverflow.
func (a Rial) Sub(b Rial) (Rial, error) {
	if (b < 0 && a > math.MaxInt64+b) || (b > 0 && a < math.MinInt64+b) {
		return 0, ErrOverflow
	}
	return a - b, nil
}

// Times returns a×n, or ErrOverflow.
func (a Rial) Times(n int64) (Rial, error) {
	if a == 0 || n == 0 {
		return 0, nil
	}
	p := int64(a) * n
	if p/n != int64(a) || (n == -1 && a == math.MinInt64) { // -2^63 / -1 is -2^63 again
		return 0, ErrOverflow
	}
	return Rial(p), nil
}

// Toman returns the amount in toman, or ErrNotWholeToman when a rial would be lost.
func (a Rial) Toman() (int64, error) {
	if a%10 != 0 {
		return 0, ErrNotWholeToman
	}
	return int64(a / 10), nil
}

// FromToman returns the amount of t toman in rial, or ErrOverflow.
func FromToman(t int64) (Rial, error) { return Rial(t).Times(10) }
