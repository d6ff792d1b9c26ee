package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"math/big"
	"strings"
)

const (
	livePrefix = "sk_live_"
	testPrefix = "sk_test_"

	apiKeyBytes = 32
	apiKeyChars = 43 // 32 bytes in base 62
)

// NewAPIKey returns a secret API key, shown once, and the hash that is stored. The prefix
// tells people and scanners what it is; letters and digits alone are copied whole by a
// double click.
func NewAPIKey(live bool) (secret, hash string) {
	var raw [apiKeyBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	body := new(big.Int).SetBytes(raw[:]).Text(62)
	secret = testPrefix
	if live {
		secret = livePrefix
	}
	secret += strings.Repeat("0", apiKeyChars-len(body)) + body
	return secret, HashAPIKey(secret)
}

// HashAPIKey returns what is stored of a secret: SHA-256 in hex. A plain hash is enough
// for 256 random bits; nobody guesses them, however fast.
func HashAPIKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// APIKeyMode reports whether s has the shape of an API key and whether it is a live one, so
// that anything else is refused before the store is asked.
func APIKeyMode(s string) (live, ok bool) {
	body, live := strings.CutPrefix(s, livePrefix)
	if !live {
		test := false
		if body, test = strings.CutPrefix(s, testPrefix); !test {
			return false, false
		}
	}
	if len(body) != apiKeyChars {
		return false, false
	}
	for i := range len(body) {
		c := body[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false, false
		}
	}
	return live, true
}

// SameHash compares two hashes in constant time.
func SameHash(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
