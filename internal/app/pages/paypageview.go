package pages

import (
	"errors"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/web/templates"
)

// fill puts back what was typed. A card's number is not even shown back: it must not stand on any page
// of ours.
func (v *payPageView) fill(press payments.PagePress, start payments.StartInput, cause error) {
	v.form = filled{gateway: start.Gateway, name: start.PayerName, mobile: start.PayerMobile}
	v.toman, v.answers = i18n.CleanText(press.Toman), press.Answers
	for i := range v.answers {
		if v.answers[i] = i18n.CleanText(v.answers[i]); i18n.LuhnCard(v.answers[i]) {
			v.answers[i] = ""
		}
	}
	if i18n.LuhnCard(v.toman) {
		v.toman = ""
	}
	var e *checkout.Error
	switch {
	case checkout.KindOf(cause) == checkout.TooMany:
		v.notice = &templates.Verdict{Tone: templates.Notice, Focus: true, Title: v.l.T("state.fast.title"), Texts: plain(v.l.T("state.fast.text"))}
	case checkout.KindOf(cause) == checkout.GatewayDown:
		v.notice = v.down(start.Gateway)
	case errors.As(cause, &e):
		for _, w := range e.Fields {
			w.Field = v.field(w.Field)
			v.form.wrong = append(v.form.wrong, w)
		}
	}
}

// field is where the form asks for something: what the page asks for itself, no method asks again.
func (v *payPageView) field(name string) string {
	kind := map[string]string{"payer_name": checkout.FieldName, "payer_mobile": checkout.FieldMobile, "customer.name": checkout.FieldName}[name]
	for i, f := range v.open.Page.Fields {
		if kind != "" && f.Kind == kind {
			return "field_" + strconv.Itoa(i+1)
		}
	}
	return name
}

// says is what to do about a wrong field of the page's own form.
func (v *payPageView) says(w checkout.FieldError) string {
	page := v.open.Page
	switch {
	case w.Field == "once":
		return v.l.T("page.wrong.once")
	case w.Field == "amount" && w.Code == "below_page":
		return v.l.T("page.wrong.below", "amount", i18n.Toman(v.l, page.Min))
	case w.Field == "amount" && w.Code == "above_page":
		return v.l.T("page.wrong.above", "amount", i18n.Toman(v.l, page.Max))
	case w.Field == "amount", strings.HasPrefix(w.Field, "field_"):
		return v.l.T("error." + w.Code)
	}
	return v.sentence(w)
}

// state says to machines whether the page takes payments.
func (v *payPageView) pageState() string {
	if v.open.State != checkout.PageOpen || v.available() == 0 {
		return stateUnavailable
	}
	return statePayable
}

func (v *payPageView) component() templ.Component {
	page := v.open.Page
	out := templates.PayPageView{
		Sheet: templates.Sheet{L: v.l, Accent: v.Merchant.Accent, Switch: v.linkPath}, Brand: v.brand(), Test: !page.Live, State: v.pageState(),
		Heading: i18n.CleanText(page.Title), Texts: paragraphs(page.Text), Notice: v.notice,
	}
	out.Title = v.l.T("page.title", "title", out.Heading, "merchant", out.Brand.Name)
	out.Preview = v.preview(out.Heading)
	if page.Amount > 0 {
		out.Bill = &templates.Bill{Amount: i18n.Toman(v.l, page.Amount), Rial: i18n.RialAmount(v.l, page.Amount), Words: i18n.InWords(v.l, page.Amount)}
	}
	if !page.ClosesAt.IsZero() && v.open.State == checkout.PageOpen {
		out.Notes = append(out.Notes, v.l.T("page.until", "time", i18n.UntilPhrase(v.l, page.ClosesAt, v.Now)))
	}
	if left := page.Stock - page.Taken; page.Stock > 0 && left > 0 && left <= fewLeft {
		out.Notes = append(out.Notes, v.l.T("page.left", "count", i18n.Digits(v.l, strconv.FormatInt(left, 10))))
	}
	switch {
	case v.open.State != checkout.PageOpen:
		out.Notice = v.takesNothing()
		out.Title = out.Notice.Title + " · " + out.Brand.Name
		out.Contact = v.contact()
		return templates.PayPage(out)
	case v.available() == 0:
		out.Notice = v.nowhere()
		out.Contact = v.contact()
	}
	for _, w := range v.form.wrong {
		field := w.Field
		if field == "gateway" {
			field = v.firstChoice()
		}
		out.Problems = append(out.Problems, templates.FieldProblem{Field: field, Text: v.says(w)})
	}
	out.Live, out.Read = page.Amount == 0, v.reads()
	out.Form, out.Inputs = v.choices(v.l.T("pay.legend"), ""), v.inputs()
	out.Form.Action = v.linkPath + "/pay?once=" + nonce()
	if v.asked {
		out.Form.Action += "&lang=" + string(v.l)
	}
	if out.Bill != nil {
		out.Form.Amount = out.Bill.Amount
	}
	return templates.PayPage(out)
}

// reads says what the typed amount is, so that a zero too many is seen.
func (v *payPageView) reads() []string {
	a := typed(v.toman)
	if a <= 0 {
		return nil
	}
	return []string{v.view.toman(a), v.l.T("amount.rial", "amount", i18n.RialAmount(v.l, a)), i18n.InWords(v.l, a)}
}

// typed is an amount of toman as somebody typed it, 0 for what is none.
func typed(s string) money.Rial {
	toman, err := i18n.FoldAmount(s)
	if err != nil {
		return 0
	}
	a, _ := money.FromToman(toman)
	return a
}

// fewLeft is how many places are left when a page begins to say so.
const fewLeft = 20

// takesNothing says why nobody can pay here now.
func (v *payPageView) takesNothing() *templates.Verdict {
	head := &templates.Verdict{Tone: templates.Closed, Focus: true}
	switch v.open.State {
	case checkout.PageEarly:
		head.Title = v.l.T("page.early.title")
		head.Texts = plain(v.l.T("page.early.text", "time", i18n.UntilPhrase(v.l, v.open.Page.OpensAt, v.Now)))
	case checkout.PageOver:
		head.Title = v.l.T("page.over.title")
		head.Texts = plain(v.l.T("page.over.text", "time", i18n.UntilPhrase(v.l, v.open.Page.ClosesAt, v.Now)))
	case checkout.PageSoldOut:
		head.Title = v.l.T("page.sold_out.title")
		head.Texts = plain(v.l.T("page.sold_out.text"))
	default:
		head.Title = v.l.T("page.off.title")
		head.Texts = plain(v.l.T("page.off.text"))
	}
	return head
}

// inputs are the amount, where the customer says how much, and what else the page asks.
func (v *payPageView) inputs() []templates.Input {
	page, l := v.open.Page, v.l
	var list []templates.Input
	if page.Amount == 0 {
		list = append(list, templates.Input{
			Name: "amount", Label: l.T("page.amount"), Value: v.toman, Keyboard: "numeric", LTR: true, Required: true, Max: "20", Autofill: "off",
			Hint: l.T("page.amount_hint", "min", i18n.Toman(l, page.Min), "max", i18n.Toman(l, page.Max)),
		})
	}
	for i, f := range page.Fields {
		in := templates.Input{Name: "field_" + strconv.Itoa(i+1), Label: i18n.CleanText(f.Label), Max: "100", Required: f.Required}
		if i < len(v.answers) {
			in.Value = v.answers[i]
		}
		if !f.Required {
			in.Label = l.T("page.optional", "label", in.Label)
		}
		switch f.Kind {
		case checkout.FieldMobile:
			in.Type, in.Keyboard, in.Autofill, in.LTR, in.Max = "tel", "numeric", "tel", true, "40"
		case checkout.FieldEmail:
			in.Type, in.Autofill, in.LTR, in.Max = "email", "email", true, "254"
		case checkout.FieldNumber:
			in.Keyboard, in.LTR, in.Max = "numeric", true, "20"
		case checkout.FieldName:
			in.Autofill = "name"
		}
		list = append(list, in)
	}
	for i := range list {
		for _, w := range v.form.wrong {
			if w.Field == list[i].Name {
				list[i].Error = v.says(w)
			}
		}
	}
	return list
}

// paragraphs are a merchant's text of several lines.
func paragraphs(s string) []string {
	var list []string
	for line := range strings.SplitSeq(i18n.CleanLines(s), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
