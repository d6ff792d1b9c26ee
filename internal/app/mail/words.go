package mail

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// What may be said about money is the design's law: only what an answer of the gateway proves. No
// letter says that a payment failed because nobody knows, and a clock stands only where the vendor
// documents one.

const ghesta = "ghesta"

// mostItems is how many lines of an invoice a letter lists.
const mostItems = 12

// mostName is how much of a merchant's name stands in a head's line and a subject.
const mostName = 100

// links are the addresses that a letter may carry. They are made of the configured origin and of
// what the store holds, never of what a request said.
type links struct {
	pay   string // the payment link, "" when the letter is not about an invoice
	admin string // the merchant's page about it
	deed  string // what opens something: an invitation, a new password
	stop  string // no more reminders
	logo  templates.Picture
	png   []byte    // what the letter carries of it, nil where it is at an address
	wait  time.Time // until when it is held back, zero when it is not
}

// writer puts one letter into words.
type writer struct {
	*checkout.Letter
	l    i18n.Locale
	now  time.Time
	to   links
	page templates.Letter
}

// put returns the letter in words, as of now.
func put(letter *checkout.Letter, to links, now time.Time) templates.Letter {
	l, _ := i18n.ParseLocale(letter.Locale)
	w := &writer{Letter: letter, l: l, now: now, to: to}
	w.page = templates.Letter{L: l, Accent: letter.Facts.Shop.Accent, Brand: templates.Brand{Name: w.shop(), Logo: to.logo}, Test: !letter.Live && letter.MerchantID != ""}
	w.foot()
	switch letter.Kind {
	case checkout.LetterRequest, checkout.LetterReminder:
		w.asks()
	case checkout.LetterReceipt:
		w.receipt()
	case checkout.LetterUnconfirmed:
		w.unconfirmed()
	case checkout.LetterUnpaid:
		w.unpaid()
	case checkout.LetterReturning:
		w.returning()
	case checkout.LetterRefunded:
		w.refunded()
	case checkout.LetterPaid:
		w.paid()
	case checkout.LetterAttention:
		w.attention()
	case checkout.LetterInvitation:
		w.invitation()
	case checkout.LetterPasswordReset:
		w.reset()
	case checkout.LetterSecurity:
		w.security()
	case checkout.LetterEndpointDisabled:
		w.endpoint()
	case checkout.LetterAlert:
		w.alert()
	}
	w.sampled()
	return w.page
}

// shop is the merchant's name; the house's where there is none.
func (w *writer) shop() string {
	name := i18n.CleanText(w.Facts.Shop.Name)
	if runes := []rune(name); len(runes) > mostName {
		return string(runes[:mostName]) + "…"
	}
	if name == "" {
		return w.l.T("letter.house")
	}
	return name
}

func (w *writer) toman() string { return i18n.Toman(w.l, w.Facts.Amount) }

// amount puts the sum into the letter, as large as on the payment link.
func (w *writer) amount() {
	w.page.Amount, w.page.Rial, w.page.Words = w.toman(), i18n.RialAmount(w.l, w.Facts.Amount), i18n.InWords(w.l, w.Facts.Amount)
}

// number is the invoice's for reading.
func (w *writer) number() string { return i18n.Digits(w.l, i18n.CleanText(w.Facts.Number)) }

func (w *writer) lead(body, strong string) {
	w.page.Lead = append(w.page.Lead, templates.Text{Body: body, Strong: strong})
}

func (w *writer) hello() {
	if name := i18n.CleanText(w.Facts.Customer); name != "" {
		w.lead(w.l.T("letter.hello", "name", templates.Mark), name)
		return
	}
	w.lead(w.l.T("letter.hello_none"), "")
}

// about names the order, or the invoice when the merchant gave it no reference.
func (w *writer) about(order, invoice string) {
	if w.Facts.Reference != "" {
		w.lead(order, i18n.CleanText(w.Facts.Reference))
		return
	}
	w.lead(invoice, w.number())
}

func (w *writer) fact(label, value string, copied bool, small string) {
	if value = i18n.CleanText(value); value != "" {
		w.page.Facts = append(w.page.Facts, templates.Fact{Label: label, Value: value, Copy: copied, Small: small})
	}
}

// bill says what it is for: the lines of the invoice, or its description.
func (w *writer) bill() {
	for i, it := range w.Facts.Items {
		if i == mostItems {
			w.page.More = w.l.T("letter.more", "count", i18n.Digits(w.l, strconv.Itoa(len(w.Facts.Items)-mostItems)))
			break
		}
		line := templates.Item{Title: i18n.CleanText(it.Title)}
		if it.Quantity > 1 {
			line.Quantity = i18n.Digits(w.l, strconv.FormatInt(it.Quantity, 10))
		}
		if sum, err := it.UnitAmount.Times(it.Quantity); err == nil {
			line.Amount = i18n.Toman(w.l, sum)
		}
		w.page.Items = append(w.page.Items, line)
	}
	if len(w.page.Items) == 0 {
		w.fact(w.l.T("fact.for"), i18n.CleanText(w.Facts.Description), false, "")
	}
}

// attempt names what a customer can hold against a bank's message.
func (w *writer) attempt() {
	f := &w.Facts
	w.fact(w.l.T("fact.gateway"), w.method(), false, "")
	w.fact(w.l.T("fact.tracking"), f.TrackingNumber, true, "")
	if !f.At.IsZero() {
		w.fact(w.l.T("fact.time"), i18n.DateTimeShort(w.l, f.At), false, "")
	}
	if f.Reference != "" {
		w.fact(w.l.T("fact.order"), i18n.CleanText(f.Reference), true, "")
	}
	w.fact(w.l.T("fact.invoice"), f.Number, true, "")
}

func (w *writer) method() string {
	switch w.Facts.Gateway {
	case "gardeshpay":
		return w.l.T("method.gardeshpay_long")
	case ghesta:
		return w.l.T("method.ghesta_long")
	}
	return ""
}

func (w *writer) button(text, href string) {
	if href != "" {
		w.page.Button = &templates.Action{Text: text, Href: href}
	}
}

// foot is what stands below every letter: what is never asked, and how to ask back. A merchant's own
// letters and those of the house are answered by nobody.
func (w *writer) foot() {
	shop := &w.Facts.Shop
	w.page.Never = w.l.T("letter.never")
	if !w.toCustomer() {
		w.page.Ask = w.l.T("letter.automatic")
		return
	}
	w.page.Phone = i18n.CleanText(shop.Phone)
	switch {
	case w.replyTo() != "" && w.page.Phone != "":
		w.page.Ask = w.l.T("letter.reply_call")
	case w.replyTo() != "":
		w.page.Ask = w.l.T("letter.reply")
	case w.page.Phone != "":
		w.page.Ask = w.l.T("letter.call")
	}
	line := w.shop()
	if at := i18n.CleanText(shop.Address); at != "" {
		line += w.comma() + at
	}
	w.page.Foot = append(w.page.Foot, line)
	if site := siteOf(shop.Website); site != "" {
		w.page.Foot = append(w.page.Foot, site)
	}
}

func (w *writer) comma() string {
	if w.l == i18n.EN {
		return ", "
	}
	return "، "
}

func siteOf(website string) string {
	return strings.TrimPrefix(i18n.HostText(website), "www.")
}

// toCustomer reports whether the letter is a merchant's to a customer.
func (w *writer) toCustomer() bool { return toCustomer(w.Kind) }

func toCustomer(k checkout.LetterKind) bool {
	return slices.Contains([]checkout.LetterKind{
		checkout.LetterRequest, checkout.LetterReminder, checkout.LetterReceipt, checkout.LetterUnconfirmed, checkout.LetterUnpaid,
		checkout.LetterReturning, checkout.LetterRefunded,
	}, k)
}

// replyTo is the merchant's address, which a customer's answer goes to.
func (w *writer) replyTo() string { return replyTo(w.Letter) }

func replyTo(l *checkout.Letter) string {
	if !toCustomer(l.Kind) || !checkout.MailAddress(l.Facts.Shop.Email) {
		return ""
	}
	return l.Facts.Shop.Email
}
