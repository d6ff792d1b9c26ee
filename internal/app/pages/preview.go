package pages

import (
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/web/static"
	"dargah/web/templates"
)

// preview is what a messenger shows of a link: who asks, and what for.
func (v *view) preview(purpose string) *templates.Preview {
	return &templates.Preview{
		Title: v.l.T("preview.title", "merchant", i18n.CleanText(v.Merchant.Name)), Text: purpose, Image: v.base + static.Card(v.Merchant.Accent),
	}
}

// purpose is what is paid for. A link is passed on in rooms where others read along, so a merchant's
// words that hold the customer's name, mobile or address are left out.
func (v *view) purpose() string {
	inv := v.Invoice
	text := i18n.CleanText(inv.Description)
	if text == "" && len(inv.Items) > 0 {
		text = i18n.CleanText(inv.Items[0].Title)
	}
	who := []checkout.Customer{inv.Customer}
	for i := range v.Attempts {
		who = append(who, checkout.Customer{Name: v.Attempts[i].PayerName, Mobile: v.Attempts[i].PayerMobile})
	}
	for _, c := range who {
		if payments.Names(text, c) {
			text = ""
		}
	}
	if text == "" {
		return v.l.T("preview.invoice")
	}
	return text
}
