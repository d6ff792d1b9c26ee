package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// A token is 16 random bytes and 16 of their MAC (RFC 2104, section 5: half of the hash
// may be cut), 43 characters of base64url.
const (
	tokenRandom = 16
	tokenBytes  = 32
	tokenChars  = 43
)

// MAC returns the HMAC-SHA256 of the parts under the first key. Domains keep uses apart:
// a MAC made for one is worth nothing in another. Each part is hashed with its length, so
// that ("ab","c") and ("a","bc") differ.
func (b *Box) MAC(domain string, parts ...[]byte) []byte {
	return b.keys()[0].mac(forMAC+domain, parts...)
}

// CheckMAC reports, in constant time, whether any key of the box made this MAC.
func (b *Box) CheckMAC(domain string, mac []byte, parts ...[]byte) bool {
	return b.byAny(func(k key) bool { return hmac.Equal(mac, k.mac(forMAC+domain, parts...)) })
}

// Token returns an unguessable address: the random bytes and a MAC that says they are ours.
// The MAC tells a token lost with a restored database from one that was never given out.
func (b *Box) Token(domain string, random [16]byte) string {
	token := b.keys()[0].token(domain, random)
	return base64.RawURLEncoding.EncodeToString(token[:])
}

// CheckToken reports, in constant time, whether any key of the box made this token for the
// domain. It refuses every other spelling of the same bytes: a token is also a lookup key.
func (b *Box) CheckToken(domain, s string) bool {
	if len(s) != tokenChars {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != tokenBytes { // the decoder skips line breaks, which shortens raw
		return false
	}
	return b.byAny(func(k key) bool {
		want := k.token(domain, [tokenRandom]byte(raw))
		return subtle.ConstantTimeCompare(raw, want[:]) == 1
	})
}

// byAny says that a key of the box made it; a key that came meanwhile counts.
func (b *Box) byAny(made func(key) bool) bool {
	ring := b.ring.Load()
	return slices.ContainsFunc(*ring, made) || b.renewed(ring, true) && slices.ContainsFunc(b.keys(), made)
}

func (k key) token(domain string, random [tokenRandom]byte) [tokenBytes]byte {
	var token [tokenBytes]byte
	copy(token[:], random[:])
	copy(token[tokenRandom:], k.mac(forToken+domain, random[:]))
	return token
}

func (k key) mac(use string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, k.sub(use))
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// sub is the key for a use. Uses are words of ours, and few.
func (k key) sub(use string) []byte {
	if known, ok := k.subs.Load(use); ok {
		return known.([]byte)
	}
	sub, err := derive(k.raw, use)
	if err != nil {
		// hkdf fails only for an output of over 255 hashes, and never has been asked for more
		// than one since parse; a MAC under an empty key would be worse than no program.
		panic("seal: " + err.Error())
	}
	k.subs.Store(use, sub)
	return sub
}
