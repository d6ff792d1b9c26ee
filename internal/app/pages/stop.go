package pages

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// Reminded is what the engine does for one who is reminded and has had enough.
type Reminded interface {
	Reader(ctx context.Context, token string) (payments.Reader, error)
	StopReminders(ctx context.Context, token string, stop bool) error
}

func (p *Pages) mountStop(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/m/:token", p.stopPage)
	}
	e.POST("/m/:token", p.stop)
}

// stopPage asks. It changes nothing: mail servers fetch every address in a letter before its reader does.
func (p *Pages) stopPage(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	r, err := p.reminded.Reader(c.Request().Context(), t)
	if err != nil {
		return err
	}
	own, _ := i18n.ParseLocale(r.Merchant.Locale)
	l := server.Locale(c, own)
	view := templates.Stop{
		Sheet:   templates.Sheet{L: l, Title: l.T("stop.title"), Accent: r.Merchant.Accent, Switch: "/m/" + t},
		Brand:   brandOf(&r.Merchant),
		Stopped: r.Stopped, Action: "/m/" + t,
	}
	if l != own {
		view.Action += "?lang=" + string(l)
	}
	if r.Stopped {
		view.Title = l.T("stop.done")
	}
	return server.Render(c, http.StatusOK, templates.StopPage(view))
}

// stop ends the reminders. It is what the page's button sends, and what a mail program sends by itself
// when its reader presses "unsubscribe" there (RFC 8058): without cookies, from wherever it runs, its one
// field as a urlencoded or a multipart form. Whoever has the token has the letter.
func (p *Pages) stop(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	act, err := oneClick(c)
	if err != nil {
		return err
	}
	if act == "again" && p.server.CrossSite(c.Request()) {
		return server.Fail(c, http.StatusForbidden, server.Way{Home: "/m/" + t})
	}
	if err := p.reminded.StopReminders(c.Request().Context(), t, act != "again"); err != nil {
		return err
	}
	to := "/m/" + t
	if lang := c.QueryParam("lang"); lang == "fa" || lang == "en" {
		to += "?lang=" + lang
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// oneClick reads what is asked: "again", or anything else for an end.
func oneClick(c echo.Context) (string, error) {
	kind, params, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEMultipartForm {
		form, _, err := server.ReadForm(c)
		return form.Get("act"), err
	}
	body := io.LimitReader(c.Request().Body, server.MaxForm)
	part, err := multipart.NewReader(body, params["boundary"]).NextPart()
	if err != nil {
		return "", echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
	}
	said, err := io.ReadAll(part)
	if err != nil || part.FormName() != "List-Unsubscribe" || string(said) != "One-Click" {
		return "", echo.NewHTTPError(http.StatusBadRequest).SetInternal(errors.Join(err, server.ErrForm))
	}
	return "", nil
}
