package admin

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	payPagesPath = home + "/pages"
	payPagePath  = payPagesPath + "/:page"
)

func payPageRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: payPagesPath, Right: access.See, handle: (*Admin).payPages},
		{Method: http.MethodGet, Path: payPagesPath + "/new", Right: access.Work, handle: (*Admin).newPayPage},
		{Method: http.MethodPost, Path: payPagesPath + "/new", Right: access.Work, handle: (*Admin).createPayPage},
		{Method: http.MethodGet, Path: payPagePath, Right: access.See, handle: (*Admin).payPage},
		{Method: http.MethodGet, Path: payPagePath + "/edit", Right: access.Work, handle: (*Admin).editPayPage},
		{Method: http.MethodPost, Path: payPagePath + "/edit", Right: access.Work, handle: (*Admin).changePayPage},
		{Method: http.MethodPost, Path: payPagePath + "/switch", Right: access.Work, handle: (*Admin).switchPayPage},
		{Method: http.MethodGet, Path: payPagePath + "/share", Right: access.See, handle: (*Admin).sharePayPage},
		{Method: http.MethodGet, Path: payPagePath + "/qr.svg", Right: access.See, handle: (*Admin).payPageSVG},
		{Method: http.MethodGet, Path: payPagePath + "/qr.png", Right: access.See, handle: (*Admin).payPagePNG},
		{Method: http.MethodGet, Path: payPagePath + "/slip", Right: access.See, handle: (*Admin).payPageSlip},
	}
}

// placePayPage settles shop and mode by the page in the address.
func placePayPage(tx *db.Tx, c echo.Context, v *visit) error {
	p, err := tx.PayPage(c.Param("page"))
	if err != nil {
		return err
	}
	v.scope.MerchantID, v.scope.Live = p.MerchantID, p.Live
	if v.who.Right(p.MerchantID) == access.None {
		return checkout.NotFound
	}
	return nil
}

func (a *Admin) payPages(c echo.Context, v *visit) error {
	cursor := v.query.Get("cursor")
	list, next, err := a.Engine.PayPages(c.Request().Context(), v.scope, cursor, pageSize)
	if err != nil {
		return err
	}
	view := templates.PayPages{Desk: v.desk(v.l.T("admin.section.pages"), "pages", payPagesPath), New: v.right >= access.Work}
	for i := range list {
		p := &list[i]
		view.Rows = append(view.Rows, templates.PayPageRow{
			Href: payPagesPath + "/" + p.ID, Title: p.Title, Address: "/p/" + v.shop.Slug + "/" + p.Slug, Amount: v.payPageAmount(p), Places: v.places(p), State: v.payPageState(p.At(a.Now())),
		})
	}
	if next != "" {
		view.Older = payPagesPath + "?cursor=" + next
	}
	if cursor != "" {
		view.Newest = payPagesPath
	}
	return server.Render(c, http.StatusOK, templates.PayPagesPage(view))
}

func (v *visit) payPageAmount(p *checkout.PayPage) string {
	if p.Amount > 0 {
		return v.toman(p.Amount)
	}
	return v.l.T("admin.page.between", "min", i18n.Toman(v.l, p.Min), "max", v.toman(p.Max))
}

// places says how many are gone of how many; "" for a page without end.
func (v *visit) places(p *checkout.PayPage) string {
	if p.Stock == 0 {
		return ""
	}
	figure := func(n int64) string { return i18n.Digits(v.l, strconv.FormatInt(n, 10)) }
	return v.l.T("admin.page.taken", "taken", figure(p.Taken), "stock", figure(p.Stock))
}

func (v *visit) payPageState(s checkout.PageState) templates.State {
	looks := map[checkout.PageState][2]string{
		checkout.PageOpen: {"paid", "paid"}, checkout.PageOff: {"canceled", "none"}, checkout.PageEarly: {"wait", "none"},
		checkout.PageOver: {"expired", "none"}, checkout.PageSoldOut: {"circle", "none"},
	}[s]
	return templates.State{Word: v.l.T("admin.page.state." + string(s)), Icon: looks[0], Class: looks[1]}
}

// payPage is one page: how it stands, and what came through it.
func (a *Admin) payPage(c echo.Context, v *visit) error {
	cursor, self := v.query.Get("cursor"), payPagesPath+"/"+c.Param("page")
	r, err := a.Engine.PayPageReport(c.Request().Context(), v.scope, c.Param("page"), cursor, pageSize)
	if err != nil {
		return err
	}
	p, l := &r.Page, v.l
	view := templates.PayPageDossier{
		Back: templates.Action{Href: payPagesPath, Text: l.T("admin.section.pages")}, Heading: p.Title, State: v.payPageState(p.At(a.Now())),
		Link: a.Engine.PayPageURL(v.shop.Slug, p.Slug), Share: self + "/share", Sum: v.takings(r.Paid, v.toman(r.Sum), r.More), Off: !p.OffAt.IsZero(),
	}
	view.Desk = v.desk(p.Title, "pages", self)
	fact := func(key, value string) {
		if value != "" {
			view.Facts = append(view.Facts, templates.Fact{Label: l.T("admin.page." + key), Value: value})
		}
	}
	fact("amount", v.payPageAmount(p))
	fact("places", v.places(p))
	if !p.OpensAt.IsZero() {
		fact("opens", i18n.DateLong(l, p.OpensAt))
	}
	if !p.ClosesAt.IsZero() {
		fact("closes", i18n.DateLong(l, p.ClosesAt))
	}
	for _, f := range p.Fields {
		fact("field", f.Label)
	}
	if v.right >= access.Work {
		view.Edit, view.Switch = self+"/edit", self+"/switch"
	}
	for i := range r.Invoices {
		view.Rows = append(view.Rows, v.row(&r.Invoices[i], a.Now()))
	}
	if r.Next != "" {
		view.Older = self + "?cursor=" + r.Next
	}
	if cursor != "" {
		view.Newest = self
	}
	return server.Render(c, http.StatusOK, templates.PayPageDossierPage(view))
}

func (v *visit) takings(paid int, sum string, more bool) string {
	if more {
		return v.l.T("admin.page.takings_more", "count", number(v.l, db.MostTakings), "paid", number(v.l, paid), "sum", sum)
	}
	return v.l.T("admin.page.takings", "paid", number(v.l, paid), "sum", sum)
}

// switchPayPage switches a page off or on, as the button said: pressed twice it stays so.
func (a *Admin) switchPayPage(c echo.Context, v *visit) error {
	p, err := a.Engine.SwitchPayPage(c.Request().Context(), v.scope, c.Param("page"), v.form.Get("on") == "on")
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, payPagesPath+"/"+p.ID+"?done=changed")
}

// metadata is what a shop's program, or a payment page's customer, said beside everything else.
func metadata(inv *checkout.Invoice) []templates.Fact {
	var list []templates.Fact
	for _, key := range slices.Sorted(maps.Keys(inv.Metadata)) {
		list = append(list, templates.Fact{Label: i18n.CleanText(key), Value: i18n.CleanText(inv.Metadata[key])})
	}
	return list
}
