package db

import "sync"

// bell wakes those who wait for jobs, after the commit that stored one. It is a hint: a missed
// ring costs one polling interval, never a job.
type bell struct {
	mu       sync.Mutex
	waitings map[string][]chan struct{}
}

// Subscribe returns a channel that receives after a job of one of the kinds was committed by this
// process. Rings that nobody took melt into one.
func (db *DB) Subscribe(kinds ...string) <-chan struct{} {
	ch := make(chan struct{}, 1)
	b := &db.bell
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waitings == nil {
		b.waitings = map[string][]chan struct{}{}
	}
	for _, kind := range kinds {
		b.waitings[kind] = append(b.waitings[kind], ch)
	}
	return ch
}

func (b *bell) ring(kinds map[string]struct{}) {
	if len(kinds) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind := range kinds {
		for _, ch := range b.waitings[kind] {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
}
