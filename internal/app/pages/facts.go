package pages

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// maxCode bounds what is shown of a gateway's own words.
const maxCode = 32

// findings are our own words about an attempt: no bank knows them, so no customer is given them as
// the gateway's code.
var findings = []string{
	checkout.CodeReferenceUsed, checkout.CodeTooManyReferences, checkout.CodeAmountMismatch,
	checkout.CodeInvoiceMismatch, checkout.CodeAlreadyVerified, checkout.CodeUnknownOutcome,
}

// facts are what a customer can hold against a bank's message about one attempt; where and when are
// left out on a page that tells them otherwise.
func (v *view) facts(a *checkout.Attempt, whole bool) []templates.Fact {
	list := []templates.Fact{{Label: v.l.T("fact.amount"), Value: v.toman(a.Amount)}}
	if whole {
		list = append(list, templates.Fact{Label: v.l.T("fact.gateway"), Value: v.method(a.Gateway)})
	}
	if a.TrackingNumber != "" {
		list = append(list, templates.Fact{Label: v.l.T("fact.tracking"), Value: a.TrackingNumber, Copy: true})
	}
	if t := moment(a); whole && !t.IsZero() {
		list = append(list, templates.Fact{Label: v.l.T("fact.time"), Value: i18n.DateTimeShort(v.l, t)})
	}
	if f := a.Failure; f != nil && f.Stage == checkout.StageVerify && f.Code != "" && !slices.Contains(findings, f.Code) {
		code := i18n.CleanText(f.Code)
		if r := []rune(code); len(r) > maxCode {
			code = string(r[:maxCode])
		}
		list = append(list, templates.Fact{Label: v.l.T("fact.code"), Value: code, Copy: true})
	}
	return list
}

// moment is when the customer paid as far as we saw: the return, else the way there.
func moment(a *checkout.Attempt) time.Time {
	if !a.ReturnedAt.IsZero() {
		return a.ReturnedAt
	}
	return a.RedirectedAt
}

// unclaimed names every payment that came and was not taken on purpose, whichever came last.
func (v *view) unclaimed() []templates.Unclaimed {
	var list []templates.Unclaimed
	for i := range v.Attempts {
		a := &v.Attempts[i]
		if a.Status != checkout.AttemptUnclaimed {
			continue
		}
		list = append(list, templates.Unclaimed{Text: v.unclaimedText(a), Facts: v.facts(a, true)})
	}
	return list
}

func (v *view) unclaimedText(a *checkout.Attempt) string {
	if a.Gateway == ghesta {
		return v.l.T("unclaimed.ghesta", "why", v.unclaimedWhy(a))
	}
	return v.l.T("unclaimed.bank", "why", v.unclaimedWhy(a))
}

func (v *view) unclaimedWhy(a *checkout.Attempt) string {
	switch why := a.UnclaimedWhy; why {
	case "paid", "canceled", "review", "repriced":
		return v.l.T("unclaimed.why." + why)
	}
	return v.l.T("unclaimed.why.other")
}

// beforeAgain is what to know before paying a second time, where money may be on its way back.
func (v *view) beforeAgain(out *templates.Checkout, a *checkout.Attempt) {
	if a.Status != checkout.AttemptFailed || v.reason(a) != "" || a.Failure == nil || a.Failure.Stage != checkout.StageVerify {
		return
	}
	out.Notes = []string{v.l.T("state.not_confirmed.show")}
	if a.Gateway != ghesta {
		out.Texts = plain(v.l.T("state.not_confirmed.wait_bank"))
	} else if v.Now.Before(a.VerifyDeadline) {
		out.Texts = plain(v.l.T("state.not_confirmed.wait", "time", v.clock(a.VerifyDeadline)))
	}
}

// mailto is an address for the customer's own mail program.
func mailto(address, subject string) string {
	return "mailto:" + url.PathEscape(address) + "?subject=" + strings.ReplaceAll(url.QueryEscape(subject), "+", "%20")
}
