package admin

import (
	"math"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// clock shows how long a returned payment may still be verified: a mark for every ask, where the half
// is, where now is. It is drawn here in the reading direction, so that no digit is mirrored.
func (v *visit) clock(d *dossier) *templates.Clock {
	l, at := v.l, d.clocked
	start, end := d.ref.ArrivedAt, d.ref.Deadline
	left := end.Sub(d.now)
	out := &templates.Clock{Over: left <= 0, Rest: l.T("admin.clock.rest." + at.Gateway), Left: v.span(left)}
	if out.Over {
		out.Left, out.Rest = l.T("admin.clock.over"), ""
	}
	out.Asks = number(l, d.ref.Asks)
	out.Label = l.T("admin.clock.label", "window", v.span(end.Sub(start)), "past", v.span(earlier(d.now, end).Sub(start)), "asks", out.Asks)
	out.Wide = v.face(d, 1120, "wide", true)
	out.Thin = v.face(d, 320, "thin", false)
	out.Text = l.T("admin.clock.text")
	if !d.next.IsZero() && d.next.After(d.now) {
		out.Text = l.T("admin.clock.next", "time", i18n.ClockSeconds(l, d.next)) + " " + out.Text
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (v *visit) face(d *dossier, width float64, class string, words bool) templates.ClockFace {
	l := v.l
	start, end, now := d.ref.ArrivedAt, d.ref.Deadline, earlier(d.now, d.ref.Deadline)
	whole := end.Sub(start).Seconds()
	at := func(t time.Time) float64 {
		share := 0.0
		if whole > 0 {
			share = t.Sub(start).Seconds() / whole
		}
		share = min(max(share, 0), 1)
		if l == i18n.FA {
			share = 1 - share
		}
		return share * width
	}
	x := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
	here, begin := at(now), at(start)
	f := templates.ClockFace{
		Class: class, Box: "0 0 " + x(width) + " 62", Width: x(width), Now: x(here), PastX: x(min(here, begin)), PastW: x(math.Abs(begin - here)),
		Half: "M" + x(width/2) + " 4v36",
	}
	for i := range d.events {
		if e := &d.events[i]; e.Type == checkout.EventVerifyAsked && e.AttemptID == d.clocked.ID {
			f.Ticks = append(f.Ticks, "M"+x(at(e.CreatedAt))+" 16v-8")
		}
	}
	mark := func(t time.Time, key, anchor string) templates.ClockMark {
		text := i18n.Clock(l, t)
		if words {
			text += " " + l.T("admin.clock."+key)
		}
		return templates.ClockMark{X: x(at(t)), Anchor: anchor, Text: text}
	}
	f.Start, f.End = mark(start, "start", "start"), mark(end, "end", "end")
	f.Today = templates.ClockMark{X: f.Now, Anchor: "middle", Text: i18n.Clock(l, d.now) + " " + l.T("admin.clock.now")}
	// Two words on one spot are none: where now is near an end, the end's own word gives way.
	if room := width / 7; math.Abs(here-at(start)) < room {
		f.Start.Text, f.Today.Anchor, f.Today.X = "", "start", f.Start.X
	} else if math.Abs(here-at(end)) < room {
		f.End.Text, f.Today.Anchor, f.Today.X = "", "end", f.End.X
	}
	return f
}

// span says a length of time as people do.
func (v *visit) span(d time.Duration) string {
	d = max(d, 0)
	minutes, seconds := int(d.Minutes()), int(d.Seconds())%60
	switch {
	case minutes == 0:
		return v.l.T("admin.span.seconds", "s", number(v.l, seconds))
	case seconds == 0 || minutes >= 60:
		return v.l.T("admin.span.minutes", "m", number(v.l, minutes))
	}
	return v.l.T("admin.span.both", "m", number(v.l, minutes), "s", number(v.l, seconds))
}
