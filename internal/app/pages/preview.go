package pages

import (
	"strings"

	"dargah/internal/app/checkout"
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
	who := []checkout.Customer{inv.Customer}
	for i := range v.Attempts {
		who = append(who, checkout.Customer{Name: v.Attempts[i].PayerName, Mobile: v.Attempts[i].PayerMobile})
	}
	for _, c := range who {
		if names(text, c) {
			text = ""
		}
	}
	if text == "" {
		return v.l.T("preview.invoice")
	}
	return text
}

// names reports whether a text holds any of a person's names, the mobile in whatever spelling, or the
// e-mail address.
func names(text string, c checkout.Customer) bool {
	folded := i18n.FoldText(text)
	for _, own := range append(strings.Fields(i18n.FoldText(c.Name)), i18n.FoldText(c.Email)) {
		if len([]rune(own)) > 2 && strings.Contains(folded, own) {
			return true
		}
	}
	mobile := strings.TrimLeft(onlyDigits(c.Mobile), "0")
	mobile = strings.TrimPrefix(mobile, "98")
	return len(mobile) > 6 && strings.Contains(onlyDigits(text), mobile)
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, i18n.FoldDigits(s))
}
