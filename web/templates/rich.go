package templates

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// rich is a text with its emphasised part in place. It is written by hand because the generator
// puts a space around a condition, and "by 18:17 ," is no English.
func rich(t Text) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		before, after := t.split()
		html := templ.EscapeString(before)
		if t.Strong != "" {
			html += "<b>" + templ.EscapeString(t.Strong) + "</b>"
		}
		_, err := io.WriteString(w, html+templ.EscapeString(after))
		return err
	})
}

// Drawing is an SVG path of our own making: letters and numbers, of which nothing needs to be escaped,
// and too many of them to look for it.
type Drawing string

// Render writes the path.
func (d Drawing) Render(_ context.Context, w io.Writer) error {
	for _, part := range [...]string{`<path fill="currentColor" d="`, string(d), `"></path>`} {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}

// hop says where the button leads; css/checkout.css shows it beside the method that it belongs to.
func hop(class, text, host string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		before, after := Text{Body: text}.split()
		_, err := io.WriteString(w, `<span class="for-`+class+`">`+templ.EscapeString(before)+
			`<bdi class="ltr">`+templ.EscapeString(host)+`</bdi>`+templ.EscapeString(after)+`</span>`)
		return err
	})
}
