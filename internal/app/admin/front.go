package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

func frontRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: home, Own: true, Right: access.See, handle: (*Admin).front},
		{Method: http.MethodGet, Path: home + "/attention", Right: access.See, handle: (*Admin).attention},
		{Method: http.MethodPost, Path: home + "/attention/stray", Right: access.Operate, handle: (*Admin).closeStray},
	}
}

// How much of the queue the home page shows, and how much of it there is at most.
const (
	queueShown = 6
	queueMost  = 100
)

// work is what needs a person, read in one snapshot.
type work struct {
	waiting   []checkout.Attempt
	asking    []checkout.Attempt
	invoices  map[string]*checkout.Invoice
	endpoints []checkout.Endpoint
	dead      []checkout.Job
	strays    []db.Stray
	alerts    map[string]time.Time
	backups   Backups
}

// front is the home page. One who has no shop yet is led to their account.
func (a *Admin) front(c echo.Context, v *visit) error {
	if v.right < access.See {
		return c.Redirect(http.StatusSeeOther, accountPath)
	}
	ctx := c.Request().Context()
	now := a.Now()
	view := templates.Front{Desk: v.desk(v.l.T("admin.section.home"), "home", home), Heading: i18n.DayLong(v.l, now), New: v.right >= access.Work}
	queue, _, err := a.queue(ctx, v)
	if err != nil {
		return err
	}
	view.Text = v.l.T("admin.front.waiting", "count", number(v.l, len(queue)))
	if len(queue) == 0 {
		view.Text = v.l.T("admin.front.nothing")
	}
	view.Queue = queue
	if len(queue) > queueShown {
		view.Queue, view.More = queue[:queueShown], home+"/attention"
	}
	b := books{admin: a, scope: v.scope, now: now}
	if b.Days, err = a.Engine.Days(ctx, v.scope, firstCharted(now)); err != nil {
		return err
	}
	err = a.DB.View(ctx, func(tx *db.Tx) error {
		b.tx = tx
		view.Figures, view.Days, view.Ends = nil, nil, nil
		if err := a.sums(&b, v, &view); err != nil {
			return err
		}
		return a.firstSteps(tx, v, &view)
	})
	if err != nil {
		return err
	}
	return server.Render(c, http.StatusOK, templates.FrontPage(view))
}

// attention is the queue alone, all of it.
func (a *Admin) attention(c echo.Context, v *visit) error {
	queue, backups, err := a.queue(c.Request().Context(), v)
	if err != nil {
		return err
	}
	title := v.l.T("admin.queue.title")
	view := templates.Front{
		Desk: v.desk(title, "home", home+"/attention"), Heading: title, Text: v.l.T("admin.front.waiting", "count", number(v.l, len(queue))), Queue: queue, Only: true,
	}
	if v.right >= access.Operate {
		view.Backups = v.backups(&backups)
	}
	return server.Render(c, http.StatusOK, templates.FrontPage(view))
}

func (a *Admin) queue(ctx context.Context, v *visit) ([]templates.Matter, Backups, error) {
	var w work
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		w = work{invoices: map[string]*checkout.Invoice{}}
		return a.gather(tx, v, &w)
	})
	if err != nil {
		return nil, Backups{}, err
	}
	return v.matters(&w, a.Now()), w.backups, nil
}

func (a *Admin) gather(tx *db.Tx, v *visit, w *work) error {
	var err error
	if w.waiting, err = tx.Waiting(v.scope.MerchantID, v.scope.Live, queueMost); err != nil {
		return err
	}
	processing, err := tx.Invoices(db.InvoiceQuery{MerchantID: v.scope.MerchantID, Live: v.scope.Live, Status: string(checkout.InvoiceProcessing), Limit: 20})
	if err != nil {
		return err
	}
	for i := range processing {
		list, err := tx.AttemptsOfInvoice(processing[i].ID)
		if err != nil {
			return err
		}
		for _, at := range list {
			if at.Status == checkout.AttemptVerifying {
				w.asking = append(w.asking, at)
			}
		}
	}
	for _, list := range [][]checkout.Attempt{w.waiting, w.asking} {
		for i := range list {
			if w.invoices[list[i].InvoiceID] == nil {
				if w.invoices[list[i].InvoiceID], err = tx.Invoice(list[i].InvoiceID); err != nil {
					return err
				}
			}
		}
	}
	if w.endpoints, err = tx.DisabledEndpoints(v.scope.MerchantID); err != nil || v.right < access.Operate {
		return err
	}
	if w.dead, err = tx.DeadJobs(20); err != nil {
		return err
	}
	if w.alerts, err = tx.Alerts(); err != nil {
		return err
	}
	if w.backups, err = a.Backups(tx); err != nil {
		return err
	}
	w.alerts = w.backups.judge(w.alerts)
	w.strays, err = tx.Strays(20)
	return err
}

// matters puts what needs a person in order: what runs out first, then what waits.
func (v *visit) matters(w *work, now time.Time) []templates.Matter {
	var list []templates.Matter
	for i := range w.asking {
		at := &w.asking[i]
		if at.ReturnedAt.IsZero() || now.Sub(at.ReturnedAt) < at.Window/2 && now.Sub(at.ReturnedAt) < time.Minute {
			continue // a moment of silence needs nobody
		}
		m := v.matter(w, at, "wait", v.l.T("admin.queue.asking", "gateway", v.brand(at.Gateway)), v.l.T("admin.queue.see"))
		v.gauge(&m, at, now)
		list = append(list, m)
	}
	for i := range w.waiting {
		at := &w.waiting[i]
		if at.Status == checkout.AttemptUnclaimed {
			list = append(list, v.matter(w, at, "refund", v.l.T("admin.queue.unclaimed"), v.l.T("admin.queue.decide")))
			continue
		}
		m := v.matter(w, at, "question", v.l.T("admin.queue.review"), v.l.T("admin.queue.decide"))
		v.gauge(&m, at, now)
		list = append(list, m)
	}
	for _, e := range w.endpoints {
		if e.Live != v.scope.Live {
			continue
		}
		list = append(list, templates.Matter{
			Icon: "webhooks", Class: "failed", Title: v.l.T("admin.queue.endpoint"), Text: e.URL,
			Aside: v.l.T("admin.queue.since", "time", i18n.DateTimeShort(v.l, e.DisabledAt)), Href: hooksPath + "/" + e.ID, Button: v.l.T("admin.queue.see"),
		})
	}
	list = append(list, v.alerts(w.alerts)...)
	for _, j := range w.dead {
		list = append(list, templates.Matter{
			Icon: "warning", Class: "failed", Title: v.l.T("admin.queue.dead", "kind", j.Kind), Text: i18n.CleanText(j.LastFailure),
			Aside: v.l.T("admin.queue.since", "time", i18n.DateTimeShort(v.l, j.DeadAt)), Href: home + "/attention", Button: v.l.T("admin.queue.see"),
		})
	}
	for _, s := range w.strays {
		list = append(list, templates.Matter{
			Icon: "returned", Class: "wait", Title: v.l.T("admin.queue.stray", "gateway", v.brand(s.Gateway)), Text: i18n.CleanText(s.Fields),
			Aside: i18n.DateTimeShort(v.l, s.CreatedAt), Close: home + "/attention/stray", ID: s.ID, Button: v.l.T("admin.loose.button"),
		})
	}
	return list
}

func (v *visit) matter(w *work, at *checkout.Attempt, icon, title, button string) templates.Matter {
	inv := w.invoices[at.InvoiceID]
	text := v.l.T("admin.invoice.title", "number", i18n.Digits(v.l, inv.Number))
	if inv.Customer.Name != "" {
		text += " · " + inv.Customer.Name
	}
	if at.Failure != nil && v.reason(at.Failure) != "" {
		text += " · " + v.reason(at.Failure)
	}
	return templates.Matter{
		Icon: icon, Class: "wait", Title: title, Text: text, Sum: v.toman(at.Amount), Href: listPath + "/" + inv.ID, Button: button,
		Aside: moment(v.l, at.ReturnedAt),
	}
}

// gauge is how much of the time to verify is over, in the reading direction.
func (v *visit) gauge(m *templates.Matter, at *checkout.Attempt, now time.Time) {
	if at.VerifyDeadline.IsZero() || at.Window <= 0 {
		return
	}
	left := at.VerifyDeadline.Sub(now)
	share := 100 - 100*float64(left)/float64(at.Window)
	share = min(max(share, 0), 100)
	m.Gauge, m.GaugeX, m.GaugeClass = coordinate(share), "0", "f-wait"
	if v.l == i18n.FA {
		m.GaugeX = coordinate(100 - share)
	}
	m.Aside = v.l.T("admin.queue.left", "span", v.span(left), "time", i18n.Clock(v.l, at.VerifyDeadline))
	if left <= 0 {
		m.GaugeClass, m.Aside = "f-failed", v.l.T("admin.queue.over", "time", i18n.Clock(v.l, at.VerifyDeadline))
	}
}

// closeStray takes a callback of a lost attempt out of attention.
func (a *Admin) closeStray(c echo.Context, v *visit) error {
	if err := a.Access.CloseStray(c.Request().Context(), v.form.Get("id")); err != nil && !errors.Is(err, checkout.NotFound) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, home+"/attention?done=closed")
}
