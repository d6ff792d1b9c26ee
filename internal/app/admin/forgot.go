package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

func lostRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: home + "/forgot", open: (*Admin).forgotPage},
		{Method: http.MethodPost, Path: home + "/forgot", open: (*Admin).forgot},
		{Method: http.MethodGet, Path: home + "/reset/:token", open: (*Admin).resetPage},
		{Method: http.MethodPost, Path: home + "/reset/:token", open: (*Admin).reset},
		{Method: http.MethodGet, Path: home + "/invitation/:token", open: (*Admin).invitationPage},
		{Method: http.MethodPost, Path: home + "/invitation/:token", open: (*Admin).accept},
	}
}

func (a *Admin) forgotPage(c echo.Context) error {
	return a.showForgot(c, http.StatusOK, false, "")
}

// showForgot asks for the address; asked says one and the same thing, whoever asked about whomever.
func (a *Admin) showForgot(c echo.Context, status int, asked bool, problem string) error {
	l := a.locale(c)
	g := templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.forgot.title"), Switch: home + "/forgot"},
		Heading: l.T("admin.forgot.title"), Text: l.T("admin.forgot.text"), Problem: problem, Action: home + "/forgot", Button: l.T("admin.forgot.button"),
		Inputs: []templates.Input{{Name: "email", Label: l.T("admin.login.email"), Type: "email", Autofill: "username", LTR: true, Required: true, Max: "254"}},
		Back:   templates.Action{Href: home + "/login", Text: l.T("admin.forgot.back")},
	}
	if !a.Mail.Sends() {
		g.Notes = []string{l.T("admin.forgot.no_mail")}
	}
	if asked {
		g.Text, g.Button, g.Inputs = l.T("admin.forgot.asked"), "", nil
	}
	return server.Render(c, status, templates.GatePage(g))
}

func (a *Admin) forgot(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	err = a.Access.AskReset(c.Request().Context(), form.Get("email"), a.BaseURL, string(a.locale(c)), a.from(c))
	if checkout.KindOf(err) == checkout.TooMany {
		return a.showForgot(c, http.StatusTooManyRequests, false, said(a.locale(c), err))
	}
	if err != nil {
		return err
	}
	return a.showForgot(c, http.StatusOK, true, "")
}

func (a *Admin) resetPage(c echo.Context) error {
	return a.showReset(c, http.StatusOK, nil)
}

func (a *Admin) showReset(c echo.Context, status int, wrong []checkout.FieldError) error {
	u, err := a.Access.CheckReset(c.Request().Context(), c.Param("token"))
	if checkout.KindOf(err) == checkout.NotFound {
		return a.deadLink(c, "admin.reset.dead", templates.Action{Href: home + "/forgot", Text: a.locale(c).T("admin.reset.again")})
	}
	if err != nil {
		return err
	}
	l := a.locale(c)
	self := home + "/reset/" + c.Param("token")
	inputs := []templates.Input{
		{Name: "new_password", Label: l.T("admin.account.password_new"), Type: "password", Hint: l.T("admin.setup.password_hint"), Autofill: "new-password", LTR: true, Required: true, Max: "1024"},
	}
	if !u.TOTPAt.IsZero() {
		inputs = append(inputs, templates.Input{Name: "code", Label: l.T("admin.login.code"), Hint: l.T("admin.login.code_hint"), Autofill: "one-time-code", LTR: true, Required: true, Max: "40"})
	}
	return server.Render(c, status, templates.GatePage(templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.reset.title"), Switch: self},
		Heading: l.T("admin.reset.title"), Text: l.T("admin.reset.text", "email", u.Email), Action: self, User: u.Email, Problems: problems(l, wrong), Inputs: marked(l, inputs, wrong), Button: l.T("admin.reset.button"),
	}))
}

func (a *Admin) reset(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	err = a.Access.Reset(c.Request().Context(), c.Param("token"), form.Get("new_password"), form.Get("code"), a.from(c))
	if wrong := refusal(err); len(wrong) > 0 {
		return a.showReset(c, server.StatusOf(err), wrong)
	}
	if checkout.KindOf(err) == checkout.NotFound {
		return a.showReset(c, http.StatusNotFound, nil)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, home+"/login?done=reset")
}

// deadLink is a link of a letter that opens nothing any more, with a way on.
func (a *Admin) deadLink(c echo.Context, key string, on templates.Action) error {
	l := a.locale(c)
	return server.Render(c, http.StatusNotFound, templates.GatePage(templates.Gate{
		Sheet: templates.Sheet{L: l, Title: l.T("admin.link.dead")}, Heading: l.T("admin.link.dead"), Text: l.T(key), Back: on,
	}))
}

func (a *Admin) invitationPage(c echo.Context) error {
	return a.showInvitation(c, http.StatusOK, nil)
}

func (a *Admin) showInvitation(c echo.Context, status int, wrong []checkout.FieldError) error {
	l := a.locale(c)
	i, m, err := a.Access.Invited(c.Request().Context(), c.Param("token"))
	if checkout.KindOf(err) == checkout.NotFound {
		return a.deadLink(c, "admin.invited.dead", templates.Action{Href: home + "/login", Text: l.T("admin.forgot.back")})
	}
	if err != nil {
		return err
	}
	self := home + "/invitation/" + c.Param("token")
	return server.Render(c, status, templates.GatePage(templates.Gate{
		Sheet:   templates.Sheet{L: l, Title: l.T("admin.invited.title"), Switch: self},
		Heading: l.T("admin.invited.heading", "shop", m.Name), Text: l.T("admin.invited.text", "role", l.T("admin.role."+i.Role), "email", i.Email), Action: self, User: i.Email, Problems: problems(l, wrong),
		Inputs: marked(l, []templates.Input{
			{Name: "password", Label: l.T("admin.login.password"), Type: "password", Hint: l.T("admin.invited.password_hint"), Autofill: "new-password", LTR: true, Required: true, Max: "1024"},
		}, wrong),
		Button: l.T("admin.invited.button"),
	}))
}

// accept uses an invitation up. A new person is in at once; one who has a login goes by the door, where
// their second factor is asked for.
func (a *Admin) accept(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	in := a.from(c)
	in.Means = "joined"
	u, fresh, err := a.Access.Accept(c.Request().Context(), c.Param("token"), form.Get("password"), in)
	if wrong := refusal(err); len(wrong) > 0 {
		return a.showInvitation(c, server.StatusOf(err), wrong)
	}
	if checkout.KindOf(err) == checkout.NotFound {
		return a.showInvitation(c, http.StatusNotFound, nil)
	}
	if err != nil {
		return err
	}
	if !fresh {
		return c.Redirect(http.StatusSeeOther, home+"/login?done=joined")
	}
	return a.enter(c, u.ID, u.Email, in, home)
}

// from is whoever stands before the door.
func (a *Admin) from(c echo.Context) access.SignIn {
	return access.SignIn{
		Address: a.Server.ClientAddr(c), Agent: c.Request().UserAgent(), Device: cookie(c, a.sessions.device), RequestID: server.RequestID(c.Request().Context()),
	}
}
