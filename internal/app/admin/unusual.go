package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/web/templates"
)

// recount answers a form that is not finished: somebody wants to read what it comes to, or more lines
// to type in. Nothing is stored and nothing is called wrong.
func (a *Admin) recount(c echo.Context, v *visit, b bill, inv *checkout.Invoice) (asked bool, err error) {
	if act := v.form.Get("act"); act != "count" && act != "more" {
		return false, nil
	}
	b.wrong = nil
	return true, a.showBill(c, v, http.StatusOK, b, inv, nil)
}

// habit is how many invoices say what a shop usually asks, and few how many are too few to say so.
const (
	habit = 50
	few   = 5
)

// unusual warns about an amount that is ten times off what this shop usually asks: rial and toman are
// one zero apart. nil when it is not, or when the person said that it is right.
func (a *Admin) unusual(ctx context.Context, v *visit, b bill) (*templates.Verdict, error) {
	if v.form.Get("confirm") == strconv.FormatInt(int64(b.rial), 10) {
		return nil, nil
	}
	list, _, err := a.Engine.Invoices(ctx, v.scope, payments.InvoiceFilter{Limit: habit})
	if err != nil || len(list) < few {
		return nil, err
	}
	amounts := make([]money.Rial, len(list))
	for i := range list {
		amounts[i] = list[i].Amount
	}
	slices.Sort(amounts)
	low, usual, high := amounts[0], amounts[len(amounts)/2], amounts[len(amounts)-1]
	// Within what was ever asked lately nothing is unusual, however wide that is.
	if (b.rial < usual*10 || b.rial <= high) && (b.rial > usual/10 || b.rial >= low) {
		return nil, nil
	}
	return &templates.Verdict{
		Title: v.l.T("admin.form.unusual"), Texts: []templates.Text{{Body: v.l.T("admin.form.unusual_text", "usual", v.toman(usual), "amount", v.toman(b.rial), "words", i18n.InWords(v.l, b.rial))}},
	}, nil
}
