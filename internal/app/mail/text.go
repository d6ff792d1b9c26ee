package mail

import (
	"strings"

	"dargah/web/templates"
)

// plainText is the letter for programs and people that want no HTML: the same words in the same order.
func plainText(v templates.Letter) string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\n") }
	line(v.Brand.Name)
	line()
	if note := v.Banner(); note != "" {
		line("*** ", note, " ***")
		line()
	}
	if v.Title != "" {
		line(v.Title)
		line()
	}
	for _, t := range v.Lead {
		line(t.Plain())
	}
	if v.Amount != "" {
		line()
		line(v.L.T("letter.money", "toman", v.Amount, "rial", v.Rial))
		line(v.Words)
	}
	if len(v.Items) > 0 {
		line()
		for _, it := range v.Items {
			title := it.Title
			if it.Quantity != "" {
				title += " × " + it.Quantity
			}
			line("- ", title, ": ", v.L.T("amount.toman", "amount", it.Amount))
		}
		if v.More != "" {
			line(v.More)
		}
	}
	if len(v.Facts) > 0 {
		line()
		for _, f := range v.Facts {
			value := f.Value
			if f.Small != "" {
				value += " (" + f.Small + ")"
			}
			line(f.Label, ": ", value)
		}
	}
	for _, t := range v.Texts {
		line()
		line(t)
	}
	if v.Button != nil {
		line()
		line(v.Button.Text, ":")
		line(v.Button.Href)
		if len(v.Notes) > 0 {
			line()
			line(strings.Join(v.Notes, " "))
		}
	}
	line()
	line("-- ")
	line(v.Never)
	if v.Ask != "" {
		line(strings.TrimSpace(v.Ask + " " + v.Phone))
	}
	for _, f := range v.Foot {
		line(f)
	}
	if v.Stop != nil {
		line(v.Stop.Text, ": ", v.Stop.Href)
	}
	return b.String()
}
