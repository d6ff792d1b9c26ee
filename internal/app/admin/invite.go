package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

const invitePath = settingsPath + "/people/invite"

func inviteRoutes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: invitePath, Right: access.Rule, handle: (*Admin).invite},
		{Method: http.MethodPost, Path: invitePath + "/again", Right: access.Rule, handle: (*Admin).inviteAgain},
		{Method: http.MethodPost, Path: invitePath + "/cancel", Right: access.Rule, handle: (*Admin).uninvite},
	}
}

// inviting is what the people page shows about invitations.
type inviting struct {
	sent  *access.Sent
	wrong []checkout.FieldError
	form  bool   // the form that invites was the one that was sent
	row   string // else the invitation whose form it was
}

func (a *Admin) fillInvitations(c echo.Context, v *visit, view *templates.People, t inviting) error {
	l := v.l
	list, err := a.Access.Invitations(c.Request().Context(), v.scope.MerchantID)
	if err != nil {
		return err
	}
	if t.row != "" {
		view.Problems = problems(l, prefixed(t.row+"-", t.wrong))
	}
	for _, i := range list {
		r := templates.InvitedRow{ID: i.ID, Email: i.Email, Fresh: v.fresh(a, i.ID+"-"), Text: l.T("admin.role."+i.Role) + " · " + l.T("admin.invite.until", "time", i18n.DateTimeShort(l, i.ExpiresAt))}
		if !a.Now().Before(i.ExpiresAt) {
			r.Text = l.T("admin.role."+i.Role) + " · " + l.T("admin.invite.over")
		}
		if t.row == i.ID {
			r.Open, r.Fresh = true, freshWrong(l, r.Fresh, t.wrong)
		}
		view.Invited = append(view.Invited, r)
	}
	email, role := "", access.RoleStaff
	view.InviteFresh, view.Mail = v.fresh(a, "invite-"), a.Mail.Sends()
	if t.form {
		email, role = v.form.Get("email"), v.form.Get("role")
		view.InviteFresh = freshWrong(l, view.InviteFresh, t.wrong)
	}
	who := roles(v, "invite-role", role)
	view.Invite = []templates.Input{{Name: "email", ID: "invite-email", Label: l.T("admin.login.email"), Type: "email", Value: email, Autofill: "off", LTR: true, Required: true, Max: "254"}, who}
	if t.form {
		view.Invite = marked(l, view.Invite, t.wrong)
		view.Problems = problems(l, prefixed("invite-", t.wrong))
	}
	if t.sent != nil && t.sent.Link != "" {
		view.Link, view.LinkFor = t.sent.Link, t.sent.Email
	}
	return nil
}

func (a *Admin) invite(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showPeopleWith(c, v, http.StatusForbidden, inviting{form: true, wrong: wrong})
	}
	sent, err := a.Access.Invite(c.Request().Context(), v.scope.MerchantID, v.form.Get("email"), v.form.Get("role"), a.BaseURL, a.Mail.Sends())
	if errors.Is(err, checkout.Conflict) && len(wrongs(err)) == 0 { // somebody else did in the same moment
		err = checkout.WrongField("email", "invited")
	}
	if wrong := wrongs(err); len(wrong) > 0 && v.again && wrong[0].Code == "invited" && a.Mail.Sends() { // by the first press
		sent, err = access.Sent{}, nil
	} else if len(wrong) > 0 {
		return a.showPeopleWith(c, v, http.StatusUnprocessableEntity, inviting{form: true, wrong: wrong})
	}
	if err != nil {
		return err
	}
	return a.invited(c, v, sent)
}

// invited ends in the list when a letter goes, else shows the link, this once.
func (a *Admin) invited(c echo.Context, v *visit, sent access.Sent) error {
	if sent.Link == "" {
		return c.Redirect(http.StatusSeeOther, settingsPath+"/people?done=invited")
	}
	return a.showPeopleWith(c, v, http.StatusOK, inviting{sent: &sent})
}

func (a *Admin) inviteAgain(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v) // the link may be shown, and it opens what the role opens
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showPeopleWith(c, v, http.StatusForbidden, inviting{row: v.form.Get("invitation"), wrong: wrong})
	}
	sent, err := a.Access.InviteAgain(c.Request().Context(), v.scope.MerchantID, v.form.Get("invitation"), a.BaseURL, a.Mail.Sends())
	if errors.Is(err, checkout.NotFound) {
		return a.showPeopleWith(c, v, http.StatusUnprocessableEntity, inviting{row: v.form.Get("invitation"), wrong: []checkout.FieldError{{Code: "no_invitation"}}})
	}
	if err != nil {
		return err
	}
	return a.invited(c, v, sent)
}

// uninvite takes an invitation back. One that is over is over; whoever finds one wrong must not be held
// up by a password.
func (a *Admin) uninvite(c echo.Context, v *visit) error {
	err := a.Access.Uninvite(c.Request().Context(), v.scope.MerchantID, v.form.Get("invitation"))
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"/people?done=uninvited")
}
