package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"dargah/internal/app/seal"
)

func box(t *testing.T, keys ...string) *seal.Box {
	t.Helper()
	b, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNewKey(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	if a == b {
		t.Fatal("two keys are equal")
	}
	raw, err := base64.StdEncoding.DecodeString(a)
	if err != nil || len(raw) != 32 || len(a) != 44 {
		t.Fatalf("key of %d characters and %d bytes: %v", len(a), len(raw), err)
	}
	box(t, a, b)
}

func TestNew_BadKey(t *testing.T) {
	if _, err := seal.New(); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	secret := "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=" // 32 bytes
	box(t, secret, " "+secret+"\n")
	for name, text := range map[string]string{
		"empty":     "",
		"short":     "c2VjcmV0LXNlY3JldC1zZWNyZXQ=",
		"long":      base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"hex":       strings.Repeat("5ec4e7", 10) + "5ec4",
		"no base64": "hunter2-hunter2-hunter2-hunter2-hunter2-hunt",
		"unpadded":  strings.TrimRight(secret, "="),
	} {
		_, err := seal.New(secret, text)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), "key 2 of 2") || !strings.Contains(err.Error(), "32 bytes in base64") {
			t.Errorf("%s: %q does not say which key or what was expected", name, err)
		}
		if text != "" && strings.Contains(err.Error(), text[:6]) {
			t.Errorf("%s: %q holds a part of the key", name, err)
		}
	}
}

func TestSeal_Opens(t *testing.T) {
	b := box(t, seal.NewKey())
	for _, plain := range []string{"", "x", "توکن پی‌پینگ", strings.Repeat("long ", 1000)} {
		sealed := b.Seal([]byte(plain), "accounts/1/token")
		if len(plain) > 1 && strings.Contains(sealed, plain) {
			t.Fatalf("%q is in the sealed text", plain)
		}
		got, err := b.Open(sealed, "accounts/1/token")
		if err != nil || string(got) != plain {
			t.Errorf("opened %q, %v", got, err)
		}
	}
	if one, two := b.Seal([]byte("same"), "a"), b.Seal([]byte("same"), "a"); one == two {
		t.Error("equal secrets are sealed to equal texts")
	}
}

func TestOpen_Refuses(t *testing.T) {
	b, other := box(t, seal.NewKey()), box(t, seal.NewKey())
	sealed := b.Seal([]byte("secret"), "accounts/1/token")
	if _, err := b.Open(sealed, "accounts/2/token"); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("moved to another row: %v", err)
	}
	if _, err := other.Open(sealed, "accounts/1/token"); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("another installation's: %v", err)
	}
	for _, text := range []string{"", ".", "secret", sealed[:8], sealed[:9], sealed[:20], sealed + "A", sealed + "="} {
		if plain, err := b.Open(text, "accounts/1/token"); err == nil {
			t.Errorf("opened %q as %q", text, plain)
		}
	}
	id, text, _ := strings.Cut(sealed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		changed := id + "." + base64.RawURLEncoding.EncodeToString(raw)
		if _, err := b.Open(changed, "accounts/1/token"); !errors.Is(err, seal.ErrBroken) {
			t.Errorf("bit of byte %d turned: %v", i, err)
		}
		raw[i] ^= 1
	}
}

func TestOpen_AfterRotation(t *testing.T) {
	oldKey, newKey := seal.NewKey(), seal.NewKey()
	before, during, after := box(t, oldKey), box(t, newKey, oldKey), box(t, newKey)

	sealed := before.Seal([]byte("secret"), "row")
	if !before.Current(sealed) || during.Current(sealed) {
		t.Errorf("old text: current before %t, during %t", before.Current(sealed), during.Current(sealed))
	}
	plain, err := during.Open(sealed, "row")
	if err != nil || string(plain) != "secret" {
		t.Fatalf("opened %q, %v", plain, err)
	}
	again := during.Seal(plain, "row")
	if !during.Current(again) {
		t.Error("sealed again, but not with the first key")
	}
	if plain, err := after.Open(again, "row"); err != nil || string(plain) != "secret" {
		t.Errorf("new key alone opened %q, %v", plain, err)
	}
	if _, err := after.Open(sealed, "row"); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without the old key: %v", err)
	}
}

func TestMAC(t *testing.T) {
	oldKey := seal.NewKey()
	b := box(t, oldKey)
	mac := b.MAC("cards", []byte("ab"), []byte("c"))
	if len(mac) != 32 || !bytes.Equal(mac, box(t, oldKey).MAC("cards", []byte("ab"), []byte("c"))) {
		t.Fatalf("not the same 32 bytes each time: %x", mac)
	}
	for name, other := range map[string][]byte{
		"domain":      b.MAC("mails", []byte("ab"), []byte("c")),
		"parts moved": b.MAC("cards", []byte("a"), []byte("bc")),
		"joined":      b.MAC("cards", []byte("abc")),
		"empty part":  b.MAC("cards", []byte("ab"), []byte("c"), nil),
		"key":         box(t, seal.NewKey()).MAC("cards", []byte("ab"), []byte("c")),
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("%s changes nothing", name)
		}
	}

	during := box(t, seal.NewKey(), oldKey)
	if !during.CheckMAC("cards", mac, []byte("ab"), []byte("c")) {
		t.Error("the old key's MAC is refused during a rotation")
	}
	if during.CheckMAC("mails", mac, []byte("ab"), []byte("c")) || during.CheckMAC("cards", mac[:31], []byte("ab"), []byte("c")) {
		t.Error("another domain's or a cut MAC is accepted")
	}
}

func TestToken(t *testing.T) {
	oldKey := seal.NewKey()
	b := box(t, oldKey)
	token := b.Token("callback", [16]byte{1, 2, 3})
	if len(token) != 43 || !b.CheckToken("callback", token) {
		t.Fatalf("%q is no token of its own box", token)
	}
	if token != b.Token("callback", [16]byte{1, 2, 3}) || token == b.Token("callback", [16]byte{1, 2, 4}) {
		t.Error("a token is not its random bytes and their MAC")
	}
	if !box(t, seal.NewKey(), oldKey).CheckToken("callback", token) {
		t.Error("the old key's token is refused during a rotation")
	}
	if box(t, seal.NewKey()).CheckToken("callback", token) {
		t.Error("another installation's token is accepted")
	}
	if b.CheckToken("link", token) {
		t.Error("another domain's token is accepted")
	}
}

// Whatever is not letter for letter what Token gave is refused: base64 has several
// spellings of the same bytes, and a token is looked up by its letters.
func TestCheckToken_OneSpelling(t *testing.T) {
	b := box(t, seal.NewKey())
	token := b.Token("callback", [16]byte{15: 255})
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\n. "
	for i := range token {
		for _, c := range letters {
			changed := token[:i] + string(c) + token[i+1:]
			if changed != token && b.CheckToken("callback", changed) {
				t.Fatalf("letter %d as %q is accepted", i, c)
			}
		}
	}
	for _, s := range []string{"", token[:42], token + "=", token + "\n", "\n" + token, token + token, " " + token} {
		if b.CheckToken("callback", s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b, err := seal.New(seal.NewKey())
	if err != nil {
		f.Fatal(err)
	}
	sealed := b.Seal([]byte("secret"), "row")
	f.Add(sealed)
	f.Add("....")
	f.Fuzz(func(t *testing.T, s string) {
		// Line breaks are skipped by the decoder; they change no byte of what is opened.
		if strings.NewReplacer("\r", "", "\n", "").Replace(s) == sealed {
			return
		}
		if plain, err := b.Open(s, "row"); err == nil {
			t.Fatalf("opened %q as %q", s, plain)
		}
		if b.CheckToken("callback", s) {
			t.Fatalf("%q is a token", s)
		}
	})
}

// FuzzToken: of all texts only those are tokens that we would make again of their own random bytes,
// and each only for its own use.
func FuzzToken(f *testing.F) {
	b, err := seal.New(seal.NewKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(make([]byte, 16), uint8(0), uint8(0), "")
	f.Add([]byte("0123456789abcdef"), uint8(42), uint8(1), "x")
	f.Add([]byte("0123456789abcdef"), uint8(21), uint8(255), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, random []byte, at, with uint8, other string) {
		if len(random) != 16 {
			return
		}
		token := b.Token("callback/ghesta", [16]byte(random))
		if !b.CheckToken("callback/ghesta", token) || b.CheckToken("callback/gardeshpay", token) {
			t.Fatalf("%s is no token, or another's", token)
		}
		changed := []byte(token)
		changed[int(at)%len(changed)] ^= with
		if with != 0 && b.CheckToken("callback/ghesta", string(changed)) {
			t.Fatalf("%s and %s are tokens", token, changed)
		}
		if b.CheckToken("callback/ghesta", other) && other != token {
			t.Fatalf("%q is a token", other)
		}
	})
}

// A signature is checked with the public key alone, holds for one domain, and old keys are still known.
func TestSign(t *testing.T) {
	first, second := seal.NewKey(), seal.NewKey()
	box, err := seal.New(first)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := seal.New(second, first)
	if err != nil {
		t.Fatal(err)
	}
	public, signature := box.Sign("a", []byte("message"))
	if !ed25519.Verify(public, []byte("message"), signature) || ed25519.Verify(public, []byte("massage"), signature) {
		t.Error("the signature does not tell the message from another")
	}
	if other, _ := box.Sign("b", []byte("message")); bytes.Equal(other, public) {
		t.Error("two domains have one key")
	}
	if keys := rotated.Signers("a"); len(keys) != 2 || !bytes.Equal(keys[1], public) || bytes.Equal(keys[0], public) {
		t.Errorf("after a rotation the old key is not known: %x", keys)
	}
}
