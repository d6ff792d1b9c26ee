package pages

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

// Statements is what the engine tells a customer whose money left the account.
type Statements interface {
	Statement(ctx context.Context, in payments.StatementInput) (*payments.Page, error)
}

// The questions that one address may ask, and how many about one link: there are ten thousand
// ways to end a mobile.
const (
	asksPerAddress = 30
	asksWindow     = 10 * time.Minute
	asksPerLink    = 10
	linkWindow     = time.Hour
)

const moneyPath = "/money"

func (p *Pages) mountStatements(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, moneyPath, p.askMoney)
		e.Add(method, "/i/:token"+moneyPath, p.askMoney)
	}
	e.POST(moneyPath, p.money)
	e.POST("/i/:token"+moneyPath, p.money)
}

// question is the form as it stands before a customer.
type question struct {
	path                   string
	l                      i18n.Locale
	asked                  bool
	link, lastFour, number string
}

func (p *Pages) question(c echo.Context) (question, error) {
	q := question{path: moneyPath, l: server.Locale(c, i18n.FA)}
	q.asked = q.l != i18n.FA
	if c.Param("token") == "" {
		return q, nil
	}
	t, err := token(c)
	q.link, q.path = t, "/i/"+t+moneyPath
	return q, err
}

func (q question) address() string {
	if q.asked {
		return q.path + "?lang=" + string(q.l)
	}
	return q.path
}

func (q question) page(notice *templates.Verdict) templates.Ask {
	out := templates.Ask{
		Sheet:  templates.Sheet{L: q.l, Title: q.l.T("statement.title"), Switch: q.path},
		Action: q.address(), Linked: q.path != moneyPath, Link: q.link, LastFour: q.lastFour, Number: q.number, Notice: notice,
	}
	if notice != nil {
		out.Title = notice.Title
	}
	return out
}

// askMoney shows the form. Nothing is looked up for it: whether a link exists is not said here.
func (p *Pages) askMoney(c echo.Context) error {
	q, err := p.question(c)
	if err != nil {
		return err
	}
	return server.Render(c, http.StatusOK, templates.AskPage(q.page(nil)))
}

// money answers. It changes nothing; it is a form so that what is asked stands in no address. Whatever is
// wrong with the question, the answer is one.
func (p *Pages) money(c echo.Context) error {
	q, err := p.question(c)
	if err != nil {
		return err
	}
	if p.server.CrossSite(c.Request()) {
		return server.Fail(c, http.StatusForbidden, server.Way{Home: q.path})
	}
	form, _, err := server.ReadForm(c)
	if err != nil {
		return server.Fail(c, server.StatusOf(err), server.Way{Home: q.path})
	}
	in := payments.StatementInput{Token: q.link, LastFour: digits(form.Get("last4")), Number: number(form.Get("number"))}
	if q.path == moneyPath {
		q.link = shown(form.Get("link"))
		in.Token = linkOf(form.Get("link"))
	}
	q.lastFour, q.number = shown(form.Get("last4")), shown(form.Get("number"))
	if wait := p.tooOften(c, in); wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return server.Render(c, http.StatusTooManyRequests, templates.AskPage(q.page(&templates.Verdict{
			Tone: templates.Notice, Focus: true, Title: q.l.T("state.fast.title"), Texts: plain(q.l.T("statement.fast")),
		})))
	}
	page, err := p.statements.Statement(c.Request().Context(), in)
	if errors.Is(err, checkout.NotFound) {
		return server.Render(c, http.StatusNotFound, templates.AskPage(q.page(&templates.Verdict{
			Tone: templates.Notice, Focus: true, Title: q.l.T("statement.nothing"), Texts: plain(q.l.T("statement.nothing_text")),
		})))
	}
	if err != nil {
		return err
	}
	return server.Render(c, http.StatusOK, templates.StatementPage(p.statement(q, page)))
}

// tooOften counts the question, and says how long to wait when it is one too many. A link is counted
// whether it exists or not.
func (p *Pages) tooOften(c echo.Context, in payments.StatementInput) time.Duration {
	now := p.now()
	if ok, wait := p.asks.Allow(p.server.ClientAddr(c), now); !ok {
		return wait
	}
	if in.Token == "" { // which tells nothing to anybody
		return 0
	}
	_, wait := p.askedLinks.AllowWord(in.Token, now)
	return wait
}

// linkOf takes the token out of what was typed or pasted as a payment link; "-" for what cannot be one, so
// that it is looked for like any other.
func linkOf(s string) string {
	s = strings.TrimSpace(i18n.CleanText(s))
	if s == "" {
		return ""
	}
	if _, behind, ok := strings.Cut(s, "/i/"); ok {
		s = behind
	}
	if at := strings.IndexAny(s, "/?#"); at >= 0 {
		s = s[:at]
	}
	t, err := checkToken(s)
	if err != nil {
		return "-"
	}
	return t
}

// digits are those of a text, in whichever script, without blanks and lines between.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, i18n.FoldDigits(i18n.CleanText(s)))
}

// maxNumber is the longest reference that a gateway may give (CONTRACT §4).
const maxNumber = 64

// number is a tracking number as it was typed; "-" for what cannot be one.
func number(s string) string {
	s = digits(s)
	if s == "" {
		return ""
	}
	if _, err := checkToken(s); err != nil || len(s) > maxNumber || strings.Trim(s, "0") == "" {
		return "-"
	}
	return s
}

// shown is what was typed, for the form. A card's number is not even shown back.
func shown(s string) string {
	if s = i18n.CleanText(s); i18n.LuhnCard(s) {
		return ""
	}
	return s
}
