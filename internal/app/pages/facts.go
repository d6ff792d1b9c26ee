package pages

import (
	"net/url"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// maxCode bounds what is shown of a gateway's own words.
const maxCode = 32

// facts are what a customer can hold against a bank's message about one attempt.
func (v *view) facts(a *checkout.Attempt) []templates.Fact {
	list := []templates.Fact{
		{Label: v.l.T("fact.amount"), Value: v.toman(a.Amount)},
		{Label: v.l.T("fact.gateway"), Value: v.method(a.Gateway)},
	}
	if a.TrackingNumber != "" {
		list = append(list, templates.Fact{Label: v.l.T("fact.tracking"), Value: a.TrackingNumber, Copy: true})
	}
	if t := moment(a); !t.IsZero() {
		list = append(list, templates.Fact{Label: v.l.T("fact.time"), Value: i18n.DateTimeShort(v.l, t)})
	}
	if f := a.Failure; f != nil && f.Stage == checkout.StageVerify && f.Code != "" {
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
		text := v.l.T("unclaimed.bank")
		if a.Gateway == ghesta {
			text = v.l.T("unclaimed.ghesta")
		}
		list = append(list, templates.Unclaimed{Text: text, Facts: v.facts(a)})
	}
	return list
}

// beforeAgain is what to know before paying a second time, where money may be on its way back.
func (v *view) beforeAgain(a *checkout.Attempt) []string {
	switch {
	case a.Status != checkout.AttemptFailed || v.reason(a) != "" || a.Failure == nil || a.Failure.Stage != checkout.StageVerify:
		return nil
	case a.Gateway != ghesta:
		return []string{v.l.T("state.not_confirmed.wait_bank"), v.l.T("state.not_confirmed.show")}
	case v.Now.Before(a.VerifyDeadline):
		return []string{v.l.T("state.not_confirmed.wait", "time", v.clock(a.VerifyDeadline)), v.l.T("state.not_confirmed.show")}
	}
	return []string{v.l.T("state.not_confirmed.show")}
}

// mailto is an address for the customer's own mail program.
func mailto(address, subject string) string {
	return "mailto:" + url.PathEscape(address) + "?subject=" + strings.ReplaceAll(url.QueryEscape(subject), "+", "%20")
}
