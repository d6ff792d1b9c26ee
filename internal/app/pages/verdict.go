package pages

import (
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// What may be said about money (the design's law): only what an answer of the gateway proves. Ghesta
// documents that unverified money returns within the window, so a clock may be shown. GardeshPay
// documents nothing and its callback is the same for paid and canceled: there is no clock and no
// "no money was taken" for it, unless the customer never left.

const (
	gardeshpay = "gardeshpay"
	ghesta     = "ghesta"
)

func plain(body string) []templates.Text { return []templates.Text{{Body: body}} }

// tell puts the news about the last attempt on a page that can be paid again.
func (v *view) tell(out *templates.Checkout, a *checkout.Attempt) {
	switch {
	case a.Status == checkout.AttemptFailed && a.Failure != nil && a.Failure.Stage == checkout.StageCreate:
		out.Notice = v.down(a.Gateway)
		out.Title = out.Notice.Title
		return
	case a.Status == checkout.AttemptAbandoned && !a.RedirectedAt.IsZero():
		out.Notice = v.abandoned(a)
		return
	case a.Status == checkout.AttemptFailed:
		out.Verdict = v.failed(a)
	case a.Status == checkout.AttemptCanceled:
		out.Verdict = v.canceled(a)
	default:
		return
	}
	out.Title = v.l.T("state.page_title", "state", out.Verdict.Title, "merchant", out.Brand.Name)
	out.Facts = v.facts(a, true)
	v.beforeAgain(out, a)
	out.Contact = v.contact()
}

// failed is the head about an attempt that the gateway, or a person, did not accept.
func (v *view) failed(a *checkout.Attempt) *templates.Verdict {
	head := &templates.Verdict{Tone: templates.Failed, Focus: true}
	switch {
	case a.Failure != nil && a.Failure.Stage == checkout.StageResolve:
		head.Title, head.Texts = v.l.T("state.resolved.title"), plain(v.l.T("state.resolved.text"))
	case v.reason(a) != "":
		head.Title, head.Texts = v.l.T("state.declined.title"), plain(v.l.T("state.declined.text", "reason", v.reason(a)))
	case a.Gateway != ghesta:
		head.Title, head.Texts = v.l.T("state.not_confirmed.title"), plain(v.l.T("state.not_confirmed.bank"))
	default:
		head.Title = v.l.T("state.not_confirmed.title")
		by := v.l.T("state.not_confirmed.by", "time", v.clock(a.VerifyDeadline))
		text := v.l.T("state.not_confirmed.ghesta", "time", templates.Mark)
		if !v.Now.Before(a.VerifyDeadline) {
			text = v.l.T("state.not_confirmed.ghesta_past", "time", templates.Mark)
		}
		head.Texts = []templates.Text{{Body: text, Strong: by}}
	}
	return head
}

// reason is the sentence for PayPing's codes that say that the card's bank moved no money (the
// vendor's table of codes); "" for every other.
func (v *view) reason(a *checkout.Attempt) string {
	if a.Gateway != ghesta || a.Failure == nil || a.Failure.Stage != checkout.StageVerify {
		return ""
	}
	switch a.Failure.Code {
	case "2", "3", "4", "5", "6", "8", "10":
		return v.l.T("reason.payping." + a.Failure.Code)
	}
	return ""
}

// canceled is the head about a cancellation. Only PayPing's own answer (code 1) proves that nothing
// was taken; a sign in a callback is what a browser said.
func (v *view) canceled(a *checkout.Attempt) *templates.Verdict {
	head := &templates.Verdict{Tone: templates.Failed, Focus: true, Title: v.l.T("state.canceled_payer.title")}
	switch {
	case a.Gateway == ghesta && a.Failure != nil && a.Failure.Code == "1":
		head.Texts = plain(v.l.T("state.canceled_payer.sure"))
	case a.Gateway == ghesta:
		head.Texts = plain(v.l.T("state.canceled_payer.ghesta"))
	default:
		head.Texts = plain(v.l.T("state.canceled_payer.bank"))
	}
	return head
}

// down is the notice that a gateway did not take the customer: nobody left, so it is certain that
// this try took nothing; that nothing was ever taken only if no try ever left.
func (v *view) down(gateway string) *templates.Verdict {
	title := v.l.T("state.down.gardeshpay")
	if gateway == ghesta {
		title = v.l.T("state.down.ghesta")
	}
	text := v.l.T("state.down.text")
	if v.left() {
		text = v.l.T("state.down.plain")
	}
	return &templates.Verdict{Tone: templates.Notice, Focus: true, Title: title, Texts: plain(text)}
}

func (v *view) abandoned(a *checkout.Attempt) *templates.Verdict {
	key := v.l.T("state.abandoned.bank", "time", v.clock(a.RedirectedAt))
	if a.Gateway == ghesta {
		key = v.l.T("state.abandoned.ghesta", "time", v.clock(a.RedirectedAt))
	}
	return &templates.Verdict{Tone: templates.Notice, Title: v.l.T("state.abandoned.title"), Texts: plain(key)}
}

func (v *view) elsewhere(a *checkout.Attempt) *templates.Verdict {
	return &templates.Verdict{
		Tone: templates.Wait, Title: v.l.T("state.elsewhere.title"),
		Texts: plain(v.l.T("state.elsewhere.text", "time", v.clock(a.RedirectedAt))),
	}
}

func (v *view) nowhere() *templates.Verdict {
	text := v.l.T("state.unavailable.text")
	if len(v.Methods) == 0 {
		text = v.l.T("state.unavailable.none")
	}
	return &templates.Verdict{Tone: templates.Notice, Focus: true, Title: v.l.T("state.unavailable.title"), Texts: plain(text)}
}

// confirming is the waiting page.
func (v *view) confirming(out *templates.Checkout) {
	a := v.matter(stateConfirming)
	isGhesta := a != nil && a.Gateway == ghesta
	var waited time.Duration
	if a != nil && !a.ReturnedAt.IsZero() {
		waited = v.Now.Sub(a.ReturnedAt)
	}
	pick := func(bank, instalments string) string {
		if isGhesta {
			return instalments
		}
		return bank
	}
	text := pick(v.l.T("state.confirming.soon_bank"), v.l.T("state.confirming.soon_ghesta"))
	if waited > 45*time.Second {
		text = pick(v.l.T("state.confirming.long_bank"), v.l.T("state.confirming.long_ghesta"))
	}
	out.Title = v.l.T("state.confirming.title")
	out.Verdict = &templates.Verdict{
		Tone: templates.Wait, Title: out.Title, Texts: plain(text), Live: true, Focus: waited < 3*time.Second,
	}
	out.Notes = []string{v.l.T("state.confirming.stay")}
	out.Contact = v.contact()
	if a == nil {
		return
	}
	back := templates.Step{State: "done", Text: pick(v.l.T("state.confirming.back_bank"), v.l.T("state.confirming.back_ghesta"))}
	if !a.ReturnedAt.IsZero() {
		back.Aside = i18n.Clock(v.l, a.ReturnedAt)
	}
	out.Steps = []templates.Step{
		back,
		{State: "now", Text: pick(v.l.T("state.confirming.ask_bank"), v.l.T("state.confirming.ask_ghesta")), Aside: v.asks()},
		{State: "todo", Text: v.l.T("state.confirming.receipt")},
	}
	out.Facts = v.facts(a, false)
	money := templates.Text{Body: v.l.T("state.confirming.bank_money")}
	if isGhesta {
		money = templates.Text{Body: v.l.T("state.confirming.ghesta_until", "time", templates.Mark), Strong: v.clock(a.VerifyDeadline)}
	}
	if !isGhesta || !a.VerifyDeadline.IsZero() {
		out.Texts = []templates.Text{money}
	}
}

func (v *view) asks() string {
	switch v.Asks {
	case 0:
		return ""
	case 1:
		return v.l.T("state.confirming.asked_once")
	}
	return v.l.T("state.confirming.asked", "count", i18n.Digits(v.l, strconv.Itoa(v.Asks)))
}

// review is the page of an invoice that only a person can settle.
func (v *view) review(out *templates.Checkout) {
	out.Title = v.l.T("state.review.title")
	out.Verdict = &templates.Verdict{Tone: templates.Wait, Focus: true, Title: out.Title, Texts: plain(v.l.T("state.review.text"))}
	if a := v.matter(stateReview); a != nil {
		out.Facts = v.facts(a, true)
		if a.TrackingNumber != "" {
			out.Texts = plain(v.l.T("state.review.ask"))
		}
	}
	out.Notes = []string{v.l.T("state.link")}
	out.Contact = v.contact()
	out.Actions = v.backToShop(true)
}

func (v *view) expired(out *templates.Checkout) {
	inv := v.Invoice
	out.Title = v.l.T("state.expired.title")
	until := v.l.T("state.expired.until", "time", i18n.UntilPhrase(v.l, inv.ExpiresAt, v.Now))
	out.Verdict = &templates.Verdict{Tone: templates.Expired, Focus: true, Title: out.Title, Texts: plain(until)}
	if !v.left() {
		out.Verdict.Texts = plain(v.l.T("state.expired.sure") + " " + until)
	}
	v.ended(out)
	if m := v.Merchant.Email; m != "" {
		subject := v.l.T("state.expired.subject", "number", inv.Number)
		out.Actions = append(out.Actions, templates.Action{Href: mailto(m, subject), Text: v.l.T("state.expired.ask")})
	}
	out.Actions = append(out.Actions, v.backToShop(true)...)
	v.anew(out)
}

func (v *view) closed(out *templates.Checkout) {
	out.Title = v.l.T("state.closed.title")
	text := v.l.T("state.closed.text")
	if v.Origin != nil {
		text = v.l.T("state.closed.place")
	}
	if !v.left() {
		text += " " + v.l.T("state.expired.sure")
	}
	out.Verdict = &templates.Verdict{Tone: templates.Closed, Focus: true, Title: out.Title, Texts: plain(text)}
	v.ended(out)
	out.Actions = v.backToShop(true)
	v.anew(out)
}

// anew is the way back to the payment page that an invoice came of, while that takes payments.
func (v *view) anew(out *templates.Checkout) {
	if v.Origin != nil && v.Origin.At(v.Now) == checkout.PageOpen {
		out.Actions = append(out.Actions, templates.Action{Href: payPagePath(v.Merchant.Slug, v.Origin.Slug), Text: v.l.T("page.again")})
	}
}

// ended is what an expired and a closed link say alike: what it was for, and what became of a try.
func (v *view) ended(out *templates.Checkout) {
	if v.Invoice.Reference != "" {
		out.Facts = append(out.Facts, templates.Fact{Label: v.l.T("fact.order"), Value: v.Invoice.Reference, Copy: true})
	}
	out.Contact = v.contact()
	a := v.last()
	if a == nil || a.Status == checkout.AttemptUnclaimed || (a.RedirectedAt.IsZero() && a.ReturnedAt.IsZero()) {
		out.Facts = append(out.Facts, templates.Fact{Label: v.l.T("fact.amount"), Value: v.toman(v.Invoice.Amount)})
		return
	}
	out.Facts = append(out.Facts, v.facts(a, true)...)
	switch a.Status {
	case checkout.AttemptFailed:
		out.Texts = v.failed(a).Texts
	case checkout.AttemptCanceled:
		out.Texts = v.canceled(a).Texts
	case checkout.AttemptAbandoned:
		out.Texts = v.abandoned(a).Texts
	case checkout.AttemptRedirected:
		if v.Invoice.At(v.Now) == checkout.InvoiceExpired {
			out.Texts = plain(v.l.T("state.expired.out"))
		}
	}
}

// clock is a time of day in a sentence, with its day when it is not today in Tehran.
func (v *view) clock(t time.Time) string {
	y1, m1, d1 := i18n.Jalali(t)
	y2, m2, d2 := i18n.Jalali(v.Now)
	if y1 == y2 && m1 == m2 && d1 == d2 {
		return v.l.T("state.clock", "time", i18n.Clock(v.l, t))
	}
	return i18n.DateTimeShort(v.l, t)
}
