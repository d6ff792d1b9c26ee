package admin

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

const passkeyPath = accountPath + "/passkey"

func passkeyRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: home + "/login/passkey", open: (*Admin).passkeyDoor},
		{Method: http.MethodPost, Path: home + "/login/passkey", open: (*Admin).passkeyLogin},
		{Method: http.MethodGet, Path: passkeyPath, Own: true, Right: access.See, handle: (*Admin).passkeyPage},
		{Method: http.MethodPost, Path: passkeyPath, Own: true, Right: access.See, handle: (*Admin).addPasskey},
		{Method: http.MethodPost, Path: passkeyPath + "/drop", Own: true, Right: access.See, handle: (*Admin).dropPasskey},
		{Method: http.MethodGet, Path: passkeyPath + "/again", Own: true, Right: access.See, handle: (*Admin).passkeyAgain},
	}
}

// passkeyAsk is the part of a page at the door that asks for a passkey; nil where there are none.
func (a *Admin) passkeyAsk(c echo.Context, options, next string, second bool) *templates.PasskeyAsk {
	if options == "" {
		return nil
	}
	l := a.locale(c)
	p := &templates.PasskeyAsk{Action: home + "/login/passkey", Options: options, Next: next, Button: l.T("admin.passkey.in"), Failed: l.T("admin.passkey.failed")}
	if second {
		p.Second, p.Button = "1", l.T("admin.passkey.second")
	}
	return p
}

// passkeyDoor leads whoever opens the address of a refused sign-in once more back to the door.
func (a *Admin) passkeyDoor(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, home+"/login")
}

// passkeyLogin takes what a device answered: as a whole sign-in, or in place of a code.
func (a *Admin) passkeyLogin(c echo.Context) error {
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
	}
	ctx, next := c.Request().Context(), form.Get("next")
	if next != "" {
		next = local(next)
	}
	in := a.from(c)
	in.Means = "passkey"
	if form.Get("second") != "" {
		return a.passkeySecond(c, form, in, next)
	}
	u, err := a.Access.ByPasskey(ctx, form.Get("answer"), in)
	if err != nil {
		return a.refuseCode(c, err, func(status int, problem string) error { return a.showLogin(c, status, "", next, problem) })
	}
	return a.enter(c, u.ID, u.Email, in, next)
}

func (a *Admin) passkeySecond(c echo.Context, form url.Values, in access.SignIn, next string) error {
	ctx, user := c.Request().Context(), a.pending(c)
	if user == "" {
		return a.showLogin(c, http.StatusUnauthorized, "", next, a.locale(c).T("error.signed_out"))
	}
	if err := a.Access.SecondByPasskey(ctx, user, form.Get("answer"), in); err != nil {
		return a.refuseCode(c, err, func(status int, problem string) error { return a.showCode(c, status, next, problem) })
	}
	return a.enter(c, user, a.sessions.manager.GetString(ctx, keyEmail), in, next)
}

func (a *Admin) passkeyPage(c echo.Context, v *visit) error {
	return a.showPasskey(c, v, http.StatusOK, nil)
}

// showPasskey offers a new passkey. Without a script, or where there can be none, it says so.
func (a *Admin) showPasskey(c echo.Context, v *visit, status int, wrong []checkout.FieldError) error {
	l := v.l
	options, err := a.Access.OfferPasskey(c.Request().Context(), &v.who)
	if err != nil {
		return err
	}
	name := browser(l, c.Request().UserAgent())
	if v.form.Get("name") != "" {
		name = v.form.Get("name")
	}
	view := templates.PasskeyNew{
		Desk: v.desk(l.T("admin.passkey.new"), "account", passkeyPath), Options: options, Problems: problems(l, wrong), Fresh: freshWrong(l, v.fresh(a, ""), wrong),
		Name: marked(l, []templates.Input{{Name: "name", Label: l.T("admin.passkey.name"), Value: name, Hint: l.T("admin.passkey.name_hint"), Required: true, Max: "100"}}, wrong)[0],
	}
	return server.Render(c, status, templates.PasskeyPage(view))
}

// addPasskey keeps a new key. Its person has just said who they are: a screen left alone must not be
// enough to leave a way in behind.
func (a *Admin) addPasskey(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showPasskey(c, v, http.StatusForbidden, wrong)
	}
	if v.again { // the first press kept it
		return c.Redirect(http.StatusSeeOther, accountPath+"?done=passkey_added")
	}
	err = a.Access.AddPasskey(c.Request().Context(), &v.who, v.form.Get("name"), v.form.Get("answer"))
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showPasskey(c, v, http.StatusUnprocessableEntity, wrong)
	}
	if err != nil {
		return err
	}
	if err := a.renewFor(c, v); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, accountPath+"?done=passkey_added")
}

func (a *Admin) dropPasskey(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showAccount(c, v, http.StatusForbidden, "passkey", wrong)
	}
	err = a.Access.DropPasskey(c.Request().Context(), &v.who, v.form.Get("passkey"))
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	if err := a.renewFor(c, v); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, accountPath+"?done=passkey_removed")
}

// passkeyAgain is what the script asks a device for when somebody who is in proves who they are. It
// is made when it is asked for, so that no page carries one that nobody needs.
func (a *Admin) passkeyAgain(c echo.Context, v *visit) error {
	options, err := a.Access.AskAgain(c.Request().Context(), &v.who)
	if err != nil {
		return err
	}
	if options == "" {
		return checkout.NotFound
	}
	return c.JSONBlob(http.StatusOK, []byte(options))
}

// passkeyRows are one's passkeys on the page about oneself.
func (a *Admin) passkeyRows(c echo.Context, v *visit, view *templates.Account, form string, wrong []checkout.FieldError) error {
	list, err := a.Access.Passkeys(c.Request().Context(), v.who.User.ID)
	if err != nil {
		return err
	}
	for _, p := range list {
		r := templates.PasskeyRow{ID: p.ID, Name: p.Name, Text: v.l.T("admin.keys.made", "time", i18n.DateTimeShort(v.l, p.CreatedAt)), Fresh: v.fresh(a, p.ID+"-")}
		if !p.UsedAt.IsZero() {
			r.Text += " · " + v.l.T("admin.keys.used", "time", i18n.DateTimeShort(v.l, p.UsedAt))
		}
		if form == "passkey" && v.form.Get("passkey") == p.ID {
			r.Open, r.Fresh = true, freshWrong(v.l, r.Fresh, wrong)
			view.Problems = problems(v.l, prefixed(p.ID+"-", wrong))
		}
		view.Passkeys = append(view.Passkeys, r)
	}
	return nil
}
