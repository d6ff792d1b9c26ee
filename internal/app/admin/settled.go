package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/app/settlement"
	"dargah/internal/db"
	"dargah/web/templates"
)

var settleLists = []string{checkout.SettledHere, checkout.SettledThere, checkout.SettledAmount}

func settleFigures(s *checkout.Settlement) settlement.Figures {
	var f settlement.Figures
	if json.Unmarshal([]byte(s.Figures), &f) != nil {
		return settlement.Figures{} // of a draft there are none
	}
	return f
}

// placeSettlement settles shop and mode by the settlement in the address.
func placeSettlement(tx *db.Tx, c echo.Context, v *visit) error {
	s, err := tx.AnySettlement(c.Param("settlement"))
	if err != nil {
		return err
	}
	v.scope = payments.Scope{MerchantID: s.MerchantID, Live: s.Live}
	if v.who.Right(s.MerchantID) == access.None {
		return checkout.NotFound
	}
	return nil
}

func (a *Admin) settlementOf(c echo.Context, v *visit) (*checkout.Settlement, error) {
	var s *checkout.Settlement
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) {
		s, err = tx.Settlement(v.scope.MerchantID, v.scope.Live, c.Param("settlement"))
		return err
	})
	return s, err
}

// settle shows what came of a file, or asks what stands where in it.
func (a *Admin) settle(c echo.Context, v *visit) error {
	s, err := a.settlementOf(c, v)
	if err != nil {
		return err
	}
	if !s.Done {
		return a.showMap(c, v, http.StatusOK, s, nil)
	}
	l, self, f := v.l, settlePath+"/"+s.ID, settleFigures(s)
	kind := v.query.Get("list")
	if !slices.Contains(settleLists, kind) {
		kind = settleLists[0]
		for i, n := range []int{f.Here, f.There, f.Amount} {
			if n > 0 {
				kind = settleLists[i]
				break
			}
		}
	}
	after, _ := strconv.ParseInt(v.query.Get("after"), 10, 64)
	view := templates.Settle{
		Desk: v.desk(v.settleName(s), "invoices", self), Back: templates.Action{Href: settlePath, Text: l.T("admin.section.settlements")}, Text: v.settlePeriod(s),
		CSV: self + "/export.csv?list=" + kind, XLSX: self + "/export.xlsx?list=" + kind, Means: l.T("admin.settle.means." + kind), Empty: l.T("admin.settle.empty"),
		Figures: v.settleSums(&f),
	}
	view.Title = v.settleName(s)
	for i, n := range []int{f.Here, f.There, f.Amount} {
		view.Tabs = append(view.Tabs, templates.Option{Value: self + "?list=" + settleLists[i], Label: l.T("admin.settle.list." + settleLists[i]), Note: number(l, n), On: settleLists[i] == kind})
	}
	if f.Elsewhere > 0 {
		view.Notes = append(view.Notes, l.T("admin.settle.elsewhere", "count", number(l, f.Elsewhere)))
	}
	if f.Skipped > 0 {
		view.Notes = append(view.Notes, l.T("admin.settle.skipped", "count", number(l, f.Skipped)))
	}
	var list []checkout.SettledLine
	err = a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) {
		list, err = tx.SettledLines(s.ID, kind, max(after, 0), pageSize+1)
		return err
	})
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = self + "?list=" + kind + "&after=" + strconv.FormatInt(list[pageSize-1].Line, 10)
	}
	if after > 0 {
		view.First = self + "?list=" + kind
	}
	for i := range list {
		view.Rows = append(view.Rows, v.settledRow(&list[i]))
	}
	return server.Render(c, http.StatusOK, templates.SettlePage(view))
}

func (v *visit) settleSums(f *settlement.Figures) []templates.Figure {
	l := v.l
	one := func(key string, n int, text string) templates.Figure {
		return templates.Figure{Name: l.T("admin.settle.figure." + key), Value: number(l, n), Unit: l.T("admin.settle.payments"), Text: text}
	}
	return []templates.Figure{
		one("matched", f.Matched, v.toman(f.Sum)), one("here", f.Here, v.toman(f.HereSum)), one("there", f.There, v.toman(f.ThereSum)),
		one("amount", f.Amount, l.T("admin.settle.sums", "theirs", v.toman(f.TheirSum), "ours", v.toman(f.OurSum))),
	}
}

func (v *visit) settledRow(s *checkout.SettledLine) templates.SettledRow {
	sum := func(a money.Rial) string {
		if a == 0 {
			return "–"
		}
		return i18n.Toman(v.l, a)
	}
	r := templates.SettledRow{Line: number(v.l, int(s.Line)), Reference: s.Reference, Tracking: s.Tracking, Theirs: sum(s.Theirs), Ours: sum(s.Ours), Difference: "–"}
	if s.Theirs != 0 && s.Ours != 0 && s.Theirs != s.Ours {
		r.Difference = i18n.Toman(v.l, max(s.Theirs-s.Ours, s.Ours-s.Theirs))
		if s.Theirs > s.Ours {
			r.Note = v.l.T("admin.settle.more")
		} else {
			r.Note = v.l.T("admin.settle.less")
		}
	}
	if s.Note == checkout.SettledTwice || s.Note == checkout.SettledUnread {
		r.Note = v.l.T("admin.settle.note." + s.Note)
	}
	if s.InvoiceID != "" {
		r.Href = listPath + "/" + s.InvoiceID
	}
	return r
}

// showMap asks which column is which.
func (a *Admin) showMap(c echo.Context, v *visit, status int, s *checkout.Settlement, wrong []checkout.FieldError) error {
	l := v.l
	draft, err := a.Settlement.Open(c.Request().Context(), s)
	if err != nil {
		return err
	}
	view := templates.SettleMap{
		Desk: v.desk(l.T("admin.settle.map"), "invoices", settlePath+"/"+s.ID), Back: templates.Action{Href: settlePath, Text: l.T("admin.section.settlements")},
		Text: v.settleName(s) + " · " + v.settlePeriod(s), Action: settlePath + "/" + s.ID, Problems: problems(l, wrong), Heading: draft.Heading, Sample: draft.Sample,
	}
	for i := range view.Sample { // each row as wide as the heading
		for len(view.Sample[i]) < len(view.Heading) {
			view.Sample[i] = append(view.Sample[i], "")
		}
	}
	said := draft.Columns
	if v.form.Has("amount") {
		said = saidColumns(v)
	}
	choice := func(name, chosen string) templates.Input {
		i := templates.Input{Name: name, Label: l.T("admin.settle.column." + name), Options: []templates.Option{{Label: l.T("admin.settle.column.none")}}}
		for _, h := range draft.Heading {
			if h != "" {
				i.Options = append(i.Options, templates.Option{Value: h, Label: h, On: h == chosen})
			}
		}
		return i
	}
	view.Inputs = marked(l, []templates.Input{choice("reference", said.Reference), choice("tracking", said.Tracking), choice("amount", said.Amount)}, wrong)
	for _, u := range []string{"rial", "toman"} {
		id := "unit-" + u
		if u == "rial" {
			id = "unit" // where the list of what is wrong leads
		}
		view.Units = append(view.Units, templates.UnitChoice{ID: id, Value: u, Label: l.T("admin.gw." + u), Text: l.T("admin.settle.in." + u), On: said.Unit == u})
	}
	for _, w := range wrong {
		if w.Field == "unit" {
			view.UnitFail = sentence(l, w.Code)
		}
	}
	return server.Render(c, status, templates.SettleMapPage(view))
}

func saidColumns(v *visit) settlement.Columns {
	return settlement.Columns{Reference: v.form.Get("reference"), Tracking: v.form.Get("tracking"), Amount: v.form.Get("amount"), Unit: v.form.Get("unit")}
}

// matchFile holds a draft against the books. Pressed twice, the second finds it done.
func (a *Admin) matchFile(c echo.Context, v *visit) error {
	s, err := a.settlementOf(c, v)
	if err != nil {
		return err
	}
	self := settlePath + "/" + s.ID
	if s.Done {
		return c.Redirect(http.StatusSeeOther, self)
	}
	if err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(matchTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	err = a.Settlement.Match(c.Request().Context(), s, saidColumns(v))
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showMap(c, v, http.StatusUnprocessableEntity, s, wrong)
	}
	if err != nil && !errors.Is(err, checkout.Conflict) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, self)
}

// settleColumns are the columns of an exported list.
var settleColumns = []string{"line", "ref_number", "tracking_number", "theirs_rial", "ours_rial", "difference_rial", "note", "id"}

// settledFile begins a file of one list of a settlement, and returns its lines.
func (a *Admin) settledFile(c echo.Context, v *visit, ending, kind string) (func(write func([]any) error) error, error) {
	s, err := a.settlementOf(c, v)
	if err != nil {
		return nil, err
	}
	list := v.query.Get("list")
	if !s.Done || !slices.Contains(settleLists, list) {
		return nil, checkout.Invalid
	}
	if err := a.patient(c); err != nil {
		return nil, err
	}
	name := "settlement-" + v.shop.Slug + "-" + dayNumber(s.From) + "-" + list + ending
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	c.Response().Header().Set(echo.HeaderContentType, kind)
	return func(write func([]any) error) error { return a.eachSettled(c, v, s.ID, list, write) }, nil
}

func (a *Admin) eachSettled(c echo.Context, v *visit, id, list string, write func([]any) error) error {
	var head []any
	for _, column := range settleColumns {
		head = append(head, v.l.T("admin.export."+column))
	}
	if err := write(head); err != nil {
		return err
	}
	const page = 500
	for after := int64(0); ; {
		var lines []checkout.SettledLine
		err := a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) { lines, err = tx.SettledLines(id, list, after, page); return err })
		if err != nil {
			return err
		}
		for i := range lines {
			if err := write(v.exportedLine(&lines[i])); err != nil {
				return err
			}
			after = lines[i].Line
		}
		if len(lines) < page {
			return nil
		}
	}
}

func (v *visit) exportedLine(s *checkout.SettledLine) []any {
	sum := func(a money.Rial) any {
		if a == 0 {
			return ""
		}
		return int64(a)
	}
	difference := any("")
	if s.Theirs != 0 && s.Ours != 0 {
		difference = int64(s.Theirs - s.Ours)
	}
	return []any{s.Line, s.Reference, s.Tracking, sum(s.Theirs), sum(s.Ours), difference, v.settledRow(s).Note, s.InvoiceID}
}

func (a *Admin) settleCSV(c echo.Context, v *visit) error {
	lines, err := a.settledFile(c, v, ".csv", "text/csv; charset=utf-8")
	if err != nil {
		return err
	}
	return a.sendCSV(c, lines)
}

func (a *Admin) settleXLSX(c echo.Context, v *visit) error {
	lines, err := a.settledFile(c, v, ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	if err != nil {
		return err
	}
	return a.sendXLSX(c, v, len(settleColumns), lines)
}
