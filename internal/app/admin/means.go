package admin

import (
	"encoding/json"
	"strconv"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// jobVerify is the kind of the stored job that drives a verify, as the engine names it.
const jobVerify = "verify"

// means says in plain words what a state is, whether money moved, and what happens by itself.
func (v *visit) means(d *dossier, state checkout.InvoiceStatus) []string {
	l, inv := v.l, &d.inv
	list := []string{}
	switch state {
	case checkout.InvoiceOpen:
		list = append(list, l.T("admin.means.open", "until", i18n.UntilPhrase(l, inv.ExpiresAt, d.now)))
		if at := last(d.attempts); at != nil && at.Status == checkout.AttemptRedirected && d.now.Before(at.AbandonAt) {
			list = append(list, l.T("admin.means.out", "gateway", v.brand(at.Gateway)))
		}
	case checkout.InvoiceProcessing:
		list = append(list, l.T("admin.means.processing"))
	case checkout.InvoicePaid:
		if inv.Payment != nil && inv.Payment.Manual {
			list = append(list, l.T("admin.means.paid_manual"))
		} else {
			list = append(list, l.T("admin.means.paid"))
		}
		if inv.AmountRefunded > 0 {
			list = append(list, l.T("admin.means.refunded", "amount", v.toman(inv.AmountRefunded)))
		}
	case checkout.InvoiceReview:
		list = append(list, l.T("admin.means.review"))
	case checkout.InvoiceExpired:
		list = append(list, l.T("admin.means.expired"))
	case checkout.InvoiceCanceled:
		list = append(list, l.T("admin.means.canceled"))
	}
	return list
}

func last(list []checkout.Attempt) *checkout.Attempt {
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

// trial is one attempt for reading.
func (v *visit) trial(d *dossier, i int) templates.Trial {
	at, l := &d.attempts[i], v.l
	t := templates.Trial{
		Name: l.T("admin.attempt.name", "n", number(l, i+1), "gateway", v.method(at.Gateway)), When: i18n.DateTimeShort(l, at.CreatedAt), State: attemptState(l, at.Status),
	}
	add := func(key, value string, copied bool) {
		if value != "" {
			t.Facts = append(t.Facts, templates.Fact{Label: l.T("admin.fact." + key), Value: value, Copy: copied})
		}
	}
	add("amount", v.toman(at.Amount), false)
	add("sent", strconv.FormatInt(at.WireAmount, 10)+" "+at.Unit, true)
	add("tracking", at.TrackingNumber, true)
	if at.RefNumber != at.TrackingNumber {
		add("ref", at.RefNumber, true)
	}
	add("card", at.CardMask, true)
	if f := at.Failure; f != nil {
		add("failure", v.reason(f), false)
	}
	if at.Status == checkout.AttemptUnclaimed {
		add("why", v.unclaimedWhy(at), false)
	}
	add("our_number", at.OurNumber, true)
	add("returned", moment(l, at.ReturnedAt), false)
	add("verified", moment(l, at.VerifiedAt), false)
	add("deadline", moment(l, at.VerifyDeadline), false)
	add("payer", at.PayerName, false)
	add("mobile", at.PayerMobile, true)
	add("note", at.Note, false)
	add("id", at.ID, true)
	return t
}

func moment(l i18n.Locale, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return i18n.DateTimeShort(l, t)
}

// reason is why an attempt ended without payment: our own findings in words, a gateway's as it gave
// them.
func (v *visit) reason(f *checkout.Failure) string {
	switch f.Code {
	case checkout.CodeReferenceUsed, checkout.CodeTooManyReferences, checkout.CodeAmountMismatch, checkout.CodeInvoiceMismatch,
		checkout.CodeAlreadyVerified, checkout.CodeUnknownOutcome:
		return v.l.T("admin.reason." + f.Code)
	}
	text := i18n.CleanText(f.Message)
	if f.Code != "" {
		text = i18n.CleanText(f.Code) + " " + text
	}
	if f.Stage == checkout.StageResolve {
		text = v.l.T("admin.reason.person") + " " + text
	}
	return text
}

func (v *visit) unclaimedWhy(at *checkout.Attempt) string {
	switch at.UnclaimedWhy {
	case "paid", "canceled", "review", "repriced":
		return v.l.T("unclaimed.why." + at.UnclaimedWhy)
	}
	return v.l.T("unclaimed.why.other")
}

// attemptState is how the state of an attempt is said and shown.
func attemptState(l i18n.Locale, s checkout.AttemptStatus) templates.State {
	looks := map[checkout.AttemptStatus][2]string{
		checkout.AttemptCreated: {"circle", "none"}, checkout.AttemptRedirected: {"left", "none"}, checkout.AttemptReturned: {"wait", "wait"},
		checkout.AttemptVerifying: {"wait", "wait"}, checkout.AttemptPaid: {"paid", "paid"}, checkout.AttemptFailed: {"failed", "failed"},
		checkout.AttemptCanceled: {"canceled", "none"}, checkout.AttemptAbandoned: {"expired", "none"},
		checkout.AttemptUnclaimed: {"refund", "wait"}, checkout.AttemptNeedsReview: {"question", "wait"},
	}[s]
	return templates.State{Word: l.T("admin.attempt." + string(s)), Icon: looks[0], Class: looks[1]}
}

// attend puts in what waits for a person: the decision, and the payments to close.
func (a *Admin) attend(view *templates.Dossier, v *visit, d *dossier, t tried) {
	self := listPath + "/" + d.inv.ID
	for i := range d.attempts {
		at := &d.attempts[i]
		switch {
		case at.Status == checkout.AttemptNeedsReview:
			view.Decide = a.decision(v, d, i, self, t)
		case at.Status == checkout.AttemptUnclaimed && at.Gateway == "gardeshpay" && at.ClosedAt.IsZero():
			view.Loose = append(view.Loose, a.loose(v, at, self, t))
		}
	}
}

func (a *Admin) decision(v *visit, d *dossier, i int, self string, t tried) *templates.Decide {
	at, l := &d.attempts[i], v.l
	out := &templates.Decide{
		Action: self + "/resolve/" + at.ID, Title: l.T("admin.decide.title"), May: v.right >= access.Rule,
		Texts: []string{l.T("admin.decide.text", "gateway", v.brand(at.Gateway))}, Facts: v.trial(d, i).Facts, Fresh: v.fresh(a, ""),
		Inputs: []templates.Input{
			{Name: "note", Label: l.T("admin.decide.note"), Hint: l.T("admin.decide.note_hint"), Area: true, Required: true, Max: "500"},
			{Name: "ref_number", Label: l.T("admin.decide.ref"), Hint: l.T("admin.decide.ref_hint"), LTR: true, Max: "64"},
		},
	}
	if f := at.Failure; f != nil && v.reason(f) != "" {
		out.Texts = append([]string{v.reason(f)}, out.Texts...)
	}
	if t.form == "resolve" && t.on == at.ID {
		out.Inputs[0].Value, out.Inputs[1].Value = v.form.Get("note"), v.form.Get("ref_number")
		out.Paid, out.Failed = v.form.Get("outcome") == "paid", v.form.Get("outcome") == "failed"
		out.Inputs, out.Problems = marked(l, out.Inputs, t.wrong), problems(l, t.wrong)
		out.Fresh = freshWrong(l, out.Fresh, t.wrong)
	}
	return out
}

func (a *Admin) loose(v *visit, at *checkout.Attempt, self string, t tried) templates.Loose {
	l := v.l
	out := templates.Loose{
		Action: self + "/close/" + at.ID, Title: l.T("admin.loose.title"), May: v.right >= access.Work,
		Text: l.T("admin.loose.text", "why", v.unclaimedWhy(at)),
		Facts: []templates.Fact{
			{Label: l.T("admin.fact.tracking"), Value: at.TrackingNumber, Copy: true},
			{Label: l.T("admin.fact.amount"), Value: v.toman(at.Amount)},
			{Label: l.T("admin.fact.returned"), Value: moment(l, at.ReturnedAt)},
		},
		Note: templates.Input{Name: "note", ID: "note-" + at.ID, Label: l.T("admin.loose.note"), Hint: l.T("admin.loose.note_hint"), Required: true, Max: "500"},
	}
	if t.form == "close" && t.on == at.ID {
		out.Note.Value = v.form.Get("note")
		out.Note = marked(l, []templates.Input{out.Note}, t.wrong)[0]
	}
	return out
}

// data reads an event's facts; what is not there is empty.
func data(e *checkout.Event) map[string]any {
	m := map[string]any{}
	if json.Unmarshal([]byte(e.Data), &m) != nil {
		return map[string]any{}
	}
	return m
}
