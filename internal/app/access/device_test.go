package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// The flags of what a device says (WebAuthn level 3, §6.1).
const (
	present  = 0x01
	verified = 0x04
	attested = 0x40
)

// device is a passkey as a phone keeps it. Its fields are what an attacker's could be otherwise.
type device struct {
	id     []byte
	key    *ecdsa.PrivateKey
	owner  string // the user handle, as it was given
	count  uint32
	origin string
	rp     string
	flags  byte
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{id: make([]byte, 32), key: key, origin: "https://pay.example.ir", rp: "pay.example.ir", flags: present | verified}
	rand.Read(d.id)
	return d
}

// but is the same device with something changed; its count is its own.
func (d *device) but(change func(*device)) *device {
	other := *d
	change(&other)
	return &other
}

// asked is what of an offer or a request a device needs.
type asked struct {
	Challenge string
	RP        struct{ ID string }
	RPID      string `json:"rpId"`
	User      struct{ ID string }
	Allow     []struct{ ID string } `json:"allowCredentials"`
	Exclude   []struct{ ID string } `json:"excludeCredentials"`
}

func readAsked(t *testing.T, options string) asked {
	t.Helper()
	var a asked
	if err := json.Unmarshal([]byte(options), &a); err != nil || a.Challenge == "" {
		t.Fatalf("%v in %q", err, options)
	}
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *device) clientData(kind, challenge string) []byte {
	raw, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	if err != nil {
		panic(err) // strings are always JSON
	}
	return raw
}

func (d *device) authData(flags byte) []byte {
	rp := sha256.Sum256([]byte(d.rp))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), d.count)
}

// create makes the key and answers an offer.
func (d *device) create(t *testing.T, options string) string {
	t.Helper()
	a := readAsked(t, options)
	owner, err := base64.RawURLEncoding.DecodeString(a.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	d.owner = string(owner)
	point, err := d.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	// A COSE key: EC2, ES256, P-256, x, y (RFC 9053, 7.1.1).
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 0x20), point[33:]...)
	data := append(d.authData(d.flags|attested), make([]byte, 16)...) // of no model
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(d.id))), d.id...)
	data = append(data, cose...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return d.answer(t, map[string]string{"clientDataJSON": b64(d.clientData("webauthn.create", a.Challenge)), "attestationObject": b64(append(object, data...))})
}

// get answers a request, one higher than last time.
func (d *device) get(t *testing.T, options string) string {
	t.Helper()
	d.count++
	client, data := d.clientData("webauthn.get", readAsked(t, options).Challenge), d.authData(d.flags)
	clientHash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte(nil), data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return d.answer(t, map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64([]byte(d.owner)),
	})
}

func (d *device) answer(t *testing.T, response map[string]string) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
