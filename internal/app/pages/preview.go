package pages

import (
	"strings"

	"dargah/internal/app/i18n"
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
	folded := i18n.FoldText(text)
	for _, own := range append(strings.Fields(i18n.FoldText(inv.Customer.Name)), inv.Customer.Mobile, i18n.FoldText(inv.Customer.Email)) {
		if len([]rune(own)) > 2 && strings.Contains(folded, own) {
			text = ""
		}
	}
	if text == "" {
		return v.l.T("preview.invoice")
	}
	return text
}
