package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/web/templates"
)

// count begins to count a long list to its end, and leads back to it.
func (a *Admin) count(c echo.Context, v *visit) error {
	f := readFilter(v.form, a.Now())
	sc := v.scope
	if f.mode == "live" || f.mode == "test" {
		sc.Live = f.mode == "live"
	}
	if len(f.wrong) > 0 {
		return checkout.Invalid
	}
	if err := a.Engine.CountExactly(sc, f.engine(1)); errors.Is(err, checkout.Conflict) {
		return c.Redirect(http.StatusSeeOther, f.with(listPath, "count", "busy"))
	} else if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, f.with(listPath))
}

// counted is what the list says about its exact count. What is found by words is bounded, and has none.
func (a *Admin) counted(v *visit, f filter) *templates.LedgerCount {
	if f.q != "" {
		return nil
	}
	l := v.l
	view := &templates.LedgerCount{Action: listPath + "/count", Button: l.T("admin.count.button")}
	if v.query.Get("count") == "busy" {
		view.Text = l.T("admin.count.busy")
	}
	got, asked := a.Engine.Counted(v.scope, f.engine(1))
	switch {
	case !asked:
	case got.Running:
		view.Running, view.Text = true, l.T("admin.count.running")
	case got.Failed:
		view.Text = l.T("admin.count.failed")
	default:
		view.Exact, view.Button = true, l.T("admin.count.again")
		view.Text = l.T("admin.count.result", "count", i18n.RialAmount(l, money.Rial(got.Totals.Count)), "sum", v.toman(got.Totals.PaidTotal), "time", i18n.DateTimeShort(l, got.At))
	}
	return view
}
