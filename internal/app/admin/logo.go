package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/logo"
	"dargah/web/templates"
)

const logoPath = settingsPath + "/logo"

func logoRoutes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: logoPath, Right: access.Rule, File: logo.MaxFile, handle: (*Admin).setLogo},
		{Method: http.MethodPost, Path: logoPath + "/remove", Right: access.Rule, handle: (*Admin).removeLogo},
	}
}

func logoOf(name checkout.LogoName) templates.Picture {
	p := templates.Picture{Src: name.Path()}
	p.Width, p.Height = name.Size()
	return p
}

func (a *Admin) setLogo(c echo.Context, v *visit) error {
	var err error = checkout.WrongField("file", "required")
	if len(v.file.Raw) > 0 {
		err = a.Access.SetLogo(c.Request().Context(), v.scope.MerchantID, v.file.Raw)
	}
	if wrong := wrongs(err); len(wrong) > 0 {
		m := v.shop
		return a.showProfile(c, v, http.StatusUnprocessableEntity, access.NewMerchant{
			Name: m.Name, Website: m.Website, Phone: m.Phone, Address: m.Address, Email: m.Email, Locale: m.Locale,
		}, m.Accent, wrong)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"?done=changed")
}

func (a *Admin) removeLogo(c echo.Context, v *visit) error {
	if err := a.Access.SetLogo(c.Request().Context(), v.scope.MerchantID, nil); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"?done=changed")
}
