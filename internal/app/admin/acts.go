package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

func (v *visit) actor(c echo.Context) checkout.Actor {
	return checkout.ActorOf(c.Request().Context())
}

// troubles are the sentences that a page may say about what could not be done.
var troubles = []string{"not_open", "attempt_out", "not_cancelable", "nothing_to_ask", "asking", "not_in_review", "not_unclaimed", "not_paid", "conflict"}

// trouble leads back to the invoice, which shows what is true now and why the act came too late.
func (a *Admin) trouble(c echo.Context, id string, err error) error {
	key := "conflict"
	var e *checkout.Error
	if errors.As(err, &e) {
		key = strings.TrimPrefix(e.Key, "error.")
	}
	return c.Redirect(http.StatusSeeOther, listPath+"/"+id+"?trouble="+key)
}

// did ends an act: back to the invoice with a word about what was done, or why it was not.
func (a *Admin) did(c echo.Context, v *visit, err error, done string, t tried) error {
	id := c.Param("id")
	if t.wrong = refusal(err); len(t.wrong) > 0 {
		return a.showDossier(c, v, server.StatusOf(err), t)
	}
	if errors.Is(err, checkout.Conflict) {
		return a.trouble(c, id, err)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, listPath+"/"+id+"?done="+done)
}

func (a *Admin) cancel(c echo.Context, v *visit) error {
	_, _, err := a.Engine.CancelInvoice(c.Request().Context(), v.scope, c.Param("id"), v.actor(c), nil)
	return a.did(c, v, err, "canceled", tried{})
}

// mine makes sure that the attempt in the address belongs to the invoice in it: the right was checked
// for the invoice.
func (a *Admin) mine(ctx context.Context, v *visit, invoice, attempt string) error {
	list, err := a.Engine.InvoiceAttempts(ctx, v.scope, invoice)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].ID == attempt {
			return nil
		}
	}
	return checkout.NotFound
}

// askTime is how long a person waits for a gateway's word.
const askTime = 90 * time.Second

func (a *Admin) askAgain(c echo.Context, v *visit) error {
	if err := a.mine(c.Request().Context(), v, c.Param("id"), c.Param("attempt")); err != nil {
		return err
	}
	// A person who closes the tab must not leave us without the gateway's answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), askTime)
	defer cancel()
	return a.did(c, v, a.Engine.AskAgain(ctx, v.scope, c.Param("attempt"), v.actor(c)), "asked", tried{})
}

func (a *Admin) closeUnclaimed(c echo.Context, v *visit) error {
	ctx, attempt := c.Request().Context(), c.Param("attempt")
	if err := a.mine(ctx, v, c.Param("id"), attempt); err != nil {
		return err
	}
	err := a.Engine.CloseUnclaimed(ctx, v.scope, attempt, v.form.Get("note"), v.actor(c))
	return a.did(c, v, err, "closed", tried{form: "close", on: attempt})
}

// resolve is a person's word about a payment whose outcome nobody could learn: with a reason, and
// only from one who has just proved who they are.
func (a *Admin) resolve(c echo.Context, v *visit) error {
	ctx, attempt := c.Request().Context(), c.Param("attempt")
	if err := a.mine(ctx, v, c.Param("id"), attempt); err != nil {
		return err
	}
	t := tried{form: "resolve", on: attempt}
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		t.wrong = wrong
		return a.showDossier(c, v, http.StatusForbidden, t)
	}
	_, _, err = a.Engine.ResolveAttempt(ctx, v.scope, attempt, payments.Resolution{
		Outcome: v.form.Get("outcome"), Note: v.form.Get("note"), RefNumber: v.form.Get("ref_number"),
	}, v.actor(c), nil)
	return a.did(c, v, err, "resolved", t)
}

// refund records that money was given back, by one who has just proved who they are.
func (a *Admin) refund(c echo.Context, v *visit) error {
	t := tried{form: "refund"}
	amount, code := readToman(v.form.Get("amount"))
	if code != "" {
		t.wrong = append(t.wrong, checkout.FieldError{Field: "amount", Code: code})
	}
	if strings.TrimSpace(v.form.Get("reason")) == "" {
		t.wrong = append(t.wrong, checkout.FieldError{Field: "reason", Code: "required"})
	}
	if len(t.wrong) > 0 {
		return a.showDossier(c, v, http.StatusUnprocessableEntity, t)
	}
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		t.wrong = wrong
		return a.showDossier(c, v, http.StatusForbidden, t)
	}
	_, _, err = a.Engine.RefundInvoice(c.Request().Context(), v.scope, c.Param("id"), payments.Refunding{Amount: amount, Reason: v.form.Get("reason")}, v.actor(c), v.onceForm("refund/"+c.Param("id"), nothing))
	return a.did(c, v, err, "refunded", t)
}

func (a *Admin) refundForm(v *visit, d *dossier, self string, t tried) *templates.RefundForm {
	l := v.l
	left := d.inv.Amount - d.inv.AmountRefunded
	f := &templates.RefundForm{
		Action: self + "/refund", Once: rand.Text(), Left: l.T("admin.refund.left", "amount", v.toman(left)), Fresh: v.fresh(a, "refund-"),
		Inputs: []templates.Input{
			{Name: "amount", Label: l.T("admin.refund.amount"), Value: plainToman(left), Keyboard: "numeric", LTR: true, Required: true, Max: "20", Hint: words(l, left)},
			{Name: "reason", Label: l.T("admin.refund.reason"), Hint: l.T("admin.refund.reason_hint"), Required: true, Max: "500"},
		},
	}
	if t.form == "refund" {
		f.Open = true
		f.Inputs[0].Value, f.Inputs[1].Value = v.form.Get("amount"), v.form.Get("reason")
		f.Inputs, f.Problems = marked(l, f.Inputs, t.wrong), problems(l, fieldsOf("refund-", t.wrong))
		f.Fresh = freshWrong(l, f.Fresh, t.wrong)
	}
	return f
}

// fieldsOf gives the fields of a fresh sign-in the ids that they have in a form.
func fieldsOf(prefix string, list []checkout.FieldError) []checkout.FieldError {
	var out []checkout.FieldError
	for _, f := range list {
		if f.Field == "password" || f.Field == "code" {
			f.Field = prefix + f.Field
		}
		out = append(out, f)
	}
	return out
}

func words(l i18n.Locale, a money.Rial) string { return i18n.InWords(l, a) }

func (a *Admin) note(c echo.Context, v *visit) error {
	err := a.Engine.AddNote(c.Request().Context(), v.scope, c.Param("id"), v.who.User.ID, v.form.Get("note"))
	return a.did(c, v, err, "noted", tried{form: "note"})
}
