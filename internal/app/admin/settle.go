package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/app/settlement"
	"dargah/internal/app/sheet"
	"dargah/internal/db"
	"dargah/web/templates"
)

const settlePath = home + "/settlements"

func settleRoutes() []Route {
	one := settlePath + "/:settlement"
	return []Route{
		{Method: http.MethodGet, Path: settlePath, Right: access.See, handle: (*Admin).settles},
		{Method: http.MethodPost, Path: settlePath, Right: access.Work, File: sheet.MaxFile, handle: (*Admin).upload},
		{Method: http.MethodGet, Path: one, Right: access.See, handle: (*Admin).settle},
		{Method: http.MethodPost, Path: one, Right: access.Work, handle: (*Admin).matchFile},
		{Method: http.MethodGet, Path: one + "/export.csv", Right: access.See, handle: (*Admin).settleCSV},
		{Method: http.MethodGet, Path: one + "/export.xlsx", Right: access.See, handle: (*Admin).settleXLSX},
	}
}

// matchTime is how long a file may take to be matched.
const matchTime = 3 * time.Minute

func (a *Admin) settles(c echo.Context, v *visit) error {
	return a.showSettles(c, v, http.StatusOK, nil, nil)
}

// showSettles lists what was matched and what waits for a word about its columns.
func (a *Admin) showSettles(c echo.Context, v *visit, status int, before *checkout.Settlement, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.Settles{Desk: v.desk(l.T("admin.section.settlements"), "invoices", settlePath), Problems: problems(l, wrong), May: v.right >= access.Work}
	if before != nil {
		view.Before = &templates.Action{Href: settlePath + "/" + before.ID, Text: v.settleName(before) + "، " + i18n.DateTimeShort(l, before.CreatedAt)}
	}
	gateways := []templates.Option{}
	for _, g := range payments.GatewayNames() {
		gateways = append(gateways, templates.Option{Value: g, Label: v.brand(g), On: v.form.Get("gateway") == g})
	}
	view.Inputs = marked(l, []templates.Input{
		{Name: "gateway", Label: l.T("admin.settle.gateway"), Options: gateways},
		{Name: "from", Label: l.T("admin.filter.from"), Value: v.form.Get("from"), Hint: l.T("admin.filter.day_hint"), LTR: true, Required: true, Max: "10", Short: true},
		{Name: "to", Label: l.T("admin.filter.to"), Value: v.form.Get("to"), LTR: true, Required: true, Max: "10", Short: true},
	}, wrong)
	view.File = marked(l, []templates.Input{{Name: "file", Label: l.T("admin.settle.file"), Hint: l.T("admin.settle.file_hint")}}, wrong)[0]
	cursor := v.query.Get("before")
	var list []checkout.Settlement
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) {
		list, err = tx.Settlements(v.scope.MerchantID, v.scope.Live, cursor, pageSize+1)
		return err
	})
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = settlePath + "?before=" + url.QueryEscape(list[pageSize-1].ID)
	}
	if cursor != "" {
		view.Newest = settlePath
	}
	for i := range list {
		view.Rows = append(view.Rows, v.settleRow(&list[i]))
	}
	return server.Render(c, status, templates.SettlesPage(view))
}

func (v *visit) settleName(s *checkout.Settlement) string {
	if s.FileName == "" {
		return v.brand(s.Gateway)
	}
	return s.FileName
}

// settlePeriod says whose file it is and about which days.
func (v *visit) settlePeriod(s *checkout.Settlement) string {
	return v.brand(s.Gateway) + " · " + v.period(filter{first: s.From, last: s.To})
}

func (v *visit) settleRow(s *checkout.Settlement) templates.SettleRow {
	r := templates.SettleRow{
		Href: settlePath + "/" + s.ID, Name: v.settleName(s), Text: v.settlePeriod(s), When: i18n.DateTimeShort(v.l, s.CreatedAt),
		State: templates.State{Word: v.l.T("admin.settle.state.draft"), Icon: "wait", Class: "loud wait"},
	}
	if s.Done {
		f := settleFigures(s)
		r.State = templates.State{Word: v.l.T("admin.settle.state.agrees"), Icon: "paid", Class: "paid"}
		if n := f.Here + f.There + f.Amount; n > 0 {
			r.State = templates.State{Word: v.l.T("admin.settle.state.differs", "count", number(v.l, n)), Icon: "question", Class: "loud wait"}
		}
	}
	return r
}

// upload takes a file. One whose columns were said before is matched at once.
func (a *Admin) upload(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	in := settlement.Upload{
		MerchantID: v.scope.MerchantID, Live: v.scope.Live, UserID: v.who.User.ID, FileName: v.file.Name, Raw: v.file.Raw, Gateway: v.form.Get("gateway"), Again: v.form.Get("again") == "on",
	}
	if !slices.Contains(payments.GatewayNames(), in.Gateway) {
		return a.showSettles(c, v, http.StatusUnprocessableEntity, nil, []checkout.FieldError{{Field: "gateway", Code: "unknown_value"}})
	}
	f := filter{}
	in.From = f.day("from", strings.TrimSpace(v.form.Get("from")))
	if last := f.day("to", strings.TrimSpace(v.form.Get("to"))); !last.IsZero() {
		in.To = nextDay(last)
	}
	if len(f.wrong) > 0 {
		return a.showSettles(c, v, http.StatusUnprocessableEntity, nil, f.wrong)
	}
	s, err := a.Settlement.Take(ctx, in)
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showSettles(c, v, http.StatusUnprocessableEntity, nil, wrong)
	}
	if errors.Is(err, checkout.Conflict) && s != nil {
		return a.showSettles(c, v, http.StatusConflict, s, nil)
	}
	if err != nil {
		return err
	}
	draft, err := a.Settlement.Open(ctx, s)
	if err != nil {
		return err
	}
	if draft.Ready {
		// What is wrong with it is said on its own page, where the columns can be said again.
		if err := a.Settlement.Match(ctx, s, draft.Columns); err != nil && len(wrongs(err)) == 0 {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, settlePath+"/"+s.ID)
}
