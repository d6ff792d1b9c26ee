package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

func gateRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: home + "/login", open: (*Admin).loginPage},
		{Method: http.MethodPost, Path: home + "/login", open: (*Admin).login},
		{Method: http.MethodGet, Path: home + "/setup/:token", open: (*Admin).setupPage},
		{Method: http.MethodPost, Path: home + "/setup/:token", open: (*Admin).setup},
		{Method: http.MethodPost, Path: home + "/logout", open: (*Admin).logout},
	}
}

// loginPage is the door: the password, or the code when the password was right.
func (a *Admin) loginPage(c echo.Context) error {
	ctx := c.Request().Context()
	if id := a.sessions.manager.GetString(ctx, keyLogin); id != "" {
		if _, err := a.Access.WhoIs(ctx, id); err == nil {
			return c.Redirect(http.StatusSeeOther, local(c.QueryParam("next")))
		}
	}
	next := c.QueryParam("next")
	if next != "" {
		next = local(next)
	}
	if c.QueryParam("again") == "" && a.pending(c) != "" {
		return a.showCode(c, http.StatusOK, next, "")
	}
	return a.showLogin(c, http.StatusOK, "", next, "")
}

func (a *Admin) showLogin(c echo.Context, status int, email, next, problem string) error {
	l := a.locale(c)
	ask, err := a.Access.AskPasskey()
	if err != nil {
		return err
	}
	return server.Render(c, status, templates.GatePage(templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.login.title"), Switch: home + "/login"},
		Heading: l.T("admin.login.title"), Action: home + "/login", Next: next, Problem: problem,
		Inputs: []templates.Input{
			{Name: "email", Label: l.T("admin.login.email"), Type: "email", Value: email, Autofill: "username", LTR: true, Required: true, Max: "254"},
			{Name: "password", Label: l.T("admin.login.password"), Type: "password", Autofill: "current-password", LTR: true, Required: true, Max: "1024"},
		},
		Button: l.T("admin.login.button"), Passkey: a.passkeyAsk(c, ask, next, false), Text: a.arrived(c), Back: templates.Action{Href: home + "/forgot", Text: l.T("admin.login.forgot")},
	}))
}

// arrived is what a person hears who comes to the door from a link of a letter.
func (a *Admin) arrived(c echo.Context) string {
	if done := c.QueryParam("done"); done == "reset" || done == "joined" {
		return a.locale(c).T("admin.arrived." + done)
	}
	return ""
}

func (a *Admin) showCode(c echo.Context, status int, next, problem string) error {
	l := a.locale(c)
	ask, err := a.Access.AskSecond(c.Request().Context(), a.pending(c))
	if err != nil {
		return err
	}
	return server.Render(c, status, templates.GatePage(templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.login.code"), Switch: home + "/login"},
		Heading: l.T("admin.login.code"), Text: l.T("admin.login.code_text"), Action: home + "/login", Next: next, Problem: problem,
		Inputs: []templates.Input{{
			Name: "code", Label: l.T("admin.login.code"), Hint: l.T("admin.login.code_hint"), Autofill: "one-time-code", LTR: true, Required: true, Max: "40",
		}},
		Button: l.T("admin.login.button"), Passkey: a.passkeyAsk(c, ask, next, true), Back: templates.Action{Href: home + "/login?again=1", Text: l.T("admin.login.other")},
	}))
}

// login takes either step; which one it is, the fields say.
func (a *Admin) login(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	next := form.Get("next")
	if next != "" {
		next = local(next)
	}
	in := a.from(c)
	in.Email, in.Password = form.Get("email"), form.Get("password")
	if form.Has("code") && !form.Has("password") {
		return a.second(c, in, form.Get("code"), next)
	}
	u, needsCode, err := a.Access.CheckPassword(c.Request().Context(), in)
	if err != nil {
		if kind := checkout.KindOf(err); kind != checkout.Unauthed && kind != checkout.TooMany {
			return err
		}
		return a.showLogin(c, server.StatusOf(err), in.Email, next, said(a.locale(c), err))
	}
	ctx := c.Request().Context()
	if needsCode && form.Get("code") == "" {
		if err := a.sessions.manager.Clear(ctx); err != nil {
			return err
		}
		a.sessions.manager.Put(ctx, keyPending, u.ID)
		a.sessions.manager.Put(ctx, keyEmail, u.Email)
		a.sessions.manager.Put(ctx, keySince, a.Now().Unix())
		if err := a.sessions.renew(c); err != nil {
			return err
		}
		return a.showCode(c, http.StatusOK, next, "")
	}
	if needsCode { // a client that sends all three at once
		in.Means = "code"
		if err := a.Access.CheckCode(ctx, u.ID, form.Get("code"), in); err != nil {
			return a.refuseCode(c, err, func(status int, problem string) error {
				return a.showLogin(c, status, in.Email, next, problem)
			})
		}
	}
	return a.enter(c, u.ID, u.Email, in, next)
}

// second is the code after a right password.
func (a *Admin) second(c echo.Context, in access.SignIn, code, next string) error {
	user := a.pending(c)
	if user == "" {
		return a.showLogin(c, http.StatusUnauthorized, "", next, a.locale(c).T("error.signed_out"))
	}
	ctx := c.Request().Context()
	in.Means = "code"
	if err := a.Access.CheckCode(ctx, user, code, in); err != nil {
		return a.refuseCode(c, err, func(status int, problem string) error { return a.showCode(c, status, next, problem) })
	}
	return a.enter(c, user, a.sessions.manager.GetString(ctx, keyEmail), in, next)
}

func (a *Admin) refuseCode(c echo.Context, err error, show func(status int, problem string) error) error {
	if kind := checkout.KindOf(err); kind != checkout.Unauthed && kind != checkout.TooMany {
		return err
	}
	return show(server.StatusOf(err), said(a.locale(c), err))
}

// pending is the user whose password was right a moment ago, "" for none.
func (a *Admin) pending(c echo.Context) string {
	ctx := c.Request().Context()
	since := a.sessions.manager.GetInt64(ctx, keySince)
	if age := a.Now().Unix() - since; age < 0 || age > int64(pendingLife.Seconds()) {
		return ""
	}
	return a.sessions.manager.GetString(ctx, keyPending)
}

// enter begins a login under a new token.
func (a *Admin) enter(c echo.Context, userID, email string, in access.SignIn, next string) error {
	ctx := c.Request().Context()
	login, err := a.Access.Begin(ctx, userID, in)
	if err != nil {
		return err
	}
	if err := a.sessions.manager.Clear(ctx); err != nil {
		return err
	}
	a.sessions.manager.Put(ctx, keyLogin, login.ID)
	if err := a.sessions.renew(c); err != nil {
		return err
	}
	a.sessions.setCookie(c, a.sessions.device, a.Access.NewDevice(email), deviceLife)
	return c.Redirect(http.StatusSeeOther, local(next))
}

// logout ends the login and its session, also one that has ended already.
func (a *Admin) logout(c echo.Context) error {
	ctx := c.Request().Context()
	if id := a.sessions.manager.GetString(ctx, keyLogin); id != "" {
		if who, err := a.Access.WhoIs(ctx, id); err == nil {
			a.asPerson(c, who.User.ID)
			if err := a.Access.SignOut(c.Request().Context(), who.User.ID, id); err != nil && !errors.Is(err, checkout.NotFound) {
				return err
			}
		}
	}
	if err := a.sessions.end(c); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, home+"/login")
}

// setupPage is the one-time set-up of an empty installation.
func (a *Admin) setupPage(c echo.Context) error {
	if err := a.Access.CheckSetup(c.Request().Context(), c.Param("token")); err != nil {
		return err
	}
	return a.showSetup(c, http.StatusOK, access.Setup{}, nil)
}

func (a *Admin) showSetup(c echo.Context, status int, in access.Setup, wrong []checkout.FieldError) error {
	l := a.locale(c)
	self := home + "/setup/" + c.Param("token")
	return server.Render(c, status, templates.GatePage(templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.setup.title"), Switch: self},
		Heading: l.T("admin.setup.title"), Text: l.T("admin.setup.text"), Action: self,
		Problems: problems(l, wrong),
		Inputs: marked(l, []templates.Input{
			{Name: "name", Label: l.T("admin.setup.shop"), Value: in.Merchant.Name, Hint: l.T("admin.setup.shop_hint"), Required: true, Max: "100"},
			{Name: "slug", Label: l.T("admin.setup.slug"), Value: in.Merchant.Slug, Hint: l.T("admin.setup.slug_hint"), LTR: true, Required: true, Max: "40"},
			{Name: "email", Label: l.T("admin.login.email"), Type: "email", Value: in.Email, Autofill: "username", LTR: true, Required: true, Max: "254"},
			{Name: "password", Label: l.T("admin.login.password"), Type: "password", Hint: l.T("admin.setup.password_hint"), Autofill: "new-password", LTR: true, Required: true, Max: "1024"},
		}, wrong),
		Button: l.T("admin.setup.button"),
	}))
}

func (a *Admin) setup(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	in := access.Setup{
		Merchant: access.NewMerchant{Name: form.Get("name"), Slug: form.Get("slug"), Locale: string(a.locale(c))},
		Email:    i18n.FoldDigits(form.Get("email")), Password: form.Get("password"),
	}
	u, err := a.Access.SetUp(c.Request().Context(), c.Param("token"), in)
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showSetup(c, http.StatusUnprocessableEntity, in, wrong)
	}
	if err != nil {
		return err
	}
	who := a.from(c)
	who.Means = "setup"
	return a.enter(c, u.ID, u.Email, who, guidePath)
}
