package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// mayRule reports whether this person changes settings.
func (v *visit) mayRule() bool { return v.right >= access.Rule }

// deliveryRow is one delivery in the log of its endpoint.
func (v *visit) deliveryRow(self string, d *checkout.Delivery) templates.SentRow {
	r := templates.SentRow{
		State: v.deliveryState(d.Status), Name: d.Type, Code: true, Time: i18n.DateTimeShort(v.l, d.CreatedAt),
		MachineTime: d.CreatedAt.UTC().Format(time.RFC3339), Href: self + "/deliveries/" + d.ID,
		Text: v.l.T("admin.hook.tried", "count", number(v.l, d.Attempts)),
	}
	if d.Attempts == 0 {
		r.Text = v.l.T("admin.hook.no_tries")
	}
	if d.LastStatus > 0 {
		r.Text += " · HTTP " + strconv.Itoa(d.LastStatus)
	}
	if d.Status == checkout.DeliveryPending && d.Attempts > 0 {
		r.Aside = v.l.T("admin.hook.next", "time", i18n.DateTimeShort(v.l, d.NextAt))
	}
	return r
}

func (v *visit) deliveryState(s checkout.DeliveryStatus) templates.State {
	looks := map[checkout.DeliveryStatus][2]string{
		checkout.DeliveryPending: {"wait", "none"}, checkout.DeliveryHeld: {"lock", "none"},
		checkout.DeliverySucceeded: {"paid", "paid"}, checkout.DeliveryFailed: {"failed", "loud failed"},
	}[s]
	return templates.State{Word: v.l.T("admin.delivery." + string(s)), Icon: looks[0], Class: looks[1]}
}

// delivery reads one delivery of the endpoint in the address: the right was checked for the endpoint.
func (a *Admin) delivery(ctx context.Context, c echo.Context, v *visit) (checkout.Delivery, []checkout.Try, error) {
	d, tries, err := a.Webhooks.Delivery(ctx, v.hooked(), c.Param("delivery"))
	if err == nil && d.EndpointID != c.Param("endpoint") {
		err = checkout.NotFound
	}
	return d, tries, err
}

func (a *Admin) deliveryPage(c echo.Context, v *visit) error {
	ctx, l := c.Request().Context(), v.l
	d, tries, err := a.delivery(ctx, c, v)
	if err != nil {
		return err
	}
	e, err := a.Webhooks.Endpoint(ctx, v.hooked(), d.EndpointID)
	if err != nil {
		return err
	}
	back := hooksPath + "/" + e.ID
	view := templates.HookDelivery{
		Back: templates.Action{Href: back, Text: host(e.URL)}, Heading: d.Type, State: v.deliveryState(d.Status), Means: v.deliveryMeans(&d),
		Facts: []templates.Fact{
			{Label: l.T("admin.hook.url"), Value: e.URL, Copy: true},
			{Label: l.T("admin.hook.event"), Value: d.EventID, Copy: true},
			{Label: l.T("admin.fact.created"), Value: i18n.DateLong(l, d.CreatedAt)},
			{Label: l.T("admin.fact.id"), Value: d.ID, Copy: true},
		},
	}
	view.Desk = v.desk(d.Type+", "+view.State.Word, "settings", back+"/deliveries/"+d.ID)
	for i := range tries {
		view.Tries = append(view.Tries, v.try(&tries[i]))
	}
	slices.Reverse(view.Tries)
	if v.mayRule() {
		view.Again = back + "/deliveries/" + d.ID + "/again"
		view.Replay, view.From = back+"/replay", d.EventID
	}
	return server.Render(c, http.StatusOK, templates.HookDeliveryPage(view))
}

func (v *visit) deliveryMeans(d *checkout.Delivery) string {
	if d.Status == checkout.DeliveryPending {
		if d.Attempts > 0 {
			return v.l.T("admin.hook.next", "time", i18n.DateTimeShort(v.l, d.NextAt))
		}
		return v.l.T("admin.delivery.means.due")
	}
	return v.l.T("admin.delivery.means." + string(d.Status))
}

// try is one try for reading: what the receiver said, or why it said nothing.
func (v *visit) try(t *checkout.Try) templates.LogEntry {
	l := v.l
	out := templates.LogEntry{
		Time: i18n.ClockSeconds(l, t.At), Day: i18n.DateFigures(l, t.At), Icon: "failed", Class: "failed",
		// What a stranger's server says may hold what turns a line around.
		Raw: i18n.CleanLines(t.Answer),
		Small: []templates.Fact{{
			Label: l.T("admin.hook.try", "number", number(l, t.Attempt)), Value: l.T("admin.hook.took", "ms", number(l, int(t.Took.Milliseconds()))),
		}},
	}
	switch {
	case t.Status >= http.StatusOK && t.Status < http.StatusMultipleChoices:
		out.Icon, out.Class, out.Text = "paid", "paid", l.T("admin.hook.answered", "status", strconv.Itoa(t.Status))
	case t.Status > 0:
		out.Text = l.T("admin.hook.answered", "status", strconv.Itoa(t.Status))
	case slices.Contains(silences, t.Failure):
		out.Text = l.T("admin.hook.silence." + t.Failure)
	default:
		out.Text = l.T("admin.hook.silence.broken")
	}
	return out
}

// silences are the reasons why nothing was heard, as the webhooks name them.
var silences = []string{"dns", "address_refused", "connect", "tls", "timeout", "broken", "url", "internal"}

// redeliver sends a delivery once more.
func (a *Admin) redeliver(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	d, _, err := a.delivery(ctx, c, v)
	if err != nil {
		return err
	}
	if _, _, err := a.Webhooks.Redeliver(ctx, v.hooked(), d.ID, nil); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, hooksPath+"/"+d.EndpointID+"/deliveries/"+d.ID+"?done=resent")
}
