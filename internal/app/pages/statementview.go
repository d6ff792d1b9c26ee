package pages

import (
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/web/templates"
)

// What a statement says of one payment to machines.
const (
	moneyPaid     = "paid"
	moneyChecking = "checking"
	moneyReturns  = "returns"
	moneyUnknown  = "unknown"
	moneyNone     = "none"
)

func (p *Pages) statement(q question, page *payments.Page) templates.Statement {
	v := &view{Page: *page, l: q.l, asked: q.asked, base: p.baseURL}
	out := templates.Statement{
		Sheet: templates.Sheet{L: q.l, Title: q.l.T("statement.known"), Accent: v.Merchant.Accent},
		Brand: v.brand(), Test: !v.Invoice.Live, Contact: v.contact(), Facts: v.matterFacts(),
		Made: q.l.T("statement.made", "time", i18n.DateLong(q.l, page.Now)), Home: v.home(), Back: q.address(),
	}
	for i := len(v.Attempts) - 1; i >= 0; i-- {
		a := &v.Attempts[i]
		if a.RedirectedAt.IsZero() && a.ReturnedAt.IsZero() {
			continue // nobody left by it
		}
		entry := v.entry(a)
		entry.Facts = v.facts(a, true)
		entry.Facts[0].Small = v.l.T("amount.rial", "amount", i18n.RialAmount(v.l, a.Amount)) // as a bank says it
		if a.RefNumber != "" && a.RefNumber != a.TrackingNumber {
			entry.Facts = append(entry.Facts, templates.Fact{Label: v.l.T("fact.ref"), Value: a.RefNumber, Copy: true})
		}
		out.Entries = append(out.Entries, entry)
	}
	if len(out.Entries) == 0 {
		out.None = v.l.T("statement.none")
		if v.Invoice.At(v.Now) == checkout.InvoicePaid { // a person has booked money that came otherwise
			out.None = v.l.T("receipt.manual")
		}
	}
	return out
}

// matterFacts is what the link was for; nothing of who pays.
func (v *view) matterFacts() []templates.Fact {
	list := []templates.Fact{{Label: v.l.T("fact.invoice"), Value: v.Invoice.Number, Copy: true}}
	if r := v.Invoice.Reference; r != "" {
		list = append(list, templates.Fact{Label: v.l.T("fact.order"), Value: r, Copy: true})
	}
	if d := i18n.CleanText(v.Invoice.Description); d != "" {
		list = append(list, templates.Fact{Label: v.l.T("fact.for"), Value: d})
	}
	return list
}

// entry is what became of one payment, in the words of the pages where it happened. A time is said only
// where a gateway promises one.
func (v *view) entry(a *checkout.Attempt) templates.Entry {
	say := func(state string, tone templates.Tone, title string, texts []templates.Text) templates.Entry {
		return templates.Entry{State: state, Verdict: templates.Verdict{Tone: tone, Title: title, Texts: texts}}
	}
	switch a.Status {
	case checkout.AttemptPaid:
		return say(moneyPaid, templates.Closed, v.l.T("receipt.paid"), plain(v.l.T("statement.paid")))
	case checkout.AttemptReturned, checkout.AttemptVerifying:
		return say(moneyChecking, templates.Wait, v.l.T("state.confirming.title"), v.meanwhile(a))
	case checkout.AttemptNeedsReview:
		return say(moneyUnknown, templates.Wait, v.l.T("state.review.title"), plain(v.l.T("state.review.text")))
	case checkout.AttemptUnclaimed:
		e := say(moneyUnknown, templates.Failed, v.l.T("state.not_confirmed.title"), plain(v.unclaimedText(a)))
		if a.Gateway == ghesta {
			e.State = moneyReturns
			if v.Now.Before(a.VerifyDeadline) {
				e.Texts = append(e.Texts, templates.Text{Body: v.l.T("statement.returns", "time", templates.Mark), Strong: v.clock(a.VerifyDeadline)})
			}
		}
		return e
	case checkout.AttemptFailed:
		e := templates.Entry{State: moneyUnknown, Verdict: *v.failed(a)}
		switch {
		case v.reason(a) != "":
			e.State = moneyNone
		case a.Gateway == ghesta && a.Failure != nil && a.Failure.Stage == checkout.StageVerify:
			e.State = moneyReturns
		}
		return e
	case checkout.AttemptCanceled:
		e := templates.Entry{State: moneyUnknown, Verdict: *v.canceled(a)}
		if a.Gateway == ghesta && a.Failure != nil && a.Failure.Code == "1" {
			e.State = moneyNone
		}
		return e
	}
	return templates.Entry{State: moneyUnknown, Verdict: *v.abandoned(a)}
}

// meanwhile is what happens to the money while the gateway is being asked.
func (v *view) meanwhile(a *checkout.Attempt) []templates.Text {
	switch {
	case a.Gateway != ghesta:
		return plain(v.l.T("state.confirming.bank_money"))
	case a.VerifyDeadline.IsZero():
		return nil
	}
	return []templates.Text{{Body: v.l.T("state.confirming.ghesta_until", "time", templates.Mark), Strong: v.clock(a.VerifyDeadline)}}
}

// moneyAction leads to the statement, from a page of a link by which somebody left for a gateway.
func (v *view) moneyAction() string {
	if !v.left() || v.Invoice.Token == "" {
		return ""
	}
	to := "/i/" + v.Invoice.Token + moneyPath
	if v.l != i18n.FA {
		to += "?lang=" + string(v.l)
	}
	return to
}
