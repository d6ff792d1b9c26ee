package mail

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// otherDate is the moment in the other calendar.
func otherDate(l i18n.Locale, t time.Time) string {
	if l == i18n.FA {
		return i18n.DateLong(i18n.EN, t)
	}
	y, m, d := i18n.Jalali(t)
	return strconv.Itoa(d) + " " + i18n.MonthName(i18n.EN, m) + " " + strconv.Itoa(y)
}

// paid tells the merchant.
func (w *writer) paid() {
	l := w.l
	w.page.Subject = l.T("letter.paid.subject", "number", w.number(), "amount", w.toman())
	w.page.Preview = i18n.CleanText(w.Facts.Customer)
	w.page.Tone, w.page.Title = templates.Done, l.T("letter.paid.title")
	if name := i18n.CleanText(w.Facts.Customer); name != "" {
		w.lead(l.T("letter.paid.text", "name", name), "")
	} else {
		w.lead(l.T("letter.paid.text_none"), "")
	}
	w.amount()
	w.payment()
	w.button(l.T("letter.paid.button"), w.to.admin)
}

// attention tells the merchant that an attempt waits for a person.
func (w *writer) attention() {
	l := w.l
	w.page.Subject = l.T("letter.attention.subject", "number", w.number(), "amount", w.toman())
	w.page.Tone, w.page.Title = templates.Wait, l.T("letter.attention.title")
	if w.Facts.What == "unclaimed" {
		w.lead(l.T("letter.attention.unclaimed", "why", w.unclaimedWhy()), "")
	} else {
		w.lead(l.T("letter.attention.review", "why", w.reviewWhy()), "")
	}
	w.page.Preview = w.page.Lead[0].Body
	w.amount()
	w.attempt()
	w.button(l.T("letter.attention.button"), w.to.admin)
}

func (w *writer) reviewWhy() string {
	switch why := w.Facts.Why; why {
	case checkout.CodeUnknownOutcome, checkout.CodeAmountMismatch, checkout.CodeInvoiceMismatch,
		checkout.CodeReferenceUsed, checkout.CodeTooManyReferences, checkout.CodeAlreadyVerified:
		return w.l.T("letter.attention.why." + why)
	}
	return w.l.T("letter.attention.why.other")
}

func (w *writer) invitation() {
	l := w.l
	w.page.Subject = l.T("letter.invitation.subject", "merchant", w.shop())
	w.page.Title = l.T("letter.invitation.title", "merchant", w.shop())
	role := l.T("letter.role.viewer")
	if slices.Contains([]string{"owner", "staff", "operator"}, w.Facts.Role) {
		role = l.T("letter.role." + w.Facts.Role)
	}
	if by := i18n.CleanText(w.Facts.By); by != "" {
		w.lead(l.T("letter.invitation.text", "by", by, "role", role), "")
	} else {
		w.lead(l.T("letter.invitation.text_none", "role", role), "")
	}
	w.page.Preview = w.page.Lead[0].Body
	w.deed(l.T("letter.invitation.button"))
}

func (w *writer) reset() {
	l := w.l
	w.page.Subject, w.page.Title = l.T("letter.password_reset.subject"), l.T("letter.password_reset.title")
	w.lead(l.T("letter.password_reset.text"), "")
	w.page.Preview = w.page.Lead[0].Body
	w.fact(l.T("letter.security.name"), i18n.CleanText(w.Facts.Name), false, "")
	w.deed(l.T("letter.password_reset.button"))
}

// deed is the button that opens something, once, for a while.
func (w *writer) deed(text string) {
	w.button(text, w.to.deed)
	if !w.Facts.ExpiresAt.IsZero() {
		w.page.Notes = append(w.page.Notes, w.l.T("letter.dies", "time", i18n.UntilPhrase(w.l, w.Facts.ExpiresAt, w.now)))
	}
	w.page.Foot = append(w.page.Foot, w.l.T("letter.ignore"))
}

// Noted lists the codes of security notices that have words of their own.
func Noted() []string {
	return []string{
		"login_new", "password_changed", "two_factor_added", "two_factor_removed", "recovery_used", "email_changed",
		"apikey_created", "apikey_revoked", "linkkey_created", "linkkey_revoked", "customer_file", "keeping_changed", "gateway_changed", "endpoint_changed",
		"user_added", "user_removed", "role_changed",
		"endpoint_added", "endpoint_rotated", "endpoint_removed", "user_invited", "passkey_added", "passkey_removed", "passkey_copied",
	}
}

func (w *writer) security() {
	l := w.l
	what := l.T("letter.security.other")
	if slices.Contains(Noted(), w.Facts.What) {
		what = l.T("letter.security." + w.Facts.What)
	}
	w.page.Subject = l.T("letter.security.subject", "what", what)
	w.page.Preview = what
	w.page.Tone, w.page.Title = templates.Wait, l.T("letter.security.title")
	w.lead(what, "")
	w.fact(l.T("letter.security.name"), i18n.CleanText(w.Facts.Name), false, "")
	w.fact(l.T("letter.security.by"), i18n.CleanText(w.Facts.By), false, "")
	w.fact(l.T("fact.time"), i18n.DateLong(l, w.Facts.At), false, "")
	w.page.Texts = []string{l.T("letter.security.text")}
	w.button(l.T("letter.security.button"), w.to.admin)
}

func (w *writer) endpoint() {
	l, host := w.l, i18n.CleanText(w.Facts.Name)
	if u, err := url.Parse(w.Facts.Name); err == nil && u.Hostname() != "" {
		host = i18n.CleanText(u.Hostname())
	}
	w.page.Subject = l.T("letter.endpoint_disabled.subject", "host", host)
	w.page.Tone, w.page.Title = templates.Wait, l.T("letter.endpoint_disabled.title")
	text := "letter.endpoint_disabled.text"
	if w.Facts.Why == checkout.DisabledGone {
		text = "letter.endpoint_disabled.gone"
	}
	w.lead(l.T(text), "")
	w.page.Preview = w.page.Lead[0].Body
	w.fact(l.T("letter.endpoint_disabled.address"), i18n.CleanText(w.Facts.Name), true, "")
	w.fact(l.T("fact.time"), i18n.DateLong(l, w.Facts.At), false, "")
	w.button(l.T("letter.endpoint_disabled.button"), w.to.admin)
}
