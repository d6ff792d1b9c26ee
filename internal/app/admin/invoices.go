package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const listPath = home + "/invoices"

func listRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: listPath, Right: access.See, handle: (*Admin).list},
		{Method: http.MethodGet, Path: listPath + "/export.csv", Right: access.See, handle: (*Admin).exportCSV},
		{Method: http.MethodPost, Path: listPath + "/count", Right: access.See, handle: (*Admin).count},
		{Method: http.MethodGet, Path: listPath + "/export.xlsx", Right: access.See, handle: (*Admin).exportXLSX},
		{Method: http.MethodGet, Path: listPath + "/new", Right: access.Work, handle: (*Admin).newPage},
		{Method: http.MethodPost, Path: listPath + "/new", Right: access.Work, handle: (*Admin).create},
	}
}

// list shows a page of invoices. A search that finds exactly one opens it.
func (a *Admin) list(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	f := readFilter(v.query, a.Now())
	rows, next, err := a.Engine.Invoices(ctx, v.scope, f.engine(pageSize))
	if errors.Is(err, checkout.Invalid) && f.cursor != "" {
		return c.Redirect(http.StatusSeeOther, f.with(listPath))
	}
	if err != nil {
		return err
	}
	if f.q != "" && f.cursor == "" && len(rows) == 1 && len(f.wrong) == 0 {
		return c.Redirect(http.StatusSeeOther, listPath+"/"+rows[0].ID)
	}
	totals, err := a.Engine.InvoiceTotals(ctx, v.scope, f.engine(pageSize))
	if err != nil {
		return err
	}
	view := a.ledger(v, f, totals)
	if err := a.ownTabs(c, v, f, &view); err != nil {
		return err
	}
	tracked, err := a.tracked(ctx, v, f)
	if err != nil {
		return err
	}
	for i := range rows {
		r := v.row(&rows[i], a.Now())
		if f.q != "" {
			v.why(&r, &rows[i], payments.FoundBy(&rows[i], f.q, tracked[rows[i].ID]))
		}
		view.Rows = append(view.Rows, r)
	}
	if next != "" {
		view.Older = f.with(listPath, "cursor", next)
	}
	if f.cursor != "" {
		view.Newest = f.with(listPath)
	}
	if view.Count != nil && view.Count.Running {
		c.Response().Header().Set("Refresh", "2")
	}
	status := http.StatusOK
	if len(f.wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return server.Render(c, status, templates.LedgerPage(view))
}

// tracked are the invoices that the search finds by a tracking number; one question for the whole page.
func (a *Admin) tracked(ctx context.Context, v *visit, f filter) (map[string]string, error) {
	if f.q == "" {
		return nil, nil
	}
	return a.Engine.Referenced(ctx, v.scope, f.q)
}

// why says in a row by what the search found it, where the row does not show it.
func (v *visit) why(r *templates.LedgerRow, inv *checkout.Invoice, by payments.Found) {
	if by.Field == "" || by.Field == "reference" && r.Aside == inv.Reference {
		return
	}
	r.Why, r.WhyValue = v.l.T("admin.fact."+by.Field)+": ", i18n.CleanText(by.Value)
}

// ledger is the list without its rows.
func (a *Admin) ledger(v *visit, f filter, totals db.Totals) templates.Ledger {
	l := v.l
	view := templates.Ledger{
		Desk: v.desk(l.T("admin.section.invoices"), "invoices", listPath), Query: f.q, New: v.right >= access.Work,
		CSV: f.with(listPath + "/export.csv"), XLSX: f.with(listPath + "/export.xlsx"), Problems: problems(l, f.wrong), Open: len(f.wrong) > 0,
		Filters: v.filters(f), Chips: v.chips(f), Tabs: v.tabs(f, a.Now()),
	}
	if view.New && !v.scope.Live && !v.who.Login.Live {
		view.TestOnce = rand.Text()
	}
	view.Kept = kept(f)
	if len(view.Chips) > 1 {
		view.Clear = listPath
	}
	count := number(l, totals.Count)
	if totals.More {
		view.Sum = []string{l.T("admin.list.more_than", "count", count), l.T("admin.list.invoices")}
		if view.Count = a.counted(v, f); view.Count != nil && view.Count.Exact {
			view.Sum = nil // it is said better
		}
	} else {
		view.Sum = []string{count, l.T("admin.list.invoices_paid"), i18n.Toman(l, totals.PaidTotal), l.T("pay.toman")}
	}
	switch {
	case f.q != "":
		view.Empty = &templates.Verdict{Title: l.T("admin.list.nothing_found"), Texts: []templates.Text{{Body: l.T("admin.list.nothing_found_text")}}}
		view.EmptyWay = templates.Action{Href: listPath, Text: l.T("admin.list.clear")}
	case !f.bare():
		view.Empty = &templates.Verdict{Title: l.T("admin.list.nothing_here")}
		view.EmptyWay = templates.Action{Href: listPath, Text: l.T("admin.list.clear")}
	default:
		view.Empty = &templates.Verdict{Title: l.T("admin.list.first"), Texts: []templates.Text{{Body: l.T("admin.list.first_text")}}}
		if view.New {
			view.EmptyWay = templates.Action{Href: listPath + "/new", Text: l.T("admin.invoice.new")}
		}
	}
	return view
}

// kept are the filters but the words, as the hidden fields of a form.
func kept(f filter) []templates.Option {
	var list []templates.Option
	for _, kept := range [][2]string{{"status", f.status}, {"gateway", f.gateway}, {"range", f.span}, {"from", f.from}, {"to", f.to}, {"mode", f.mode}} {
		if kept[1] != "" {
			list = append(list, templates.Option{Label: kept[0], Value: kept[1]})
		}
	}
	return list
}

// row is one invoice in the list.
func (v *visit) row(inv *checkout.Invoice, now time.Time) templates.LedgerRow {
	r := templates.LedgerRow{
		Href: listPath + "/" + inv.ID, State: invoiceState(v.l, inv.At(now)), Amount: i18n.Toman(v.l, inv.Amount),
		Rial: v.l.T("amount.rial", "amount", i18n.RialAmount(v.l, inv.Amount)), Payer: inv.Customer.Name, Number: inv.Number,
		For: inv.Description, Time: i18n.Clock(v.l, inv.CreatedAt), Day: i18n.DateFigures(v.l, inv.CreatedAt),
		MachineTime: inv.CreatedAt.UTC().Format(time.RFC3339), Method: v.l.T("admin.list.no_method"),
	}
	if r.For == "" && len(inv.Items) > 0 {
		r.For = inv.Items[0].Title
	}
	if inv.Reference != "" {
		r.Aside = inv.Reference
	}
	if inv.AttemptCount > 0 {
		r.Method = v.l.T("admin.list.attempts", "count", number(v.l, inv.AttemptCount))
	}
	if p := inv.Payment; p != nil {
		r.Method, r.Card, r.Ref = v.method(p.Gateway), p.CardMask, p.RefNumber
	}
	if inv.AmountRefunded > 0 {
		r.Aside = v.l.T("admin.list.refunded", "amount", v.toman(inv.AmountRefunded))
	}
	return r
}

func (v *visit) toman(a money.Rial) string {
	return v.l.T("amount.toman", "amount", i18n.Toman(v.l, a))
}

// method names a gateway as merchants know it.
func (v *visit) method(gateway string) string {
	if gateway == "gardeshpay" || gateway == "ghesta" {
		return v.l.T("admin.gateway." + gateway)
	}
	return gateway
}

// brand is a gateway's own name.
func (v *visit) brand(gateway string) string {
	if gateway == "gardeshpay" || gateway == "ghesta" {
		return v.l.T("admin.brand." + gateway)
	}
	return gateway
}

// invoiceState is how a state is said and shown. What is paid is quiet; what needs a person is not.
func invoiceState(l i18n.Locale, s checkout.InvoiceStatus) templates.State {
	looks := map[checkout.InvoiceStatus][2]string{
		checkout.InvoiceOpen: {"circle", "none"}, checkout.InvoiceProcessing: {"wait", "loud wait"}, checkout.InvoicePaid: {"paid", "paid"},
		checkout.InvoiceReview: {"question", "loud wait"}, checkout.InvoiceExpired: {"expired", "none"}, checkout.InvoiceCanceled: {"canceled", "none"},
	}[s]
	return templates.State{Word: l.T("admin.status." + string(s)), Icon: looks[0], Class: looks[1]}
}
