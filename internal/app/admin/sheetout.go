package admin

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
	"github.com/xuri/excelize/v2"

	"dargah/internal/app/i18n"
)

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }

// sendCSV streams lines with a byte order mark, by which Excel knows that it is UTF-8. No text is taken
// for a formula: see safe.
func (a *Admin) sendCSV(c echo.Context, lines func(write func([]any) error) error) error {
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	if _, err := io.WriteString(c.Response(), "\ufeff"); err != nil {
		return nil // the browser has gone
	}
	out := csv.NewWriter(c.Response())
	out.UseCRLF = true
	err := lines(func(line []any) error {
		text := make([]string, len(line))
		for i, cell := range line {
			switch x := cell.(type) {
			case int64:
				text[i] = strconv.FormatInt(x, 10)
			case string:
				text[i] = safe(x)
			}
		}
		return out.Write(text)
	})
	out.Flush()
	return a.cutOff(c, errors.Join(err, out.Error()))
}

// sendXLSX writes lines as a sheet that opens from right to left in Persian.
func (a *Admin) sendXLSX(c echo.Context, v *visit, wide int, lines func(write func([]any) error) error) error {
	book := excelize.NewFile()
	defer func() { _ = book.Close() }() // removes the stream's own scratch file
	const sheet = "Sheet1"
	rtl := v.l == i18n.FA
	if err := book.SetSheetView(sheet, 0, &excelize.ViewOptions{RightToLeft: &rtl}); err != nil {
		return err
	}
	stream, err := book.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	if err := stream.SetColWidth(1, wide, 18); err != nil {
		return err
	}
	row := 0
	err = lines(func(line []any) error {
		row++
		for i, cell := range line {
			if text, ok := cell.(string); ok {
				line[i] = safe(text)
			}
		}
		return stream.SetRow("A"+strconv.Itoa(row), line)
	})
	if err := errors.Join(err, stream.Flush()); err != nil {
		c.Response().Header().Del(echo.HeaderContentDisposition)
		return err
	}
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	return a.cutOff(c, book.Write(c.Response()))
}
