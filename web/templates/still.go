package templates

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/a-h/templ"

	"dargah/internal/app/i18n"
)

// A still is a part of a page that depends on the language alone.
type still struct {
	name string
	l    i18n.Locale
	part func(i18n.Locale) templ.Component
}

// stills are the ones drawn so far: a handful of names in two languages. The payment link is the page
// that a crowd opens at once, and most of its words are these.
var stills sync.Map

// Render copies the part, and draws it at its first use.
func (s still) Render(ctx context.Context, w io.Writer) error {
	type key struct {
		name string
		l    i18n.Locale
	}
	k := key{s.name, s.l}
	html, ok := stills.Load(k)
	if !ok {
		var b strings.Builder
		if err := s.part(s.l).Render(ctx, &b); err != nil {
			return err
		}
		html, _ = stills.LoadOrStore(k, b.String())
	}
	_, err := io.WriteString(w, html.(string))
	return err
}
