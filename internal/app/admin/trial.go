package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/gateways"
	"dargah/web/templates"
)

const (
	tryPath         = settingsPath + "/gateways/try"
	testInvoicePath = listPath + "/test"
	replayPath      = hookPath + "/replay"
)

func trialRoutes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: tryPath, Right: access.Rule, handle: (*Admin).tryGateway},
		{Method: http.MethodPost, Path: testInvoicePath, Right: access.Work, handle: (*Admin).testInvoice},
		{Method: http.MethodPost, Path: replayPath, Right: access.Rule, handle: (*Admin).replayHook},
	}
}

// tryTime bounds what a person waits for a gateway that is being tried.
const tryTime = 60 * time.Second

// tryGateway tries the saved account of a gateway and says in words how far it came.
func (a *Admin) tryGateway(c echo.Context, v *visit) error {
	name := v.form.Get("gateway")
	if !slices.Contains(payments.GatewayNames(), name) {
		return checkout.WrongField("gateway", "unknown_gateway")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), tryTime)
	defer cancel()
	t, err := a.Engine.TryAccount(ctx, v.scope, name)
	if errors.Is(err, checkout.Conflict) {
		return a.showGateways(c, v, server.StatusOf(err), name, []checkout.FieldError{{Code: "account_unset"}}, nil)
	}
	if err != nil {
		return err
	}
	return a.showGateways(c, v, http.StatusOK, "", nil, &t)
}

// tryWords is a trial in words: one line for each thing that was tried.
func (v *visit) tryWords(t *payments.Trial) *templates.Tried {
	l := v.l
	out := &templates.Tried{Title: l.T("admin.try.bad", "gateway", v.brand(t.Gateway)), Class: "failed"}
	if t.OK() {
		out.Title, out.Class = l.T("admin.try.good", "gateway", v.brand(t.Gateway)), "paid"
	}
	say := func(ok bool, text string) {
		s := templates.State{Icon: "paid", Class: "paid", Word: text}
		if !ok {
			s.Icon, s.Class = "failed", "failed"
		}
		out.Lines = append(out.Lines, s)
	}
	if t.Inside {
		say(true, l.T("admin.try.inside"))
	}
	for _, r := range t.Reached {
		say(r.Stage == "", v.reached(&r))
	}
	switch {
	case t.Asked && t.Code == "":
		say(true, l.T("admin.try.took", "ms", number(l, int(t.Took.Milliseconds()))))
	case t.Code == "unit":
		say(false, l.T("admin.try.unit"))
	case t.Asked && t.Trouble:
		say(false, l.T("admin.try.trouble", "code", i18n.CleanText(t.Code)))
	case t.Asked:
		say(false, l.T("admin.try.refused", "code", i18n.CleanText(t.Code)))
	}
	return out
}

func (v *visit) reached(r *gateways.Reached) string {
	switch {
	case r.Stage != "":
		return v.l.T("admin.try.stage."+r.Stage, "host", r.Host)
	case r.Secure:
		return v.l.T("admin.try.reached", "host", r.Host, "day", i18n.DateLong(v.l, r.Expires))
	}
	return v.l.T("admin.try.reached_plain", "host", r.Host)
}

// sample is what a test invoice asks: within the limits of both gateways.
const sample = 2_500_000

// testInvoice makes an invoice to try the payment page with. Only test mode has it.
func (a *Admin) testInvoice(c echo.Context, v *visit) error {
	if v.scope.Live {
		return checkout.Fail(checkout.Conflict, "error.conflict")
	}
	in := payments.NewInvoice{
		Amount: sample, Description: v.l.T("admin.test.invoice"), Locale: v.shop.Locale,
		Customer: checkout.Customer{Name: v.l.T("admin.test.customer"), Mobile: "09120000000"},
	}
	inv, replay, err := a.Engine.CreateInvoice(c.Request().Context(), v.scope, in, v.actor(c), v.onceForm("test", idOf))
	if err != nil {
		return err
	}
	id := inv.ID
	if replay != nil {
		id = string(replay.Body)
	}
	return c.Redirect(http.StatusSeeOther, listPath+"/"+id+"?done=created")
}

// replayHook sends an endpoint everything from an event on, and what it was never sent.
func (a *Admin) replayHook(c echo.Context, v *visit) error {
	id, from := c.Param("endpoint"), i18n.CleanText(v.form.Get("from"))
	if from == "" {
		return a.showHook(c, v, http.StatusUnprocessableEntity, hookTried{form: "replay", wrong: []checkout.FieldError{{Field: "from", Code: "required"}}})
	}
	made, _, err := a.Webhooks.Replay(c.Request().Context(), v.hooked(), id, from, nil)
	if errors.Is(err, checkout.Conflict) {
		return a.showHook(c, v, server.StatusOf(err), hookTried{form: "replay", wrong: []checkout.FieldError{{Field: "from", Code: "endpoint_disabled"}}})
	}
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showHook(c, v, http.StatusUnprocessableEntity, hookTried{form: "replay", wrong: wrong})
	}
	if err != nil {
		return err
	}
	said := v.l.T("admin.hook.replayed", "count", number(v.l, made.Deliveries))
	if made.NextFrom != "" {
		said += " " + v.l.T("admin.hook.replay_more", "event", made.NextFrom)
	}
	return a.showHook(c, v, http.StatusOK, hookTried{said: said})
}
