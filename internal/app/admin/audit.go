package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const auditPath = settingsPath + "/audit"

// peopleRoutes are those about people and what they did.
func peopleRoutes() []Route {
	return slices.Concat(lostRoutes(), inviteRoutes(), guideRoutes(), passkeyRoutes(), []Route{
		{Method: http.MethodGet, Path: auditPath, Right: access.Rule, handle: (*Admin).auditPage},
		{Method: http.MethodGet, Path: auditPath + "/export.csv", Right: access.Rule, handle: (*Admin).auditCSV},
	})
}

// auditFilter is what of the log is asked for; it stands in the address and nowhere else.
type auditFilter struct {
	who, area, before string
	house             bool // the installation's own log, an operator's to see
}

func (v *visit) auditFilter() auditFilter {
	f := auditFilter{who: v.query.Get("who"), area: v.query.Get("area"), before: v.query.Get("before"), house: v.query.Get("of") == "house" && v.right >= access.Operate}
	if !slices.Contains(checkout.Areas(), f.area) {
		f.area = ""
	}
	return f
}

func (f auditFilter) address(path string, before string) string {
	q := url.Values{}
	for name, value := range map[string]string{"who": f.who, "area": f.area, "before": before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.house {
		q.Set("of", "house")
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// query is the filter for the store. checkout.NotFound when the place to read on from is not theirs.
func (f auditFilter) query(tx *db.Tx, v *visit, limit int) (db.DeedQuery, error) {
	q := db.DeedQuery{MerchantID: v.scope.MerchantID, Area: f.area, Limit: limit}
	if f.house {
		q.MerchantID = ""
	}
	switch {
	case f.who == "commands":
		q.Actor = checkout.Actor{}.String()
	case f.who != "":
		q.Actor = checkout.Actor{Kind: "user", ID: f.who}.String()
	}
	if f.before != "" {
		last, err := tx.Deed(f.before)
		if err != nil {
			return q, err
		}
		if last.MerchantID != q.MerchantID {
			return q, checkout.NotFound
		}
		q.BeforeAt, q.BeforeID = last.CreatedAt, last.ID
	}
	return q, nil
}

func (a *Admin) auditPage(c echo.Context, v *visit) error {
	f := v.auditFilter()
	view := templates.Audit{Settings: v.settings("audit", nil), CSV: f.address(auditPath+"/export.csv", ""), House: f.house}
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		view.Rows, view.Older = nil, ""
		q, err := f.query(tx, v, pageSize+1)
		if err != nil {
			return err
		}
		list, err := tx.Deeds(q)
		if err != nil {
			return err
		}
		if len(list) > pageSize {
			list = list[:pageSize]
			view.Older = f.address(auditPath, list[pageSize-1].ID)
		}
		names := map[string]string{}
		for i := range list {
			r, err := v.deedRow(tx, &list[i], names)
			if err != nil {
				return err
			}
			view.Rows = append(view.Rows, r)
		}
		view.Filters, err = v.auditFilters(tx, f)
		return err
	})
	if f.before != "" && errors.Is(err, checkout.NotFound) {
		return c.Redirect(http.StatusSeeOther, auditPath)
	}
	if err != nil {
		return err
	}
	if f.before != "" {
		view.Newest = f.address(auditPath, "")
	}
	if v.right >= access.Operate {
		other := auditFilter{house: !f.house}
		view.Other = other.address(auditPath, "")
	}
	return server.Render(c, http.StatusOK, templates.AuditPage(view))
}

// auditFilters are the fields above the list: a person of the shop, and an area.
func (v *visit) auditFilters(tx *db.Tx, f auditFilter) ([]templates.Input, error) {
	people, areas := []templates.Option{{Label: v.l.T("admin.audit.anybody")}}, []templates.Option{{Label: v.l.T("admin.audit.anything")}}
	members, err := tx.Members(v.scope.MerchantID)
	if err != nil {
		return nil, err
	}
	seen := false
	for _, m := range members {
		people = append(people, templates.Option{Value: m.ID, Label: m.Email, On: m.ID == f.who})
		seen = seen || m.ID == f.who
	}
	if !seen && f.who != "" && f.who != "commands" { // one who is no member any more, or an operator
		if u, err := tx.User(f.who); err == nil {
			people = append(people, templates.Option{Value: u.ID, Label: u.Email, On: true})
		}
	}
	people = append(people, templates.Option{Value: "commands", Label: v.l.T("admin.audit.command"), On: f.who == "commands"})
	for _, name := range checkout.Areas() {
		areas = append(areas, templates.Option{Value: name, Label: v.l.T("admin.audit.area." + name), On: name == f.area})
	}
	return []templates.Input{{Name: "who", Label: v.l.T("admin.audit.who"), Options: people}, {Name: "area", Label: v.l.T("admin.audit.area"), Options: areas}}, nil
}

// by names who did it; names remembers the people of one page.
func (v *visit) by(tx *db.Tx, by checkout.Actor, names map[string]string) (string, error) {
	switch by.Kind {
	case "":
		return v.l.T("admin.audit.command"), nil
	case "user":
		if names[by.ID] != "" {
			return names[by.ID], nil
		}
		u, err := tx.User(by.ID)
		if errors.Is(err, checkout.NotFound) {
			return by.ID, nil
		}
		if err != nil {
			return "", err
		}
		names[by.ID] = u.Email
		return u.Email, nil
	case "key":
		return v.l.T("admin.audit.key", "key", by.ID), nil
	}
	return by.Kind, nil
}

func (v *visit) deedTitle(d *checkout.Deed) string {
	if !slices.Contains(checkout.DeedKinds(), d.Kind) {
		return v.l.T("admin.deed.other") + " (" + d.Kind + ")"
	}
	return v.l.T("admin.deed." + d.Kind)
}

func (v *visit) deedRow(tx *db.Tx, d *checkout.Deed, names map[string]string) (templates.DeedRow, error) {
	r := templates.DeedRow{
		Time: i18n.DateTimeShort(v.l, d.CreatedAt), MachineTime: d.CreatedAt.UTC().Format(time.RFC3339), Title: v.deedTitle(d),
		Address: d.By.Address, Test: !d.Live, Icon: "circle", Class: "none", Name: i18n.CleanText(d.Name),
	}
	var err error
	if r.By, err = v.by(tx, d.By, names); err != nil {
		return r, err
	}
	if d.By.Agent != "" {
		r.Agent = browser(v.l, d.By.Agent)
	}
	switch {
	case d.Area == checkout.AreaInvoice && strings.HasPrefix(d.Object, checkout.PrefixInvoice):
		r.Name, r.Href = v.l.T("admin.invoice.title", "number", i18n.Digits(v.l, d.Name)), listPath+"/"+d.Object
	case strings.HasPrefix(d.Kind, "run."):
		r.Href = manyPath + "/" + d.Object
	case d.Area == checkout.AreaPage:
		r.Href = payPagesPath + "/" + d.Object
	case d.Area == checkout.AreaGateway, d.Kind == "stray.closed":
		r.Name = v.brand(d.Name)
	case strings.HasSuffix(d.Kind, "refused"), d.Kind == "account.passkey_copied":
		r.Icon, r.Class = "warning", "wait"
	}
	for _, ch := range d.Changes {
		r.Changes = append(r.Changes, templates.ChangeRow{Name: v.changeName(d.Area, ch.Field), Before: v.changeValue(ch.Field, ch.Before), After: v.changeValue(ch.Field, ch.After)})
	}
	return r, nil
}

// shopFields name the fields of a shop's profile by the labels of its form.
var shopFields = map[string]string{
	"name": "admin.setup.shop", "website": "admin.profile.website", "phone": "admin.profile.phone", "email": "admin.login.email",
	"page_title": "admin.page.what", "page_amount": "admin.page.amount", "page_min": "admin.audit.page_min", "page_max": "admin.audit.page_max", "page_stock": "admin.page.stock",
	"page_text": "admin.page.text", "page_thanks": "admin.page.thanks", "page_opens": "admin.page.opens", "page_closes": "admin.page.closes", "page_off": "admin.page.state.off",
	"after": "admin.reminders.after", "before": "admin.reminders.before", "most": "admin.reminders.most", "quiet_from": "admin.reminders.quiet_from",
	"quiet_until": "admin.reminders.quiet_until", "forget_days": "admin.customers.days",
	"address": "admin.profile.address", "locale": "admin.profile.locale", "accent": "admin.profile.accent", "role": "admin.people.role", "logo": "admin.logo.title",
}

func (v *visit) changeName(area, field string) string {
	if key := shopFields[field]; key != "" && area != checkout.AreaGateway {
		return v.l.T(key)
	}
	return field
}

func (v *visit) changeValue(field, value string) string {
	if field == "role" && slices.Contains([]string{access.RoleOwner, access.RoleStaff, access.RoleViewer}, value) {
		return v.l.T("admin.role." + value)
	}
	if value == "" {
		return "—"
	}
	switch field {
	case "page_amount", "page_min", "page_max":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return v.toman(money.Rial(n))
		}
	case "page_opens", "page_closes", "page_off":
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return i18n.DateTimeShort(v.l, t)
		}
	}
	return i18n.CleanText(value)
}
