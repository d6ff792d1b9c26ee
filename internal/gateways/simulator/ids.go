package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// tehran is fixed: Iran has had no summer time since 2022, and the simulator should not need a zone file.
var tehran = time.FixedZone("Asia/Tehran", 3*3600+1800)

// digits draws n random decimal digits; the first is not zero unless zeros may lead.
func (s *Simulator) digits(n int, zeros bool) (string, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(s.opt.Rand, raw); err != nil {
		return "", fmt.Errorf("%w: draw digits: %w", errUnavailable, err)
	}
	low, span := new(big.Int), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	if !zeros {
		low.Exp(big.NewInt(10), big.NewInt(int64(n-1)), nil)
		span.Sub(span, low)
	}
	v := new(big.Int).SetBytes(raw)
	v.Mod(v, span).Add(v, low)
	return strings.Repeat("0", n-len(v.String())) + v.String(), nil
}

// newToken is 19 digits, above 2^53, as the one real token seen in public: the Jalali time of its making and
// five digits. It is as guessable as theirs.
func (s *Simulator) newToken(now time.Time) (string, error) {
	t := now.In(tehran)
	y, m, d := jalali(t.Year(), int(t.Month()), t.Day())
	for {
		tail, err := s.digits(5, true)
		if err != nil {
			return "", err
		}
		token := fmt.Sprintf("%04d%02d%02d%s%s", y, m, d, t.Format("150405"), tail)
		if s.books.byID[token] == nil {
			return token, nil
		}
	}
}

// newCode is short lower-case hex, as in PayPing's guide (82a4f72). It grows when the short ones run out.
func (s *Simulator) newCode() (string, error) {
	for width := 7; ; width++ {
		raw := make([]byte, (width+1)/2)
		if _, err := io.ReadFull(s.opt.Rand, raw); err != nil {
			return "", fmt.Errorf("%w: draw a code: %w", errUnavailable, err)
		}
		code := hex.EncodeToString(raw)[:width]
		if s.books.byID[code] == nil {
			return code, nil
		}
	}
}

// newReference is a trackingNumber or refid: never equal to a token, and unique per vendor.
func (s *Simulator) newReference(vendor string) (string, error) {
	width := 15
	if vendor == vendorPayPing {
		width = 11
	}
	for {
		ref, err := s.digits(width, false)
		if err != nil {
			return "", err
		}
		if s.books.byRef[refKey(vendor, ref)] == nil {
			return ref, nil
		}
	}
}

// digest stands for a merchant's token where only equality matters.
func digest(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("simulator merchant\x00" + token))
	return hex.EncodeToString(sum[:8])
}

// hashPAN imitates the vendor's card hash (64 upper-case hex digits) from the mask alone, since no full
// number is ever kept.
func hashPAN(mask string) string {
	if mask == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("simulator card\x00" + mask))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// jalali converts a Gregorian date by the 33-year rule, which is right for 1404 and its centuries around.
func jalali(year, month, day int) (jy, jm, jd int) {
	before := [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}
	leaps := year
	if month > 2 {
		leaps++
	}
	days := 355666 + 365*year + (leaps+3)/4 - (leaps+99)/100 + (leaps+399)/400 + day + before[month-1]
	jy = -1595 + 33*(days/12053)
	days %= 12053
	jy += 4 * (days / 1461)
	days %= 1461
	if days > 365 {
		jy += (days - 1) / 365
		days = (days - 1) % 365
	}
	if days < 186 {
		return jy, 1 + days/31, 1 + days%31
	}
	return jy, 7 + (days-186)/30, 1 + (days-186)%30
}
