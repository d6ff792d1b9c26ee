package admin

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/app/sheet"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	manyPath = home + "/many"
	runPath  = manyPath + "/:run"
	// runPage is how many lines of a run one page shows.
	runPage = 50
)

func manyRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: manyPath, Right: access.Work, handle: (*Admin).manyPage},
		{Method: http.MethodPost, Path: manyPath, Right: access.Work, File: sheet.MaxFile, handle: (*Admin).bringRun},
		{Method: http.MethodGet, Path: manyPath + "/sample.csv", Right: access.Work, handle: (*Admin).sampleRun},
		{Method: http.MethodGet, Path: runPath, Right: access.Work, handle: (*Admin).runPage},
		{Method: http.MethodPost, Path: runPath + "/start", Right: access.Work, handle: (*Admin).startRun},
		{Method: http.MethodPost, Path: runPath + "/stop", Right: access.Work, handle: (*Admin).stopRun},
		{Method: http.MethodGet, Path: runPath + "/result.csv", Right: access.Work, handle: (*Admin).runCSV},
		{Method: http.MethodGet, Path: runPath + "/result.xlsx", Right: access.Work, handle: (*Admin).runXLSX},
	}
}

// placeRun settles shop and mode by the run in the address.
func placeRun(tx *db.Tx, c echo.Context, v *visit) error {
	r, err := tx.Run(c.Param("run"))
	if err != nil {
		return err
	}
	if v.who.Right(r.MerchantID) == access.None || r.Status == checkout.RunReading {
		return checkout.NotFound
	}
	v.scope = payments.Scope{MerchantID: r.MerchantID, Live: r.Live}
	return nil
}

func (a *Admin) manyPage(c echo.Context, v *visit) error {
	return a.showMany(c, v, http.StatusOK, "", nil)
}

// showMany is where a file is brought, and what became of those before.
func (a *Admin) showMany(c echo.Context, v *visit, status int, unit string, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.Many{Desk: v.desk(l.T("admin.many.title"), "invoices", manyPath), Problems: problems(l, wrong), Action: manyPath, Sample: manyPath + "/sample.csv"}
	for _, u := range []string{"toman", "rial"} {
		view.Units = append(view.Units, templates.Option{Value: u, Label: l.T("admin.many." + u), Note: l.T("admin.many." + u + "_note"), On: u == unit})
	}
	for _, w := range wrong {
		switch w.Field {
		case "unit":
			view.UnitError = sentence(l, w.Code)
		case "file":
			view.FileError = sentence(l, w.Code)
		}
	}
	var list []checkout.Run
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		before, err := a.runBefore(tx, v)
		if err != nil {
			return err
		}
		list, err = tx.Runs(v.scope.MerchantID, v.scope.Live, before.CreatedAt, before.ID, pageSize+1)
		return err
	})
	if errors.Is(err, checkout.NotFound) {
		return c.Redirect(http.StatusSeeOther, manyPath)
	}
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = manyPath + "?before=" + url.QueryEscape(list[pageSize-1].ID)
	}
	if v.query.Get("before") != "" {
		view.Newest = manyPath
	}
	for i := range list {
		r := &list[i]
		if r.Status == checkout.RunReading {
			continue // nobody knows what is missing of it
		}
		of := r.Fine
		if r.Status != checkout.RunChecked {
			of = max(of, r.Made+r.Failed)
		}
		view.Runs = append(view.Runs, templates.RunRow{
			Href: manyPath + "/" + r.ID, Name: runName(l, r), Time: i18n.DateTimeShort(l, r.CreatedAt), State: runState(l, r.Status),
			Text: l.T("admin.many.of", "made", number(l, r.Made), "total", number(l, of)),
		})
	}
	return server.Render(c, status, templates.ManyPage(view))
}

func (a *Admin) runBefore(tx *db.Tx, v *visit) (checkout.Run, error) {
	id := v.query.Get("before")
	if id == "" {
		return checkout.Run{}, nil
	}
	r, err := tx.Run(id)
	if err != nil || r.MerchantID != v.scope.MerchantID || r.Live != v.scope.Live {
		return checkout.Run{}, checkout.NotFound
	}
	return *r, nil
}

func runName(l i18n.Locale, r *checkout.Run) string {
	if r.Name == "" {
		return l.T("admin.many.nameless")
	}
	return r.Name
}

func runState(l i18n.Locale, s checkout.RunStatus) templates.State {
	looks := map[checkout.RunStatus][2]string{
		checkout.RunChecked: {"circle", "none"}, checkout.RunRunning: {"wait", "wait"}, checkout.RunStopped: {"canceled", "none"}, checkout.RunDone: {"paid", "paid"},
	}[s]
	return templates.State{Word: l.T("admin.many.state." + string(s)), Icon: looks[0], Class: looks[1]}
}

// bringRun takes a file and shows what is in it. Nothing is made of it here.
func (a *Admin) bringRun(c echo.Context, v *visit) error {
	unit := v.form.Get("unit")
	var wrong []checkout.FieldError
	if unit != "toman" && unit != "rial" {
		wrong = append(wrong, checkout.FieldError{Field: "unit", Code: "run_no_unit"})
	}
	if len(v.file.Raw) == 0 {
		wrong = append(wrong, checkout.FieldError{Field: "file", Code: "run_no_file"})
	}
	if len(wrong) > 0 {
		return a.showMany(c, v, http.StatusUnprocessableEntity, unit, wrong)
	}
	lines, err := readRun(v.file.Raw, unit)
	if code := runProblem(err); code != "" {
		return a.showMany(c, v, http.StatusUnprocessableEntity, unit, []checkout.FieldError{{Field: "file", Code: code}})
	}
	if err != nil {
		return err
	}
	name := []rune(i18n.CleanText(v.file.Name))
	in := payments.NewRun{Name: string(name[:min(len(name), 100)]), Unit: unit, Lines: lines}
	r, err := a.Engine.CheckRun(c.Request().Context(), v.scope, in, v.actor(c))
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showMany(c, v, http.StatusUnprocessableEntity, unit, wrong)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, manyPath+"/"+r.ID)
}

func (a *Admin) startRun(c echo.Context, v *visit) error {
	id := c.Param("run")
	err := a.Engine.StartRun(c.Request().Context(), v.scope, id, v.form.Get("letters") != "", v.form.Get("doubles") != "")
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, manyPath+"/"+id)
}

func (a *Admin) stopRun(c echo.Context, v *visit) error {
	if err := a.Engine.StopRun(c.Request().Context(), v.scope, c.Param("run")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, manyPath+"/"+c.Param("run"))
}

// sampleRun is a file to begin with.
func (a *Admin) sampleRun(c echo.Context, v *visit) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="customers.csv"`)
	c.Response().Header().Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	var b strings.Builder
	out := csv.NewWriter(&b)
	out.UseCRLF = true
	var head []string
	for _, name := range []string{"name", "email", "mobile", "amount", "description", "reference", "expires"} {
		head = append(head, v.l.T("admin.many.column."+name))
	}
	rows := [][]string{
		head,
		{v.l.T("admin.many.sample_name"), "sara@example.com", "09121234567", "250000", v.l.T("admin.many.sample_for"), "1024", "14"},
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	_, _ = io.WriteString(c.Response(), "\ufeff"+b.String())
	return nil
}

// lineAfter reads where a page of lines begins.
func lineAfter(v *visit) int {
	n, err := strconv.Atoi(v.query.Get("after"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
