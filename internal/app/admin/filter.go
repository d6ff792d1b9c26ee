package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
)

// pageSize is how many rows a list shows at once.
const pageSize = 25

// filter is what an address of the list asks for. It is kept nowhere else: the address is the view,
// and can be sent to a colleague.
type filter struct {
	q, status, gateway, span, from, to, mode, cursor string
	first, last                                      time.Time // of the span, or as typed
	wrong                                            []checkout.FieldError
}

// spans are the ranges with a name, in the order of the tabs.
var spans = []string{"today", "7d", "month", "last_month"}

func readFilter(q url.Values, now time.Time) filter {
	f := filter{
		q: strings.TrimSpace(q.Get("q")), status: q.Get("status"), gateway: q.Get("gateway"), span: q.Get("range"),
		from: strings.TrimSpace(q.Get("from")), to: strings.TrimSpace(q.Get("to")), mode: q.Get("mode"), cursor: q.Get("cursor"),
	}
	f.check("status", &f.status, f.status == "" || slices.Contains(checkout.InvoiceStatuses(), checkout.InvoiceStatus(f.status)))
	f.check("gateway", &f.gateway, f.gateway == "" || slices.Contains(payments.GatewayNames(), f.gateway))
	f.check("range", &f.span, f.span == "" || slices.Contains(spans, f.span))
	if f.span != "" {
		f.first, f.last = span(f.span, now)
		f.from, f.to = "", ""
		return f
	}
	f.first = f.day("from", f.from)
	if last := f.day("to", f.to); !last.IsZero() {
		f.last = nextDay(last)
	}
	if !f.first.IsZero() && !f.last.IsZero() && !f.first.Before(f.last) {
		f.wrong = append(f.wrong, checkout.FieldError{Field: "to", Code: "range_order"})
	}
	return f
}

func (f *filter) check(name string, value *string, ok bool) {
	if !ok {
		*value = ""
		f.wrong = append(f.wrong, checkout.FieldError{Field: name, Code: "unknown_value"})
	}
}

func (f *filter) day(name, typed string) time.Time {
	if typed == "" {
		return time.Time{}
	}
	t, err := readDay(typed)
	if err != nil {
		f.wrong = append(f.wrong, checkout.FieldError{Field: name, Code: "bad_date"})
	}
	return t
}

// readDay reads a day as people write it: Jalali, or Gregorian where the year can be nothing else.
func readDay(s string) (time.Time, error) {
	if t, err := i18n.ParseJalaliDate(s); err == nil {
		return t, nil
	}
	s = strings.ReplaceAll(i18n.FoldDigits(strings.TrimSpace(s)), "/", "-")
	t, err := time.ParseInLocation("2006-1-2", s, i18n.Tehran())
	if err != nil || t.Year() < 1990 || t.Year() > 2200 {
		return time.Time{}, i18n.ErrDate
	}
	return t, nil
}

// span returns the first moment of a range and the first one after it, in Tehran.
func span(name string, now time.Time) (from, to time.Time) {
	today := startOfDay(now)
	switch name {
	case "today":
		return today, nextDay(today)
	case "7d":
		return startOfDay(today.Add(-6*24*time.Hour + 12*time.Hour)), nextDay(today)
	case "month":
		return i18n.JalaliMonth(now)
	case "last_month":
		first, _ := i18n.JalaliMonth(now)
		from, _ = i18n.JalaliMonth(first.Add(-12 * time.Hour))
		return from, first
	}
	return time.Time{}, time.Time{}
}

func startOfDay(t time.Time) time.Time {
	l := t.In(i18n.Tehran())
	return time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, i18n.Tehran())
}

func nextDay(day time.Time) time.Time {
	l := day.In(i18n.Tehran())
	return time.Date(l.Year(), l.Month(), l.Day()+1, 0, 0, 0, 0, i18n.Tehran())
}

// engine is the filter as the engine takes it.
func (f *filter) engine(limit int) payments.InvoiceFilter {
	e := payments.InvoiceFilter{Status: f.status, Gateway: f.gateway, Query: f.q, From: f.first, Limit: limit, Cursor: f.cursor}
	if !f.last.IsZero() {
		e.To = f.last.Add(-time.Millisecond) // the store's end belongs to the list
	}
	return e
}

// with returns the address of the list with some parts changed; a page of the old list is none of the
// new one.
func (f *filter) with(path string, pairs ...string) string {
	q := url.Values{}
	put := func(name, value string) {
		if value == "" {
			q.Del(name)
		} else {
			q.Set(name, value)
		}
	}
	for _, p := range [][2]string{{"q", f.q}, {"status", f.status}, {"gateway", f.gateway}, {"range", f.span}, {"from", f.from}, {"to", f.to}, {"mode", f.mode}} {
		put(p[0], p[1])
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		put(pairs[i], pairs[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// bare reports whether nothing is filtered.
func (f *filter) bare() bool {
	return f.q == "" && f.status == "" && f.gateway == "" && f.span == "" && f.from == "" && f.to == ""
}

// dayNumber is the Jalali day of a moment, for the name of a file.
func dayNumber(t time.Time) string {
	y, m, d := i18n.Jalali(t)
	return strconv.Itoa(y*10000 + m*100 + d)
}
