package admin

import (
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

func (a *Admin) keysPage(c echo.Context, v *visit) error {
	return a.showKeys(c, v, http.StatusOK, "", "", nil)
}

// showKeys lists the keys of this mode; secret is a new one's, shown this once.
func (a *Admin) showKeys(c echo.Context, v *visit, status int, secret, name string, wrong []checkout.FieldError) error {
	ctx, l := c.Request().Context(), v.l
	view := templates.Keys{Once: rand.Text(), Settings: v.settings("keys", wrong), Secret: secret, SecretName: name, Fresh: freshWrong(l, v.fresh(a, ""), wrong)}
	typed := ""
	if len(wrong) > 0 {
		typed = v.form.Get("name")
	}
	view.Name = marked(l, []templates.Input{{Name: "name", Label: l.T("admin.keys.name"), Value: typed, Hint: l.T("admin.keys.name_hint"), Required: true, Max: "100"}}, wrong)[0]
	for _, kind := range []string{"write", "read", "link"} {
		view.Kinds = append(view.Kinds, templates.Option{Value: kind, Label: l.T("admin.keys.kind." + kind), On: v.form.Get("kind") == kind})
	}
	keys, err := a.Access.Keys(ctx, v.shop.Slug, v.scope.Live)
	if err != nil {
		return err
	}
	api := templates.KeyList{Title: l.T("admin.keys.api"), Text: l.T("admin.keys.api_text"), Revoke: settingsPath + "/keys/revoke"}
	for _, k := range keys {
		scope := l.T("admin.keys.kind.read")
		for _, s := range k.Scopes {
			if s == "write" {
				scope = l.T("admin.keys.kind.write")
			}
		}
		api.Rows = append(api.Rows, v.keyRow(k.ID, k.Name, scope, k.CreatedAt, k.LastUsedAt, k.RevokedAt))
	}
	links, err := a.Access.LinkKeys(ctx, v.shop.Slug, v.scope.Live)
	if err != nil {
		return err
	}
	link := templates.KeyList{Title: l.T("admin.keys.link"), Text: l.T("admin.keys.link_text"), Revoke: settingsPath + "/linkkeys/revoke"}
	for _, k := range links {
		link.Rows = append(link.Rows, v.keyRow(k.ID, k.Name, "", k.CreatedAt, time.Time{}, k.RevokedAt))
	}
	view.Lists = []templates.KeyList{api, link}
	return server.Render(c, status, templates.KeysPage(view))
}

func (v *visit) keyRow(id, name, scope string, created, used, revoked time.Time) templates.KeyRow {
	l := v.l
	r := templates.KeyRow{ID: id, Name: name, Text: l.T("admin.keys.made", "time", i18n.DateTimeShort(l, created)), Over: !revoked.IsZero()}
	if scope != "" {
		r.Text = scope + " · " + r.Text
	}
	switch {
	case r.Over:
		r.Text = l.T("admin.keys.revoked", "time", i18n.DateTimeShort(l, revoked))
	case !used.IsZero():
		r.Text += " · " + l.T("admin.keys.used", "time", i18n.DateTimeShort(l, used))
	}
	return r
}

// makeKey makes a key for one who has just proved who they are, and shows its secret once.
func (a *Admin) makeKey(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showKeys(c, v, http.StatusForbidden, "", "", wrong)
	}
	name := v.form.Get("name")
	secret, err := a.Access.IssueKey(c.Request().Context(), &v.shop, v.form.Get("kind"), name, v.scope.Live, v.onceForm("key", verbatim))
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showKeys(c, v, http.StatusUnprocessableEntity, "", "", wrong)
	}
	if err != nil {
		return err
	}
	v.form = nil
	return a.showKeys(c, v, http.StatusOK, secret, i18n.CleanText(name), nil)
}

func (a *Admin) revokeKey(c echo.Context, v *visit) error {
	return a.revoked(c, v, a.Access.RevokeKey(c.Request().Context(), v.shop.Slug, v.form.Get("key")))
}

func (a *Admin) revokeLinkKey(c echo.Context, v *visit) error {
	return a.revoked(c, v, a.Access.RevokeLinkKey(c.Request().Context(), v.shop.Slug, v.form.Get("key")))
}

// revoked ends in the list; a key that is over already is over. Taking a key away asks for no proof:
// whoever finds one stolen must not be held up.
func (a *Admin) revoked(c echo.Context, _ *visit, err error) error {
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"/keys?done=revoked")
}
