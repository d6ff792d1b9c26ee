package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/evidence"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

func dossierRoutes() []Route {
	one := listPath + "/:id"
	return []Route{
		{Method: http.MethodGet, Path: one, Right: access.See, handle: (*Admin).dossierPage},
		{Method: http.MethodGet, Path: one + "/edit", Right: access.Work, handle: (*Admin).editPage},
		{Method: http.MethodPost, Path: one + "/edit", Right: access.Work, handle: (*Admin).edit},
		{Method: http.MethodPost, Path: one + "/cancel", Right: access.Work, handle: (*Admin).cancel},
		{Method: http.MethodPost, Path: one + "/ask/:attempt", Right: access.Work, handle: (*Admin).askAgain},
		{Method: http.MethodPost, Path: one + "/close/:attempt", Right: access.Work, handle: (*Admin).closeUnclaimed},
		{Method: http.MethodPost, Path: one + "/resolve/:attempt", Right: access.Rule, handle: (*Admin).resolve},
		{Method: http.MethodPost, Path: one + "/refund", Right: access.Rule, handle: (*Admin).refund},
		{Method: http.MethodPost, Path: one + "/note", Right: access.Work, handle: (*Admin).note},
	}
}

// maxEvents is how many of an invoice's events its page shows.
const maxEvents = 500

// dossier is everything about one invoice, read in one snapshot.
type dossier struct {
	inv      checkout.Invoice
	attempts []checkout.Attempt // oldest first
	events   []checkout.Event   // newest first
	refunds  []checkout.Refund
	notes    []db.Note
	letters  []checkout.Letter
	told     []evidence.Told
	looks    db.Looks
	names    map[string]string // of the actors
	// clocked is the attempt whose window is running, ref what is asked about, next when.
	clocked *checkout.Attempt
	ref     *checkout.Reference
	next    time.Time
	now     time.Time
}

// tried is what a person had typed into a form of this page when something was wrong.
type tried struct {
	form  string // resolve, close, refund, note
	on    string // the attempt
	wrong []checkout.FieldError
}

func (a *Admin) dossierPage(c echo.Context, v *visit) error {
	return a.showDossier(c, v, http.StatusOK, tried{})
}

func (a *Admin) read(ctx context.Context, v *visit, id string) (*dossier, error) {
	d := &dossier{}
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		*d = dossier{names: map[string]string{}, now: a.Now()}
		inv, err := tx.ScopedInvoice(v.scope.MerchantID, v.scope.Live, id)
		if err != nil {
			return err
		}
		d.inv = *inv
		if d.attempts, err = tx.AttemptsOfInvoice(id); err != nil {
			return err
		}
		if d.events, err = tx.EventsOfInvoice(id, 0, maxEvents); err != nil {
			return err
		}
		if d.refunds, err = tx.RefundsOfInvoice(id, 0, 100); err != nil {
			return err
		}
		if d.notes, err = tx.NotesOfInvoice(id); err != nil {
			return err
		}
		if d.letters, d.told, err = told(tx, v, id); err != nil {
			return err
		}
		if d.looks, err = tx.LooksAt(id); err != nil {
			return err
		}
		if err := d.name(tx, v); err != nil {
			return err
		}
		return d.wind(tx)
	})
	return d, err
}

// name finds out who the actors are: people by their address, keys by their name.
func (d *dossier) name(tx *db.Tx, v *visit) error {
	keys := false
	for _, e := range d.actors() {
		kind, id, _ := strings.Cut(e, ":")
		if _, known := d.names[e]; known || id == "" {
			continue
		}
		d.names[e] = id
		if kind == "user" {
			if u, err := tx.User(id); err == nil {
				d.names[e] = u.Email
			}
		}
		keys = keys || kind == "key"
	}
	if !keys {
		return nil
	}
	list, err := tx.APIKeys(v.scope.MerchantID, v.scope.Live)
	for _, k := range list {
		if _, here := d.names["key:"+k.ID]; here {
			d.names["key:"+k.ID] = k.Name
		}
	}
	return err
}

func (d *dossier) actors() []string {
	var list []string
	for i := range d.events {
		list = append(list, d.events[i].Actor)
	}
	for i := range d.refunds {
		list = append(list, d.refunds[i].Actor)
	}
	return list
}

// wind finds the attempt that is being verified, and when it is asked about next.
func (d *dossier) wind(tx *db.Tx) error {
	for i := range d.attempts {
		if at := &d.attempts[i]; at.Status == checkout.AttemptVerifying || (at.Status == checkout.AttemptReturned && d.clocked == nil) {
			d.clocked = at
		}
	}
	if d.clocked == nil {
		return nil
	}
	refs, err := tx.ReferencesOfAttempt(d.clocked.ID)
	if err != nil {
		return err
	}
	for i := range refs {
		if refs[i].Status == checkout.ReferenceAsking || refs[i].Status == checkout.ReferenceWaiting {
			d.ref = &refs[i]
		}
	}
	if d.ref == nil {
		return nil
	}
	if job, err := tx.Job(jobVerify, d.ref.AttemptID+"/"+d.ref.Canonical); err == nil {
		d.next = job.RunAt
	}
	return nil
}

// showDossier shows the page; t is what went wrong in one of its forms.
func (a *Admin) showDossier(c echo.Context, v *visit, status int, t tried) error {
	d, err := a.read(c.Request().Context(), v, c.Param("id"))
	if err != nil {
		return err
	}
	inv, l := &d.inv, v.l
	self := listPath + "/" + inv.ID
	state := inv.At(d.now)
	view := templates.Dossier{
		Heading: l.T("admin.invoice.title", "number", i18n.Digits(l, inv.Number)), Back: templates.Action{Href: listPath, Text: l.T("admin.section.invoices")},
		State: invoiceState(l, state), Amount: i18n.Toman(l, inv.Amount), Rial: l.T("amount.rial", "amount", i18n.RialAmount(l, inv.Amount)),
		Words: i18n.InWords(l, inv.Amount), Means: v.means(d, state), Log: v.log(d), Facts: v.facts(d), Link: a.Engine.PaymentURL(inv), Share: self + "/share", Evidence: self + "/evidence", Told: v.toldRows(d.letters, d.told),
	}
	view.Desk = v.desk(view.Heading+", "+view.State.Word, "invoices", self)
	if key := v.query.Get("trouble"); slices.Contains(troubles, key) {
		view.Trouble = l.T("error." + key)
	}
	view.QR, view.Modules = templates.QR(view.Link)
	for _, item := range inv.Items {
		view.Items = append(view.Items, templates.Item{Title: item.Title, Quantity: "× " + number(l, int(item.Quantity)), Amount: i18n.Toman(l, item.UnitAmount)})
	}
	for i := range d.attempts {
		view.Trials = append(view.Trials, v.trial(d, i))
	}
	slices.Reverse(view.Trials)
	if d.clocked != nil && d.ref != nil {
		view.Clock = v.clock(d)
	}
	a.attend(&view, v, d, t)
	a.may(&view, v, d, self, state)
	a.books(&view, v, d, self, t)
	return server.Render(c, status, templates.DossierPage(view))
}

// may puts in what this person can do now.
func (a *Admin) may(view *templates.Dossier, v *visit, d *dossier, self string, state checkout.InvoiceStatus) {
	if v.right < access.Work {
		return
	}
	view.Copy = listPath + "/new?from=" + d.inv.ID
	out := slices.ContainsFunc(d.attempts, func(at checkout.Attempt) bool { return at.Status.Out() })
	if state == checkout.InvoiceOpen && !out {
		view.Edit = self + "/edit"
	}
	if state == checkout.InvoiceOpen || state == checkout.InvoiceExpired {
		view.Cancel = self + "/cancel"
	}
	for i := range d.attempts {
		at := &d.attempts[i]
		if !at.Resolved && at.TrackingNumber != "" && (at.Status == checkout.AttemptVerifying || at.Status == checkout.AttemptNeedsReview) {
			view.Ask = self + "/ask/" + at.ID
		}
	}
}

// books are the refunds and the notes.
func (a *Admin) books(view *templates.Dossier, v *visit, d *dossier, self string, t tried) {
	l := v.l
	for _, r := range d.refunds {
		view.Refunds = append(view.Refunds, templates.RefundRow{
			Amount: v.toman(r.Amount), When: i18n.DateTimeShort(l, r.CreatedAt), Reason: r.Reason, By: v.actorName(d, r.Actor),
		})
	}
	if left := d.inv.Amount - d.inv.AmountRefunded; v.right >= access.Rule && d.inv.Status == checkout.InvoicePaid && left > 0 {
		view.Refund = a.refundForm(v, d, self, t)
	}
	for _, n := range d.notes {
		view.Notes = append(view.Notes, templates.NoteRow{Body: n.Body, By: n.Author, When: i18n.DateTimeShort(l, n.CreatedAt)})
	}
	if v.right >= access.Work {
		note := templates.Input{Name: "note", ID: "new-note", Label: l.T("admin.invoice.note"), Area: true, Max: "500"}
		if t.form == "note" {
			note.Value = v.form.Get("note")
			note = marked(l, []templates.Input{note}, t.wrong)[0]
			for _, w := range t.wrong {
				view.Problem = append(view.Problem, templates.FieldProblem{Field: "new-note", Text: sentence(l, w.Code)})
			}
		}
		view.Note, view.NoteTo = &note, self+"/note"
	}
}

// actorName names an actor for reading.
func (v *visit) actorName(d *dossier, actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	name := d.names[actor]
	switch {
	case kind == "key" && id != "":
		return v.l.T("admin.actor.key", "name", name)
	case id != "":
		return name
	case kind == "customer", kind == "gateway", kind == "user":
		return v.l.T("admin.actor." + kind)
	}
	return v.l.T("admin.actor.system")
}
