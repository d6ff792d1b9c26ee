package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

func (a *Admin) peoplePage(c echo.Context, v *visit) error {
	return a.showPeople(c, v, http.StatusOK, false, nil)
}

// showPeople lists who may come in; wrong are the fields of the form that was sent, added says which.
func (a *Admin) showPeople(c echo.Context, v *visit, status int, added bool, wrong []checkout.FieldError) error {
	return a.showAll(c, v, status, added, wrong, inviting{})
}

// showPeopleWith shows what came of an invitation.
func (a *Admin) showPeopleWith(c echo.Context, v *visit, status int, t inviting) error {
	return a.showAll(c, v, status, false, nil, t)
}

func (a *Admin) showAll(c echo.Context, v *visit, status int, added bool, wrong []checkout.FieldError, t inviting) error {
	l := v.l
	members, err := a.Access.Members(c.Request().Context(), v.scope.MerchantID)
	if err != nil {
		return err
	}
	view := templates.People{Settings: v.settings("people", wrong), Fresh: v.fresh(a, "new-"), Reset: v.right >= access.Operate}
	for _, m := range members {
		text := l.T("admin.role." + m.Role)
		if m.Factor {
			text += " · " + l.T("admin.people.factor")
		}
		view.Rows = append(view.Rows, templates.PersonRow{
			ID: m.ID, Email: m.Email, Text: text, Role: roles(v, m.ID+"-role", m.Role), Fresh: v.fresh(a, m.ID+"-"), Self: m.ID == v.who.User.ID,
		})
	}
	email, role := "", "staff"
	if added {
		email, role = v.form.Get("email"), v.form.Get("role")
		view.Fresh = freshWrong(l, view.Fresh, wrong)
	}
	view.New = []templates.Input{
		{Name: "email", Label: l.T("admin.login.email"), Type: "email", Value: email, Autofill: "username", LTR: true, Required: true, Max: "254"},
		roles(v, "role", role),
		{Name: "new_password", Label: l.T("admin.people.password"), Type: "password", Autofill: "new-password", LTR: true, Hint: l.T("admin.people.password_hint"), Max: "1024"},
	}
	if added {
		view.New = marked(l, view.New, wrong)
	}
	if err := a.fillInvitations(c, v, &view, t); err != nil {
		return err
	}
	return server.Render(c, status, templates.PeoplePage(view))
}

func roles(v *visit, id, now string) templates.Input {
	i := templates.Input{Name: "role", ID: id, Label: v.l.T("admin.people.role")}
	for _, r := range []string{access.RoleOwner, access.RoleStaff, access.RoleViewer} {
		i.Options = append(i.Options, templates.Option{Value: r, Label: v.l.T("admin.role." + r), On: r == now})
	}
	return i
}

func (a *Admin) addPerson(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showPeople(c, v, http.StatusForbidden, true, wrong)
	}
	err = a.Access.AddMember(c.Request().Context(), v.scope.MerchantID, v.form.Get("email"), v.form.Get("role"), v.form.Get("new_password"))
	if wrong := wrongs(err); len(wrong) > 0 && !(v.again && wrong[0].Code == "taken") {
		return a.showPeople(c, v, http.StatusUnprocessableEntity, true, wrong)
	} else if len(wrong) > 0 {
		err = nil
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"/people?done=changed")
}

// changePerson changes a role, takes it away or, by an operator, sets a new password.
func (a *Admin) changePerson(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showPeople(c, v, http.StatusForbidden, false, wrong)
	}
	ctx, user := c.Request().Context(), v.form.Get("user")
	switch v.form.Get("act") {
	case "remove":
		err = a.Access.RemoveMember(ctx, v.scope.MerchantID, user)
	case "reset":
		if v.right < access.Operate {
			return checkout.Forbidden
		}
		err = a.Access.ResetPassword(ctx, user, v.form.Get("new_password"))
	default:
		err = a.Access.SetRole(ctx, v.scope.MerchantID, user, v.form.Get("role"))
	}
	wrong = wrongs(err)
	if errors.Is(err, checkout.Conflict) {
		wrong = []checkout.FieldError{{Code: "last_owner"}}
	}
	if len(wrong) > 0 || errors.Is(err, checkout.NotFound) {
		if len(wrong) == 0 {
			wrong = []checkout.FieldError{{Code: "not_found"}}
		}
		return a.showPeople(c, v, http.StatusUnprocessableEntity, false, wrong)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, settingsPath+"/people?done=changed")
}
