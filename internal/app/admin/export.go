package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
)

const (
	// maxExport is how many invoices one file holds. A sheet ends at 1,048,576 rows.
	maxExport = 200_000
	// exportPage is how many are read at once.
	exportPage = 100
	// exportTime is how long a file may take, beyond what a page may.
	exportTime = 10 * time.Minute
)

// columns are what an exported invoice has; the names are catalogue keys.
var columns = []string{
	"number", "status", "amount_toman", "amount_rial", "refunded_rial", "payer", "mobile", "email", "description", "reference",
	"gateway", "card_mask", "ref_number", "tracking_number", "created_jalali", "created", "paid_jalali", "paid", "id",
}

// exported is one invoice as a line of text and whole numbers.
func (v *visit) exported(inv *checkout.Invoice, now time.Time) []any {
	toman := any("")
	if t, err := inv.Amount.Toman(); err == nil {
		toman = t
	}
	line := []any{
		inv.Number, v.l.T("admin.status." + string(inv.At(now))), toman, int64(inv.Amount), int64(inv.AmountRefunded), inv.Customer.Name,
		inv.Customer.Mobile, inv.Customer.Email, inv.Description, inv.Reference,
	}
	if p := inv.Payment; p != nil {
		line = append(line, v.method(p.Gateway), p.CardMask, p.RefNumber, p.TrackingNumber)
	} else {
		line = append(line, "", "", "", "")
	}
	line = append(line, jalaliTime(inv.CreatedAt), plainTime(inv.CreatedAt), jalaliTime(inv.PaidAt), plainTime(inv.PaidAt), inv.ID)
	return line
}

// heading names the columns, and the zone of the times beside them.
func (v *visit) heading() []any {
	var line []any
	for _, c := range columns {
		line = append(line, v.l.T("admin.export."+c))
	}
	return line
}

// Times of files are in figures that spreadsheets sort: Tehran's, in both calendars.
func jalaliTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return i18n.FoldDigits(i18n.DateFigures(i18n.FA, t)) + " " + i18n.ClockSeconds(i18n.EN, t)
}

func plainTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(i18n.Tehran()).Format("2006-01-02 15:04:05")
}

// safe makes a text inert in a spreadsheet: a program that opens the file must not take what a
// customer typed for a formula, in any width of the sign. An apostrophe says "text" to all of them.
func safe(s string) string {
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '−', '﹦', '﹢', '﹣', '﹫':
			return "'" + s
		case ' ', '\u00a0', '\u200b', '\u200c', '\u200e', '\u200f', '\u202a', '\u202b', '\ufeff':
			continue // some programs look past these
		}
		return s
	}
	return s
}

// each hands the list to a file, page by page, as it stands when it is read. It stops where a file
// ends, and reports that.
func (a *Admin) each(ctx context.Context, v *visit, f filter, line func([]any) error) error {
	e, now := f.engine(exportPage), a.Now()
	e.Cursor = ""
	for done := 0; done < maxExport; {
		list, next, err := a.Engine.Invoices(ctx, v.scope, e)
		if err != nil {
			return err
		}
		for i := range list {
			if err := line(v.exported(&list[i], now)); err != nil {
				return err
			}
		}
		done += len(list)
		if next == "" {
			return nil
		}
		e.Cursor = next
	}
	return line([]any{v.l.T("admin.export.cut", "count", strconv.Itoa(maxExport))})
}

// file begins the answer of an export. Nothing is kept on our disk.
func (a *Admin) file(c echo.Context, v *visit, f filter, ending, kind string) error {
	if len(f.wrong) > 0 {
		return checkout.Invalid
	}
	control := http.NewResponseController(c.Response())
	if err := control.SetWriteDeadline(time.Now().Add(exportTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	name := "invoices-" + v.shop.Slug + "-" + dayNumber(a.Now()) + ending
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	c.Response().Header().Set(echo.HeaderContentType, kind)
	return nil
}

// lines are the list with its heading.
func (a *Admin) lines(c echo.Context, v *visit, f filter) func(write func([]any) error) error {
	return func(write func([]any) error) error {
		if err := write(v.heading()); err != nil {
			return err
		}
		return a.each(c.Request().Context(), v, f, write)
	}
}

func (a *Admin) exportCSV(c echo.Context, v *visit) error {
	f := readFilter(v.query, a.Now())
	if err := a.file(c, v, f, ".csv", "text/csv; charset=utf-8"); err != nil {
		return err
	}
	return a.sendCSV(c, a.lines(c, v, f))
}

func (a *Admin) exportXLSX(c echo.Context, v *visit) error {
	f := readFilter(v.query, a.Now())
	if err := a.file(c, v, f, ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"); err != nil {
		return err
	}
	return a.sendXLSX(c, v, len(columns), a.lines(c, v, f))
}

// cutOff ends a file that could not be finished: the connection is broken off, so that nobody takes
// half a list for the whole one.
func (a *Admin) cutOff(c echo.Context, err error) error {
	if err == nil || c.Request().Context().Err() != nil {
		return nil
	}
	a.Log.ErrorContext(c.Request().Context(), "an export was cut off", "request_id", server.RequestID(c.Request().Context()), "err", err)
	panic(http.ErrAbortHandler)
}
