package admin

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

const settingsPath = home + "/settings"

func settingsRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: settingsPath, Right: access.See, handle: (*Admin).profilePage},
		{Method: http.MethodPost, Path: settingsPath, Right: access.Rule, handle: (*Admin).saveProfile},
		{Method: http.MethodGet, Path: settingsPath + "/gateways", Right: access.See, handle: (*Admin).gatewaysPage},
		{Method: http.MethodPost, Path: settingsPath + "/gateways/gardeshpay", Right: access.Rule, handle: saveGateway("gardeshpay")},
		{Method: http.MethodPost, Path: settingsPath + "/gateways/ghesta", Right: access.Rule, handle: saveGateway("ghesta")},
		{Method: http.MethodGet, Path: settingsPath + "/keys", Right: access.Rule, handle: (*Admin).keysPage},
		{Method: http.MethodPost, Path: settingsPath + "/keys", Right: access.Rule, handle: (*Admin).makeKey},
		{Method: http.MethodPost, Path: settingsPath + "/keys/revoke", Right: access.Rule, handle: (*Admin).revokeKey},
		{Method: http.MethodPost, Path: settingsPath + "/linkkeys/revoke", Right: access.Rule, handle: (*Admin).revokeLinkKey},
		{Method: http.MethodGet, Path: settingsPath + "/people", Right: access.Rule, handle: (*Admin).peoplePage},
		{Method: http.MethodPost, Path: settingsPath + "/people", Right: access.Rule, handle: (*Admin).addPerson},
		{Method: http.MethodPost, Path: settingsPath + "/people/role", Right: access.Rule, handle: (*Admin).changePerson},
	}
}

// settings fills what the pages of the settings share.
func (v *visit) settings(here string, wrong []checkout.FieldError) templates.Settings {
	path := settingsPath
	if here != "profile" {
		path += "/" + here
	}
	s := templates.Settings{Desk: v.desk(v.l.T("admin.settings."+here), "settings", path), Problems: problems(v.l, wrong), May: v.right >= access.Rule}
	for _, tab := range []struct {
		name, path string
		right      access.Right
	}{
		{"profile", settingsPath, access.See},
		{"gateways", settingsPath + "/gateways", access.See},
		{"keys", settingsPath + "/keys", access.Rule},
		{"webhooks", hooksPath, access.See},
		{"letters", lettersPath, access.See},
		{"reminders", remindersPath, access.See},
		{"customers", customersPath, access.See},
		{"people", settingsPath + "/people", access.Rule},
		{"audit", auditPath, access.Rule},
	} {
		if v.right >= tab.right {
			s.Tabs = append(s.Tabs, templates.Option{Value: tab.path, Label: v.l.T("admin.settings." + tab.name), On: tab.name == here})
		}
	}
	return s
}

func (a *Admin) profilePage(c echo.Context, v *visit) error {
	m := v.shop
	return a.showProfile(c, v, http.StatusOK, access.NewMerchant{
		Name: m.Name, Website: m.Website, Phone: m.Phone, Address: m.Address, Email: m.Email, Locale: m.Locale,
	}, m.Accent, nil)
}

func (a *Admin) showProfile(c echo.Context, v *visit, status int, in access.NewMerchant, accent string, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.Profile{Settings: v.settings("profile", wrong), Slug: v.shop.Slug}
	view.Logo, view.LogoPath = logoOf(v.shop.Logo), logoPath
	view.File = marked(l, []templates.Input{{Name: "file", Label: l.T("admin.logo.file"), Hint: l.T("admin.logo.hint")}}, wrong)[0]
	view.Inputs = marked(l, []templates.Input{
		{Name: "name", Label: l.T("admin.setup.shop"), Value: in.Name, Hint: l.T("admin.setup.shop_hint"), Required: true, Max: "100"},
		{Name: "website", Label: l.T("admin.profile.website"), Value: in.Website, Type: "url", LTR: true, Max: "2000"},
		{Name: "phone", Label: l.T("admin.profile.phone"), Value: in.Phone, Type: "tel", LTR: true, Max: "100"},
		{Name: "email", Label: l.T("admin.login.email"), Value: in.Email, Type: "email", LTR: true, Hint: l.T("admin.profile.email_hint"), Max: "254"},
		{Name: "address", Label: l.T("admin.profile.address"), Value: in.Address, Max: "300"},
		{Name: "locale", Label: l.T("admin.profile.locale"), Options: []templates.Option{{Value: "fa", Label: "فارسی", On: in.Locale != "en"}, {Value: "en", Label: "English", On: in.Locale == "en"}}},
		{Name: "accent", Label: l.T("admin.profile.accent"), Value: accent, LTR: true, Short: true, Hint: l.T("admin.profile.accent_hint"), Max: "7"},
	}, wrong)
	return server.Render(c, status, templates.ProfilePage(view))
}

func (a *Admin) saveProfile(c echo.Context, v *visit) error {
	in := access.NewMerchant{
		Name: v.form.Get("name"), Website: v.form.Get("website"), Phone: v.form.Get("phone"), Address: v.form.Get("address"),
		Email: v.form.Get("email"), Locale: v.form.Get("locale"),
	}
	accent := strings.TrimSpace(v.form.Get("accent"))
	if accent != "" && !strings.HasPrefix(accent, "#") { // people leave the sign out, and Persian text turns it around
		accent = "#" + accent
	}
	err := a.Access.UpdateMerchant(c.Request().Context(), v.scope.MerchantID, in, accent)
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showProfile(c, v, http.StatusUnprocessableEntity, in, v.form.Get("accent"), wrong)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"?done=changed")
}
