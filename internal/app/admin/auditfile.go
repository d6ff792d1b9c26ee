package admin

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/db"
)

// auditCSV streams the log as it is filtered, page by page.
func (a *Admin) auditCSV(c echo.Context, v *visit) error {
	f := v.auditFilter()
	f.before = ""
	h := c.Response().Header()
	h.Set(echo.HeaderContentDisposition, `attachment; filename="audit-`+v.shop.Slug+"-"+dayNumber(a.Now())+`.csv"`)
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	control := http.NewResponseController(c.Response())
	if err := control.SetWriteDeadline(time.Now().Add(exportTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	if _, err := io.WriteString(c.Response(), "\ufeff"); err != nil {
		return nil // the browser has gone
	}
	out := csv.NewWriter(c.Response())
	out.UseCRLF = true
	err := out.Write([]string{
		v.l.T("admin.export.created_jalali"), v.l.T("admin.export.created"), v.l.T("admin.audit.who"), v.l.T("admin.audit.what"), v.l.T("admin.audit.kind"), v.l.T("admin.audit.on"),
		v.l.T("admin.export.id"), v.l.T("admin.audit.details"), v.l.T("admin.audit.address"), v.l.T("admin.audit.agent"), v.l.T("admin.audit.request"),
	})
	if err == nil {
		err = a.auditLines(c, v, f, out)
	}
	out.Flush()
	return a.cutOff(c, errors.Join(err, out.Error()))
}

func (a *Admin) auditLines(c echo.Context, v *visit, f auditFilter, out *csv.Writer) error {
	names := map[string]string{}
	for done := 0; done < maxExport; done += exportPage {
		var lines [][]string
		last := ""
		err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
			lines, last = nil, ""
			q, err := f.query(tx, v, exportPage)
			if err != nil {
				return err
			}
			list, err := tx.Deeds(q)
			if err != nil {
				return err
			}
			for i := range list {
				d := &list[i]
				by, err := v.by(tx, d.By, names)
				if err != nil {
					return err
				}
				lines = append(lines, []string{
					jalaliTime(d.CreatedAt), plainTime(d.CreatedAt), safe(by), v.deedTitle(d), d.Kind, safe(d.Name), d.Object, safe(d.Details), d.By.Address, safe(d.By.Agent), safe(d.By.RequestID),
				})
				last = d.ID
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := out.WriteAll(lines); err != nil {
			return err
		}
		if len(lines) < exportPage {
			return nil
		}
		f.before = last
	}
	return out.Write([]string{v.l.T("admin.export.cut", "count", "200000")})
}
