package admin

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/evidence"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const evidencePath = listPath + "/:id/evidence"

// evidenceRoutes are what goes to a bank or a gateway, and what comes from one.
func evidenceRoutes() []Route {
	return append([]Route{
		{Method: http.MethodGet, Path: evidencePath, Right: access.See, handle: (*Admin).evidencePage},
		{Method: http.MethodGet, Path: evidencePath + "/file.json", Right: access.See, handle: (*Admin).evidenceFile},
		// Whoever was handed a file asks here whether its key is ours.
		{Method: http.MethodGet, Path: home + "/evidence-key", Right: access.None, open: (*Admin).evidenceKey},
	}, settleRoutes()...)
}

// How much of an invoice's history there can be: attempts and asks are bounded, so this is never met.
const (
	mostEvents = 100_000
	mostTold   = 1_000
)

// gatherCase reads everything about one invoice in one snapshot.
func (a *Admin) gatherCase(ctx context.Context, v *visit, id string) (*evidence.Case, error) {
	c := &evidence.Case{At: a.Now(), Origin: a.BaseURL, Merchant: &v.shop}
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		if c.Invoice, err = tx.ScopedInvoice(v.scope.MerchantID, v.scope.Live, id); err != nil {
			return err
		}
		if c.Attempts, err = tx.AttemptsOfInvoice(id); err != nil {
			return err
		}
		if c.Events, err = tx.EventsOfInvoice(id, 0, mostEvents); err != nil {
			return err
		}
		if c.Refunds, err = tx.RefundsOfInvoice(id, 0, mostTold); err != nil {
			return err
		}
		slices.Reverse(c.Events)
		slices.Reverse(c.Refunds)
		c.Letters, c.Deliveries, err = told(tx, v, id)
		return err
	})
	return c, err
}

// told is who was told of an invoice, by letter and by webhook, oldest first.
func told(tx *db.Tx, v *visit, id string) ([]checkout.Letter, []evidence.Told, error) {
	letters, err := tx.Letters(db.LetterQuery{MerchantID: v.scope.MerchantID, Live: v.scope.Live, InvoiceID: id, Limit: mostTold})
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(letters)
	deliveries, err := tx.DeliveriesOfInvoice(id, mostTold)
	if err != nil {
		return nil, nil, err
	}
	list := make([]evidence.Told, 0, len(deliveries))
	for i := range deliveries {
		d := evidence.Told{Delivery: deliveries[i].Delivery, URL: deliveries[i].URL, Removed: deliveries[i].Removed}
		if d.Tries, err = tx.Tries(d.ID); err != nil {
			return nil, nil, err
		}
		list = append(list, d)
	}
	return letters, list, nil
}

// evidenceFile hands out the signed file.
func (a *Admin) evidenceFile(c echo.Context, v *visit) error {
	made, err := a.gatherCase(c.Request().Context(), v, c.Param("id"))
	if err != nil {
		return err
	}
	raw, err := evidence.Make(made, a.Sign)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="evidence-`+v.shop.Slug+"-"+made.Invoice.Number+`.json"`)
	return c.Blob(http.StatusOK, "application/json; charset=utf-8", raw)
}

// evidencePage shows what the file holds, for reading and for paper.
func (a *Admin) evidencePage(c echo.Context, v *visit) error {
	ctx, l := c.Request().Context(), v.l
	made, err := a.gatherCase(ctx, v, c.Param("id"))
	if err != nil {
		return err
	}
	raw, err := evidence.Make(made, a.Sign)
	if err != nil {
		return err
	}
	opened, err := evidence.Read(raw)
	if err != nil {
		return err
	}
	d, err := a.read(ctx, v, c.Param("id"))
	if err != nil {
		return err
	}
	self := listPath + "/" + made.Invoice.ID
	title := l.T("admin.invoice.title", "number", i18n.Digits(l, made.Invoice.Number))
	view := templates.Evidence{
		Desk: v.desk(l.T("admin.evidence.title", "number", i18n.Digits(l, made.Invoice.Number)), "invoices", self+"/evidence"),
		Back: templates.Action{Href: self, Text: title}, Heading: l.T("admin.evidence.title", "number", i18n.Digits(l, made.Invoice.Number)),
		Texts: []string{l.T("admin.evidence.what"), l.T("admin.evidence.check")}, File: self + "/evidence/file.json",
		Command: "checkout verify-log evidence-" + v.shop.Slug + "-" + made.Invoice.Number + ".json", Facts: v.facts(d), Told: v.toldRows(made.Letters, made.Deliveries),
	}
	view.Seal = []templates.Fact{
		{Label: l.T("admin.evidence.made_at"), Value: i18n.DateLong(l, made.At)},
		{Label: l.T("admin.evidence.count"), Value: number(l, len(opened.Events))},
		{Label: l.T("admin.evidence.head"), Value: opened.Statement.EventsHash, Copy: true},
		{Label: l.T("admin.evidence.key"), Value: base64.RawURLEncoding.EncodeToString(opened.Key), Copy: true},
	}
	for i := range d.attempts {
		view.Trials = append(view.Trials, v.trial(d, i))
	}
	for i := range made.Events {
		e := v.entry(d, &made.Events[i])
		view.Events = append(view.Events, templates.EvidenceRow{
			Number: i18n.Digits(l, strconv.FormatInt(made.Events[i].Sequence, 10)), Time: e.Day + " " + e.Time, Text: e.Text, Small: e.Small, Raw: e.Raw,
			Hash: opened.Events[i].Hash,
		})
	}
	return server.Render(c, http.StatusOK, templates.EvidencePage(view))
}

// toldRows are letters and webhooks for reading.
func (v *visit) toldRows(letters []checkout.Letter, deliveries []evidence.Told) []templates.ToldRow {
	var list []templates.ToldRow
	for i := range letters {
		r := v.letterRow(&letters[i])
		list = append(list, templates.ToldRow{Name: r.Name, To: r.Text, When: r.Time, State: r.State})
	}
	for i := range deliveries {
		d := &deliveries[i]
		to := d.URL
		if u, err := url.Parse(d.URL); err == nil {
			to = u.Host
		}
		r := templates.ToldRow{Name: v.l.T("admin.told.webhook", "type", d.Type), To: to, When: i18n.DateTimeShort(v.l, d.CreatedAt), State: v.deliveryState(d.Status)}
		if !d.Removed {
			r.Href = hooksPath + "/" + d.EndpointID + "/deliveries/" + d.ID
		}
		list = append(list, r)
	}
	return list
}

// evidenceKey tells everybody with which key files are signed here.
func (a *Admin) evidenceKey(c echo.Context) error {
	key, _ := a.Sign(nil)
	return c.JSON(http.StatusOK, map[string]string{"format": evidence.Format, "key": base64.RawURLEncoding.EncodeToString(key)})
}
