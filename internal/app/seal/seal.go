// Package seal holds the installation's secret keys: it encrypts columns at rest, makes
// MACs, and signs the tokens that stand in public addresses. The raw keys never leave it;
// each use has a key of its own, derived from them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

const keyBytes = 32

// What derived keys are for. A change of one of these words makes everything sealed or
// signed under it unreadable.
const (
	forID    = "dargah id"
	forSeal  = "dargah seal"
	forMAC   = "dargah mac "
	forToken = "dargah token "
	forSign  = "dargah sign "
)

var (
	// ErrNoKey says that nothing can be sealed without a key.
	ErrNoKey = errors.New("no secret key given; checkout key new prints one")
	// ErrUnknownKey says that a value was sealed with a key that is not among ours.
	ErrUnknownKey = errors.New("sealed with a key that is not given; add the old key behind the new one")
	// ErrBroken says that a sealed value was changed, cut, or moved from another row.
	ErrBroken = errors.New("sealed value does not open here")
)

// Box seals with its first key and opens with all. Safe for concurrent use.
type Box struct {
	ring  atomic.Pointer[[]key]
	again renewal
}

type key struct {
	id   string
	raw  []byte
	aead cipher.AEAD
	subs *sync.Map // what was derived for each use: a handful, and a payment needs one twice
}

// New returns a box of keys as NewKey prints them. The first one seals, the others only
// open what was sealed before a rotation. Its errors never hold a part of a key.
func New(keys ...string) (*Box, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	ring := make([]key, 0, len(keys))
	for i, text := range keys {
		k, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("read secret key %d of %d: %w", i+1, len(keys), err)
		}
		ring = append(ring, k)
	}
	box := &Box{}
	box.ring.Store(&ring)
	return box, nil
}

func (b *Box) keys() []key { return *b.ring.Load() }

// NewKey returns a fresh secret key: 32 random bytes in base64, 44 characters.
func NewKey() string {
	raw := make([]byte, keyBytes)
	rand.Read(raw) // never fails: crypto/rand ends the program instead
	return base64.StdEncoding.EncodeToString(raw)
}

func parse(text string) (key, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return key{}, errors.New("expected 32 bytes in base64 (44 characters, as checkout key new prints them), this is not base64")
	}
	if len(raw) != keyBytes {
		return key{}, fmt.Errorf("expected 32 bytes in base64 (44 characters, as checkout key new prints them), got %d bytes", len(raw))
	}
	id, err := derive(raw, forID)
	if err != nil {
		return key{}, err
	}
	sealKey, err := derive(raw, forSeal)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	return key{id: hex.EncodeToString(id[:4]), raw: raw, aead: aead, subs: &sync.Map{}}, nil
}

func derive(raw []byte, use string) ([]byte, error) {
	sub, err := hkdf.Key(sha256.New, raw, nil, use, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive key for %q: %w", use, err)
	}
	return sub, nil
}

// Seal encrypts plain for one place, named by aad (table, row and column): the text opens
// nowhere else, so a row's secret cannot be copied into another row.
func (b *Box) Seal(plain []byte, aad string) string {
	k := b.keys()[0]
	return k.id + "." + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, plain, []byte(aad)))
}

// Open decrypts what Seal returned for the same aad, with whichever key sealed it.
func (b *Box) Open(sealed, aad string) ([]byte, error) {
	id, text, found := strings.Cut(sealed, ".")
	if !found {
		return nil, ErrBroken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrBroken
	}
	ring := b.ring.Load()
	plain, err := open(*ring, id, raw, aad)
	if errors.Is(err, ErrUnknownKey) && b.renewed(ring, false) {
		plain, err = open(b.keys(), id, raw, aad)
	}
	return plain, err
}

func open(keys []key, id string, raw []byte, aad string) ([]byte, error) {
	known := false
	for _, k := range keys {
		if k.id != id {
			continue
		}
		known = true
		if plain, err := k.aead.Open(nil, nil, raw, []byte(aad)); err == nil {
			return plain, nil
		}
	}
	if !known {
		return nil, ErrUnknownKey
	}
	return nil, ErrBroken
}

// Current reports whether the first key sealed this value; a rotation seals the others again.
func (b *Box) Current(sealed string) bool {
	return strings.HasPrefix(sealed, b.keys()[0].id+".")
}
