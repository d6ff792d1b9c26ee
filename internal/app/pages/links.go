package pages

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

// Links is what the engine does with links that a shop signed without calling us (CONTRACT §7).
type Links interface {
	LinkPage(ctx context.Context, in payments.LinkInput) (payments.Page, error)
	StartLink(ctx context.Context, in payments.LinkInput, start payments.StartInput) (redirect, paymentToken string, err error)
}

func (p *Pages) mountLinks(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/l/:merchant", p.signed)
	}
	e.POST("/l/:merchant/pay", p.paySigned)
}

// signedInput takes a link out of an address. Where it stands again on our page, it stands without the
// reader's language, which the page adds itself.
func signedInput(c echo.Context) (in payments.LinkInput, path, query string) {
	in = payments.LinkInput{Merchant: c.Param("merchant"), Query: c.Request().URL.RawQuery}
	var kept []string
	for part := range strings.SplitSeq(in.Query, "&") {
		if name, _, _ := strings.Cut(part, "="); name != "lang" && part != "" {
			kept = append(kept, part)
		}
	}
	return in, "/l/" + url.PathEscape(in.Merchant), strings.Join(kept, "&")
}

// signed is GET /l/{merchant}: the same pages as those of a payment link. It makes nothing.
func (p *Pages) signed(c echo.Context) error {
	in, path, query := signedInput(c)
	page, err := p.links.LinkPage(c.Request().Context(), in)
	if err != nil {
		return p.brokenLink(c, err)
	}
	v := p.viewOf(c, page)
	v.linkPath, v.linkQuery = path, query
	p.looked(c, &v, v.state())
	return v.render(c, http.StatusOK, v.state())
}

// paySigned is POST /l/{merchant}/pay: the first one makes the invoice and the attempt.
func (p *Pages) paySigned(c echo.Context) error {
	in, path, query := signedInput(c)
	if p.server.CrossSite(c.Request()) {
		return server.Fail(c, http.StatusForbidden, server.Way{Home: path + "?" + query})
	}
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: path + "?" + query})
	}
	start := startOf(c, "", form)
	var redirect, token string
	if ok, wait := p.starts.Allow(p.server.ClientAddr(c), p.now()); !ok {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		err = checkout.Fail(checkout.TooMany, "error.too_fast")
	} else if i18n.LuhnCard(start.PayerName) {
		start.PayerName = ""
		err = checkout.WrongField("payer_name", "card_number")
	} else {
		// A customer who closes the tab must not leave us without the gateway's answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), time.Minute)
		defer cancel()
		redirect, token, err = p.links.StartLink(ctx, in, start)
	}
	if err == nil {
		return c.Redirect(http.StatusSeeOther, redirect)
	}
	if checkout.KindOf(err) == checkout.Conflict && token != "" {
		return c.Redirect(http.StatusSeeOther, home(token, server.Locale(c, i18n.FA), start.Locale != ""))
	}
	page, readErr := p.links.LinkPage(c.Request().Context(), in)
	if readErr != nil { // a wrong link says so, whatever else was wrong
		return p.brokenLink(c, readErr)
	}
	v := p.viewOf(c, page)
	v.linkPath, v.linkQuery = path, query
	return p.show(c, v, start, err)
}

// brokenLink is the plain page of a link that is not true, or no longer. Why is nobody's to find out.
func (p *Pages) brokenLink(c echo.Context, err error) error {
	var e *checkout.Error
	if !errors.As(err, &e) || e.Kind != checkout.Forbidden {
		return err
	}
	l := server.Locale(c, i18n.FA)
	return server.Fail(c, http.StatusForbidden, server.Way{Locale: l, Title: l.T("problem.link.title"), Text: l.T("problem.link.text")})
}
