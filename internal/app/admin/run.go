package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

// runTabs are the parts of a run that one can look at.
var runTabs = []struct {
	name   string
	status checkout.RowStatus
	count  func(r *checkout.Run) int
}{
	{"all", "", func(r *checkout.Run) int { return r.Total }},
	{"wrong", checkout.RowWrong, func(r *checkout.Run) int { return r.Wrong }},
	{"double", checkout.RowDouble, func(r *checkout.Run) int { return r.Doubles }},
	{"failed", checkout.RowFailed, func(r *checkout.Run) int { return r.Failed }},
	{"made", checkout.RowMade, func(r *checkout.Run) int { return r.Made }},
}

// runPage is a run: what is in it before it begins, how far it is, what became of it.
func (a *Admin) runPage(c echo.Context, v *visit) error {
	l, id := v.l, c.Param("run")
	self := manyPath + "/" + id
	show, after := v.query.Get("show"), lineAfter(v)
	var r *checkout.Run
	var rows []checkout.RunRow
	var status checkout.RowStatus
	for _, t := range runTabs {
		if t.name == show {
			status = t.status
		}
	}
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) {
		if r, err = tx.Run(id); err != nil {
			return err
		}
		rows, err = tx.RunRows(id, status, after, runPage+1)
		return err
	})
	if err != nil {
		return err
	}
	name := runName(l, r)
	view := templates.Run{
		Desk: v.desk(l.T("admin.many.run", "name", name), "invoices", self), Name: name, State: runState(l, r.Status), Self: self, Back: manyPath,
		Done: r.Status == checkout.RunDone, Running: r.Status == checkout.RunRunning, Stopped: r.Status == checkout.RunStopped, Fresh: r.Status == checkout.RunChecked,
		Text: l.T("admin.many.brought", "time", i18n.DateTimeShort(l, r.CreatedAt), "unit", l.T("admin.many."+r.Unit)),
		Fine: r.Fine, Doubles: r.Doubles, Made: r.Made, Of: r.Fine,
	}
	if !view.Fresh {
		view.Of = max(r.Made+r.Failed, r.Fine+r.Doubles)
		if r.Made+r.Failed <= r.Fine {
			view.Of = r.Fine
		}
	}
	a.runWords(&view, v, r)
	for _, t := range runTabs {
		n := t.count(r)
		if t.name != "all" && n == 0 {
			continue
		}
		o := templates.Option{Value: self, Label: l.T("admin.many.show." + t.name), Note: number(l, n), On: t.status == status}
		if t.name != "all" {
			o.Value += "?show=" + url.QueryEscape(t.name)
		}
		view.Tabs = append(view.Tabs, o)
	}
	if len(rows) > runPage {
		rows = rows[:runPage]
		q := url.Values{"after": {strconv.Itoa(rows[runPage-1].Line)}}
		if status != "" {
			q.Set("show", show)
		}
		view.Older = self + "?" + q.Encode()
	}
	if after > 0 {
		view.Newest = self
	}
	for i := range rows {
		view.Rows = append(view.Rows, v.runLine(&rows[i]))
	}
	if view.Running && after == 0 {
		c.Response().Header().Set("Refresh", "3")
	}
	return server.Render(c, http.StatusOK, templates.RunPage(view))
}

// runWords are the sentences about a run.
func (a *Admin) runWords(view *templates.Run, v *visit, r *checkout.Run) {
	l := v.l
	figure := func(name, value, note string) {
		view.Figures = append(view.Figures, templates.Fact{Label: l.T("admin.many.figure." + name), Value: value, Small: note})
	}
	figure("fine", number(l, r.Fine), l.T("admin.many.addressed", "count", number(l, r.Addressed)))
	figure("sum", v.toman(r.FineRial), l.T("amount.rial", "amount", i18n.RialAmount(l, r.FineRial)))
	figure("wrong", number(l, r.Wrong), "")
	figure("doubles", number(l, r.Doubles), "")
	view.Words = i18n.InWords(l, r.FineRial)
	view.Progress = l.T("admin.many.of", "made", number(l, r.Made), "total", number(l, view.Of))
	if r.FineRial > money.MaxInvoice {
		view.Words = ""
	}
	if view.Fresh && !a.Mail.Sends() && r.Addressed > 0 {
		view.Notice = l.T("admin.letters.no_server")
	}
	if view.Fresh && r.Addressed > checkout.AskingOfMany {
		view.Notice = l.T("admin.many.letter_limit", "count", number(l, checkout.AskingOfMany))
	}
}

func (v *visit) runLine(r *checkout.RunRow) templates.RunLine {
	l, a := v.l, &r.Ask
	line := templates.RunLine{
		Line: l.T("admin.many.line", "n", number(l, r.Line)), Name: a.Name, Email: a.Email, Mobile: a.Mobile, For: a.Description, Reference: a.Reference, Amount: a.Typed, Typed: true,
	}
	if a.Amount > 0 {
		line.Amount, line.Typed = v.toman(a.Amount), false
	}
	looks := map[checkout.RowStatus][2]string{
		checkout.RowReady: {"circle", "none"}, checkout.RowDouble: {"wait", "wait"}, checkout.RowWrong: {"failed", "loud failed"},
		checkout.RowMade: {"paid", "paid"}, checkout.RowFailed: {"failed", "loud failed"},
	}[r.Status]
	line.State = templates.State{Word: l.T("admin.many.row." + string(r.Status)), Icon: looks[0], Class: looks[1]}
	for _, p := range r.Problems {
		line.Problems = append(line.Problems, v.lineProblem(p))
	}
	if r.Status == checkout.RowDouble {
		line.Problems = append(line.Problems, l.T("admin.many.double_why"))
	}
	if r.InvoiceID != "" {
		line.Href = listPath + "/" + r.InvoiceID
	}
	return line
}

// lineProblem is what is wrong with a line: which of its fields, and why.
func (v *visit) lineProblem(p checkout.FieldError) string {
	field := map[string]string{
		"customer.name": "name", "customer.email": "email", "customer.mobile": "mobile", "customer": "name", "expires_at": "expires",
		"amount": "amount", "description": "description", "reference": "reference", "locale": "locale",
	}[p.Field]
	if field == "" {
		return sentence(v.l, p.Code)
	}
	return v.l.T("admin.many.column."+field) + ": " + sentence(v.l, p.Code)
}

// resultHead are the columns of a run's file of results.
var resultHead = []string{"line", "state", "number", "link", "name", "email", "mobile", "amount_rial", "description", "reference", "problem"}

// result hands the lines of a run to a file, some at a time, each with what became of it and its link.
func (a *Admin) result(ctx context.Context, v *visit, id string, write func([]any) error) error {
	var head []any
	for _, h := range resultHead {
		head = append(head, v.l.T("admin.many.result."+h))
	}
	if err := write(head); err != nil {
		return err
	}
	for after := 0; ; {
		var lines [][]any
		last := after
		err := a.DB.View(ctx, func(tx *db.Tx) error {
			lines = nil
			rows, err := tx.RunRows(id, "", after, exportPage)
			if err != nil {
				return err
			}
			for i := range rows {
				line, err := a.resultLine(tx, v, &rows[i])
				if err != nil {
					return err
				}
				lines, last = append(lines, line), rows[i].Line
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = last
		for _, line := range lines {
			if err := write(line); err != nil {
				return err
			}
		}
		if len(lines) < exportPage {
			return nil
		}
	}
}

func (a *Admin) resultLine(tx *db.Tx, v *visit, r *checkout.RunRow) ([]any, error) {
	num, link, problem := "", "", ""
	if r.InvoiceID != "" {
		inv, err := tx.Invoice(r.InvoiceID)
		if err != nil {
			return nil, err
		}
		num, link = inv.Number, a.Engine.PaymentURL(inv)
	}
	for _, p := range r.Problems {
		if problem != "" {
			problem += " "
		}
		problem += v.lineProblem(p)
	}
	amount := any(int64(r.Ask.Amount))
	if r.Ask.Amount == 0 {
		amount = r.Ask.Typed
	}
	return []any{
		int64(r.Line), v.l.T("admin.many.row." + string(r.Status)), num, link, r.Ask.Name, r.Ask.Email, r.Ask.Mobile, amount, r.Ask.Description, r.Ask.Reference, problem,
	}, nil
}

// resultName begins the answer with the name of the file.
func (a *Admin) resultName(c echo.Context, ending, kind string) error {
	if err := a.patient(c); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="result-`+dayNumber(a.Now())+ending+`"`)
	c.Response().Header().Set(echo.HeaderContentType, kind)
	return nil
}

// patient gives a file more time than a page has.
func (a *Admin) patient(c echo.Context) error {
	err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(exportTime))
	if err != nil && !isUnsupported(err) {
		return err
	}
	return nil
}

func (a *Admin) runCSV(c echo.Context, v *visit) error {
	if err := a.resultName(c, ".csv", "text/csv; charset=utf-8"); err != nil {
		return err
	}
	return a.sendCSV(c, func(write func([]any) error) error {
		return a.result(c.Request().Context(), v, c.Param("run"), write)
	})
}

func (a *Admin) runXLSX(c echo.Context, v *visit) error {
	if err := a.resultName(c, ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"); err != nil {
		return err
	}
	return a.sendXLSX(c, v, len(resultHead), func(write func([]any) error) error {
		return a.result(c.Request().Context(), v, c.Param("run"), write)
	})
}
