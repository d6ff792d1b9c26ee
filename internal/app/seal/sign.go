package seal

import "crypto/ed25519"

// Sign signs a message under the first key, so that whoever has the public key can tell that it is
// ours and was not changed, without our secret. Domains keep uses apart.
func (b *Box) Sign(domain string, message []byte) (public, signature []byte) {
	private := b.keys()[0].signing(domain)
	return private.Public().(ed25519.PublicKey), ed25519.Sign(private, message)
}

// Signers are the public keys of a domain: of the present key first, then of those before a rotation.
func (b *Box) Signers(domain string) [][]byte {
	var list [][]byte
	for _, k := range b.keys() {
		list = append(list, k.signing(domain).Public().(ed25519.PublicKey))
	}
	return list
}

func (k key) signing(domain string) ed25519.PrivateKey {
	seed, err := derive(k.raw, forSign+domain)
	if err != nil {
		panic("seal: " + err.Error()) // as for a MAC: it never comes, and must not be passed over
	}
	return ed25519.NewKeyFromSeed(seed)
}
