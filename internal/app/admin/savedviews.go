package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const viewsPath = listPath + "/views"

func viewRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: viewsPath, Right: access.See, handle: (*Admin).viewsPage},
		{Method: http.MethodPost, Path: viewsPath, Right: access.See, handle: (*Admin).saveView},
		{Method: http.MethodPost, Path: viewsPath + "/rename", Right: access.See, handle: (*Admin).renameView},
		{Method: http.MethodPost, Path: viewsPath + "/delete", Right: access.See, handle: (*Admin).deleteView},
	}
}

// stored is a filter as a saved view keeps it: the query of its address, without the mode, which is one
// of the person and not of the list.
func (f filter) stored() string {
	f.mode = ""
	u, err := url.Parse(f.with(listPath))
	if err != nil {
		return ""
	}
	return u.RawQuery
}

func (a *Admin) savedViews(c echo.Context, v *visit) (list []checkout.SavedView, err error) {
	err = a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		list, err = tx.Views(v.who.User.ID, v.scope.MerchantID)
		return err
	})
	return list, err
}

// ownTabs adds a person's own views to the tabs, and says how this one can be saved.
func (a *Admin) ownTabs(c echo.Context, v *visit, f filter, view *templates.Ledger) error {
	list, err := a.savedViews(c, v)
	if err != nil {
		return err
	}
	here := listPath + "?" + f.stored()
	known := f.bare()
	var own []templates.Option
	for _, tab := range view.Tabs {
		known = known || tab.Value == here
	}
	for _, s := range list {
		tab := templates.Option{Value: listPath + "?" + s.Query, Label: s.Name, On: s.Query == f.stored()}
		if tab.On { // it says more than the tab of its period or its state
			known = true
			for i := range view.Tabs {
				view.Tabs[i].On = false
			}
		}
		own = append(own, tab)
	}
	// In front, behind "all": on a phone the row of tabs is longer than the screen.
	view.Tabs = slices.Insert(view.Tabs, 1, own...)
	if len(list) > 0 {
		view.OwnViews = viewsPath
	}
	if !known && len(f.wrong) == 0 && len(list) < access.MaxViews {
		view.SaveView = viewsPath
	}
	return nil
}

func (a *Admin) viewsPage(c echo.Context, v *visit) error { return a.showViews(c, v, "", "", nil) }

// showViews lists a person's views; wrong is about the form of the view with that id, or of a new one.
func (a *Admin) showViews(c echo.Context, v *visit, id, typed string, wrong []checkout.FieldError) error {
	list, err := a.savedViews(c, v)
	if err != nil {
		return err
	}
	l := v.l
	view := templates.SavedViews{Desk: v.desk(l.T("admin.views.title"), "invoices", viewsPath), Path: viewsPath, Problems: problems(l, wrong)}
	input := func(name string) []templates.Input {
		return []templates.Input{{Name: "name", Label: l.T("admin.views.name"), Value: name, Required: true, Max: strconv.Itoa(access.MaxViewName)}}
	}
	if id == "" && len(wrong) > 0 {
		f := readFilter(v.form, a.Now())
		view.New, view.Fields = marked(l, input(typed), wrong), append(kept(f), templates.Option{Label: "q", Value: f.q})
	}
	for _, s := range list {
		row := templates.SavedView{ID: s.ID, Name: s.Name, Href: listPath + "?" + s.Query, Inputs: input(s.Name)}
		if s.ID == id {
			row.Inputs, row.Open = marked(l, input(typed), wrong), true
		}
		row.Inputs[0].ID = "name-" + s.ID
		view.List = append(view.List, row)
	}
	status := http.StatusOK
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return server.Render(c, status, templates.SavedViewsPage(view))
}

func (a *Admin) saveView(c echo.Context, v *visit) error {
	f := readFilter(v.form, a.Now())
	if len(f.wrong) > 0 || f.bare() {
		return checkout.Invalid
	}
	err := a.Access.SaveView(c.Request().Context(), v.who.User.ID, v.scope.MerchantID, v.form.Get("name"), f.stored())
	if errors.Is(err, checkout.Invalid) {
		return a.showViews(c, v, "", v.form.Get("name"), wrongs(err))
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, f.with(listPath))
}

func (a *Admin) renameView(c echo.Context, v *visit) error {
	id := v.form.Get("id")
	err := a.Access.RenameView(c.Request().Context(), v.who.User.ID, v.scope.MerchantID, id, v.form.Get("name"))
	if errors.Is(err, checkout.Invalid) {
		return a.showViews(c, v, id, v.form.Get("name"), wrongs(err))
	}
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, viewsPath)
}

func (a *Admin) deleteView(c echo.Context, v *visit) error {
	err := a.Access.DeleteView(c.Request().Context(), v.who.User.ID, v.scope.MerchantID, v.form.Get("id"))
	if err != nil && !errors.Is(err, checkout.NotFound) { // pressed twice, it is gone
		return err
	}
	return c.Redirect(http.StatusSeeOther, viewsPath)
}
