package admin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/i18n"
	"dargah/internal/app/mail"
	"dargah/web/templates"
)

// own are alerts whose matters stand in the queue by themselves.
var own = []string{"review", "stray", "dead_jobs"}

// alerts are what operators are also told of by letter.
func (v *visit) alerts(on map[string]time.Time) (list []templates.Matter) {
	for _, name := range slices.Sorted(maps.Keys(on)) {
		code, host, _ := strings.Cut(name, "@")
		if slices.Contains(own, code) || !slices.Contains(mail.Alerts(), code) {
			continue
		}
		title := v.l.T("alert.title." + code)
		if host != "" {
			title += " · " + i18n.CleanText(host)
		}
		where := home + "/attention"
		if code == alertBackup {
			where += "#backups"
		}
		list = append(list, templates.Matter{
			Icon: "warning", Class: "failed", Title: title, Text: v.l.T("alert.text." + code),
			Aside: v.l.T("admin.queue.since", "time", i18n.DateTimeShort(v.l, on[name])), Href: where, Button: v.l.T("admin.queue.see"),
		})
	}
	return list
}
