package pages

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

// PayPages is what the engine does with a merchant's reusable payment pages.
type PayPages interface {
	PayPage(ctx context.Context, merchant, page string, amount money.Rial) (payments.OpenPage, error)
	StartPage(ctx context.Context, in payments.PagePress, start payments.StartInput) (redirect, paymentToken string, err error)
}

// The presses that one address may make: each may make an invoice, and hold one of a page's last places,
// so there are fewer of them than starts.
const (
	pressesPerAddress = 60
	pressesWindow     = 10 * time.Minute
)

func (p *Pages) mountPayPages(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/p/:merchant/:page", p.payPage)
	}
	e.POST("/p/:merchant/:page/pay", p.payOnPage)
}

// payPageView is one customer's look at a payment page. It is a view of the invoice that does not exist
// yet, so that methods and their troubles are told as on every other page.
type payPageView struct {
	view
	open    payments.OpenPage
	toman   string
	answers []string
}

// maxFields is how many fields of a page's form are read.
const maxFields = 3

// payPage is GET /p/{merchant}/{page}. It makes nothing: the form's nonce is kept by nobody.
func (p *Pages) payPage(c echo.Context) error {
	open, err := p.shelf.PayPage(c.Request().Context(), c.Param("merchant"), c.Param("page"), 0)
	if err != nil {
		return err
	}
	v := p.payPageViewOf(c, open)
	return v.send(c, http.StatusOK)
}

func (p *Pages) payPageViewOf(c echo.Context, open payments.OpenPage) payPageView {
	page := payments.Page{Merchant: open.Merchant, Methods: open.Methods, Now: open.Now, Invoice: checkout.Invoice{
		Live: open.Page.Live, Amount: open.Page.Amount, Description: open.Page.Title, Locale: open.Page.Locale,
	}}
	v := payPageView{view: p.viewOf(c, page), open: open}
	v.linkPath = payPagePath(open.Merchant.Slug, open.Page.Slug)
	return v
}

func payPagePath(merchant, page string) string {
	return "/p/" + url.PathEscape(merchant) + "/" + url.PathEscape(page)
}

// nonce is what a press is known by when it is sent twice. It stands in the form's address, as no form of
// ours has a hidden field.
func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// payOnPage is POST /p/{merchant}/{page}/pay: it makes an invoice and starts its payment, once for each
// press.
func (p *Pages) payOnPage(c echo.Context) error {
	path := payPagePath(c.Param("merchant"), c.Param("page"))
	if p.server.CrossSite(c.Request()) {
		return server.Fail(c, http.StatusForbidden, server.Way{Home: path})
	}
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: path})
	}
	press := payments.PagePress{Merchant: c.Param("merchant"), Page: c.Param("page"), Nonce: c.QueryParam("once"), Toman: form.Get("amount")}
	for i := range maxFields {
		press.Answers = append(press.Answers, form.Get("field_"+strconv.Itoa(i+1)))
	}
	start := startOf(c, "", form)
	if form.Get("act") == "count" { // somebody is still typing
		return p.readPress(c, press, start)
	}
	redirect, token, err := p.press(c, press, &start)
	if err == nil {
		return c.Redirect(http.StatusSeeOther, redirect)
	}
	kind := checkout.KindOf(err)
	if token != "" && (kind == checkout.Conflict || kind == checkout.GatewayDown) {
		// There is an invoice, and its page says what is true of it.
		return c.Redirect(http.StatusSeeOther, home(token, server.Locale(c, i18n.FA), start.Locale != ""))
	}
	if !told(kind) {
		return err
	}
	return p.pressAgain(c, press, start, err)
}

// press is what may be refused without asking the engine, and then the engine's answer.
func (p *Pages) press(c echo.Context, in payments.PagePress, start *payments.StartInput) (redirect, token string, err error) {
	now, from := p.now(), p.server.ClientAddr(c)
	ok, wait := p.presses.Allow(from, now)
	if ok {
		ok, wait = p.starts.Allow(from, now)
	}
	if !ok {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return "", "", checkout.Fail(checkout.TooMany, "error.too_fast")
	}
	if i18n.LuhnCard(start.PayerName) {
		start.PayerName = ""
		return "", "", checkout.WrongField("payer_name", "card_number")
	}
	// A customer who closes the tab must not leave us without the gateway's answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), time.Minute)
	defer cancel()
	return p.shelf.StartPage(ctx, in, *start)
}

// readPress is the page with what is being typed, read aloud. It makes nothing, and finds nothing wrong yet.
func (p *Pages) readPress(c echo.Context, press payments.PagePress, start payments.StartInput) error {
	open, err := p.shelf.PayPage(c.Request().Context(), press.Merchant, press.Page, 0)
	if err != nil {
		return err
	}
	v := p.payPageViewOf(c, open)
	v.fill(press, start, nil)
	return v.send(c, http.StatusOK)
}

// send lets the page run our script where the customer says how much.
func (v *payPageView) send(c echo.Context, status int) error {
	if v.open.Page.Amount == 0 {
		server.AllowScripts(c)
	}
	return server.Render(c, status, v.component())
}

// pressAgain is the page again with what was typed and what is wrong with it. A page that takes nothing
// any more is shown at its own address.
func (p *Pages) pressAgain(c echo.Context, press payments.PagePress, start payments.StartInput, cause error) error {
	amount := typed(press.Toman)
	var wrong *checkout.Error
	if errors.As(cause, &wrong) && slices.ContainsFunc(wrong.Fields, func(f checkout.FieldError) bool { return f.Field == "amount" }) {
		amount = 0 // another one will be typed: no gateway is shut for this one
	}
	open, err := p.shelf.PayPage(c.Request().Context(), press.Merchant, press.Page, amount)
	if err != nil {
		return err
	}
	v := p.payPageViewOf(c, open)
	if checkout.KindOf(cause) == checkout.Conflict || open.State != checkout.PageOpen {
		to := v.linkPath
		if v.asked {
			to += "?lang=" + string(v.l)
		}
		return c.Redirect(http.StatusSeeOther, to)
	}
	v.fill(press, start, cause)
	return v.send(c, server.Status(checkout.KindOf(cause)))
}
