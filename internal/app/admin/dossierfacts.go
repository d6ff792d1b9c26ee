package admin

import (
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// facts are what is known of the invoice itself.
func (v *visit) facts(d *dossier) []templates.Fact {
	inv, l := &d.inv, v.l
	var list []templates.Fact
	add := func(key, value string, copied bool) {
		if value != "" {
			list = append(list, templates.Fact{Label: l.T("admin.fact." + key), Value: value, Copy: copied})
		}
	}
	add("payer", inv.Customer.Name, false)
	add("mobile", inv.Customer.Mobile, true)
	add("email", inv.Customer.Email, true)
	add("for", inv.Description, false)
	add("reference", inv.Reference, true)
	if p := inv.Payment; p != nil {
		add("method", v.method(p.Gateway), false)
		add("card", p.CardMask, true)
		add("ref", p.RefNumber, true)
		if p.TrackingNumber != p.RefNumber {
			add("tracking", p.TrackingNumber, true)
		}
		add("paid_at", i18n.DateLong(l, inv.PaidAt), false)
		if p.Manual {
			add("manual", l.T("admin.fact.manual_yes"), false)
		}
	}
	if inv.AmountRefunded > 0 {
		add("refunded", v.toman(inv.AmountRefunded), false)
	}
	list = append(list, metadata(inv)...)
	add("created", i18n.DateLong(l, inv.CreatedAt), false)
	add("until", i18n.DateLong(l, inv.ExpiresAt), false)
	add("seen", v.seen(d), false)
	add("return_url", inv.ReturnURL, true)
	add("id", inv.ID, true)
	return list
}

// seen says when the link was looked at; of one that nobody has opened only while it can be paid.
func (v *visit) seen(d *dossier) string {
	switch n := d.looks.Times; {
	case n > 1:
		return v.l.T("admin.fact.seen_times", "count", number(v.l, n), "first", i18n.DateLong(v.l, d.looks.First), "last", i18n.DateLong(v.l, d.looks.Last))
	case n == 1:
		return i18n.DateLong(v.l, d.looks.First)
	case d.inv.At(d.now) == checkout.InvoiceOpen:
		return v.l.T("admin.fact.seen_never")
	}
	return ""
}
