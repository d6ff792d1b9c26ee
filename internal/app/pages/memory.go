package pages

import (
	"context"
	"reflect"
	"sync"
	"time"

	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

// maxDrawn bounds the pages that are kept, some 20 KB each, and maxGlanced the links of which it is
// only known that somebody has looked.
const (
	maxDrawn   = 128
	maxGlanced = 4096
)

// memory keeps the pages that a crowd opens at once: a link that was just mailed to everybody, a
// receipt that is shown around. The store is read every time; a kept page is sent only when all that
// was read is equal to what it was drawn from, so a change of anything, of which this file need know
// nothing, draws it anew. Most links are opened once and their receipts once: only a page that is
// asked for again is worth its room.
type memory struct {
	mu      *sync.RWMutex
	pages   map[drawnKey]*drawn
	glanced map[glance]struct{}
}

// glance is one look at a page: the receipt is another than the form that stood at its address.
type glance struct {
	drawnKey
	state string
}

type drawnKey struct {
	token string
	l     i18n.Locale
	asked bool
}

type drawn struct {
	*server.Drawn
	from  *payments.Page // without its moment
	state string
	day   int // in Tehran: a date is said with its year or without
}

func newMemory() memory {
	return memory{mu: new(sync.RWMutex), pages: map[drawnKey]*drawn{}, glanced: map[glance]struct{}{}}
}

// lasting reports whether the page says the same all day: no attempt whose news grow old, no
// moment that is counted from now.
func (v *view) lasting(state string) bool {
	return state == statePaid || (state == statePayable && len(v.Attempts) == 0)
}

// draw returns the page to send, nil for one that nobody has asked for before.
func (m *memory) draw(ctx context.Context, v *view, state string) (*server.Drawn, error) {
	key := drawnKey{v.Invoice.Token, v.l, v.asked}
	from := v.Page
	from.Now = time.Time{}
	today := v.Now.In(i18n.Tehran())
	day := today.Year()*1000 + today.YearDay()
	m.mu.RLock()
	kept := m.pages[key]
	_, again := m.glanced[glance{key, state}]
	m.mu.RUnlock()
	if !again {
		m.note(glance{key, state})
		return nil, nil
	}
	if kept != nil && kept.state == state && kept.day == day && reflect.DeepEqual(kept.from, &from) {
		return kept.Drawn, nil
	}
	fresh, err := server.Draw(ctx, v.component(state))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pages) >= maxDrawn && m.pages[key] == nil { // any may go: it is drawn again when it is asked for
		for k := range m.pages {
			delete(m.pages, k)
			break
		}
	}
	m.pages[key] = &drawn{fresh, &from, state, day}
	return fresh, nil
}

// note remembers that a page was looked at. When there are too many, all of them count as new again,
// and so does what is kept of them.
func (m *memory) note(g glance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.glanced) >= maxGlanced {
		clear(m.glanced)
		clear(m.pages)
	}
	m.glanced[g] = struct{}{}
}
