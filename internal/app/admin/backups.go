package admin

import (
	"time"

	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// Backups is what became of the scheduled backups. Every is 0 where none are scheduled.
type Backups struct {
	Every               time.Duration
	Keep                int
	Tried, Good         time.Time // when the last one began, and the last good one
	Bytes, Rows, Chains int64     // of the last good one
	Failure             string    // of the last one; "" after a good one
	Bad                 bool      // the last good one is too old, or the last one failed
}

// alertBackup is the alert that is judged anew for the page: the kept one is up to half a minute behind.
const alertBackup = "backup"

// judge puts the alert about backups in or out.
func (b *Backups) judge(on map[string]time.Time) map[string]time.Time {
	if !b.Bad {
		delete(on, alertBackup)
		return on
	}
	if on == nil {
		on = map[string]time.Time{}
	}
	if _, known := on[alertBackup]; !known {
		on[alertBackup] = b.Tried
	}
	return on
}

// backups is the part of the queue's page that an operator finds below it.
func (v *visit) backups(b *Backups) *templates.Backups {
	l := v.l
	if b.Every == 0 {
		return &templates.Backups{Text: l.T("admin.backup.none")}
	}
	good := templates.Fact{Label: l.T("admin.backup.good"), Value: l.T("admin.backup.never")}
	if !b.Good.IsZero() {
		good.Value = i18n.DateLong(l, b.Good)
	}
	out := &templates.Backups{Facts: []templates.Fact{good}}
	if b.Failure != "" {
		out.Facts = append(out.Facts, templates.Fact{Label: l.T("admin.backup.last"), Value: l.T("admin.backup.failed", "time", i18n.DateTimeShort(l, b.Tried))})
		out.Failure = i18n.CleanText(b.Failure)
	}
	if !b.Good.IsZero() {
		out.Facts = append(
			out.Facts, templates.Fact{Label: l.T("admin.backup.size"), Value: size(l, b.Bytes)},
			templates.Fact{Label: l.T("admin.backup.checked"), Value: l.T("admin.backup.counts", "rows", i18n.Count(l, b.Rows), "chains", i18n.Count(l, b.Chains))},
		)
	}
	every := v.span(b.Every)
	if b.Every%time.Hour == 0 {
		every = l.T("admin.span.hours", "h", number(l, int(b.Every/time.Hour)))
	}
	out.Facts = append(out.Facts, templates.Fact{Label: l.T("admin.backup.plan"), Value: l.T("admin.backup.every", "span", every, "keep", number(l, b.Keep))})
	return out
}

// size is how large a file is, with one figure behind the mark.
func size(l i18n.Locale, bytes int64) string {
	unit, n := "kb", float64(bytes)/1e3
	switch {
	case bytes >= 1e9:
		unit, n = "gb", float64(bytes)/1e9
	case bytes >= 1e6:
		unit, n = "mb", float64(bytes)/1e6
	}
	return l.T("admin.size."+unit, "n", i18n.Decimal(l, n))
}
