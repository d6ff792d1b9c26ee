package seal

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// renewEvery bounds how often strangers can make us read the keys again.
const renewEvery = time.Second

// ErrForeign says that keys which were read again have none in common with the present ones: what is
// sealed would not open any more, so the present ones stay.
var ErrForeign = errors.New("the secret keys that were read again hold none of the present ones; these stay in use")

// renewal is where a box gets its keys again while it is used.
type renewal struct {
	mu   sync.Mutex
	read func() ([]string, error)
	last time.Time
}

// RenewBy says where the keys can be read again: when a value is met that no key of the box made, as
// after a rotation by another process, and at Renew. Before the box is used.
func (b *Box) RenewBy(read func() ([]string, error)) { b.again.read = read }

// Renew reads the keys again and reports whether they are others than before.
func (b *Box) Renew() (bool, error) {
	b.again.mu.Lock()
	defer b.again.mu.Unlock()
	return b.renew()
}

func (b *Box) renew() (bool, error) {
	if b.again.read == nil {
		return false, nil
	}
	b.again.last = time.Now()
	texts, err := b.again.read()
	if err != nil {
		return false, err
	}
	fresh, err := New(texts...)
	if err != nil {
		return false, err
	}
	had, has := b.IDs(), fresh.IDs()
	if slices.Equal(had, has) {
		return false, nil
	}
	if !slices.ContainsFunc(has, func(id string) bool { return slices.Contains(had, id) }) {
		return false, ErrForeign
	}
	b.ring.Store(fresh.ring.Load())
	return true, nil
}

// renewed reports whether there is another ring of keys than the one that was tried in vain: another
// caller may have read it meanwhile, or it is read now. What strangers hand us makes nobody read more
// than once in renewEvery; what we stored ourselves is worth a look each time.
func (b *Box) renewed(tried *[]key, stranger bool) bool {
	if b.again.read == nil {
		return false
	}
	b.again.mu.Lock()
	defer b.again.mu.Unlock()
	if b.ring.Load() != tried {
		return true
	}
	if stranger && time.Since(b.again.last) < renewEvery {
		return false
	}
	changed, err := b.renew()
	return changed && err == nil
}

// IDs are the names of the box's keys, the sealing one first. They stand before every sealed value and
// tell nothing about the keys.
func (b *Box) IDs() []string {
	var ids []string
	for _, k := range b.keys() {
		ids = append(ids, k.id)
	}
	return ids
}
