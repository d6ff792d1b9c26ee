package pages

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/web/templates"
)

// checkout is the view model of the payment link in every state but paid.
func (v *view) checkout(state string) templates.Checkout {
	out := templates.Checkout{
		Sheet: v.sheet(), Brand: v.brand(), State: state, Test: !v.Invoice.Live, Unclaimed: v.unclaimed(),
	}
	if a := v.last(); a != nil {
		out.AttemptState = string(a.Status)
	}
	switch state {
	case stateConfirming:
		v.confirming(&out)
	case stateReview:
		v.review(&out)
	case stateExpired:
		v.expired(&out)
	case stateCanceled:
		v.closed(&out)
	default:
		v.open(&out, state)
	}
	out.Money = v.moneyAction()
	return out
}

func (v *view) sheet() templates.Sheet {
	s := templates.Sheet{L: v.l, Accent: v.Merchant.Accent, Switch: "/i/" + v.Invoice.Token}
	if v.linkPath != "" {
		s.Switch, s.Query = v.linkPath, v.linkQuery+"&"
	}
	s.Preview = v.preview(v.purpose())
	return s
}

func (v *view) brand() templates.Brand { return brandOf(&v.Merchant) }

// site is the name of a web site without the scheme: what a customer compares with the address bar.
func site(website string) string {
	return i18n.HostText(website)
}

func (v *view) contact() *templates.Contact {
	m := v.Merchant
	if m.Phone == "" && m.Email == "" {
		return nil
	}
	return &templates.Contact{Name: i18n.CleanText(m.Name), Phone: m.Phone, Email: m.Email, Address: m.Address}
}

// open is a page with the form: payable, elsewhere, or unavailable with the reasons.
func (v *view) open(out *templates.Checkout, state string) {
	amount := i18n.Toman(v.l, v.Invoice.Amount)
	out.Title = v.l.T("pay.title", "amount", amount, "merchant", out.Brand.Name)
	legend := v.l.T("pay.legend")
	switch a := v.last(); {
	case v.notice != nil:
		out.Notice = v.notice
		out.Title = v.notice.Title
	case state == stateUnavailable:
		out.Notice = v.nowhere()
		out.Title, legend = out.Notice.Title, v.l.T("pay.legend_none")
		out.Contact = v.contact()
	case state == stateElsewhere:
		out.Notice = v.elsewhere(a)
		out.Title = v.l.T("state.elsewhere.page_title", "merchant", out.Brand.Name)
	case len(v.form.wrong) > 0 || a == nil:
	default:
		if v.tell(out, a); out.Verdict != nil {
			legend = v.l.T("pay.legend_again")
		}
	}
	if out.Verdict == nil {
		out.Bill = v.bill()
	}
	out.Problems = v.problems()
	out.Form = v.choices(legend, amount)
}

func (v *view) bill() *templates.Bill {
	inv := v.Invoice
	b := &templates.Bill{
		Reference: inv.Reference, Description: i18n.CleanText(inv.Description),
		Amount: i18n.Toman(v.l, inv.Amount), Rial: i18n.RialAmount(v.l, inv.Amount), Words: i18n.InWords(v.l, inv.Amount),
		Count: i18n.Digits(v.l, strconv.Itoa(len(inv.Items))),
		Until: v.l.T("pay.until", "time", i18n.UntilPhrase(v.l, inv.ExpiresAt, v.Now)),
	}
	if inv.Reference != "" && strings.Contains(i18n.FoldDigits(b.Description), inv.Reference) {
		b.Reference = "" // "Order 1024" says it already
	}
	for _, it := range inv.Items {
		line := templates.Item{Title: i18n.CleanText(it.Title)}
		if it.Quantity != 1 {
			line.Quantity = v.l.T("pay.quantity", "count", i18n.Digits(v.l, strconv.FormatInt(it.Quantity, 10)))
		}
		if sum, err := it.UnitAmount.Times(it.Quantity); err == nil { // the engine has checked the sum of all
			line.Amount = i18n.Toman(v.l, sum)
		}
		b.Items = append(b.Items, line)
	}
	return b
}

// choices is the form. What can be taken stands first; a method is preselected only when it is the
// only one, or was chosen a moment ago.
func (v *view) choices(legend, amount string) *templates.Form {
	action := "/i/" + v.Invoice.Token + "/pay"
	if v.linkPath != "" {
		action = v.linkPath + "/pay?" + v.linkQuery
		if v.asked {
			action += "&lang=" + string(v.l)
		}
	} else if v.asked {
		action += "?lang=" + string(v.l)
	}
	f := &templates.Form{Action: action, Legend: legend, Amount: amount}
	methods := slices.Clone(v.Methods)
	slices.SortStableFunc(methods, func(a, b payments.Method) int { return cmp.Compare(rank(a), rank(b)) })
	askName, askMobile := true, true // a field that stands twice would be sent twice
	for _, m := range methods {
		choice := templates.Method{Gateway: m.Gateway, Host: m.Host}
		if !m.Available {
			choice.Off = v.off(m)
		} else {
			choice.AskName, choice.AskMobile = m.NeedsName && askName, m.NeedsMobile && askMobile
			askName, askMobile = askName && !choice.AskName, askMobile && !choice.AskMobile
			choice.Checked = v.form.gateway == m.Gateway || v.available() == 1
		}
		if choice.AskName {
			choice.Name, choice.NameError = v.form.name, v.wrong("payer_name")
		}
		if choice.AskMobile {
			choice.Mobile, choice.MobileError = v.form.mobile, v.wrong("payer_mobile")
		}
		f.Methods = append(f.Methods, choice)
	}
	return f
}

func rank(m payments.Method) int {
	if m.Available {
		return 0
	}
	return 1
}

func (v *view) available() int {
	n := 0
	for _, m := range v.Methods {
		if m.Available {
			n++
		}
	}
	return n
}

// off says why a method cannot be taken.
func (v *view) off(m payments.Method) string {
	switch m.Why {
	case "low":
		return v.l.T("method.low", "amount", i18n.Toman(v.l, m.Limit))
	case "high":
		return v.l.T("method.high", "amount", i18n.Toman(v.l, m.Limit))
	case "unit":
		return v.l.T("method.unit")
	case "trouble":
		if m.Since.IsZero() {
			return v.l.T("method.trouble")
		}
		return v.l.T("method.trouble_since", "time", i18n.Clock(v.l, m.Since))
	}
	return v.l.T("method.off")
}

// problems is the list of wrong fields; each leads to its field.
func (v *view) problems() []templates.FieldProblem {
	var list []templates.FieldProblem
	for _, w := range v.form.wrong {
		field := w.Field
		if field == "gateway" {
			field = v.firstChoice()
		}
		list = append(list, templates.FieldProblem{Field: field, Text: v.sentence(w)})
	}
	return list
}

func (v *view) firstChoice() string {
	for _, m := range v.Methods {
		if m.Available {
			return "gateway-" + m.Gateway
		}
	}
	return "gateway"
}

func (v *view) wrong(field string) string {
	for _, w := range v.form.wrong {
		if w.Field == field {
			return v.sentence(w)
		}
	}
	return ""
}

// sentence says what to do about a wrong field.
func (v *view) sentence(w checkout.FieldError) string {
	switch {
	case w.Field == "payer_name" && w.Code == "required":
		return v.l.T("wrong.name_required")
	case w.Field == "payer_name" && w.Code == "card_number":
		return v.l.T("wrong.name_card")
	case w.Field == "payer_name":
		return v.l.T("wrong.name")
	case w.Field == "payer_mobile" && w.Code == "required":
		return v.l.T("wrong.mobile_required")
	case w.Field == "payer_mobile":
		return v.l.T("wrong.mobile")
	case v.form.gateway == "":
		return v.l.T("wrong.gateway_required")
	}
	for _, m := range v.Methods {
		if m.Gateway == v.form.gateway && !m.Available {
			return v.l.T("wrong.gateway_off", "method", v.method(m.Gateway), "reason", v.off(m))
		}
	}
	return v.l.T("wrong.gateway")
}

// method names a gateway for people.
func (v *view) method(gateway string) string {
	if gateway == ghesta {
		return v.l.T("method.ghesta_long")
	}
	return v.l.T("method.gardeshpay_long")
}

func (v *view) toman(a money.Rial) string {
	return v.l.T("fact.amount_value", "amount", i18n.Toman(v.l, a))
}

// shopAddress is the return_url with the invoice and its status in the query (CONTRACT §9), "" when
// the merchant gave none. What was in its query stays as it was.
func (v *view) shopAddress() string {
	u, err := url.Parse(v.Invoice.ReturnURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	added := "invoice_id=" + url.QueryEscape(v.Invoice.ID) + "&status=" + url.QueryEscape(string(v.Invoice.At(v.Now)))
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+added, "&")
	return u.String()
}

func (v *view) backToShop(plain bool) []templates.Action {
	address := v.shopAddress()
	if address == "" {
		return nil
	}
	return []templates.Action{{Href: address, Text: v.l.T("state.shop"), Plain: plain}}
}
