package auth_test

import (
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/auth"
)

// The vectors of RFC 6238, appendix B, for SHA-1: their last six digits.
func TestCheckTOTP_Vectors(t *testing.T) {
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("12345678901234567890"))
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		step, ok := auth.CheckTOTP(secret, code, time.Unix(at, 0))
		if !ok || step != at/30 {
			t.Errorf("%s at %d: step %d, %t", code, at, step, ok)
		}
		for off, want := range map[time.Duration]bool{-30 * time.Second: true, 30 * time.Second: true, -60 * time.Second: false, 60 * time.Second: false} {
			if at == 59 && off == -60*time.Second {
				continue // before the epoch
			}
			if _, ok := auth.CheckTOTP(secret, code, time.Unix(at, 0).Add(off)); ok != want {
				t.Errorf("%s at %d%+v: %t", code, at, off, ok)
			}
		}
		for _, wrong := range []string{"", code + "0", code[:5], "۲۸۷۰۸۲", "-" + code[1:], " " + code[1:]} {
			if _, ok := auth.CheckTOTP(secret, wrong, time.Unix(at, 0)); ok {
				t.Errorf("%q was taken", wrong)
			}
		}
	}
	if _, ok := auth.CheckTOTP("not base 32!", "287082", time.Unix(59, 0)); ok {
		t.Error("a broken secret has a code")
	}
}

func TestTOTPAddress(t *testing.T) {
	u, err := url.Parse(auth.TOTPAddress("pay.example.ir", "a+b@example.ir", "ABC"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/pay.example.ir:a+b@example.ir" || u.Query().Get("secret") != "ABC" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("%v, %v", u, err)
	}
	if a, b := auth.NewTOTPSecret(), auth.NewTOTPSecret(); len(a) != 32 || a == b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes, hashes := auth.NewRecoveryCodes()
	seen := map[string]bool{}
	for i, code := range codes {
		if seen[code] || hashes[i] != auth.HashRecoveryCode(code) || hashes[i] != auth.HashRecoveryCode(" "+strings.ToUpper(strings.ReplaceAll(code, "-", " "))) {
			t.Errorf("%s and %s", code, hashes[i])
		}
		seen[code] = true
	}
	if len(codes) != 10 || len(hashes) != 10 {
		t.Errorf("%d codes, %d hashes", len(codes), len(hashes))
	}
}
