package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// One-time codes as every authenticator app makes them: RFC 6238 with SHA-1, six digits, steps of
// thirty seconds. A clock may be off by one step either way.
const (
	totpStep   = 30
	totpSkew   = 1
	totpDigits = 6
	totpSecret = 20 // RFC 4226, section 4: 160 bits
)

var secrets = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPSecret returns a fresh secret as apps take it.
func NewTOTPSecret() string {
	var raw [totpSecret]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return secrets.EncodeToString(raw[:])
}

// CheckTOTP returns the step that a code belongs to, and false when it belongs to none that counts
// now. That no step counts twice is the caller's to see to.
func CheckTOTP(secret, code string, now time.Time) (int64, bool) {
	if len(code) != totpDigits {
		return 0, false
	}
	at := now.Unix() / totpStep
	found, step := 0, int64(0)
	for s := at - totpSkew; s <= at+totpSkew; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found, step = 1, s
		}
	}
	return step, found == 1
}

// TOTPAddress is what the QR code of a secret says to an app.
func TOTPAddress(issuer, account, secret string) string {
	q := url.Values{"secret": {secret}, "issuer": {issuer}, "digits": {fmt.Sprint(totpDigits)}, "period": {fmt.Sprint(totpStep)}}
	// Apps read a plus sign as itself, so a space must be %20.
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// recoveryCodes is how many there are, and recoveryBytes how random each is: 80 bits.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

var recoveryLetters = base32.NewEncoding("abcdefghjkmnpqrstuvwxyz123456789").WithPadding(base32.NoPadding)

// NewRecoveryCodes returns codes for the day the phone is lost, as people write them down, and the
// hashes that are stored.
func NewRecoveryCodes() (codes, hashes []string) {
	for range recoveryCodes {
		var raw [recoveryBytes]byte
		rand.Read(raw[:])
		s := recoveryLetters.EncodeToString(raw[:])
		code := s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
		codes, hashes = append(codes, code), append(hashes, HashRecoveryCode(code))
	}
	return codes, hashes
}

// HashRecoveryCode returns what is stored of a code, however it was typed.
func HashRecoveryCode(code string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(code))
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}
