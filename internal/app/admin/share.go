package admin

import (
	"html"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf16"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/server"
	"dargah/web/static"
	"dargah/web/templates"
)

func shareRoutes() []Route {
	one := listPath + "/:id"
	return []Route{
		{Method: http.MethodGet, Path: one + "/share", Right: access.See, handle: (*Admin).shareInvoice},
		{Method: http.MethodGet, Path: one + "/qr.svg", Right: access.See, handle: (*Admin).invoiceSVG},
		{Method: http.MethodGet, Path: one + "/qr.png", Right: access.See, handle: (*Admin).invoicePNG},
		{Method: http.MethodGet, Path: one + "/slip", Right: access.See, handle: (*Admin).invoiceSlip},
	}
}

// shared is a link that is passed on: who asks, what for, how much. Its words are in the language of
// those who are asked to pay; never a word about one of them, since others read along.
type shared struct {
	link, purpose, until string
	amount               money.Rial // 0 when the customer says how much
	l                    i18n.Locale
	self                 string // the admin's address of what is shared
	back                 templates.Action
	section              string
}

func (a *Admin) sharedInvoice(c echo.Context, v *visit) (shared, error) {
	inv, err := a.Engine.Invoice(c.Request().Context(), v.scope, c.Param("id"))
	if err != nil {
		return shared{}, err
	}
	s := shared{link: a.Engine.PaymentURL(&inv), amount: inv.Amount, self: listPath + "/" + inv.ID, section: "invoices"}
	s.l, _ = i18n.ParseLocale(inv.Locale)
	if s.purpose = inv.Description; s.purpose == "" && len(inv.Items) > 0 {
		s.purpose = inv.Items[0].Title
	}
	if s.purpose == "" {
		s.purpose = s.l.T("share.invoice", "number", i18n.Digits(s.l, inv.Number))
	}
	if inv.At(a.Now()) == checkout.InvoiceOpen {
		s.until = s.l.T("pay.until", "time", i18n.UntilPhrase(s.l, inv.ExpiresAt, a.Now()))
	}
	s.back = templates.Action{Href: s.self, Text: v.l.T("admin.invoice.title", "number", i18n.Digits(v.l, inv.Number))}
	return s, nil
}

func (a *Admin) sharedPage(c echo.Context, v *visit) (shared, error) {
	r, err := a.Engine.PayPageReport(c.Request().Context(), v.scope, c.Param("page"), "", 1)
	if err != nil {
		return shared{}, err
	}
	p := &r.Page
	s := shared{link: a.Engine.PayPageURL(v.shop.Slug, p.Slug), purpose: p.Title, amount: p.Amount, self: payPagesPath + "/" + p.ID, section: "pages"}
	s.l, _ = i18n.ParseLocale(p.Locale)
	s.back = templates.Action{Href: s.self, Text: p.Title}
	return s, nil
}

// smsUnits are what two parts of a Persian SMS hold.
const smsUnits = 134

// text is what a customer is sent; a long purpose is cut, so that it stays two parts of an SMS.
func (s *shared) text(shop string) string {
	for purpose := []rune(s.purpose); ; purpose = purpose[:len(purpose)*3/4] {
		words := string(purpose)
		if len(purpose) < len([]rune(s.purpose)) {
			words += "…"
		}
		text := s.l.T("share.text_open", "merchant", shop, "purpose", words)
		if s.amount > 0 {
			text = s.l.T("share.text", "merchant", shop, "purpose", words, "amount", i18n.Toman(s.l, s.amount))
		}
		if text += "\n" + s.link; units(text) <= smsUnits || len(purpose) < 8 {
			return text
		}
	}
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// ways are the messengers' own addresses for passing a link on.
func (s *shared) ways(l i18n.Locale, shop string) []templates.Action {
	text := s.l.T("share.text_open", "merchant", shop, "purpose", s.purpose)
	if s.amount > 0 {
		text = s.l.T("share.text", "merchant", shop, "purpose", s.purpose, "amount", i18n.Toman(s.l, s.amount))
	}
	both := "?url=" + url.QueryEscape(s.link) + "&text=" + url.QueryEscape(text)
	return []templates.Action{
		{Href: "https://t.me/share/url" + both, Text: l.T("admin.share.telegram")},
		{Href: "https://ble.ir/share/url" + both, Text: l.T("admin.share.bale")},
		{Href: "https://eitaa.com/share/url" + both, Text: l.T("admin.share.eitaa")},
		{Href: "https://rubika.ir/share" + both, Text: l.T("admin.share.rubika")},
		{Href: "https://wa.me/?text=" + url.QueryEscape(text+"\n"+s.link), Text: l.T("admin.share.whatsapp")},
	}
}

// mailButton is a button for a letter that somebody else sends. A table, because Outlook draws with Word,
// which knows no padding of links; the same as VML for it; direction on the cell, where no reader drops it.
func (s *shared) mailButton(accent string) string {
	colours := static.Accent(accent).Light
	words := s.l.T("share.button_open")
	if s.amount > 0 {
		words = s.l.T("pay.button", "amount", i18n.Toman(s.l, s.amount))
	}
	href, words := html.EscapeString(s.link), html.EscapeString(words)
	style := "color:" + colours.OnAccent + ";font-family:Tahoma,Arial,sans-serif;font-size:16px;font-weight:bold"
	return `<table role="presentation" cellspacing="0" cellpadding="0" border="0" align="center"><tr><td dir="` + s.l.Dir() + `" bgcolor="` + colours.Accent + `" style="border-radius:12px;text-align:center">
<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" xmlns:w="urn:schemas-microsoft-com:office:word" href="` + href + `" style="height:48px;v-text-anchor:middle;width:300px" arcsize="25%" stroke="f" fillcolor="` + colours.Accent + `"><w:anchorlock/><center style="` + style + `">` + words + `</center></v:roundrect><![endif]-->
<!--[if !mso]><!--><a href="` + href + `" style="display:inline-block;padding:13px 28px;` + style + `;text-decoration:none;border-radius:12px;background:` + colours.Accent + `">` + words + `</a><!--<![endif]-->
</td></tr></table>`
}

func (a *Admin) shareInvoice(c echo.Context, v *visit) error { return a.share(c, v, a.sharedInvoice) }
func (a *Admin) sharePayPage(c echo.Context, v *visit) error { return a.share(c, v, a.sharedPage) }

type sharing func(echo.Context, *visit) (shared, error)

func (a *Admin) share(c echo.Context, v *visit, of sharing) error {
	s, err := of(c, v)
	if err != nil {
		return err
	}
	l, shop := v.l, i18n.CleanText(v.shop.Name)
	view := templates.ShareKit{
		Back: s.back, Heading: l.T("admin.share.title"), Link: s.link, SVG: s.self + "/qr.svg", PNG: s.self + "/qr.png", Slip: s.self + "/slip",
		Text: s.text(shop), Ways: s.ways(l, shop), Button: s.mailButton(v.shop.Accent),
	}
	view.Desk = v.desk(view.Heading, s.section, s.self+"/share")
	view.TextCount = l.T("admin.share.text_count", "count", number(l, units(view.Text)))
	view.QR, view.Modules = templates.QR(s.link)
	return server.Render(c, http.StatusOK, templates.ShareKitPage(view))
}

func (a *Admin) invoiceSVG(c echo.Context, v *visit) error {
	return a.qrFile(c, v, a.sharedInvoice, "svg")
}

func (a *Admin) invoicePNG(c echo.Context, v *visit) error {
	return a.qrFile(c, v, a.sharedInvoice, "png")
}

func (a *Admin) payPageSVG(c echo.Context, v *visit) error {
	return a.qrFile(c, v, a.sharedPage, "svg")
}

func (a *Admin) payPagePNG(c echo.Context, v *visit) error {
	return a.qrFile(c, v, a.sharedPage, "png")
}

// qrFile is the code as a file, with the amount printed under it.
func (a *Admin) qrFile(c echo.Context, v *visit, of sharing, kind string) error {
	s, err := of(c, v)
	if err != nil {
		return err
	}
	toman := ""
	if s.amount > 0 {
		toman = plainToman(s.amount)
	}
	body, mime := templates.QRPNG(s.link, toman), "image/png"
	if kind == "svg" {
		body, mime = []byte(templates.QRSVG(s.link, toman)), "image/svg+xml"
	}
	if len(body) == 0 {
		return checkout.NotFound // the address is too long for a code
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="dargah-qr.`+kind+`"`)
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	return c.Blob(http.StatusOK, mime, body)
}

func (a *Admin) invoiceSlip(c echo.Context, v *visit) error { return a.slip(c, v, a.sharedInvoice) }
func (a *Admin) payPageSlip(c echo.Context, v *visit) error { return a.slip(c, v, a.sharedPage) }

// slip is the link on paper, in the customers' language.
func (a *Admin) slip(c echo.Context, v *visit, of sharing) error {
	s, err := of(c, v)
	if err != nil {
		return err
	}
	view := templates.Slip{
		Sheet: templates.Sheet{L: s.l, Title: s.purpose, Accent: v.shop.Accent}, Brand: templates.Brand{Name: i18n.CleanText(v.shop.Name), Logo: logoOf(v.shop.Logo)},
		Heading: s.purpose, Until: s.until, Link: s.link, Test: !v.scope.Live,
	}
	if s.amount > 0 {
		view.Amount, view.Rial = i18n.Toman(s.l, s.amount), i18n.RialAmount(s.l, s.amount)
	}
	view.QR, view.Modules = templates.QR(s.link)
	return server.Render(c, http.StatusOK, templates.SlipPage(view))
}
