package admin

import (
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/web/templates"
)

// tabs are the views with a name; each is an address and nothing more.
func (v *visit) tabs(f filter, now time.Time) []templates.Option {
	month, last := i18n.MonthYear(v.l, now), ""
	if from, _ := span("last_month", now); !from.IsZero() {
		last = i18n.MonthYear(v.l, from.Add(24*time.Hour))
	}
	list := []templates.Option{
		{Value: listPath, Label: v.l.T("admin.tab.all"), On: f.bare()},
		{Value: listPath + "?status=review", Label: v.l.T("admin.tab.review"), On: f.status == "review" && f.span == ""},
		{Value: listPath + "?range=today", Label: v.l.T("admin.tab.today"), On: f.span == "today"},
		{Value: listPath + "?range=7d", Label: v.l.T("admin.tab.7d"), On: f.span == "7d"},
		{Value: listPath + "?range=month", Label: month, On: f.span == "month"},
		{Value: listPath + "?range=last_month", Label: last, On: f.span == "last_month"},
		{Value: listPath + "?status=open", Label: v.l.T("admin.tab.open"), On: f.status == "open" && f.span == ""},
	}
	if v.waits > 0 {
		list[1].Note = number(v.l, v.waits)
	}
	return list
}

// chips are the filters that are on, each with the address of the list without it.
func (v *visit) chips(f filter) []templates.Action {
	var list []templates.Action
	add := func(text string, without ...string) {
		list = append(list, templates.Action{Text: text, Href: f.with(listPath, without...)})
	}
	if f.q != "" {
		add(v.l.T("admin.chip.q", "q", f.q), "q", "")
	}
	if f.status != "" {
		add(v.l.T("admin.chip.status", "status", v.l.T("admin.status."+f.status)), "status", "")
	}
	if f.gateway != "" {
		add(v.l.T("admin.chip.gateway", "gateway", v.method(f.gateway)), "gateway", "")
	}
	if !f.first.IsZero() || !f.last.IsZero() {
		add(v.period(f), "range", "", "from", "", "to", "")
	}
	return list
}

// period says a range of days.
func (v *visit) period(f filter) string {
	first, last := i18n.DateFigures(v.l, f.first), ""
	if !f.last.IsZero() {
		last = i18n.DateFigures(v.l, f.last.Add(-time.Hour))
	}
	switch {
	case f.first.IsZero():
		return v.l.T("admin.chip.until", "day", last)
	case last == "":
		return v.l.T("admin.chip.since", "day", first)
	case first == last:
		return v.l.T("admin.chip.day", "day", first)
	}
	return v.l.T("admin.chip.between", "from", first, "to", last)
}

// filters are the fields of the filter form.
func (v *visit) filters(f filter) []templates.Input {
	any := templates.Option{Label: v.l.T("admin.filter.any")}
	status, gateway, period := []templates.Option{any}, []templates.Option{any}, []templates.Option{{Label: v.l.T("admin.filter.typed")}}
	for _, s := range checkout.InvoiceStatuses() {
		status = append(status, templates.Option{Value: string(s), Label: v.l.T("admin.status." + string(s)), On: f.status == string(s)})
	}
	for _, g := range payments.GatewayNames() {
		gateway = append(gateway, templates.Option{Value: g, Label: v.method(g), On: f.gateway == g})
	}
	for _, s := range spans {
		period = append(period, templates.Option{Value: s, Label: v.l.T("admin.range." + s), On: f.span == s})
	}
	mode := []templates.Option{
		{Value: "live", Label: v.l.T("admin.mode.live"), On: v.scope.Live}, {Value: "test", Label: v.l.T("admin.mode.test"), On: !v.scope.Live},
	}
	return marked(v.l, []templates.Input{
		{Name: "status", Label: v.l.T("admin.col.status"), Options: status},
		{Name: "gateway", Label: v.l.T("admin.col.method"), Options: gateway},
		{Name: "range", Label: v.l.T("admin.filter.range"), Options: period},
		{Name: "from", Label: v.l.T("admin.filter.from"), Value: f.from, Hint: v.l.T("admin.filter.day_hint"), LTR: true, Max: "10"},
		{Name: "to", Label: v.l.T("admin.filter.to"), Value: f.to, LTR: true, Max: "10"},
		{Name: "mode", Label: v.l.T("admin.filter.mode"), Options: mode},
	}, f.wrong)
}
