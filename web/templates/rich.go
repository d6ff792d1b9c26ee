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
