package admin

import (
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/web/templates"
)

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// bars draws what the days brought in million toman, the oldest where reading begins.
func (v *visit) bars(list []day, froms []time.Time, month time.Time) *templates.Bars {
	l := v.l
	const width, base, high, edge = 524.0, 160.0, 140.0, 36.0
	most := 1.0
	for _, d := range list {
		most = max(most, float64(d.total)/1e7)
	}
	step := nice(most)
	top := step * 3
	mirror := func(x float64) string {
		if l == i18n.FA {
			return coordinate(560 - x)
		}
		return coordinate(x)
	}
	out := &templates.Bars{Title: l.T("admin.chart.days"), Unit: l.T("admin.chart.days_unit"), Label: l.T("admin.chart.label", "title", l.T("admin.chart.days")), Heads: [2]string{l.T("admin.chart.day"), l.T("admin.chart.toman")}}
	for i := range 4 {
		y := base - high*float64(i)/3
		class := "rule"
		if i == 0 {
			class = "axis"
		}
		text := i18n.Digits(l, strconv.FormatFloat(step*float64(i), 'f', -1, 64))
		from, to := mirror(edge), mirror(560)
		out.Rules = append(out.Rules, templates.Rule{D: "M" + from + " " + coordinate(y) + "H" + to, X: mirror(0), Y: coordinate(y + 4), Anchor: "start", Text: text, Class: class})
	}
	slot := width / float64(len(list))
	for i, d := range list {
		h := float64(d.total) / 1e7 / top * high
		x := edge + slot*float64(i) + slot*0.17
		w := slot * 0.66
		if l == i18n.FA {
			x = 560 - x - w
		}
		class := "bar"
		if !froms[i].Before(month) {
			class = "bar on"
		}
		if d.total > 0 {
			h = max(h, 1.5)
		}
		out.List = append(out.List, templates.Bar{X: coordinate(x), Y: coordinate(base - h), W: coordinate(w), H: coordinate(h), Class: class})
		name := i18n.DayLong(l, froms[i])
		out.Rows = append(out.Rows, [2]string{name, i18n.Toman(l, d.total)})
		if !froms[i].Equal(month) || i < 3 || i > len(list)-4 {
			continue
		}
		out.Names = append(out.Names, templates.ClockMark{X: mirror(edge + slot*(float64(i)+0.5)), Anchor: "middle", Text: i18n.MonthYear(l, month)})
	}
	out.Names = append(
		out.Names,
		templates.ClockMark{X: mirror(edge), Anchor: "start", Text: i18n.DateFigures(l, froms[0])},
		templates.ClockMark{X: mirror(560), Anchor: "end", Text: l.T("admin.range.today")},
	)
	return out
}

// nice is a round step so that three of them hold most.
func nice(most float64) float64 {
	step := 1.0
	for {
		for _, f := range []float64{1, 2, 5} {
			if step*f*3 >= most {
				return step * f
			}
		}
		step *= 10
	}
}

// ends draws how the attempts at each gateway ended.
func (v *visit) ends(list []db.Ended) *templates.Ends {
	l := v.l
	out := &templates.Ends{Title: l.T("admin.chart.ends"), Unit: l.T("admin.tab.7d"), Label: l.T("admin.chart.label", "title", l.T("admin.chart.ends"))}
	groups := []struct {
		name, class string
		states      []checkout.AttemptStatus
	}{
		{"paid", "f-paid", []checkout.AttemptStatus{checkout.AttemptPaid}},
		{"canceled", "f-none", []checkout.AttemptStatus{checkout.AttemptCanceled}},
		{"abandoned", "f-wait", []checkout.AttemptStatus{checkout.AttemptAbandoned}},
		{"failed", "f-failed", []checkout.AttemptStatus{checkout.AttemptFailed, checkout.AttemptNeedsReview, checkout.AttemptUnclaimed}},
	}
	out.Heads = []string{l.T("admin.col.method")}
	for _, g := range groups {
		out.Heads = append(out.Heads, l.T("admin.end."+g.name))
		out.Legend = append(out.Legend, templates.LegendMark{Class: g.class, Text: l.T("admin.end." + g.name)})
	}
	for _, gateway := range payments.GatewayNames() {
		counts, all := make([]int, len(groups)), 0
		for _, e := range list {
			for i, g := range groups {
				for _, s := range g.states {
					if e.Gateway == gateway && e.Status == s {
						counts[i] += e.Count
						all += e.Count
					}
				}
			}
		}
		if all == 0 {
			continue
		}
		y := 14 + 56*float64(len(out.Lines))
		percent := number(l, (counts[0]*100+all/2)/all)
		line := templates.EndLine{Name: v.brand(gateway), Text: l.T("admin.chart.percent", "percent", percent), Y: coordinate(y), NameX: "0", NameAnchor: "start", TextX: "260", TextAnchor: "end"}
		if l == i18n.FA {
			line.NameX, line.TextX = "260", "0"
		}
		at := 0.0
		row := []string{v.brand(gateway)}
		for i, n := range counts {
			w := 260 * float64(n) / float64(all)
			x := at
			if l == i18n.FA {
				x = 260 - at - w
			}
			line.Parts = append(line.Parts, templates.Bar{X: coordinate(x), Y: coordinate(y + 8), W: coordinate(max(w-1, 0)), H: "14", Class: groups[i].class})
			at += w
			row = append(row, number(l, n))
		}
		out.Lines, out.Rows = append(out.Lines, line), append(out.Rows, row)
	}
	return out
}
