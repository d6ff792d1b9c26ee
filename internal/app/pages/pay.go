package pages

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// pay is POST /i/{token}/pay: the only thing that starts a payment. Everything that goes wrong is
// the same page again, with the values kept and one plain sentence.
func (p *Pages) pay(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	if p.server.CrossSite(c.Request()) {
		return p.refuse(c, t, http.StatusForbidden)
	}
	form, _, err := server.ReadForm(c)
	if err != nil {
		return p.refuse(c, t, server.StatusOf(err))
	}
	in := startOf(c, t, form)
	if ok, wait := p.starts.Allow(p.server.ClientAddr(c), p.now()); !ok {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return p.again(c, in, checkout.Fail(checkout.TooMany, "error.too_fast"))
	}
	if i18n.LuhnCard(in.PayerName) {
		in.PayerName = "" // not even shown back: it must not stand on any page of ours
		return p.again(c, in, checkout.WrongField("payer_name", "card_number"))
	}
	// The attempt is stored before the gateway is asked. A customer who closes the tab in between must
	// not leave us without the gateway's answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), time.Minute)
	defer cancel()
	redirect, err := p.payer.Start(ctx, in)
	if err != nil {
		return p.again(c, in, err)
	}
	crash.At("pages.sends-on")
	return c.Redirect(http.StatusSeeOther, redirect)
}

// startOf is a customer's choice as a form told it.
func startOf(c echo.Context, token string, form url.Values) payments.StartInput {
	return payments.StartInput{
		Token: token, Gateway: form.Get("gateway"),
		PayerName: i18n.CleanText(form.Get("payer_name")), PayerMobile: i18n.CleanText(form.Get("payer_mobile")),
		Locale: string(server.Locale(c, "")), RequestID: server.RequestID(c.Request().Context()),
	}
}

// again answers a start that did not happen.
func (p *Pages) again(c echo.Context, in payments.StartInput, cause error) error {
	if !told(checkout.KindOf(cause)) {
		return cause
	}
	v, err := p.look(c, in.Token)
	if err != nil {
		return err
	}
	return p.show(c, v, in, cause)
}

// told are the kinds of trouble that the payment page itself tells.
func told(kind checkout.Kind) bool {
	return kind == checkout.Conflict || kind == checkout.Invalid || kind == checkout.GatewayDown || kind == checkout.TooMany
}

func (p *Pages) show(c echo.Context, v view, in payments.StartInput, cause error) error {
	kind := checkout.KindOf(cause)
	if !told(kind) {
		return cause
	}
	crash.At("pages.shows-again")
	state := v.state()
	if kind == checkout.Conflict || !payable(state) {
		return c.Redirect(http.StatusSeeOther, v.home())
	}
	v.form = filled{gateway: in.Gateway, name: in.PayerName, mobile: in.PayerMobile}
	var e *checkout.Error
	switch {
	case kind == checkout.GatewayDown:
		v.notice = v.down(in.Gateway)
	case kind == checkout.TooMany:
		v.notice = &templates.Verdict{Tone: templates.Notice, Focus: true, Title: v.l.T("state.fast.title"), Texts: plain(v.l.T("state.fast.text"))}
	case errors.As(cause, &e):
		v.form.wrong = e.Fields
	}
	return v.render(c, server.Status(kind), state)
}

// payable are the states whose page has the form.
func payable(s string) bool { return s == statePayable || s == stateElsewhere || s == stateUnavailable }

// refuse answers a form that was not even read, with the way back when the link is a true one.
func (p *Pages) refuse(c echo.Context, token string, status int) error {
	return server.Fail(c, status, p.way(c, token))
}
