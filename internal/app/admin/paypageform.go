package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// pageForm is what a person typed about a payment page, kept as it was typed.
type pageForm struct {
	slug, title, text, amount, least, most, stock, opens, closes, thanks, locale string
	labels, kinds                                                                [3]string
	required                                                                     [3]bool
	off                                                                          bool
	wrong                                                                        []checkout.FieldError
}

func readPageForm(form url.Values) pageForm {
	f := pageForm{
		slug: form.Get("slug"), title: form.Get("title"), text: form.Get("text"), amount: form.Get("amount"), least: form.Get("min"), most: form.Get("max"),
		stock: form.Get("stock"), opens: form.Get("opens"), closes: form.Get("closes"), thanks: form.Get("thanks"), locale: form.Get("locale"),
	}
	for i := range f.labels {
		n := strconv.Itoa(i + 1)
		f.labels[i], f.kinds[i], f.required[i] = form.Get("label_"+n), form.Get("kind_"+n), form.Get("needed_"+n) == "yes"
	}
	return f
}

// words is the form as the engine takes it; what cannot be read is among the wrong fields.
func (f *pageForm) words() payments.PageWords {
	in := payments.PageWords{Slug: f.slug, Title: f.title, Text: f.text, Thanks: f.thanks, Locale: f.locale, Off: f.off}
	sum := func(name, typed string) money.Rial {
		rial, code := readToman(typed)
		if code != "" {
			f.wrong = append(f.wrong, checkout.FieldError{Field: name, Code: code})
		}
		return rial
	}
	if strings.TrimSpace(f.amount) != "" {
		in.Amount = sum("amount", f.amount)
	} else {
		in.Min, in.Max = sum("min", f.least), sum("max", f.most)
	}
	if strings.TrimSpace(f.stock) != "" {
		n, err := i18n.FoldAmount(f.stock)
		if in.Stock = n; err != nil || n < 1 {
			f.wrong = append(f.wrong, checkout.FieldError{Field: "stock", Code: "bad_number"})
		}
	}
	day := func(name, typed string) time.Time {
		if strings.TrimSpace(typed) == "" {
			return time.Time{}
		}
		t, err := readDay(typed)
		if err != nil {
			f.wrong = append(f.wrong, checkout.FieldError{Field: name, Code: "bad_date"})
		}
		return t
	}
	in.OpensAt = day("opens", f.opens)
	if last := day("closes", f.closes); !last.IsZero() {
		in.ClosesAt = nextDay(last) // its last day belongs to it
	}
	for i, label := range f.labels {
		in.Fields = append(in.Fields, checkout.PageField{Label: label, Kind: f.kinds[i], Required: f.required[i]})
	}
	return in
}

// pageFormOf is a page as the form shows it.
func pageFormOf(l i18n.Locale, p *checkout.PayPage) pageForm {
	f := pageForm{slug: p.Slug, title: p.Title, text: p.Text, thanks: p.Thanks, locale: p.Locale, off: !p.OffAt.IsZero()}
	if p.Amount > 0 {
		f.amount = plainToman(p.Amount)
	} else {
		f.least, f.most = plainToman(p.Min), plainToman(p.Max)
	}
	if p.Stock > 0 {
		f.stock = strconv.FormatInt(p.Stock, 10)
	}
	if !p.OpensAt.IsZero() {
		f.opens = i18n.DateFigures(l, p.OpensAt)
	}
	if !p.ClosesAt.IsZero() {
		f.closes = i18n.DateFigures(l, p.ClosesAt.Add(-time.Second))
	}
	for i, field := range p.Fields {
		f.labels[i], f.kinds[i], f.required[i] = field.Label, field.Kind, field.Required
	}
	return f
}

func (a *Admin) newPayPage(c echo.Context, v *visit) error {
	return a.showPageForm(c, v, http.StatusOK, pageForm{locale: v.shop.Locale}, nil)
}

func (a *Admin) createPayPage(c echo.Context, v *visit) error {
	f := readPageForm(v.form)
	in := f.words()
	if len(f.wrong) > 0 {
		return a.showPageForm(c, v, http.StatusUnprocessableEntity, f, nil)
	}
	p, err := a.Engine.CreatePayPage(c.Request().Context(), v.scope, in)
	if f.wrong = wrongs(err); len(f.wrong) > 0 {
		return a.showPageForm(c, v, http.StatusUnprocessableEntity, f, nil)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, payPagesPath+"/"+p.ID+"/share?done=created")
}

func (a *Admin) editPayPage(c echo.Context, v *visit) error {
	r, err := a.Engine.PayPageReport(c.Request().Context(), v.scope, c.Param("page"), "", 1)
	if err != nil {
		return err
	}
	return a.showPageForm(c, v, http.StatusOK, pageFormOf(v.l, &r.Page), &r.Page)
}

func (a *Admin) changePayPage(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	r, err := a.Engine.PayPageReport(ctx, v.scope, c.Param("page"), "", 1)
	if err != nil {
		return err
	}
	f := readPageForm(v.form)
	f.off = !r.Page.OffAt.IsZero() // that is another button
	in := f.words()
	if len(f.wrong) == 0 {
		_, err = a.Engine.UpdatePayPage(ctx, v.scope, r.Page.ID, in)
		f.wrong = wrongs(err)
	}
	if len(f.wrong) > 0 {
		return a.showPageForm(c, v, http.StatusUnprocessableEntity, f, &r.Page)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, payPagesPath+"/"+r.Page.ID+"?done=changed")
}

// showPageForm shows the form; p is nil for a new page.
func (a *Admin) showPageForm(c echo.Context, v *visit, status int, f pageForm, p *checkout.PayPage) error {
	l, self := v.l, payPagesPath+"/new"
	view := templates.PayPageForm{Heading: l.T("admin.page.new"), Back: templates.Action{Href: payPagesPath, Text: l.T("admin.section.pages")}, Problems: problems(l, f.wrong)}
	if p != nil {
		self = payPagesPath + "/" + p.ID + "/edit"
		view.Heading, view.Back = l.T("admin.page.edit"), templates.Action{Href: payPagesPath + "/" + p.ID, Text: p.Title}
	}
	view.Desk, view.Action = v.desk(view.Heading, "pages", self), self
	if p == nil {
		view.What = append(view.What, templates.Input{Name: "slug", Label: l.T("admin.page.slug"), Value: f.slug, LTR: true, Required: true, Max: "40", Hint: l.T("admin.page.slug_hint", "address", a.Engine.PayPageURL(v.shop.Slug, "…"))})
	}
	view.What = append(view.What,
		templates.Input{Name: "title", Label: l.T("admin.form.description"), Value: f.title, Required: true, Max: "100"},
		templates.Input{Name: "text", Label: l.T("admin.page.text"), Value: f.text, Area: true, Max: "1000"},
		templates.Input{Name: "thanks", Label: l.T("admin.page.thanks"), Value: f.thanks, Area: true, Max: "1000", Hint: l.T("admin.page.thanks_hint")},
		templates.Input{Name: "locale", Label: l.T("admin.form.locale"), Options: []templates.Option{{Value: "fa", Label: "فارسی", On: f.locale != "en"}, {Value: "en", Label: "English", On: f.locale == "en"}}},
	)
	view.Money = []templates.Input{
		{Name: "amount", Label: l.T("admin.form.amount"), Value: f.amount, Keyboard: "numeric", LTR: true, Max: "20", Hint: l.T("admin.page.amount_hint")},
		{Name: "min", Label: l.T("admin.page.min"), Value: f.least, Keyboard: "numeric", LTR: true, Max: "20"},
		{Name: "max", Label: l.T("admin.page.max"), Value: f.most, Keyboard: "numeric", LTR: true, Max: "20"},
	}
	view.Limits = []templates.Input{
		{Name: "stock", Label: l.T("admin.page.stock"), Value: f.stock, Keyboard: "numeric", LTR: true, Max: "10", Hint: l.T("admin.page.stock_hint")},
		{Name: "opens", Label: l.T("admin.page.opens"), Value: f.opens, LTR: true, Max: "20", Hint: l.T("admin.page.day_hint")},
		{Name: "closes", Label: l.T("admin.page.closes"), Value: f.closes, LTR: true, Max: "20"},
	}
	for i := range f.labels {
		n := strconv.Itoa(i + 1)
		var kinds []templates.Option
		for _, k := range checkout.PageFieldKinds() {
			kinds = append(kinds, templates.Option{Value: k, Label: l.T("admin.page.kind." + k), On: f.kinds[i] == k})
		}
		view.Fields = append(view.Fields, []templates.Input{
			{Name: "label_" + n, Label: l.T("admin.page.label", "n", i18n.Digits(l, n)), Value: f.labels[i], Max: "40"},
			{Name: "kind_" + n, Label: l.T("admin.page.kind"), Options: kinds},
			{Name: "needed_" + n, Label: l.T("admin.page.needed"), Options: []templates.Option{{Value: "no", Label: l.T("admin.page.needed_no")}, {Value: "yes", Label: l.T("admin.page.needed_yes"), On: f.required[i]}}},
		})
	}
	for _, list := range append(view.Fields, view.What, view.Money, view.Limits) {
		marked(l, list, f.wrong)
	}
	return server.Render(c, status, templates.PayPageFormPage(view))
}
