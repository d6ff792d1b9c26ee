package mail

import (
	"slices"

	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// Alerts lists what the operators are told of: Facts.What of LetterAlert, with Facts.Name for the
// machine that it is about.
func Alerts() []string {
	return []string{"verify_late", "review", "stray", "dead_jobs", "disk", "clock", "certificate", "backup"}
}

// alert tells the operators that the installation needs them.
func (w *writer) alert() {
	l, title, text := w.l, w.l.T("alert.other"), ""
	if slices.Contains(Alerts(), w.Facts.What) {
		title, text = l.T("alert.title."+w.Facts.What), l.T("alert.text."+w.Facts.What)
	}
	w.page.Subject = l.T("letter.alert.subject", "what", title)
	w.page.Tone, w.page.Title = templates.Wait, title
	w.lead(text, "")
	w.page.Preview = text
	w.fact(l.T("letter.alert.host"), i18n.CleanText(w.Facts.Name), true, "")
	w.fact(l.T("fact.time"), i18n.DateLong(l, w.Facts.At), false, "")
	w.button(l.T("letter.alert.button"), w.to.admin)
}
