package admin

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/app/webhooks"
	"dargah/web/templates"
)

// hookTried is what was wrong in one of the forms of an endpoint's page, or what came of it.
type hookTried struct {
	form  string // rotate, remove
	wrong []checkout.FieldError
	made  *templates.Issued
	said  string // what was done, when no word of the list says it
}

func (a *Admin) hookPage(c echo.Context, v *visit) error {
	return a.showHook(c, v, http.StatusOK, hookTried{})
}

// showHook is one endpoint and a page of its deliveries.
func (a *Admin) showHook(c echo.Context, v *visit, status int, t hookTried) error {
	ctx, l := c.Request().Context(), v.l
	e, err := a.Webhooks.Endpoint(ctx, v.hooked(), c.Param("endpoint"))
	if err != nil {
		return err
	}
	before := v.query.Get("before")
	sent, more, err := a.Webhooks.Deliveries(ctx, v.hooked(), e.ID, webhooks.DeliveryFilter{Before: before, Limit: pageSize})
	if err != nil {
		return err
	}
	arrived := false
	if asksWhether(&e) {
		one, _, err := a.Webhooks.Deliveries(ctx, v.hooked(), e.ID, webhooks.DeliveryFilter{Status: string(checkout.DeliverySucceeded), Limit: 1})
		if err != nil {
			return err
		}
		arrived = len(one) > 0
	}
	self := hooksPath + "/" + e.ID
	view := templates.Hook{
		Back: templates.Action{Href: hooksPath, Text: l.T("admin.settings.webhooks")}, Heading: host(e.URL),
		State: v.hookState(&e, arrived), Means: v.hookMeans(&e, arrived), Issued: t.made,
		Problems: problems(l, fieldsOf(t.form+"-", t.wrong)), Facts: v.hookFacts(&e, a.Now()),
	}
	view.Desk = v.desk(view.Heading+", "+view.State.Word, "settings", self)
	if t.said != "" {
		view.Done = t.said
	}
	for i := range sent {
		view.Rows = append(view.Rows, v.deliveryRow(self, &sent[i]))
	}
	if more {
		view.Older = self + "?before=" + url.QueryEscape(sent[len(sent)-1].ID)
	}
	if before != "" {
		view.Newest = self
	}
	if v.mayRule() {
		a.hookForms(&view, v, &e, self, t)
	}
	return server.Render(c, status, templates.HookPage(view))
}

// hookForms are what an owner can do with an endpoint.
func (a *Admin) hookForms(view *templates.Hook, v *visit, e *checkout.Endpoint, self string, t hookTried) {
	l := v.l
	view.Test = self + "/test"
	if !e.DisabledAt.IsZero() {
		view.Enable = self + "/enable"
	}
	view.Rotate = &templates.HookAct{
		Action: self + "/rotate", Once: rand.Text(), Fresh: v.fresh(a, "rotate-"), Open: t.form == "rotate",
		Overlap: templates.Input{Name: "overlap", Label: l.T("admin.hook.overlap")},
	}
	for _, hours := range overlaps {
		view.Rotate.Overlap.Options = append(view.Rotate.Overlap.Options, templates.Option{
			Value: strconv.Itoa(hours), Label: l.T("admin.hook.overlap." + strconv.Itoa(hours)), On: hours == 24,
		})
	}
	from := templates.Input{Name: "from", Label: l.T("admin.hook.event"), Value: v.form.Get("from"), LTR: true, Max: "100", Hint: l.T("admin.hook.replay_hint")}
	if t.form == "replay" {
		from = marked(l, []templates.Input{from}, t.wrong)[0]
	}
	view.Replay = &templates.HookAct{Action: self + "/replay", Overlap: from, Open: t.form == "replay"}
	view.Remove = &templates.HookAct{Action: self + "/remove", Fresh: v.fresh(a, "remove-"), Open: t.form == "remove"}
	switch t.form {
	case "rotate":
		view.Rotate.Fresh = freshWrong(l, view.Rotate.Fresh, t.wrong)
		view.Rotate.Overlap = marked(l, []templates.Input{view.Rotate.Overlap}, t.wrong)[0]
	case "remove":
		view.Remove.Fresh = freshWrong(l, view.Remove.Fresh, t.wrong)
		for _, w := range t.wrong {
			if w.Field == "sure" {
				view.Remove.SureError = sentence(l, w.Code)
			}
		}
	}
}

// overlaps are for how many hours the old secret may go on signing.
var overlaps = []int{0, 24, 168}

// host is how an endpoint is called in a heading; the whole address stands with its facts.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

func (v *visit) hookMeans(e *checkout.Endpoint, arrived bool) []string {
	l := v.l
	switch {
	case e.DisabledWhy == checkout.DisabledGone:
		return []string{l.T("admin.hook.means.gone", "time", i18n.DateTimeShort(l, e.DisabledAt)), l.T("admin.hook.means.held")}
	case !e.DisabledAt.IsZero():
		return []string{l.T("admin.hook.means.off", "time", i18n.DateTimeShort(l, e.DisabledAt)), l.T("admin.hook.means.held")}
	case !e.FailingSince.IsZero():
		return []string{l.T("admin.hook.means.failing", "time", i18n.DateTimeShort(l, e.FailingSince))}
	case !arrived:
		return []string{l.T("admin.hook.means.new")}
	}
	return []string{l.T("admin.hook.means.works")}
}

func (v *visit) hookFacts(e *checkout.Endpoint, now time.Time) []templates.Fact {
	l := v.l
	list := []templates.Fact{
		{Label: l.T("admin.hook.url"), Value: e.URL, Copy: true},
		{Label: l.T("admin.hook.types_short"), Value: v.hookTypes(e), Copy: len(e.Types) > 0},
		{Label: l.T("admin.fact.created"), Value: i18n.DateLong(l, e.CreatedAt)},
	}
	for _, s := range e.Secrets {
		if now.Before(s.Until) {
			list = append(list, templates.Fact{Label: l.T("admin.hook.old_secret"), Value: l.T("admin.chip.until", "day", i18n.DateTimeShort(l, s.Until))})
		}
	}
	return append(list, templates.Fact{Label: l.T("admin.fact.id"), Value: e.ID, Copy: true})
}

func (a *Admin) testHook(c echo.Context, v *visit) error {
	_, _, err := a.Webhooks.Test(c.Request().Context(), v.hooked(), c.Param("endpoint"), nil)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, hooksPath+"/"+c.Param("endpoint")+"?done=tested")
}

func (a *Admin) enableHook(c echo.Context, v *visit) error {
	_, _, err := a.Webhooks.Enable(c.Request().Context(), v.hooked(), c.Param("endpoint"), nil)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, hooksPath+"/"+c.Param("endpoint")+"?done=enabled")
}

// rotateHook gives an endpoint a new secret, and shows it once.
func (a *Admin) rotateHook(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showHook(c, v, http.StatusForbidden, hookTried{form: "rotate", wrong: wrong})
	}
	id, hours := c.Param("endpoint"), v.form.Get("overlap")
	overlap := webhooks.DefaultOverlap
	if hours != "" {
		n, err := strconv.Atoi(hours)
		if err != nil || !slices.Contains(overlaps, n) {
			return a.showHook(c, v, http.StatusUnprocessableEntity, hookTried{form: "rotate", wrong: []checkout.FieldError{{Field: "overlap", Code: "unknown_value"}}})
		}
		overlap = time.Duration(n) * time.Hour
	}
	made, replay, err := a.Webhooks.Rotate(c.Request().Context(), v.hooked(), id, overlap, v.onceOf("rotate", id, hours))
	if err != nil {
		return err
	}
	out, err := shown(made, replay)
	if err != nil {
		return err
	}
	return a.showHook(c, v, http.StatusOK, hookTried{made: &templates.Issued{Title: v.l.T("admin.hook.rotated", "url", out.URL), Secret: out.Secret}})
}

// removeHook takes an endpoint away. One that is gone is gone.
func (a *Admin) removeHook(c echo.Context, v *visit) error {
	ctx, id := c.Request().Context(), c.Param("endpoint")
	if _, err := a.Webhooks.Endpoint(ctx, v.hooked(), id); errors.Is(err, checkout.NotFound) {
		return c.Redirect(http.StatusSeeOther, hooksPath+"?done=removed")
	}
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showHook(c, v, http.StatusForbidden, hookTried{form: "remove", wrong: wrong})
	}
	if !v.form.Has("sure") {
		return a.showHook(c, v, http.StatusUnprocessableEntity, hookTried{form: "remove", wrong: []checkout.FieldError{{Field: "sure", Code: "not_sure"}}})
	}
	if err := a.Webhooks.Delete(ctx, v.hooked(), id); err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, hooksPath+"?done=removed")
}
