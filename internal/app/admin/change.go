package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// editPage is the form of an open invoice.
func (a *Admin) editPage(c echo.Context, v *visit) error {
	inv, err := a.Engine.Invoice(c.Request().Context(), v.scope, c.Param("id"))
	if err != nil {
		return err
	}
	if inv.At(a.Now()) != checkout.InvoiceOpen {
		return c.Redirect(http.StatusSeeOther, listPath+"/"+inv.ID+"?trouble=not_open")
	}
	return a.showBill(c, v, http.StatusOK, billOf(&inv), &inv, nil)
}

// edit changes what was changed in the form, and nothing else.
func (a *Admin) edit(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	inv, err := a.Engine.Invoice(ctx, v.scope, c.Param("id"))
	if err != nil {
		return err
	}
	b := readBill(v.form)
	if slices.Equal(b.lines, linesOf(inv.Items)) {
		b.keep(&inv)
	}
	if asked, err := a.recount(c, v, b, &inv); asked {
		return err
	}
	if b.amount == plainToman(inv.Amount) { // also one with a rial left over, which nobody could type
		b.rial, b.wrong = inv.Amount, slices.DeleteFunc(b.wrong, func(w checkout.FieldError) bool { return w.Field == "amount" })
	}
	if len(b.wrong) > 0 {
		return a.showBill(c, v, http.StatusUnprocessableEntity, b, &inv, nil)
	}
	if b.rial != inv.Amount {
		if w, err := a.unusual(ctx, v, b); err != nil || w != nil {
			if err != nil {
				return err
			}
			return a.showBill(c, v, http.StatusUnprocessableEntity, b, &inv, w)
		}
	}
	_, err = a.Engine.UpdateInvoice(ctx, v.scope, inv.ID, a.change(&inv, b), v.actor(c))
	if b.wrong = wrongs(err); len(b.wrong) > 0 {
		return a.showBill(c, v, http.StatusUnprocessableEntity, b, &inv, nil)
	}
	if errors.Is(err, checkout.Conflict) {
		return a.trouble(c, inv.ID, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, listPath+"/"+inv.ID+"?done=changed")
}

// change are the fields that differ from the invoice's own.
func (a *Admin) change(inv *checkout.Invoice, b bill) payments.InvoiceChange {
	var ch payments.InvoiceChange
	differ := func(to **string, old, now string) {
		if now = strings.TrimSpace(now); now != old {
			*to = &now
		}
	}
	differ(&ch.Description, inv.Description, b.description)
	differ(&ch.Reference, inv.Reference, b.reference)
	differ(&ch.ReturnURL, inv.ReturnURL, b.returnURL)
	differ(&ch.Locale, inv.Locale, b.locale)
	if b.rial != inv.Amount {
		ch.Amount = &b.rial
	}
	if who := (checkout.Customer{Name: b.name, Mobile: b.mobile, Email: b.email}); who != inv.Customer {
		ch.Customer = &who
	}
	if !slices.Equal(b.items, inv.Items) {
		ch.Items = &b.items
	}
	if !slices.Equal(b.gateways, inv.Gateways) {
		ch.Gateways = &b.gateways
	}
	if b.life != "" {
		at := a.expiry(b.life)
		ch.ExpiresAt = &at
	}
	return ch
}
