package seal_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"dargah/internal/app/seal"
)

// Another process seals under a new key right after ours has looked at the keys: what it stored opens,
// whoever of many asks first.
func TestOpen_UnderAKeyThatCame(t *testing.T) {
	older, newer := seal.NewKey(), seal.NewKey()
	var file atomic.Pointer[[]string]
	file.Store(&[]string{older})
	b := box(t, older)
	b.RenewBy(func() ([]string, error) { return *file.Load(), nil })
	if changed, err := b.Renew(); changed || err != nil {
		t.Fatalf("the same keys: %v, %v", changed, err)
	}
	file.Store(&[]string{newer, older})
	other := box(t, newer, older)
	sealed, mac := other.Seal([]byte("secret"), "place"), other.MAC("domain", []byte("it"))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if plain, err := b.Open(sealed, "place"); err != nil || string(plain) != "secret" {
				t.Errorf("%q, %v", plain, err)
			}
			if !b.CheckMAC("domain", mac, []byte("it")) {
				t.Error("its MAC is not known")
			}
		})
	}
	all.Wait()
}

// Strangers' values make nobody read the keys again and again.
func TestCheckMAC_StrangersReadNoFile(t *testing.T) {
	reads, key := 0, seal.NewKey()
	b := box(t, key)
	b.RenewBy(func() ([]string, error) { reads++; return []string{key}, nil })
	if _, err := b.Renew(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		b.CheckMAC("domain", []byte("theirs"), []byte("it"))
	}
	// Hardly ever more than the one above; a machine that stood still for a second may add one.
	if reads > 10 {
		t.Errorf("%d reads", reads)
	}
	if _, err := box(t, key).Open(box(t, seal.NewKey()).Seal(nil, ""), ""); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without a file: %v", err)
	}
}
