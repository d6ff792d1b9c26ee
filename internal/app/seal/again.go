package seal

import "fmt"

// Again seals a value under the box's first key. False: it is so already.
func (b *Box) Again(sealed, aad string) (string, bool, error) {
	if b.Current(sealed) {
		return sealed, false, nil
	}
	plain, err := b.Open(sealed, aad)
	if err != nil {
		return "", false, fmt.Errorf("open %s: %w", aad, err)
	}
	return b.Seal(plain, aad), true, nil
}
