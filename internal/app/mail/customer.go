package mail

import (
	"strconv"

	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// asks is the request to pay, and the reminder of it.
func (w *writer) asks() {
	l, until := w.l, i18n.UntilPhrase(w.l, w.Facts.ExpiresAt, w.now)
	args := []any{"number", w.number(), "merchant", w.shop(), "amount", w.toman()}
	w.hello()
	if w.Kind == "reminder" {
		w.page.Subject, w.page.Preview = l.T("letter.reminder.subject", args...), l.T("letter.reminder.preview", "time", until)
		w.about(l.T("letter.reminder.text_order", "mark", templates.Mark), l.T("letter.reminder.text", "mark", templates.Mark))
	} else {
		w.page.Subject, w.page.Preview = l.T("letter.request.subject", args...), l.T("letter.request.preview", "time", until)
		w.about(l.T("letter.request.text_order", "mark", templates.Mark), l.T("letter.request.text", "mark", templates.Mark))
	}
	w.amount()
	w.bill()
	w.button(l.T("letter.request.button", "amount", w.toman()), w.to.pay)
	w.page.Notes = []string{l.T("letter.request.until", "time", until), w.ways()}
	if w.to.stop != "" {
		w.page.Stop = &templates.Action{Text: l.T("letter.reminder.stop"), Href: w.to.stop}
	}
}

// ways says how the invoice may be paid.
func (w *writer) ways() string {
	if g := w.Facts.Gateways; len(g) == 1 {
		if g[0] == ghesta {
			return w.l.T("letter.request.instalments")
		}
		return w.l.T("letter.request.card")
	}
	return w.l.T("letter.request.ways")
}

func (w *writer) receipt() {
	l := w.l
	w.page.Subject = l.T("letter.receipt.subject", "amount", w.toman(), "merchant", w.shop())
	w.page.Preview = l.T("letter.receipt.preview", "time", i18n.DateLong(l, w.Facts.At))
	w.page.Tone, w.page.Title = templates.Done, l.T("letter.receipt.title")
	w.hello()
	w.lead(l.T("letter.receipt.text", "merchant", w.shop()), "")
	w.amount()
	w.payment()
	w.button(l.T("letter.receipt.button"), w.to.pay)
	w.page.Notes = []string{l.T("letter.link")}
}

// payment is the receipt's list: what for, when in both calendars, by what, under which numbers.
func (w *writer) payment() {
	l, f := w.l, &w.Facts
	count := ""
	if n := len(f.Items); n > 0 {
		count = l.T("pay.items_count", "count", i18n.Digits(l, strconv.Itoa(n)))
	}
	w.fact(l.T("fact.time"), i18n.DateLong(l, f.At), false, otherDate(l, f.At))
	w.fact(l.T("fact.for"), i18n.CleanText(f.Description), false, count)
	w.fact(l.T("fact.order"), i18n.CleanText(f.Reference), true, "")
	if f.Gateway != ghesta {
		w.fact(l.T("fact.card"), f.CardMask, true, i18n.Bank(l, f.CardMask))
	}
	if f.RefNumber != f.TrackingNumber {
		w.fact(l.T("fact.ref"), f.RefNumber, true, "")
	}
	w.fact(l.T("fact.tracking"), f.TrackingNumber, true, "")
	w.fact(l.T("fact.gateway"), w.method(), false, "")
	w.fact(l.T("fact.invoice"), f.Number, true, "")
	if f.Manual {
		w.page.Texts = append(w.page.Texts, l.T("receipt.manual"))
	}
}

func (w *writer) unconfirmed() {
	l := w.l
	w.page.Subject = l.T("letter.unconfirmed.subject", "merchant", w.shop())
	w.page.Preview = l.T("letter.unconfirmed.title")
	w.page.Tone, w.page.Title = templates.Wait, l.T("letter.unconfirmed.title")
	w.hello()
	w.lead(l.T("letter.unconfirmed.text"), "")
	w.amount()
	w.attempt()
	if w.Facts.TrackingNumber != "" {
		w.page.Texts = []string{l.T("letter.unconfirmed.ask")}
	}
	w.button(l.T("letter.status"), w.to.pay)
	w.page.Notes = []string{l.T("letter.link")}
}

func (w *writer) unpaid() {
	l := w.l
	w.page.Subject = l.T("letter.unpaid.subject", "merchant", w.shop())
	w.page.Preview = l.T("letter.unpaid.title")
	w.page.Tone, w.page.Title = templates.Failed, l.T("letter.unpaid.title")
	w.hello()
	w.lead(l.T("letter.unpaid.text"), "")
	w.amount()
	w.attempt()
	if w.now.Before(w.Facts.ExpiresAt) {
		w.page.Texts = []string{l.T("letter.unpaid.again")}
	}
	w.button(l.T("letter.status"), w.to.pay)
	w.page.Notes = []string{l.T("letter.link")}
}

// returning is about a payment that was not verified on purpose. Ghesta documents that its money
// returns; for a card it should, and nobody promises it.
func (w *writer) returning() {
	l := w.l
	w.page.Tone, w.page.Title = templates.Wait, l.T("letter.returning.title")
	w.hello()
	if w.Facts.Gateway == ghesta {
		w.page.Subject = l.T("letter.returning.subject", "merchant", w.shop())
		w.lead(l.T("unclaimed.ghesta", "why", w.unclaimedWhy()), "")
	} else {
		w.page.Subject = l.T("letter.returning.subject_bank", "merchant", w.shop())
		w.lead(l.T("unclaimed.bank", "why", w.unclaimedWhy()), "")
		w.page.Texts = []string{l.T("letter.returning.bank_show")}
	}
	w.page.Preview = w.page.Lead[len(w.page.Lead)-1].Body
	w.amount()
	w.attempt()
	w.button(l.T("letter.status"), w.to.pay)
	w.page.Notes = []string{l.T("letter.link")}
}

func (w *writer) unclaimedWhy() string {
	switch why := w.Facts.Why; why {
	case "paid", "canceled", "review", "repriced":
		return w.l.T("unclaimed.why." + why)
	}
	return w.l.T("unclaimed.why.other")
}

func (w *writer) refunded() {
	l := w.l
	w.page.Subject = l.T("letter.refunded.subject", "merchant", w.shop(), "amount", w.toman())
	w.page.Preview = l.T("letter.refunded.title")
	w.page.Title = l.T("letter.refunded.title")
	w.hello()
	w.lead(l.T("letter.refunded.text", "merchant", w.shop()), "")
	w.amount()
	w.fact(l.T("fact.order"), i18n.CleanText(w.Facts.Reference), true, "")
	w.fact(l.T("fact.invoice"), w.Facts.Number, true, "")
	w.fact(l.T("fact.ref"), w.Facts.RefNumber, true, "")
	w.button(l.T("letter.refunded.button"), w.to.pay)
	w.page.Notes = []string{l.T("letter.link")}
}
