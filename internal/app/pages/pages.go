// Package pages is the customer's face: the payment link in every state, the start of a payment,
// the gateways' callbacks, the receipt. It parses, asks the engine once, and renders; what is
// true about money it reads from the engine and never guesses. No cookie, no script.
package pages

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// Payer is what the engine does for a customer.
type Payer interface {
	Page(ctx context.Context, token string) (payments.Page, error)
	Start(ctx context.Context, in payments.StartInput) (redirect string, err error)
}

// Returns is what the engine does when a gateway sends a customer back.
type Returns interface {
	Callback(ctx context.Context, in payments.CallbackInput) (paymentToken string, err error)
	CallbackHome(ctx context.Context, gateway, token string) (paymentToken string, err error)
	CallbackReject(ctx context.Context, in payments.CallbackInput, problem string)
}

// The starts of payments that one address may make. A mobile network puts thousands of customers
// behind one address, so it is far above what people do.
const (
	startsPerAddress = 300
	startsWindow     = 10 * time.Minute
)

// Pages are the customer's routes.
type Pages struct {
	payer    Payer
	links    Links
	logos    Logos
	shelf    PayPages
	returns  Returns
	reminded Reminded
	server   *server.Server
	baseURL  string
	now      func() time.Time
	starts   *server.Limiter
	presses  *server.Limiter
	memory   memory

	statements       Statements
	looks            Looks
	asks, askedLinks *server.Limiter
}

// Mount hangs the customer's routes on the server. baseURL has no trailing slash; links and QR codes
// are built from it alone.
func Mount(s *server.Server, engine interface {
	Payer
	Links
	Logos
	PayPages
	Returns
	Reminded
	Statements
	Looks
}, baseURL string, now func() time.Time,
) *Pages {
	p := &Pages{
		payer: engine, links: engine, logos: engine, shelf: engine, returns: engine, reminded: engine, server: s, baseURL: baseURL, now: now,
		starts: server.NewLimiter("starts", startsPerAddress, startsWindow), presses: server.NewLimiter("presses", pressesPerAddress, pressesWindow), memory: newMemory(),
		statements: engine, looks: engine, asks: server.NewLimiter("statements", asksPerAddress, asksWindow), askedLinks: server.NewLimiter("statement links", asksPerLink, linkWindow),
	}
	e := s.Echo
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/i/:token", p.link)
		e.Add(method, "/help", p.help)
		e.Add(method, checkout.LogoPath+":file", p.logo)
	}
	e.POST("/i/:token/pay", p.pay)
	p.mountLinks(e)
	p.mountStop(e)
	p.mountStatements(e)
	p.mountPayPages(e)
	e.GET("/cb/gardeshpay/:token", p.gardeshpay)
	e.POST("/cb/ghesta/:token", p.ghesta)
	// Every other method of exactly these addresses: echo asks this before its own 405.
	e.RouteNotFound("/cb/gardeshpay/:token", p.wrongMethod("gardeshpay", http.MethodGet))
	e.RouteNotFound("/cb/ghesta/:token", p.wrongMethod("ghesta", http.MethodPost))
	return p
}

// ShareCounts lets the other processes on the same database know how often an address, or somebody who
// asks about one link, came here, and learns it of them.
func (p *Pages) ShareCounts(ctx context.Context, with server.Counts) error {
	var err error
	for _, l := range []*server.Limiter{p.starts, p.presses, p.asks, p.askedLinks} {
		err = errors.Join(err, l.Share(ctx, with))
	}
	return err
}

// maxToken bounds what is looked up; ours have 22 and 46 letters.
const maxToken = 128

// token returns the path's token.
func token(c echo.Context) (string, error) { return checkToken(c.Param("token")) }

// checkToken refuses what cannot be ours before it is looked up; echo gives a last parameter
// everything behind it, slashes too.
func checkToken(t string) (string, error) {
	if t == "" || len(t) > maxToken {
		return "", checkout.NotFound
	}
	for i := range len(t) {
		b := t[i]
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' && b != '.' && b != '~' {
			return "", checkout.NotFound
		}
	}
	return t, nil
}

// view is one customer's look at one payment link.
type view struct {
	payments.Page
	l      i18n.Locale
	asked  bool   // the language was asked for in the address, so links keep it
	base   string // our origin
	notice *templates.Verdict
	// Of a page behind a signed link: its address, without the language.
	linkPath, linkQuery string
	form                filled
}

// filled is what the customer had typed when something was wrong.
type filled struct {
	gateway, name, mobile string
	wrong                 []checkout.FieldError
}

// look reads the page and settles its language: what the address asks for, else what the customer
// had chosen when leaving for a gateway (a callback's address carries no language), else the invoice's.
func (p *Pages) look(c echo.Context, token string) (view, error) {
	return p.lookFor(c.Request().Context(), c, token)
}

func (p *Pages) lookFor(ctx context.Context, c echo.Context, token string) (view, error) {
	page, err := p.payer.Page(ctx, token)
	if err != nil {
		return view{}, err
	}
	return p.viewOf(c, page), nil
}

func (p *Pages) viewOf(c echo.Context, page payments.Page) view {
	own, _ := i18n.ParseLocale(page.Invoice.Locale)
	for i := range page.Attempts {
		if chosen, ok := i18n.ParseLocale(page.Attempts[i].Locale); ok {
			own = chosen
		}
	}
	l := server.Locale(c, own)
	return view{Page: page, l: l, asked: l != own, base: p.baseURL}
}

// home is the address of the payment link, in the reader's language; of a signed link that has no
// invoice yet, its own.
func (v *view) home() string {
	if v.Invoice.Token == "" {
		return v.linkPath + "?" + v.linkQuery
	}
	return home(v.Invoice.Token, v.l, v.asked)
}

func home(token string, l i18n.Locale, asked bool) string {
	if asked {
		return "/i/" + token + "?lang=" + string(l)
	}
	return "/i/" + token
}

// Looks is where it is remembered that a person has opened a link.
type Looks interface{ Looked(invoiceID string) }

// looked remembers who comes to a link of which nobody has paid yet. What stands there afterwards is
// opened by those who paid, and by the page itself while it waits.
func (p *Pages) looked(c echo.Context, v *view, state string) {
	if state != statePaid && state != stateConfirming && v.Invoice.ID != "" && byPerson(c.Request()) {
		p.looks.Looked(v.Invoice.ID)
	}
}

// link is GET /i/{token}: safe to fetch any number of times, it changes nothing.
func (p *Pages) link(c echo.Context) error {
	t, err := token(c)
	if err != nil {
		return err
	}
	v, err := p.look(c, t)
	if err != nil {
		return err
	}
	crash.At("pages.shows")
	state := v.state()
	p.looked(c, &v, state)
	if !v.lasting(state) {
		return v.render(c, http.StatusOK, state)
	}
	drawn, err := p.memory.draw(c.Request().Context(), &v, state)
	if err != nil {
		return err
	}
	if drawn == nil {
		return v.render(c, http.StatusOK, state)
	}
	return drawn.Send(c, http.StatusOK)
}

func (v *view) render(c echo.Context, status int, state string) error {
	if state == stateConfirming {
		c.Response().Header().Set("Refresh", v.refresh())
	}
	return server.Render(c, status, v.component(state))
}

func (v *view) component(state string) templ.Component {
	if state == statePaid {
		return templates.ReceiptPage(v.receipt())
	}
	return templates.CheckoutPage(v.checkout(state))
}

func (p *Pages) help(c echo.Context) error {
	l := server.Locale(c, i18n.FA)
	return server.Render(c, http.StatusOK, templates.Help(templates.Sheet{L: l, Title: l.T("help.title"), Switch: "/help"}))
}
