package admin

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
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

// bill is what a person typed about an invoice, kept as it was typed.
type bill struct {
	amount, description, reference, name, mobile, email, returnURL, locale, life string
	gateways                                                                     []string
	lines                                                                        []line
	items                                                                        []checkout.Item
	rial, sum                                                                    money.Rial
	wrong                                                                        []checkout.FieldError
}

// lives are the lives of a payment link that the form offers, in days.
var lives = []string{"1", "3", "7", "14", "30", "90"}

const defaultLife = "7"

func readBill(form url.Values) bill {
	b := bill{
		amount: form.Get("amount"), description: form.Get("description"), reference: form.Get("reference"), name: form.Get("customer.name"),
		mobile: form.Get("customer.mobile"), email: form.Get("customer.email"), returnURL: form.Get("return_url"), locale: form.Get("locale"), life: form.Get("expires_at"),
	}
	for _, g := range payments.GatewayNames() {
		if form.Get("gateway_"+g) != "" {
			b.gateways = append(b.gateways, g)
		}
	}
	if len(b.gateways) == 0 {
		b.wrong = append(b.wrong, checkout.FieldError{Field: "gateways", Code: "required"})
	}
	b.lines = readLines(form)
	b.settle()
	return b
}

// readToman reads an amount that a person typed in toman. A decimal is refused, not rounded.
func readToman(s string) (money.Rial, string) {
	if strings.TrimSpace(s) == "" {
		return 0, "required"
	}
	toman, err := i18n.FoldAmount(s)
	if err != nil {
		return 0, "bad_amount"
	}
	rial, err := money.FromToman(toman)
	if err != nil || rial < 1 || rial > money.MaxInvoice {
		return 0, "out_of_range"
	}
	return rial, ""
}

// billOf is an invoice as the form shows it.
func billOf(inv *checkout.Invoice) bill {
	b := bill{
		amount: plainToman(inv.Amount), description: inv.Description, reference: inv.Reference, name: inv.Customer.Name, mobile: inv.Customer.Mobile,
		email: inv.Customer.Email, returnURL: inv.ReturnURL, locale: inv.Locale, life: "", gateways: inv.Gateways, rial: inv.Amount,
		lines: linesOf(inv.Items), items: inv.Items, sum: inv.Amount,
	}
	return b
}

func plainToman(a money.Rial) string {
	return i18n.Toman(i18n.EN, a)
}

// newPage is the form of a new invoice; ?from= fills it with what another one asks.
func (a *Admin) newPage(c echo.Context, v *visit) error {
	b := bill{locale: v.shop.Locale, life: defaultLife, gateways: payments.GatewayNames()}
	if from := v.query.Get("from"); from != "" {
		inv, err := a.Engine.Invoice(c.Request().Context(), v.scope, from)
		if err != nil {
			return err
		}
		b = billOf(&inv)
		b.life = defaultLife
	}
	return a.showBill(c, v, http.StatusOK, b, nil, nil)
}

// create stores a new invoice. An amount far from this shop's habit is asked about once.
func (a *Admin) create(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	b := readBill(v.form)
	if asked, err := a.recount(c, v, b, nil); asked {
		return err
	}
	if len(b.wrong) > 0 {
		return a.showBill(c, v, http.StatusUnprocessableEntity, b, nil, nil)
	}
	if w, err := a.unusual(ctx, v, b); err != nil || w != nil {
		if err != nil {
			return err
		}
		return a.showBill(c, v, http.StatusUnprocessableEntity, b, nil, w)
	}
	in := payments.NewInvoice{
		Amount: b.rial, Description: b.description, Reference: b.reference, Gateways: b.gateways, ReturnURL: strings.TrimSpace(b.returnURL), Locale: b.locale,
		Customer: checkout.Customer{Name: b.name, Mobile: b.mobile, Email: b.email}, ExpiresAt: a.expiry(b.life), Items: b.items,
	}
	inv, replay, err := a.Engine.CreateInvoice(ctx, v.scope, in, v.actor(c), v.onceForm("invoice", idOf))
	if b.wrong = wrongs(err); len(b.wrong) > 0 {
		return a.showBill(c, v, http.StatusUnprocessableEntity, b, nil, nil)
	}
	if err != nil {
		return err
	}
	id := inv.ID
	if replay != nil {
		id = string(replay.Body)
	}
	return c.Redirect(http.StatusSeeOther, listPath+"/"+id+"?done=created")
}

func (a *Admin) expiry(life string) time.Time {
	days, err := strconv.Atoi(life)
	if err != nil || !slices.Contains(lives, life) {
		days = 7
	}
	return a.Now().Add(time.Duration(days) * 24 * time.Hour)
}

// showBill shows the form; inv is nil for a new invoice.
func (a *Admin) showBill(c echo.Context, v *visit, status int, b bill, inv *checkout.Invoice, warning *templates.Verdict) error {
	l := v.l
	view := templates.BillForm{
		Heading: l.T("admin.invoice.new"), Action: listPath + "/new", Back: templates.Action{Href: listPath, Text: l.T("admin.section.invoices")},
		Button: l.T("admin.form.create"), Warning: warning, Problems: problems(l, b.wrong), Confirm: strconv.FormatInt(int64(b.rial), 10),
		Once: rand.Text(), Lines: v.itemLines(&b, v.form.Get("act") == "more"), Sum: v.sums(&b),
		Amount: marked(l, []templates.Input{{
			Name: "amount", Label: l.T("admin.form.amount"), Value: b.amount, Keyboard: "numeric", LTR: true, Max: "20", Hint: l.T("admin.form.amount_hint"),
		}}, b.wrong)[0],
	}
	self := listPath + "/new"
	if inv != nil {
		self = listPath + "/" + inv.ID + "/edit"
		view.Heading, view.Action, view.Button = l.T("admin.invoice.edit", "number", i18n.Digits(l, inv.Number)), self, l.T("admin.form.save")
		view.Back = templates.Action{Href: listPath + "/" + inv.ID, Text: l.T("admin.invoice.title", "number", i18n.Digits(l, inv.Number))}
	}
	view.Desk = v.desk(view.Heading, "invoices", self)
	if b.rial > 0 {
		view.Read = v.reads(b.rial)
	}
	view.Inputs = marked(l, []templates.Input{
		{Name: "description", Label: l.T("admin.form.description"), Value: b.description, Hint: l.T("admin.form.description_hint"), Max: "500"},
		{Name: "reference", Label: l.T("admin.form.reference"), Value: b.reference, Hint: l.T("admin.form.reference_hint"), Max: "100"},
		{Name: "customer.name", Label: l.T("admin.form.name"), Value: b.name, Max: "100"},
		{Name: "customer.mobile", Label: l.T("admin.form.mobile"), Value: b.mobile, Type: "tel", Keyboard: "numeric", LTR: true, Hint: l.T("admin.form.mobile_hint"), Max: "40"},
		{Name: "customer.email", Label: l.T("admin.login.email"), Value: b.email, Type: "email", LTR: true, Max: "254"},
	}, b.wrong)
	view.More = marked(l, v.moreOfBill(b, inv != nil), b.wrong)
	for _, g := range payments.GatewayNames() {
		view.Gateways = append(view.Gateways, templates.Option{Value: g, Label: v.method(g), On: slices.Contains(b.gateways, g)})
	}
	for _, w := range b.wrong {
		switch w.Field {
		case "gateways":
			view.GWError = sentence(l, w.Code)
		case "items":
			view.ItemsError = sentence(l, w.Code)
		}
	}
	return server.Render(c, status, templates.BillFormPage(view))
}

// moreOfBill are the fields that most invoices leave as they are.
func (v *visit) moreOfBill(b bill, old bool) []templates.Input {
	l := v.l
	var life []templates.Option
	if old {
		life = append(life, templates.Option{Label: l.T("admin.form.life_kept"), On: b.life == ""})
	}
	for _, d := range lives {
		life = append(life, templates.Option{Value: d, Label: l.T("admin.form.days", "count", i18n.Digits(l, d)), On: b.life == d})
	}
	return []templates.Input{
		{Name: "expires_at", Label: l.T("admin.form.life"), Options: life},
		{Name: "locale", Label: l.T("admin.form.locale"), Options: []templates.Option{
			{Value: "fa", Label: "فارسی", On: b.locale != "en"}, {Value: "en", Label: "English", On: b.locale == "en"},
		}},
		{Name: "return_url", Label: l.T("admin.form.return"), Value: b.returnURL, Type: "url", LTR: true, Hint: l.T("admin.form.return_hint"), Max: "2000"},
	}
}

// reads says what an amount is, so that a zero too many is seen.
func (v *visit) reads(a money.Rial) []string {
	return []string{v.toman(a), v.l.T("amount.rial", "amount", i18n.RialAmount(v.l, a)), i18n.InWords(v.l, a)}
}
