package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

func accountRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: home + "/account", Own: true, Right: access.See, handle: (*Admin).accountPage},
		{Method: http.MethodPost, Path: home + "/look", Own: true, Right: access.See, handle: (*Admin).look},
		{Method: http.MethodPost, Path: home + "/account/sign-out", Own: true, Right: access.See, handle: (*Admin).signOutOther},
		{Method: http.MethodPost, Path: home + "/account/password", Own: true, Right: access.See, handle: (*Admin).changePassword},
		{Method: http.MethodGet, Path: home + "/account/factor", Own: true, Right: access.See, handle: (*Admin).factorPage},
		{Method: http.MethodPost, Path: home + "/account/factor", Own: true, Right: access.See, handle: (*Admin).proveFactor},
		{Method: http.MethodPost, Path: home + "/account/factor/drop", Own: true, Right: access.See, handle: (*Admin).dropFactor},
	}
}

const accountPath = home + "/account"

func (a *Admin) accountPage(c echo.Context, v *visit) error {
	return a.showAccount(c, v, http.StatusOK, "", nil)
}

// showAccount is the page about oneself; form says which of its forms was wrong.
func (a *Admin) showAccount(c echo.Context, v *visit, status int, form string, wrong []checkout.FieldError) error {
	ctx := c.Request().Context()
	view := templates.Account{Desk: v.desk(v.l.T("admin.section.account"), "account", accountPath), Factor: !v.who.User.TOTPAt.IsZero()}
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		shops, err := a.shops(tx, v)
		view.Shops = nil
		for _, m := range shops {
			view.Shops = append(view.Shops, templates.Option{Value: m.ID, Label: m.Name, On: m.ID == v.scope.MerchantID})
		}
		return err
	})
	if err != nil {
		return err
	}
	logins, err := a.Access.Logins(ctx, v.who.User.ID)
	if err != nil {
		return err
	}
	for _, l := range logins {
		view.Logins = append(view.Logins, templates.LoginRow{
			ID: l.ID, Agent: browser(v.l, l.Agent), Address: l.Address, This: l.ID == v.who.Login.ID,
			Seen: v.l.T("admin.account.seen", "time", i18n.DateTimeShort(v.l, l.SeenAt)),
		})
	}
	left, err := a.Access.RecoveryCodes(ctx, v.who.User.ID)
	if err != nil {
		return err
	}
	view.Codes = v.l.T("admin.account.codes_left", "count", number(v.l, left))
	view.Fresh = v.fresh(a, "drop-")
	if err := a.passkeyRows(c, v, &view, form, wrong); err != nil {
		return err
	}
	view.Password = []templates.Input{
		{Name: "password", Label: v.l.T("admin.account.password_old"), Type: "password", Autofill: "current-password", LTR: true, Required: true, Max: "1024"},
		{Name: "new_password", Label: v.l.T("admin.account.password_new"), Type: "password", Hint: v.l.T("admin.setup.password_hint"), Autofill: "new-password", LTR: true, Required: true, Max: "1024"},
	}
	if view.Factor {
		view.Password = append(view.Password, templates.Input{Name: "code", Label: v.l.T("admin.login.code"), Keyboard: "numeric", Autofill: "one-time-code", LTR: true, Required: true, Short: true, Max: "40"})
	}
	switch form {
	case "password":
		view.Password, view.Problems = marked(v.l, view.Password, wrong), problems(v.l, wrong)
	case "drop":
		view.Open, view.Fresh = true, freshWrong(v.l, view.Fresh, wrong)
		view.Problems = problems(v.l, prefixed("drop-", wrong))
	}
	return server.Render(c, status, templates.AccountPage(view))
}

// look changes which shop and mode this login looks at.
func (a *Admin) look(c echo.Context, v *visit) error {
	merchant := v.form.Get("merchant")
	if merchant == "" {
		merchant = v.scope.MerchantID
	}
	if v.who.Right(merchant) == access.None {
		return checkout.NotFound
	}
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		_, err := tx.Merchant(merchant)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.Access.LookAt(c.Request().Context(), v.who.Login.ID, merchant, v.form.Get("mode") != "test"); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, local(v.form.Get("next")))
}

func (a *Admin) signOutOther(c echo.Context, v *visit) error {
	err := a.Access.SignOut(c.Request().Context(), v.who.User.ID, v.form.Get("login"))
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, accountPath+"?done=signed_out")
}

// changePassword asks for the old one whatever the login's age: a screen left alone must not be
// enough to keep its owner out.
func (a *Admin) changePassword(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	if v.again {
		return c.Redirect(http.StatusSeeOther, accountPath+"?done=password")
	}
	err := a.Access.ProveAgain(ctx, &v.who, v.form.Get("password"), v.form.Get("code"))
	if err == nil {
		err = a.Access.ChangePassword(ctx, &v.who, v.form.Get("new_password"))
	}
	if wrong := refusal(err); len(wrong) > 0 {
		return a.showAccount(c, v, server.StatusOf(err), "password", wrong)
	}
	if err != nil {
		return err
	}
	if err := a.renewFor(c, v); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, accountPath+"?done=password")
}

func (a *Admin) factorPage(c echo.Context, v *visit) error {
	return a.showFactor(c, v, http.StatusOK, nil)
}

func (a *Admin) showFactor(c echo.Context, v *visit, status int, wrong []checkout.FieldError) error {
	secret, err := a.Access.OfferedFactor(c.Request().Context(), v.who.User.ID)
	if errors.Is(err, checkout.Conflict) {
		return c.Redirect(http.StatusSeeOther, accountPath)
	}
	if err != nil {
		return err
	}
	view := templates.Factor{
		Desk: v.desk(v.l.T("admin.account.factor"), "account", accountPath+"/factor"), Secret: spaced(secret), Problems: problems(v.l, wrong), Fresh: freshWrong(v.l, v.fresh(a, ""), wrong),
		Code: marked(v.l, []templates.Input{{Name: "code", Label: v.l.T("admin.login.code"), Keyboard: "numeric", Autofill: "one-time-code", LTR: true, Required: true, Short: true, Max: "10"}}, wrong)[0],
	}
	view.QR, view.Modules = templates.QR(auth.TOTPAddress(a.host, v.who.User.Email, secret))
	return server.Render(c, status, templates.FactorPage(view))
}

// proveFactor turns the second factor on and shows the recovery codes, once. Its person has just said
// who they are: a screen left alone must not be enough to keep them out.
func (a *Admin) proveFactor(c echo.Context, v *visit) error {
	if v.who.User.TOTPAt.IsZero() { // the form's code is the new factor's, and there is no other yet
		wrong, err := a.prove(c, v)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			return a.showFactor(c, v, http.StatusForbidden, wrong)
		}
	}
	codes, err := a.Access.ProveFactor(c.Request().Context(), &v.who, v.form.Get("code"))
	if wrong := refusal(err); len(wrong) > 0 {
		return a.showFactor(c, v, server.StatusOf(err), wrong)
	}
	if errors.Is(err, checkout.Conflict) {
		return c.Redirect(http.StatusSeeOther, accountPath)
	}
	if err != nil {
		return err
	}
	if err := a.sessions.renew(c); err != nil {
		return err
	}
	return server.Render(c, http.StatusOK, templates.FactorPage(templates.Factor{
		Desk: v.desk(v.l.T("admin.account.factor"), "account", ""), Codes: codes,
	}))
}

func (a *Admin) dropFactor(c echo.Context, v *visit) error {
	if wrong, err := a.prove(c, v); err != nil || len(wrong) > 0 {
		if err != nil {
			return err
		}
		return a.showAccount(c, v, http.StatusForbidden, "drop", wrong)
	}
	if v.again && v.who.User.TOTPAt.IsZero() {
		return c.Redirect(http.StatusSeeOther, accountPath+"?done=factor_dropped")
	}
	if err := a.Access.DropFactor(c.Request().Context(), &v.who); err != nil {
		return err
	}
	if err := a.renewFor(c, v); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, accountPath+"?done=factor_dropped")
}
