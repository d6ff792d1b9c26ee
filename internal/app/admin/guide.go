package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	guidePath = home + "/start"
	// guideAmount is what the test invoice of the guide asks: within the limits of both gateways.
	guideAmount money.Rial = 2_500_000
	// guideSeen is how many of the newest test invoices the guide looks at.
	guideSeen = 50
)

func guideRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: guidePath, Right: access.See, handle: (*Admin).guidePage},
		{Method: http.MethodPost, Path: guidePath, Right: access.Work, handle: (*Admin).guideInvoice},
	}
}

// progress is how far a new shop has come. Nothing of it is stored: it is read from what is there, so
// whoever leaves comes back to where they were, and so does a colleague.
type progress struct {
	gateway    bool // one takes live payments
	open, paid *checkout.Invoice
	newest     string // test invoice
}

func (p progress) done() bool { return p.paid != nil }

func readProgress(tx *db.Tx, merchantID string) (progress, error) {
	var p progress
	accounts, err := tx.GatewayAccounts(merchantID, true)
	if err != nil {
		return p, err
	}
	p.gateway = len(accounts) > 0
	list, err := tx.Invoices(db.InvoiceQuery{MerchantID: merchantID, Limit: guideSeen})
	if err != nil {
		return p, err
	}
	for i := range list {
		inv := &list[i]
		if i == 0 {
			p.newest = inv.ID
		}
		switch {
		case inv.Status == checkout.InvoicePaid && p.paid == nil:
			p.paid = inv
		case p.open == nil && (inv.Status == checkout.InvoiceProcessing || inv.Status == checkout.InvoiceOpen && tx.Now().Before(inv.ExpiresAt)):
			p.open = inv
		}
	}
	return p, nil
}

func (a *Admin) guidePage(c echo.Context, v *visit) error {
	var p progress
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) (err error) {
		p, err = readProgress(tx, v.scope.MerchantID)
		return err
	})
	if err != nil {
		return err
	}
	return server.Render(c, http.StatusOK, templates.GuidePage(a.guide(v, p)))
}

// guide is the steps: what is done, what is next, what can wait.
func (a *Admin) guide(v *visit, p progress) templates.Guide {
	l := v.l
	view := templates.Guide{Desk: v.desk(l.T("admin.guide.title"), "home", guidePath), Finished: p.done()}
	step := func(name string, done, next bool) *templates.GuideStep {
		view.Steps = append(view.Steps, templates.GuideStep{Name: name, Title: l.T("admin.guide." + name), Text: l.T("admin.guide." + name + "_text"), Done: done, Next: next && !done})
		return &view.Steps[len(view.Steps)-1]
	}
	step("shop", true, false).Text = l.T("admin.guide.shop_done", "shop", v.shop.Name)
	s := step("gateway", p.gateway, false)
	if p.gateway {
		s.Text = l.T("admin.guide.gateway_done")
	} else {
		s.Wait = l.T("admin.guide.gateway_wait")
		if v.right >= access.Rule {
			s.Href, s.Live, s.Button = settingsPath+"/gateways", true, l.T("admin.guide.gateway_button")
		}
	}
	s = step("link", p.open != nil || p.done(), true)
	if s.Next && v.right >= access.Work {
		s.Action, s.Button = guidePath, l.T("admin.guide.link_button")
	}
	s = step("pay", p.done(), p.open != nil)
	if s.Next {
		s.Link = a.Engine.PaymentURL(p.open)
		s.Href, s.Button = s.Link, l.T("admin.guide.pay_button")
	}
	s = step("see", p.done(), p.done())
	if p.done() {
		s.Href, s.Button = listPath+"/"+p.paid.ID, l.T("admin.guide.see_button")
	}
	return view
}

// guideInvoice makes the test invoice, or finds the one that is open: two presses make one. The button
// on its receipt leads back here.
func (a *Admin) guideInvoice(c echo.Context, v *visit) error {
	ctx := c.Request().Context()
	var p progress
	err := a.DB.View(ctx, func(tx *db.Tx) (err error) {
		p, err = readProgress(tx, v.scope.MerchantID)
		return err
	})
	if err != nil {
		return err
	}
	if p.open == nil && !p.done() {
		in := payments.NewInvoice{Amount: guideAmount, Description: v.l.T("admin.guide.description"), ReturnURL: a.BaseURL + guidePath, Locale: string(v.l)}
		// Whoever presses twice, and a colleague in the same moment, finds the same newest invoice.
		key := "admin/guide/" + p.newest
		once := &db.Once{Key: key, Hash: key, Render: func(result any) (int, []byte, error) {
			body, err := idOf(result)
			return http.StatusOK, body, err
		}}
		if _, _, err := a.Engine.CreateInvoice(ctx, payments.Scope{MerchantID: v.scope.MerchantID, Live: false}, in, v.actor(c), once); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, guidePath)
}
