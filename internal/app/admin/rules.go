package admin

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

const remindersPath = settingsPath + "/reminders"

func ruleRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: remindersPath, Right: access.See, handle: (*Admin).remindersPage},
		{Method: http.MethodPost, Path: remindersPath, Right: access.Rule, handle: (*Admin).saveReminders},
	}
}

// typed are the fields of a form of rules as somebody filled them in.
type typed map[string]string

func (a *Admin) remindersPage(c echo.Context, v *visit) error {
	r, err := a.Engine.Rules(c.Request().Context(), v.scope.MerchantID)
	if err != nil {
		return err
	}
	n := strconv.Itoa
	return a.showReminders(c, v, http.StatusOK, typed{
		"after": n(r.RemindAfter), "before": n(r.RemindBefore), "most": n(r.RemindMost), "quiet_from": n(r.QuietFrom), "quiet_until": n(r.QuietUntil),
	}, nil)
}

func (a *Admin) showReminders(c echo.Context, v *visit, status int, in typed, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.RulesForm{
		Settings: v.settings("reminders", wrong), Heading: l.T("admin.reminders.title"), Text: l.T("admin.reminders.text"), Action: remindersPath,
		Texts: []string{l.T("admin.reminders.never"), l.T("admin.reminders.out")},
	}
	pick := func(name string, values []int, say func(n int) string) templates.Input {
		i := templates.Input{Name: name, Label: l.T("admin.reminders." + name)}
		for _, n := range withKept(values, in[name]) {
			i.Options = append(i.Options, templates.Option{Value: strconv.Itoa(n), Label: say(n), On: in[name] == strconv.Itoa(n)})
		}
		return i
	}
	counted := func(one string) func(int) string {
		return func(n int) string {
			if n == 0 {
				return l.T("admin.reminders.not")
			}
			return l.T("admin.reminders."+one, "count", number(l, n))
		}
	}
	hour := func(n int) string { return i18n.Digits(l, strconv.Itoa(n)+":00") }
	var hours []int
	for n := range 24 {
		hours = append(hours, n)
	}
	view.Inputs = marked(l, []templates.Input{
		pick("after", []int{0, 1, 2, 3, 4, 5, 7, 10, 14, 30}, counted("days")),
		pick("before", []int{0, 3, 6, 12, 24, 48, 72}, counted("hours")),
		pick("most", []int{0, 1, 2, 3, 4, 5}, counted("times")),
		pick("quiet_from", hours, hour), pick("quiet_until", hours, hour),
	}, wrong)
	view.Inputs[3].Hint = l.T("admin.reminders.quiet_hint")
	return server.Render(c, status, templates.RulesPage(view))
}

// withKept adds to the values that a list offers the one in force, which a program may have set.
func withKept(values []int, kept string) []int {
	n, err := strconv.Atoi(kept)
	if err != nil || n < 0 {
		return values
	}
	for i, value := range values {
		if value == n {
			return values
		}
		if value > n {
			return append(append(append([]int{}, values[:i]...), n), values[i:]...)
		}
	}
	return append(values, n)
}

func (a *Admin) saveReminders(c echo.Context, v *visit) error {
	in, wrong := typed{}, []checkout.FieldError(nil)
	read := func(name string) int {
		in[name] = strings.TrimSpace(i18n.FoldDigits(v.form.Get(name)))
		n, err := strconv.Atoi(in[name])
		if err != nil {
			wrong = append(wrong, checkout.FieldError{Field: name, Code: "bad_number"})
		}
		return n
	}
	after, before, most, from, until := read("after"), read("before"), read("most"), read("quiet_from"), read("quiet_until")
	if len(wrong) == 0 && most == 0 && (after > 0 || before > 0) {
		wrong = append(wrong, checkout.FieldError{Field: "most", Code: "required"})
	}
	if len(wrong) > 0 {
		return a.showReminders(c, v, http.StatusUnprocessableEntity, in, wrong)
	}
	err := a.Engine.SetRules(c.Request().Context(), v.scope.MerchantID, func(r *checkout.Rules) {
		r.RemindAfter, r.RemindBefore, r.RemindMost, r.QuietFrom, r.QuietUntil = after, before, most, from, until
	})
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showReminders(c, v, http.StatusUnprocessableEntity, in, wrong)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, remindersPath+"?done=changed")
}
