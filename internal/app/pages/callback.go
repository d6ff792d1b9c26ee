package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

// The callbacks come from other sites by way of the customer's browser: they need no cookie, set
// none, and no rule about cross-site requests holds for them. What they bring is a claim.

// malformed is implemented by the adapters' error about a claim that cannot be read.
type malformed interface{ Malformed() }

// gardeshpay is GET /cb/gardeshpay/{token}. A body is not read.
func (p *Pages) gardeshpay(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	// GardeshPay puts "?trackingNumber=…" behind our address as it stands. A second "?" comes from a
	// browser or proxy that had one already (field notes, trap 10); no value of theirs may hold one.
	query := strings.ReplaceAll(c.Request().URL.RawQuery, "?", "&")
	values, err := server.ParseForm(query)
	if err != nil {
		return p.reject(c, "gardeshpay", t, http.StatusBadRequest)
	}
	return p.claim(c, "gardeshpay", t, values)
}

// ghesta is POST /cb/ghesta/{token}, a urlencoded form. The query is not read.
func (p *Pages) ghesta(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	values, _, err := server.ReadForm(c)
	if err != nil {
		return p.reject(c, "ghesta", t, server.StatusOf(err))
	}
	return p.claim(c, "ghesta", t, values)
}

// claim hands a readable callback to the engine. The browser may leave at any moment; the claim is
// stored and asked about all the same.
func (p *Pages) claim(c echo.Context, gateway, token string, values url.Values) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), 30*time.Second)
	defer cancel()
	link, err := p.returns.Callback(ctx, payments.CallbackInput{
		Gateway: gateway, Token: token, Values: values, RequestID: server.RequestID(ctx),
	})
	crash.At("pages.takes-back")
	var m malformed
	switch {
	case errors.As(err, &m):
		return server.Fail(c, http.StatusBadRequest, p.way(c, link))
	case err != nil && !errors.Is(err, checkout.NotFound) && link != "":
		// Ours, and it says so, but the way back to the truth is known.
		return p.ours(c, err, link)
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/i/"+link)
}

// ours answers an error of our own with the way back; returning err alone would lose it.
func (p *Pages) ours(c echo.Context, err error, link string) error {
	if c.Request().Method == http.MethodGet && errors.Is(err, checkout.Unavailable) {
		c.Response().Header().Set("Refresh", "5") // the claim is in the address: the browser brings it again
	}
	if fail := server.Fail(c, server.StatusOf(err), p.wayIn(c, link, wayBackTrouble)); fail != nil {
		return errors.Join(err, fail)
	}
	return err
}

// unread is what the books say of a callback that cannot be read, by its answer. A gateway that
// changed its ways (another content type, a longer form) would otherwise go unseen.
var unread = map[int]string{
	http.StatusBadRequest:            "repeated or undecodable field",
	http.StatusUnsupportedMediaType:  "another content type",
	http.StatusRequestEntityTooLarge: "too long",
}

// reject records a callback that cannot be read, and answers so.
func (p *Pages) reject(c echo.Context, gateway, token string, status int) error {
	ctx := context.WithoutCancel(c.Request().Context())
	p.returns.CallbackReject(ctx, payments.CallbackInput{Gateway: gateway, Token: token, RequestID: server.RequestID(ctx)}, unread[status])
	crash.At("pages.rejects")
	return p.answer(c, gateway, token, status)
}

// wrongMethod answers every method but the right one; it changes nothing. Echo has forgotten the
// parameters by then, so the token is read from the path.
func (p *Pages) wrongMethod(gateway, allowed string) echo.HandlerFunc {
	return func(c echo.Context) error {
		t, err := checkToken(strings.TrimPrefix(c.Request().URL.Path, "/cb/"+gateway+"/"))
		if err != nil {
			return err
		}
		c.Response().Header().Set(echo.HeaderAllow, allowed)
		return p.answer(c, gateway, t, http.StatusMethodNotAllowed)
	}
}

// answer is a plain page that changes nothing, with the way back when the attempt is known.
func (p *Pages) answer(c echo.Context, gateway, token string, status int) error {
	link, err := p.returns.CallbackHome(c.Request().Context(), gateway, token)
	if err != nil {
		link = ""
	}
	return server.Fail(c, status, p.way(c, link))
}

// How long an error's page is held up for its way back. A callback is answered within 5 s; when the
// store is the trouble, they are nearly over.
const (
	wayBack        = 2 * time.Second
	wayBackTrouble = 200 * time.Millisecond
)

// way is the way back to a payment link, in its language; link is "" when none is known. The page
// does not lead to its own address: a callback without its reference is a cancellation.
func (p *Pages) way(c echo.Context, link string) server.Way { return p.wayIn(c, link, wayBack) }

func (p *Pages) wayIn(c echo.Context, link string, patience time.Duration) server.Way {
	if link == "" {
		return server.Way{Once: true}
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), patience)
	defer cancel()
	v, err := p.lookFor(ctx, c, link)
	if err != nil {
		return server.Way{Once: true}
	}
	return server.Way{Home: v.home(), Locale: v.l, Once: true}
}
