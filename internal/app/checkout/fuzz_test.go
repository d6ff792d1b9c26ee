package checkout_test

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

var (
	idShape     = regexp.MustCompile(`^inv_[0-9a-hjkmnp-tv-z]{25}$`)
	tokenShape  = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	numberShape = regexp.MustCompile(`^1[0-9]{19}$`)
)

// FuzzIDs: ids sort as their moments do, and every random bit counts: of two draws of randomness,
// only equal ones make equal tokens.
func FuzzIDs(f *testing.F) {
	f.Add(int64(0), int64(1), []byte("0123456789abcdef"), []byte("0123456789abcdeg"))
	f.Add(int64(1_700_000_000_000), int64(1_700_000_000_000), bytes.Repeat([]byte{0xff}, 16), make([]byte, 16))
	f.Fuzz(func(t *testing.T, first, second int64, one, two []byte) {
		const ends = 1 << 47 // in the year 6429
		if len(one) != 16 || len(two) != 16 || first < 0 || second < 0 || first >= ends || second >= ends {
			return
		}
		a := checkout.NewID(checkout.PrefixInvoice, time.UnixMilli(first), bytes.NewReader(one))
		b := checkout.NewID(checkout.PrefixInvoice, time.UnixMilli(second), bytes.NewReader(two))
		if !idShape.MatchString(a) || (first < second && a >= b) || (first > second && a <= b) {
			t.Fatalf("%d is %s, %d is %s", first, a, second, b)
		}
		x, y := checkout.NewToken(bytes.NewReader(one)), checkout.NewToken(bytes.NewReader(two))
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(x); err != nil || !bytes.Equal(raw, one) || !tokenShape.MatchString(x) || (x == y) != bytes.Equal(one, two) {
			t.Fatalf("%x is %s, %x is %s: %v", one, x, two, y, err)
		}
		if n := checkout.NewNumber(bytes.NewReader(one)); !numberShape.MatchString(n) {
			t.Fatalf("%x is %s", one, n)
		}
	})
}
