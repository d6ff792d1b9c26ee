package admin

import (
	"strconv"
	"sync"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/web/templates"
)

// chartDays is how many days the chart shows.
const chartDays = 30

// day is what one day brought.
type day struct {
	count int
	total money.Rial
}

// days remembers what days that are over brought: what is paid stays paid, so they never change. A day
// counts as over an hour after its end, when every transaction of it is.
type days struct {
	mu    sync.Mutex
	known map[dayKey]day
}

type dayKey struct {
	scope payments.Scope
	from  int64
}

// maxDays bounds what is remembered; beyond it the days are added up anew.
const maxDays = 20_000

func (d *days) of(tx *db.Tx, sc payments.Scope, from, to, now time.Time) (day, error) {
	key := dayKey{sc, from.Unix()}
	over := now.After(to.Add(time.Hour))
	if over {
		d.mu.Lock()
		got, ok := d.known[key]
		d.mu.Unlock()
		if ok {
			return got, nil
		}
	}
	count, total, err := tx.PaidBetween(sc.MerchantID, sc.Live, from, to)
	got := day{count, total}
	if err == nil && over {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.known == nil || len(d.known) >= maxDays {
			d.known = map[dayKey]day{}
		}
		d.known[key] = got
	}
	return got, err
}

// sums are today, this Jalali month, how the gateways do, and the chart of days.
func (a *Admin) sums(tx *db.Tx, v *visit, view *templates.Front, now time.Time) error {
	l := v.l
	first, _ := i18n.JalaliMonth(now)
	start := startOfDay(now)
	begin := start
	for range chartDays - 1 {
		begin = startOfDay(begin.Add(-12 * time.Hour))
	}
	if first.Before(begin) {
		begin = first
	}
	var list []day
	var froms []time.Time
	var month, today day
	for from := begin; !from.After(start); from = nextDay(from) {
		got, err := a.days.of(tx, v.scope, from, nextDay(from), now)
		if err != nil {
			return err
		}
		list, froms = append(list, got), append(froms, from)
		if !from.Before(first) {
			month.count, month.total = month.count+got.count, month.total+got.total
		}
		today = got
	}
	if len(list) > chartDays {
		list, froms = list[len(list)-chartDays:], froms[len(froms)-chartDays:]
	}
	view.Days = v.bars(list, froms, first)
	ends, err := tx.AttemptEnds(v.scope.MerchantID, v.scope.Live, startOfDay(now.Add(-6*24*time.Hour)))
	if err != nil {
		return err
	}
	var figure templates.Figure
	view.Ends, figure = v.ends(ends)
	view.Figures = []templates.Figure{
		{Name: l.T("admin.figure.today"), Value: i18n.Toman(l, today.total), Unit: l.T("pay.toman"), Text: l.T("admin.figure.payments", "count", number(l, today.count))},
		{Name: l.T("admin.figure.month", "month", i18n.MonthYear(l, now)), Value: i18n.Toman(l, month.total), Unit: l.T("pay.toman"), Text: l.T("admin.figure.payments", "count", number(l, month.count))},
		figure,
	}
	return nil
}

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

// ends draws how the attempts at each gateway ended, and says the share that paid.
func (v *visit) ends(list []db.Ended) (*templates.Ends, templates.Figure) {
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
	figure := templates.Figure{Name: l.T("admin.figure.success"), Value: "–", Text: l.T("admin.figure.success_text")}
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
		if figure.Value == "–" {
			figure.Value, figure.Unit = percent, l.T("admin.figure.percent", "gateway", v.brand(gateway))
		} else {
			figure.Unit += " · " + percent + " " + l.T("admin.figure.percent", "gateway", v.brand(gateway))
		}
	}
	return out, figure
}

// firstSteps lead a new shop: a gateway, an invoice, a look as a customer.
func (a *Admin) firstSteps(tx *db.Tx, v *visit, view *templates.Front) error {
	view.First = nil
	list, err := tx.Invoices(db.InvoiceQuery{MerchantID: v.scope.MerchantID, Live: v.scope.Live, Limit: 1})
	if err != nil || len(list) > 0 || v.right < access.Work {
		return err
	}
	accounts, err := tx.GatewayAccounts(v.scope.MerchantID, v.scope.Live)
	if err != nil {
		return err
	}
	if v.scope.Live && len(accounts) == 0 && v.right >= access.Rule {
		view.First = append(view.First, templates.Action{Href: settingsPath + "/gateways", Text: v.l.T("admin.first.gateway")})
	}
	view.First = append(view.First, templates.Action{Href: guidePath, Text: v.l.T("admin.first.guide")})
	view.First = append(view.First, templates.Action{Href: listPath + "/new", Text: v.l.T("admin.first.invoice")})
	if v.scope.Live {
		view.First = append(view.First, templates.Action{Href: accountPath, Text: v.l.T("admin.first.test")})
	}
	return nil
}
