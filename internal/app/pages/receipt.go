package pages

import (
	"strconv"
	"time"

	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// receipt is the view model of a paid invoice. It shows nothing of the payer: whoever holds the link
// may show it around.
func (v *view) receipt() templates.Receipt {
	inv := v.Invoice
	amount, paidAt := inv.Amount, inv.PaidAt
	if inv.Payment != nil {
		amount = inv.Payment.Amount
		if !inv.Payment.PaidAt.IsZero() {
			paidAt = inv.Payment.PaidAt
		}
	}
	brand := v.brand()
	brand.Phone = v.Merchant.Phone
	out := templates.Receipt{
		Sheet: v.sheet(), Brand: brand, Test: !inv.Live,
		Amount: i18n.Toman(v.l, amount), Rial: i18n.RialAmount(v.l, amount), Words: i18n.InWords(v.l, amount),
		Date: i18n.DateLong(v.l, paidAt), OtherDate: otherDate(v.l, paidAt), Machine: paidAt.In(i18n.Tehran()).Format(time.RFC3339),
		Seal: templates.Seal(inv.ID), Facts: v.receiptFacts(), Unclaimed: v.unclaimed(),
		Host: site(v.base), Actions: v.backToShop(false),
		Contact: templates.Contact{Name: brand.Name, Phone: v.Merchant.Phone, Email: v.Merchant.Email, Address: i18n.CleanText(v.Merchant.Address)},
	}
	if a := v.last(); a != nil {
		out.AttemptState = string(a.Status)
	}
	if v.Origin != nil {
		out.Thanks = paragraphs(v.Origin.Thanks)
	}
	out.Title = v.l.T("state.paid.title", "amount", out.Amount, "merchant", brand.Name)
	out.QR, out.Modules = templates.QR(v.base + "/i/" + inv.Token)
	if a := v.last(); a != nil {
		out.AttemptState = string(a.Status)
	}
	if inv.Payment != nil && inv.Payment.Manual {
		out.Notes = []string{v.l.T("receipt.manual")}
	}
	return out
}

// otherDate is the moment in the other calendar: Gregorian beside Jalali, and the reverse.
func otherDate(l i18n.Locale, t time.Time) string {
	if l == i18n.FA {
		return i18n.DateLong(i18n.EN, t)
	}
	y, m, d := i18n.Jalali(t)
	return strconv.Itoa(d) + " " + i18n.MonthName(i18n.EN, m) + " " + strconv.Itoa(y)
}

func (v *view) receiptFacts() []templates.Fact {
	inv := v.Invoice
	var list []templates.Fact
	add := func(label, value string, copied bool, small string) {
		if value != "" {
			list = append(list, templates.Fact{Label: label, Value: value, Copy: copied, Small: small})
		}
	}
	count := ""
	if n := len(inv.Items); n > 0 {
		count = v.l.T("pay.items_count", "count", i18n.Digits(v.l, strconv.Itoa(n)))
	}
	if inv.Reference == "" {
		add(v.l.T("fact.for"), i18n.CleanText(inv.Description), false, count)
	} else {
		add(v.l.T("fact.for"), i18n.CleanText(inv.Description), false, "")
		add(v.l.T("fact.order"), inv.Reference, true, count)
	}
	if p := inv.Payment; p != nil {
		if p.Gateway != ghesta { // Ghesta's answer names no card of the customer's purchase
			add(v.l.T("fact.card"), p.CardMask, true, i18n.Bank(v.l, p.CardMask))
		}
		if p.TrackingNumber != p.RefNumber { // Ghesta has one number for both
			add(v.l.T("fact.ref"), p.RefNumber, true, "")
		}
		add(v.l.T("fact.tracking"), p.TrackingNumber, true, "")
		add(v.l.T("fact.gateway"), v.method(p.Gateway), false, "")
	}
	add(v.l.T("fact.invoice"), inv.Number, true, "")
	if inv.AmountRefunded > 0 {
		add(v.l.T("fact.refunded"), v.toman(inv.AmountRefunded), false, "")
	}
	return list
}
